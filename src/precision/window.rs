//! The gradients since the last switch, and their diversity.

use super::reduce::{CHUNK, chunk_sum, square};
use super::{PrecisionError, StateTensor, Variant};
use hwmodel::cast::nearest_f32;
use rayon::prelude::*;

/// A window of gradients of one tensor, kept as their sum, Σ‖g‖₂² and their number
/// (papers/adapt.md section 4).
///
/// | variant | diversity Δs | precision |
/// |---|---|---|
/// | paper | Σ‖g‖₂² / ‖Σ g‖₂² | float64 |
/// | released | n / ‖Σ g‖₂ | sum and quotient in float32, the norm in float64 |
///
/// A zero gradient counts in n; a zero sum gives Δs = ∞.
///
/// ```
/// use hwsim::precision::{Variant, window::GradientWindow};
/// let mut window = GradientWindow::new(Variant::Paper, 2);
/// window.add(&[1.0, 0.0])?;
/// assert_eq!(window.diversity(), 1.0);
/// window.add(&[1.0, 0.0])?;
/// assert_eq!(window.diversity(), 0.5);
/// # Ok::<(), hwsim::precision::PrecisionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct GradientWindow {
    sum: Sum,
    squares: f64,
    sum_norm_squared: f64,
    count: u32,
}

#[derive(Debug, Clone)]
enum Sum {
    Paper(Vec<f64>),
    Released(Vec<f32>),
}

impl GradientWindow {
    /// An empty window for gradients of `elements` elements.
    pub fn new(variant: Variant, elements: usize) -> Self {
        let sum = match variant {
            Variant::Paper => Sum::Paper(vec![0.0; elements]),
            Variant::Released => Sum::Released(vec![0.0; elements]),
        };
        Self { sum, squares: 0.0, sum_norm_squared: 0.0, count: 0 }
    }

    /// Number of gradients in the window.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Number of elements of each gradient.
    pub fn elements(&self) -> usize {
        match &self.sum {
            Sum::Paper(sum) => sum.len(),
            Sum::Released(sum) => sum.len(),
        }
    }

