//! The tile kernel of a matrix product, written once over a vector trait.
//!
//! A kernel multiplies `rows` rows of A by a panel of B and writes or adds a tile of C. Integer sums are exact modulo 2^bits of the sum type. A float32 output is one chain of
//! fused multiply-adds in ascending k from zero per call, so every level gives the same bits.

use super::amx;
use super::level::{Level, Tiles};
use super::{SimdLevel, vector_portable as portable};
#[cfg(target_arch = "x86_64")]
use super::{vector_avx2 as avx2, vector_avx512 as avx512};

/// A vector of sums and its multiply-accumulate operation.
pub(super) trait Vector: Copy {
    /// A packed element of A and B.
    type Element: Copy;
    /// A sum.
    type Sum: Copy;
    /// A register of operands.
    type Operand: Copy;
    /// Sums in one vector.
    const LANES: usize;
    /// Consecutive k that one operation consumes.
    const GROUP: usize;

    /// All sums zero.
    unsafe fn zero() -> Self;
    /// Reads `LANES` groups of B.
    unsafe fn load(b: *const Self::Element) -> Self::Operand;
    /// Reads one group of A into every lane.
    unsafe fn splat(a: *const Self::Element) -> Self::Operand;
    /// Adds the products of one group.
    unsafe fn multiply_add(self, a: Self::Operand, b: Self::Operand) -> Self;
    /// Writes the sums, added to what is there if `accumulate`.
    unsafe fn store(self, c: *mut Self::Sum, accumulate: bool);
}

/// A tile of `MR` × `NV·LANES` outputs.
///
/// # Safety
/// The CPU must have the vector's instructions. `a` must be readable at `i·strides.0 + g·strides.1 + e`
/// for every row i < `MR`, group g < `groups` and element e < `GROUP`, `b` for `groups·GROUP·NV·LANES` elements, and `c`
/// must be writable for `MR` rows of `c_stride` with `NV·LANES` elements in each.
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const MR: usize, const NV: usize>(
    a: *const V::Element,
    (row_stride, group_stride): (usize, usize),
    b: *const V::Element,
    groups: usize,
    c: *mut V::Sum,
    c_stride: usize,
    accumulate: bool,
) {
    // SAFETY: every access stays inside what the caller promised.
    unsafe {
        let mut sums = [[V::zero(); NV]; MR];
        for group in 0..groups {
            let b = b.add(group * V::GROUP * NV * V::LANES);
            let mut right = [V::load(b); NV];
            for (j, operand) in right.iter_mut().enumerate().skip(1) {
                *operand = V::load(b.add(j * V::GROUP * V::LANES));
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let left = V::splat(a.add(i * row_stride + group * group_stride));
                for (sum, operand) in row.iter_mut().zip(right) {
                    *sum = sum.multiply_add(left, operand);
                }
            }
        }
        for (i, row) in sums.iter().enumerate() {
            for (j, sum) in row.iter().enumerate() {
                sum.store(c.add(i * c_stride + j * V::LANES), accumulate);
            }
        }
    }
}

type TileFunction<E, S> = unsafe fn(*const E, (usize, usize), *const E, usize, *mut S, usize, bool);

/// A tile kernel chosen for a CPU and a number of columns.
#[derive(Clone, Copy)]
pub(crate) struct TileKernel<E, S> {
    /// Rows of a tile.
    pub(crate) rows: usize,
    /// Columns of a tile and of a packed panel of B.
    pub(crate) columns: usize,
    /// Consecutive k packed together.
    pub(crate) group: usize,
    /// Lengths in k are multiples of this, which is a multiple of the group.
    pub(crate) multiple: usize,
    /// Whether the elements of A are stored with their sign bit flipped (+128).
    pub(crate) offset_a: bool,
    /// The level that the kernel is for; loops around it run at the same.
    pub(crate) simd: SimdLevel,
    function: TileFunction<E, S>,
}

/// The most outputs that a tile has, for buffers of one.
const MOST_OUTPUTS: usize = 1024;
/// The most outputs that a tile of vectors has.
const MOST_VECTOR_OUTPUTS: usize = 512;

/// The tile unit, held by the thread and released when this is dropped.
#[must_use]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) struct TileSession(Option<Tiles>);

impl Drop for TileSession {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        if self.0 == Some(Tiles::Hardware) {
            // SAFETY: a level has the unit only if the CPU does.
            unsafe { amx::release() }
        }
    }
}

impl<E: Copy, S: Copy + Default + std::ops::Add<Output = S>> TileKernel<E, S> {
    /// Acquires the tile unit for a thread; keep the guard during a task's calls of [`TileKernel::run`].
    pub(crate) fn session(&self) -> TileSession {
        TileSession(self.simd.tiles())
    }

