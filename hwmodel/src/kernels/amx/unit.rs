//! The trait of a tile unit: configure, zero, load, multiply, store.

/// Rows of a tile.
pub(super) const ROWS: usize = 16;
/// Bytes of a row of a tile.
pub(super) const ROW_BYTES: usize = 64;

/// A unit of eight tiles of 16 rows × 64 bytes, as palette 1 of AMX configures them at their largest.
///
/// A tile is 16 × 64 bytes of A, 16 groups of four consecutive k × 16 columns of B, or 16 × 16 sums of 32
/// bits, little endian. Tiles are numbered 0 to 7.
pub(in super::super) trait TileUnit {
    /// Configures a unit; the contents of its tiles are undefined.
    ///
    /// # Safety
    /// The CPU must have the unit, and the system must allow this process to use it.
    unsafe fn new() -> Self;

    /// Tile `T` = 0.
    ///
    /// # Safety
    /// As for [`TileUnit::new`].
    unsafe fn zero<const T: u8>(&mut self);

    /// Reads tile `T`, whose row i is the 64 bytes from `base + i·stride` on.
    ///
    /// # Safety
    /// As for [`TileUnit::new`]; those bytes must be readable.
    unsafe fn load<const T: u8>(&mut self, base: *const u8, stride: usize);

    /// Writes tile `T`, row i to the 64 bytes from `base + i·stride` on.
    ///
    /// # Safety
    /// As for [`TileUnit::new`]; those bytes must be writable.
    unsafe fn store<const T: u8>(&mut self, base: *mut u8, stride: usize);

    /// C\[m, n\] += Σ_k Σ_e A\[m, 4k + e\]·B\[k, 4n + e\] modulo 2^32 for m, n, k < 16 and e < 4, with bytes of
    /// A and B signed or not. The three tiles must be different ones.
    ///
    /// # Safety
    /// As for [`TileUnit::new`].
    unsafe fn multiply_add<
        const C: u8,
        const A: u8,
        const B: u8,
        const SIGNED_A: bool,
        const SIGNED_B: bool,
    >(
        &mut self,
    );
}