    /// Adds a gradient.
    ///
    /// # Errors
    /// If its length is not the window's, or an element is NaN or infinite; the window is then to
    /// be given up.
    pub fn add(&mut self, gradient: &[f32]) -> Result<(), PrecisionError> {
        let (expected, given) = (self.elements(), gradient.len());
        if given != expected {
            let tensor = String::from("(window)");
            return Err(PrecisionError::Length { tensor, what: "gradient", expected, given });
        }
        let (sum_norm_squared, squares) = match &mut self.sum {
            Sum::Paper(sum) => add_and_measure(sum, gradient, |s, g| s + f64::from(g), |s| s * s),
            Sum::Released(sum) => add_and_measure(sum, gradient, |s, g| s + g, square),
        };
        if !sum_norm_squared.is_finite() || !squares.is_finite() {
            let tensor = String::from("(window)");
            return Err(PrecisionError::NotFinite { tensor, what: "gradient" });
        }
        self.sum_norm_squared = sum_norm_squared;
        self.squares += squares;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Δs of the gradients in the window; NaN when it is empty.
    pub fn diversity(&self) -> f64 {
        if self.count == 0 {
            return f64::NAN;
        }
        match &self.sum {
            Sum::Paper(_) if self.sum_norm_squared > 0.0 => self.squares / self.sum_norm_squared,
            Sum::Paper(_) => f64::INFINITY,
            Sum::Released(_) => {
                f64::from(self.count as f32 / nearest_f32(self.sum_norm_squared.sqrt()))
            }
        }
    }

    /// Removes every gradient.
    pub fn clear(&mut self) {
        match &mut self.sum {
            Sum::Paper(sum) => sum.fill(0.0),
            Sum::Released(sum) => sum.fill(0.0),
        }
        (self.squares, self.sum_norm_squared, self.count) = (0.0, 0.0, 0);
    }

    /// The state that a resumed run needs: the sum, [Σ‖g‖₂², ‖Σ g‖₂²], and n.
    pub(crate) fn save(&self) -> (StateTensor, [f64; 2], u32) {
        let sum = match &self.sum {
            Sum::Paper(sum) => StateTensor::F64(sum.clone()),
            Sum::Released(sum) => StateTensor::F32(sum.clone()),
        };
        (sum, [self.squares, self.sum_norm_squared], self.count)
    }

    /// Takes over what [`save`](Self::save) gave; false if kind or length differ.
    pub(crate) fn load(&mut self, sum: &StateTensor, norms: [f64; 2], count: u32) -> bool {
        match (&mut self.sum, sum) {
            (Sum::Paper(own), StateTensor::F64(saved)) if own.len() == saved.len() => {
                own.copy_from_slice(saved);
            }
            (Sum::Released(own), StateTensor::F32(saved)) if own.len() == saved.len() => {
                own.copy_from_slice(saved);
            }
            _ => return false,
        }
        [self.squares, self.sum_norm_squared] = norms;
        self.count = count;
        true
    }
}

/// sum ← `add`(sum, gradient) element by element; returns (‖sum‖₂², ‖gradient‖₂²).
fn add_and_measure<T: Copy + Send + Sync>(
    sum: &mut [T],
    gradient: &[f32],
    add: impl Fn(T, f32) -> T + Sync,
    squared: impl Fn(T) -> f64 + Sync,
) -> (f64, f64) {
    let chunk = |sum: &mut [T], gradient: &[f32]| {
        for (s, g) in sum.iter_mut().zip(gradient) {
            *s = add(*s, *g);
        }
        (chunk_sum(sum, &squared), chunk_sum(gradient, &square))
    };
    if sum.len() <= CHUNK {
        return chunk(sum, gradient);
    }
    let partial: Vec<(f64, f64)> = sum
        .par_chunks_mut(CHUNK)
        .zip(gradient.par_chunks(CHUNK))
        .map(|(sum, gradient)| chunk(sum, gradient))
        .collect();
    partial.iter().fold((0.0, 0.0), |total, part| (total.0 + part.0, total.1 + part.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diversity(variant: Variant, gradients: &[&[f32]]) -> f64 {
        let mut window = GradientWindow::new(variant, gradients[0].len());
        for gradient in gradients {
            window.add(gradient).unwrap();
        }
        window.diversity()
    }

    #[test]
    fn identical_orthogonal_and_opposite_gradients() {
        let (x, y, z) = (&[1.0f32, 0.0][..], &[0.0f32, 1.0][..], &[-1.0f32, 0.0][..]);
        assert_eq!(diversity(Variant::Paper, &[x, x, x, x]), 0.25);
        assert_eq!(diversity(Variant::Released, &[x, x, x, x]), 1.0);
        assert_eq!(diversity(Variant::Paper, &[x, y]), 1.0);
        assert_eq!(diversity(Variant::Released, &[x, y]), f64::from(2.0 / 2f64.sqrt() as f32));
        for variant in [Variant::Paper, Variant::Released] {
            assert_eq!(diversity(variant, &[x, z]), f64::INFINITY);
            assert_eq!(diversity(variant, &[&[0.0, 0.0]]), f64::INFINITY);
        }
        assert_eq!(diversity(Variant::Released, &[x, &[0.0, 0.0]]), 2.0, "zero counts in n");
    }

    #[test]
    fn wrong_length_and_not_finite_are_errors() {
        let mut window = GradientWindow::new(Variant::Paper, 2);
        assert!(matches!(window.add(&[1.0]), Err(PrecisionError::Length { .. })));
        assert!(matches!(window.add(&[1.0, f32::NAN]), Err(PrecisionError::NotFinite { .. })));
        assert!(window.diversity().is_nan(), "nothing was added");
    }

    #[test]
    fn a_cleared_window_starts_over() {
        let mut window = GradientWindow::new(Variant::Released, 1);
        window.add(&[1.0]).unwrap();
        window.clear();
        assert_eq!(window.count(), 0);
        window.add(&[-1.0]).unwrap();
        assert_eq!(window.diversity(), 1.0);
    }

    #[test]
    fn large_gradients_do_not_depend_on_the_number_of_threads() {
        let gradient: Vec<f32> = (0..3 * CHUNK + 17).map(|i| (i as f32).cos()).collect();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| diversity(Variant::Paper, &[&gradient, &gradient])).to_bits()
        };
        assert_eq!(with(1), with(4));
    }
}