    /// Multiplies `rows` ≤ `self.rows` rows of `a` by the panel `b` over `k` (one of
    /// [`TileKernel::multiple`]) and writes (or adds) `columns` ≤ `self.columns` outputs a row to `c`.
    ///
    /// Row i of group g (`self.group` consecutive k) is at `a[i·strides.0 + g·strides.1]`. `a` must hold
    /// `self.rows` rows even if fewer are wanted. Where the multiple is not the group, groups lie side by
    /// side: `strides.1` is the group.
    ///
    /// # Panics
    /// If a slice is shorter than the shapes say.
    #[allow(clippy::too_many_arguments)]
    #[inline]
    pub(crate) fn run(
        &self,
        a: &[E],
        strides: (usize, usize),
        b: &[E],
        k: usize,
        c: &mut [S],
        c_stride: usize,
        (rows, columns): (usize, usize),
        accumulate: bool,
    ) where
        S: super::tile::WrappingSum,
    {
        assert!(k.is_multiple_of(self.multiple) && rows <= self.rows && columns <= self.columns);
        assert!(self.multiple == self.group || strides.1 == self.group);
        if rows == 0 || columns == 0 {
            return;
        }
        let last = (self.rows - 1) * strides.0 + (k / self.group).saturating_sub(1) * strides.1;
        assert!(a.len() >= last + self.group.min(k) && b.len() >= k * self.columns);
        assert!(c.len() >= (rows - 1) * c_stride + columns && c_stride >= columns);
        let groups = k / self.group;
        if rows == self.rows && columns == self.columns {
            // SAFETY: the assertions above are the function's conditions; the kernel was selected
            // by a SimdLevel, so the CPU has its instructions.
            unsafe {
                (self.function)(
                    a.as_ptr(),
                    strides,
                    b.as_ptr(),
                    groups,
                    c.as_mut_ptr(),
                    c_stride,
                    accumulate,
                );
            }
            return;
        }
        let (a, b, shape) = (a.as_ptr(), b.as_ptr(), (rows, columns));
        // SAFETY: as above, with an edge buffer as the tile.
        unsafe {
            if self.rows * self.columns <= MOST_VECTOR_OUTPUTS {
                let edge = &mut [S::default(); MOST_VECTOR_OUTPUTS];
                self.run_edge(a, strides, b, groups, edge, c, c_stride, shape, accumulate);
            } else {
                let edge = &mut [S::default(); MOST_OUTPUTS];
                self.run_edge(a, strides, b, groups, edge, c, c_stride, shape, accumulate);
            }
        }
    }

    /// [`TileKernel::run`] of fewer rows or columns than a tile has.
    ///
    /// # Safety
    /// As for the kernel's function, but for C.
    #[allow(clippy::too_many_arguments)]
    #[inline(always)]
    unsafe fn run_edge(
        &self,
        a: *const E,
        strides: (usize, usize),
        b: *const E,
        groups: usize,
        edge: &mut [S],
        c: &mut [S],
        c_stride: usize,
        (rows, columns): (usize, usize),
        accumulate: bool,
    ) where
        S: super::tile::WrappingSum,
    {
        assert!(self.rows * self.columns <= edge.len());
        // SAFETY: the caller's promise is passed on; the buffer holds a tile.
        unsafe {
            (self.function)(a, strides, b, groups, edge.as_mut_ptr(), self.columns, false);
        }
        for (row, computed) in edge.chunks(self.columns).take(rows).enumerate() {
            let out = &mut c[row * c_stride..row * c_stride + columns];
            for (out, &value) in out.iter_mut().zip(computed) {
                *out = if accumulate { out.wrapping_sum(value) } else { value };
            }
        }
    }
}

/// Addition as the kernels do it: modulo 2^bits for integers, IEEE for floats.
pub(crate) trait WrappingSum {
    /// `self + other`.
    fn wrapping_sum(self, other: Self) -> Self;
}
impl WrappingSum for i32 {
    fn wrapping_sum(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
}
impl WrappingSum for f32 {
    fn wrapping_sum(self, other: Self) -> Self {
        self + other
    }
}

/// Compiles a tile for one level's instructions.
macro_rules! instance {
    ($simd:expr, $features:literal, $vector:ty, $mr:literal, $nv:literal) => {{
        #[target_feature(enable = $features)]
        unsafe fn instance(
            a: *const <$vector as Vector>::Element,
            strides: (usize, usize),
            b: *const <$vector as Vector>::Element,
            groups: usize,
            c: *mut <$vector as Vector>::Sum,
            c_stride: usize,
            accumulate: bool,
        ) {
            // SAFETY: the caller's promise is passed on.
            unsafe { tile::<$vector, $mr, $nv>(a, strides, b, groups, c, c_stride, accumulate) }
        }
        TileKernel {
            rows: $mr,
            columns: $nv * <$vector as Vector>::LANES,
            group: <$vector as Vector>::GROUP,
            multiple: <$vector as Vector>::GROUP,
            offset_a: false,
            simd: $simd,
            function: instance,
        }
    }};
}

macro_rules! portable_instance {
    ($simd:expr, $vector:ty, $mr:literal, $nv:literal) => {
        TileKernel {
            rows: $mr,
            columns: $nv * <$vector as Vector>::LANES,
            group: <$vector as Vector>::GROUP,
            multiple: <$vector as Vector>::GROUP,
            offset_a: false,
            simd: $simd,
            function: tile::<$vector, $mr, $nv>,
        }
    };
}

/// Picks the widest panel that `n` columns fill well.
macro_rules! by_columns {
    ($n:expr, $lanes:expr, $one:expr, $two:expr, $three:expr) => {{
        let vectors = $n.div_ceil($lanes).max(1);
        // Padding columns with panels of one, two and three vectors.
        let waste = |width: usize| vectors.next_multiple_of(width) - vectors;
        if vectors == 1 {
            $one
        } else if waste(3) <= waste(2) {
            $three
        } else {
            $two
        }
    }};
}

#[cfg(target_arch = "x86_64")]
macro_rules! avx512_kernels {
    ($simd:expr, $n:expr, $vector:ty) => {
        by_columns!(
            $n,
            <$vector as Vector>::LANES,
            instance!($simd, "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", $vector, 16, 1),
            instance!($simd, "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", $vector, 12, 2),
            instance!($simd, "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", $vector, 8, 3)
        )
    };
}

#[cfg(target_arch = "x86_64")]
macro_rules! avx2_kernels {
    ($simd:expr, $n:expr, $vector:ty) => {
        by_columns!(
            $n,
            <$vector as Vector>::LANES,
            instance!($simd, "avx2,fma", $vector, 8, 1),
            instance!($simd, "avx2,fma", $vector, 6, 2),
            instance!($simd, "avx2,fma", $vector, 4, 3)
        )
    };
}

/// float32 × float32 → float32, one k per group.
pub(crate) fn float32_kernel(simd: SimdLevel, n: usize) -> TileKernel<f32, f32> {
    match simd.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => avx512_kernels!(simd, n, avx512::Float32),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => avx2_kernels!(simd, n, avx2::Float32),
        _ => portable_instance!(simd, portable::Float32, 4, 1),
    }
}

