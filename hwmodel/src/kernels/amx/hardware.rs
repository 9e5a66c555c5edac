//! The processor's tile unit (AMX-INT8), driven by inline assembly.
//!
//! The compiler never emits tile instructions, and volatile assembly keeps its order, so the tiles
//! hold their values from one block of assembly to the next. A thread configures the unit before its first
//! product and [`release`]s it after its last of a task: no other code of the thread runs in between, a
//! context switch saves the tiles, and a released tile unit has no state to save.

use super::unit::{ROW_BYTES, ROWS, TileUnit};
use std::arch::asm;
use std::cell::Cell;

thread_local! {
    /// Whether this thread's unit is configured.
    static CONFIGURED: Cell<bool> = const { Cell::new(false) };
}

/// The operand of `ldtilecfg`: a palette, the first row of an interrupted load, and the shape of each tile.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Eight tiles of 16 × 64 bytes; names beyond the eighth are reserved.
#[expect(clippy::cast_possible_truncation, reason = "64 and 16")]
static CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: {
        let mut bytes = [0; 16];
        let mut tile = 0;
        while tile < 8 {
            bytes[tile] = ROW_BYTES as u16;
            tile += 1;
        }
        bytes
    },
    rows: {
        let mut rows = [0; 16];
        let mut tile = 0;
        while tile < 8 {
            rows[tile] = ROWS as u8;
            tile += 1;
        }
        rows
    },
};

/// AMX-TILE and AMX-INT8.
pub(in super::super) struct Hardware(());

/// Returns the unit of this thread to its initial state.
///
/// # Safety
/// The CPU must have the unit if this thread has used it.
#[inline(never)]
pub(in super::super) unsafe fn release() {
    if CONFIGURED.replace(false) {
        // SAFETY: only this module configures the unit, so the thread may use it.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
    }
}

impl TileUnit for Hardware {
    #[inline(always)]
    unsafe fn new() -> Self {
        if !CONFIGURED.replace(true) {
            // SAFETY: the caller promises the unit; the configuration is one of palette 1.
            unsafe {
                asm!(
                    "ldtilecfg [{configuration}]",
                    configuration = in(reg) &raw const CONFIGURATION,
                    options(readonly, nostack, preserves_flags),
                );
            }
        }
        Self(())
    }

    #[inline(always)]
    unsafe fn zero<const T: u8>(&mut self) {
        // SAFETY: the caller promises the unit, and `self` is the proof that it is configured.
        unsafe {
            asm!("tilezero tmm{t}", t = const T, options(nomem, nostack, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn load<const T: u8>(&mut self, base: *const u8, stride: usize) {
        // SAFETY: as above, and the caller promises that the bytes can be read.
        unsafe {
            asm!(
                "tileloadd tmm{t}, [{base} + {stride}*1]",
                t = const T,
                base = in(reg) base,
                stride = in(reg) stride,
                options(readonly, nostack, preserves_flags),
            );
        }
    }

    #[inline(always)]
    unsafe fn store<const T: u8>(&mut self, base: *mut u8, stride: usize) {
        // SAFETY: as above, and the caller promises that the bytes can be written.
        unsafe {
            asm!(
                "tilestored [{base} + {stride}*1], tmm{t}",
                t = const T,
                base = in(reg) base,
                stride = in(reg) stride,
                options(nostack, preserves_flags),
            );
        }
    }

    #[inline(always)]
    unsafe fn multiply_add<
        const C: u8,
        const A: u8,
        const B: u8,
        const SIGNED_A: bool,
        const SIGNED_B: bool,
    >(
        &mut self,
    ) {
        const { assert!(C != A && C != B && A != B && C < 8 && A < 8 && B < 8) };
        macro_rules! product {
            ($instruction:literal) => {
                asm!(
                    concat!($instruction, " tmm{c}, tmm{a}, tmm{b}"),
                    c = const C,
                    a = const A,
                    b = const B,
                    options(nomem, nostack, preserves_flags),
                )
            };
        }
        // SAFETY: as above; equal tiles, which the instructions refuse, do not compile.
        unsafe {
            match (SIGNED_A, SIGNED_B) {
                (true, true) => product!("tdpbssd"),
                (true, false) => product!("tdpbsud"),
                (false, true) => product!("tdpbusd"),
                (false, false) => product!("tdpbuud"),
            }
        }
    }
}
