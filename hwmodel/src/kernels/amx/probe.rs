//! Detection of the processor's tile unit: CPUID, the kernel's permission, and a comparison of its results with the model's.

use super::model::Model;
use super::unit::{ROW_BYTES, ROWS, TileUnit};
use rand_core::Rng;
use rand_pcg::Pcg32;

/// Whether the CPU has AMX-INT8, the system lets this process use it, and its results equal the model's.
/// Determined once per process.
#[cfg(target_os = "linux")]
pub(in super::super) fn available() -> bool {
    use std::sync::OnceLock;
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        let allowed = cpu_has_it() && permission();
        if !allowed {
            return false;
        }
        // SAFETY: CPU and system have just said so.
        let right = unsafe { equals_the_model::<super::Hardware>() };
        // SAFETY: as above.
        unsafe { super::release() };
        right
    })
}

/// Only Linux is known to grant the unit to a process.
#[cfg(not(target_os = "linux"))]
pub(in super::super) fn available() -> bool {
    false
}

/// Whether the CPU has tiles of the size wanted and products of their bytes, and whether the system saves
/// tiles.
#[cfg(target_os = "linux")]
fn cpu_has_it() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
    /// Leaf 1, ECX: the system has enabled XGETBV.
    const OSXSAVE: u32 = 1 << 27;
    /// Leaf 7, EDX: AMX-TILE and AMX-INT8.
    const AMX: u32 = (1 << 24) | (1 << 25);
    /// XCR0: configuration and data of tiles.
    const STATE: u64 = (1 << 17) | (1 << 18);
    /// Leaf 0x1d says how large the tiles of a palette are.
    const TILES: u32 = 0x1d;

    #[target_feature(enable = "xsave")]
    fn enabled_state() -> u64 {
        // SAFETY: the function has the instruction's feature.
        unsafe { _xgetbv(0) }
    }

    let leaves = __cpuid(0).eax;
    if leaves < 7 || __cpuid(1).ecx & OSXSAVE == 0 || __cpuid_count(7, 0).edx & AMX != AMX {
        return false;
    }
    // SAFETY: OSXSAVE says that XGETBV can be executed.
    if unsafe { enabled_state() } & STATE != STATE {
        return false;
    }
    if leaves < TILES || __cpuid_count(TILES, 0).eax == 0 {
        // A virtual machine may hide this leaf; palette 1 has had one size so far.
        return true;
    }
    let palette = __cpuid_count(TILES, 1);
    let (row_bytes, tiles, rows) = (palette.ebx & 0xffff, palette.ebx >> 16, palette.ecx & 0xffff);
    let at_least =
        |found: u32, needed: usize| usize::try_from(found).is_ok_and(|found| found >= needed);
    at_least(row_bytes, ROW_BYTES) && tiles >= 8 && at_least(rows, ROWS)
}

/// Asks the kernel to let this process use tiles; threads to come and those there share the permission.
#[cfg(target_os = "linux")]
fn permission() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: the call changes nothing but the permission; the registers that it destroys are named.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// Whether a unit's loads, stores and products give the model's bytes, for tiles of random bytes and of the
/// extreme ones.
///
/// # Safety
/// The CPU must have the unit, and this process must be allowed to use it.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
unsafe fn equals_the_model<U: TileUnit>() -> bool {
    let mut generator = Pcg32::new(0x616d_7862, 0);
    let mut bytes = |extreme: bool| -> Vec<u8> {
        let mut byte = || (generator.next_u32() >> 24) as u8;
        let source = (0..3 * ROWS * STRIDE).map(|_| byte());
        // 0x80, 0xff, 0x00 and 0x7f, signed and unsigned.
        source
            .map(|x| if extreme { [0x80, 0xff, 0, 0x7f][usize::from(x % 4)] } else { x })
            .collect()
    };
    (0..ROUNDS).all(|round| {
        let source = bytes(round % 2 == 1);
        // SAFETY: the caller's promise is passed on, and the model needs none.
        unsafe { results::<U>(&source) == results::<Model>(&source) }
    })
}

/// Random tiles that a unit is tried with.
const ROUNDS: usize = 8;
/// Distance of the rows of tiles in memory, in bytes; more than a row, and not a multiple of a cache line.
const STRIDE: usize = ROW_BYTES + 12;