/// i16 × i16 → i32 modulo 2^32, two k per group.
pub(crate) fn int16_kernel(simd: SimdLevel, n: usize) -> TileKernel<i16, i32> {
    match simd.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => avx512_kernels!(simd, n, avx512::Int16),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => avx2_kernels!(simd, n, avx2::Int16),
        _ => portable_instance!(simd, portable::Int16, 4, 1),
    }
}

/// i8 × i8 → i32 modulo 2^32, four k per group; only where the CPU multiplies bytes faster than 16-bit
/// words. Vector kernels take A with its sign bit flipped.
pub(crate) fn int8_kernel(simd: SimdLevel, n: usize) -> Option<TileKernel<i8, i32>> {
    byte_kernel(simd, n, [true; 2])
}

/// [`int8_kernel`] of bytes of A and of B with a sign or without. Vector kernels have unsigned bytes of A, as they are, and no
/// unsigned bytes of B.
pub(crate) fn byte_kernel(
    simd: SimdLevel,
    n: usize,
    [signed_a, signed_b]: [bool; 2],
) -> Option<TileKernel<i8, i32>> {
    if let Some(kernels) = limb_kernels(simd, n) {
        return Some(kernels[usize::from(signed_a)][usize::from(signed_b)]);
    }
    match simd.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if signed_b => {
            Some(TileKernel { offset_a: signed_a, ..avx512_kernels!(simd, n, avx512::Int8) })
        }
        _ => {
            let _ = (n, signed_b);
            None
        }
    }
}

/// Whether a level multiplies tiles of bytes.
pub(crate) fn has_tiles(simd: SimdLevel) -> bool {
    simd.tiles().is_some()
}

/// Bytes × bytes → i32 modulo 2^32, four k per group, with bytes of A and of B signed (index 1) or not
/// (index 0): `[A][B]`; only where there are tiles.
pub(crate) fn limb_kernels(simd: SimdLevel, n: usize) -> Option<[[TileKernel<i8, i32>; 2]; 2]> {
    let square = TileKernel {
        rows: 32,
        columns: 32,
        group: 4,
        multiple: amx::TERMS,
        offset_a: false,
        simd,
        function: amx::square::<amx::Model, true, true>,
    };
    let column = TileKernel { rows: 64, columns: 16, ..square };
    macro_rules! kernels {
        ($unit:ty) => {{
            let of = |functions: [[TileFunction<i8, i32>; 2]; 2], shape: TileKernel<i8, i32>| {
                functions.map(|of_b| of_b.map(|function| TileKernel { function, ..shape }))
            };
            if n <= column.columns {
                let functions: [[TileFunction<i8, i32>; 2]; 2] = [
                    [amx::column::<$unit, false, false>, amx::column::<$unit, false, true>],
                    [amx::column::<$unit, true, false>, amx::column::<$unit, true, true>],
                ];
                of(functions, column)
            } else {
                let functions: [[TileFunction<i8, i32>; 2]; 2] = [
                    [amx::square::<$unit, false, false>, amx::square::<$unit, false, true>],
                    [amx::square::<$unit, true, false>, amx::square::<$unit, true, true>],
                ];
                of(functions, square)
            }
        }};
    }
    Some(match simd.tiles()? {
        Tiles::Model => kernels!(amx::Model),
        #[cfg(target_arch = "x86_64")]
        Tiles::Hardware => kernels!(amx::Hardware),
    })
}
