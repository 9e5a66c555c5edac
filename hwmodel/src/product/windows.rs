//! Which elements of an input the windows of a convolution read.

/// The windows of a convolution along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowAxis {
    /// Elements of the input along the axis.
    pub size: u64,
    /// Zero padding before the first element, in elements.
    pub padding: u64,
    /// Elements under a window, at least 1.
    pub kernel: u64,
    /// Distance of neighbouring elements under a window; 1 is a dense kernel. At least 1.
    pub dilation: u64,
    /// Distance of neighbouring windows in elements, at least 1.
    pub stride: u64,
    /// Number of windows.
    pub windows: u64,
}

impl WindowAxis {
    /// Elements that at least one window reads, each counted once; padding does not count.
    ///
    /// Windows leave elements out if the stride is longer than the kernel, between the elements of a dilated
    /// kernel, and at an end that no whole window reaches. A closed form for dense kernels; otherwise a loop
    /// over min(kernel, windows, stride, dilation) residues at most.
    ///
    /// ```
    /// use hwmodel::product::WindowAxis;
    /// let axis = WindowAxis { size: 32, padding: 0, kernel: 1, dilation: 1, stride: 2, windows: 16 };
    /// assert_eq!(axis.distinct_elements(), 16);
    /// ```
    pub fn distinct_elements(&self) -> u64 {
        let common = gcd(self.stride.max(1), self.dilation.max(1));
        let windows = Progression { step: self.stride.max(1) / common, count: self.windows };
        let kernel = Progression { step: self.dilation.max(1) / common, count: self.kernel };
        let residues = |of: &Progression, modulo: &Progression| of.count.min(modulo.step);
        let (inner, outer) = if residues(&kernel, &windows) < residues(&windows, &kernel) {
            (windows, kernel)
        } else {
            (kernel, windows)
        };
        if inner.count == 0 || outer.count == 0 {
            return 0;
        }
        let [size, padding, common] = [self.size, self.padding, common].map(i128::from);
        let [step, length, spacing] = [inner.step, inner.count, outer.step].map(i128::from);
        // Steps are coprime, so elements of different residues modulo `step` differ. Those of one are `runs`
        // runs of `length` elements, `step` apart; the runs begin `spacing` of these apart.
        let of_residue = |residue: u64| {
            let runs = i128::from((outer.count - residue).div_ceil(inner.step));
            let first = common * i128::from(residue) * spacing - padding;
            let unit = common * step;
            // Elements of the runs before place `end`, in units from the first.
            let before = |end: i128| {
                if spacing <= length {
                    return end.clamp(0, (runs - 1) * spacing + length);
                }
                let whole = (end.max(0) / spacing).min(runs);
                let part = if whole < runs { end.max(0) - whole * spacing } else { 0 };
                whole * length + part.min(length)
            };
            let place = |element: i128| -(first - element).div_euclid(unit);
            before(place(size)) - before(place(0))
        };
        let total: i128 = (0..residues(&outer, &inner)).map(of_residue).sum();
        u64::try_from(total).unwrap_or(u64::MAX)
    }
}

/// 0, step, 2·step, ...
struct Progression {
    step: u64,
    count: u64,
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn brute_force(axis: &WindowAxis) -> u64 {
        let places = (0..axis.windows).flat_map(|window| {
            (0..axis.kernel).map(move |element| window * axis.stride + element * axis.dilation)
        });
        let read = places.filter_map(|place| place.checked_sub(axis.padding));
        read.filter(|&element| element < axis.size).collect::<HashSet<_>>().len() as u64
    }

    #[test]
    fn every_small_combination_is_what_brute_force_finds() {
        let mut checked = 0;
        for size in 1..12 {
            for padding in 0..4 {
                for kernel in 1..5 {
                    for dilation in 1..5 {
                        for stride in 1..7 {
                            let padded: u64 = size + 2 * padding;
                            let Some(last_offset) = padded.checked_sub((kernel - 1) * dilation + 1)
                            else {
                                continue;
                            };
                            // Also fewer and more windows than fit: SCALE-Sim's ceiling has one more.
                            for windows in 0..=last_offset / stride + 2 {
                                let axis =
                                    WindowAxis { size, padding, kernel, dilation, stride, windows };
                                assert_eq!(
                                    axis.distinct_elements(),
                                    brute_force(&axis),
                                    "{axis:?}"
                                );
                                checked += 1;
                            }
                        }
                    }
                }
            }
        }
        assert!(checked > 10_000, "{checked}");
    }

    #[test]
    fn large_axes_take_no_loop() {
        let axis = WindowAxis {
            size: 1 << 40,
            padding: 1,
            kernel: 1 << 20,
            dilation: 1,
            stride: 1 << 21,
            windows: 1 << 19,
        };
        assert_eq!(axis.distinct_elements(), (1 << 39) - 1);
    }
}
