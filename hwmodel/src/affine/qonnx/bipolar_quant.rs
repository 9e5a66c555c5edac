//! BipolarQuant: the sign of x, times a scale.

/// qonnx 1.0.0, `custom_op/general/bipolar_quant.py`: +scale if x ≥ 0 (also -0), else -scale, as a NaN becomes too.
///
/// ```
/// use hwmodel::affine::qonnx::bipolar_quant;
/// assert_eq!([0.0, -0.0, -1e-38, 5.0].map(|x| bipolar_quant(x, 0.5)), [0.5, 0.5, -0.5, 0.5]);
/// ```
#[inline(always)]
pub fn bipolar_quant(x: f32, scale: f32) -> f32 {
    if x >= 0.0 { scale } else { -scale }
}
