//! Constant factors and shifts of a value, which go into the next product.
#![expect(clippy::float_cmp, reason = "1 is the absence of a factor, 0 that of a shift")]

/// A value of the file is `scale` · x + `shift` of its layer's x; either is one number, or one for each channel of the layer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gain {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Gain {
    /// The layer's value itself.
    pub(super) fn one() -> Self {
        Self { scale: vec![1.0], shift: vec![0.0] }
    }

    pub(super) fn is_one(&self) -> bool {
        !self.has_shift() && self.only_scale() == Some(1.0)
    }

    pub(super) fn has_shift(&self) -> bool {
        self.shift.iter().any(|&shift| shift != 0.0)
    }

    /// The factor, if it is one for all channels.
    pub(super) fn only_scale(&self) -> Option<f64> {
        let first = self.scale[0];
        self.scale.iter().all(|&scale| scale == first).then_some(first)
    }

    /// The factor of `channel`, above 0.
    pub(super) fn scale(&self, channel: usize) -> f64 {
        at(&self.scale, channel)
    }

    /// The shift of `channel`.
    pub(super) fn shift(&self, channel: usize) -> f64 {
        at(&self.shift, channel)
    }

    /// Factor and shift after an operation with `constants`, one or one a channel; none if a factor is not above 0 or a number
    /// is not finite.
    pub(super) fn changed(
        &self,
        constants: &[f64],
        change: impl Fn(f64, f64, f64) -> (f64, f64),
    ) -> Option<Self> {
        let channels = self.scale.len().max(self.shift.len()).max(constants.len());
        let changed = (0..channels).map(|channel| {
            change(self.scale(channel), self.shift(channel), at(constants, channel))
        });
        let (scale, shift): (Vec<f64>, Vec<f64>) = changed.unzip();
        let sound = scale.iter().all(|&scale| scale.is_finite() && scale > 0.0)
            && shift.iter().all(|shift| shift.is_finite());
        sound.then_some(Self { scale, shift })
    }

    /// The same after `pixels` pixels of the channels have become one of as many times the channels.
    pub(super) fn of_pixels(&self, pixels: usize) -> Self {
        let repeated =
            |list: &[f64]| if list.len() == 1 { list.to_vec() } else { list.repeat(pixels) };
        Self { scale: repeated(&self.scale), shift: repeated(&self.shift) }
    }
}

fn at(list: &[f64], channel: usize) -> f64 {
    if list.len() == 1 { list[0] } else { list[channel] }
}