/// What a unit makes of three tiles: every kind of product into sums that start at the first tile's bytes or
/// at zero, each stored with a stride.
///
/// # Safety
/// As for [`equals_the_model`].
unsafe fn results<U: TileUnit>(source: &[u8]) -> Vec<u8> {
    let tile = ROWS * STRIDE;
    assert!(source.len() >= 3 * tile);
    let mut out = vec![0x5a; 8 * tile];
    // SAFETY: three tiles of rows `STRIDE` apart are there to read, and eight to write; the rest is the
    // caller's promise.
    unsafe {
        let at = |index: usize| source.as_ptr().add(index * tile);
        let mut unit = U::new();
        unit.load::<0>(at(0), STRIDE);
        unit.load::<1>(at(0), STRIDE);
        unit.load::<2>(at(0), STRIDE);
        unit.load::<3>(at(1), STRIDE);
        unit.zero::<3>();
        unit.load::<4>(at(1), STRIDE);
        unit.load::<5>(at(2), STRIDE);
        unit.load::<6>(at(2), STRIDE);
        unit.load::<7>(at(1), STRIDE);
        for _ in 0..2 {
            unit.multiply_add::<0, 4, 5, true, true>();
            unit.multiply_add::<1, 4, 6, true, false>();
            unit.multiply_add::<2, 7, 5, false, true>();
            unit.multiply_add::<3, 7, 6, false, false>();
        }
        let mut target = out.chunks_exact_mut(tile).map(<[u8]>::as_mut_ptr);
        let mut next = || target.next().expect("eight tiles");
        unit.store::<0>(next(), STRIDE);
        unit.store::<1>(next(), STRIDE);
        unit.store::<2>(next(), STRIDE);
        unit.store::<3>(next(), STRIDE);
        unit.store::<4>(next(), STRIDE);
        unit.store::<5>(next(), STRIDE);
        unit.store::<6>(next(), STRIDE);
        unit.store::<7>(next(), STRIDE);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{SimdError, SimdLevel};

    /// A unit that is the model but for one mistake.
    struct Wrong<const MISTAKE: usize>(Model);

    const NONE: usize = 0;
    const SIGN_OF_A: usize = 1;
    const SIGN_OF_B: usize = 2;
    const OPERANDS_SWAPPED: usize = 3;
    const DENSE_ROWS: usize = 4;
    const NO_ZERO: usize = 5;
    const DENSE_STORE: usize = 6;
    const FORGETS: usize = 7;

    impl<const MISTAKE: usize> TileUnit for Wrong<MISTAKE> {
        unsafe fn new() -> Self {
            // SAFETY: the model needs no instructions.
            unsafe { Self(Model::new()) }
        }
        unsafe fn zero<const T: u8>(&mut self) {
            if MISTAKE != NO_ZERO {
                // SAFETY: the caller's promise is passed on to the model.
                unsafe { self.0.zero::<T>() }
            }
        }
        unsafe fn load<const T: u8>(&mut self, base: *const u8, stride: usize) {
            let stride = if MISTAKE == DENSE_ROWS { ROW_BYTES } else { stride };
            // SAFETY: the caller's promise is passed on to the model.
            unsafe { self.0.load::<T>(base, stride) }
        }
        unsafe fn store<const T: u8>(&mut self, base: *mut u8, stride: usize) {
            let stride = if MISTAKE == DENSE_STORE { ROW_BYTES } else { stride };
            // SAFETY: the caller's promise is passed on to the model.
            unsafe { self.0.store::<T>(base, stride) }
        }
        unsafe fn multiply_add<
            const C: u8,
            const A: u8,
            const B: u8,
            const SIGNED_A: bool,
            const SIGNED_B: bool,
        >(
            &mut self,
        ) {
            // SAFETY: the caller's promise is passed on to the model.
            unsafe {
                match MISTAKE {
                    SIGN_OF_A if SIGNED_A => self.0.multiply_add::<C, A, B, false, SIGNED_B>(),
                    SIGN_OF_B if SIGNED_B => self.0.multiply_add::<C, A, B, SIGNED_A, false>(),
                    OPERANDS_SWAPPED => self.0.multiply_add::<C, B, A, SIGNED_A, SIGNED_B>(),
                    FORGETS => {
                        self.0.zero::<C>();
                        self.0.multiply_add::<C, A, B, SIGNED_A, SIGNED_B>();
                    }
                    _ => self.0.multiply_add::<C, A, B, SIGNED_A, SIGNED_B>(),
                }
            }
        }
    }

    #[test]
    fn wrong_units_are_refused() {
        // SAFETY: as above.
        unsafe {
            assert!(equals_the_model::<Wrong<NONE>>());
            assert!(!equals_the_model::<Wrong<SIGN_OF_A>>());
            assert!(!equals_the_model::<Wrong<SIGN_OF_B>>());
            assert!(!equals_the_model::<Wrong<OPERANDS_SWAPPED>>());
            assert!(!equals_the_model::<Wrong<DENSE_ROWS>>());
            assert!(!equals_the_model::<Wrong<NO_ZERO>>());
            assert!(!equals_the_model::<Wrong<DENSE_STORE>>());
            assert!(!equals_the_model::<Wrong<FORGETS>>());
        }
    }

    #[test]
    fn the_answer_is_the_level_s_and_does_not_change() {
        let listed = SimdLevel::available().iter().any(|level| level.name() == "amx");
        assert!(!listed || available());
        assert_eq!(available(), available());
        #[cfg(target_os = "linux")]
        if !cpu_has_it() {
            assert!(!available());
            let refused = SimdLevel::named("amx").unwrap_err();
            assert!(matches!(refused, SimdError::Missing(name, _) if name == "amx"));
        }
    }
}
