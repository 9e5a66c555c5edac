//! The gates and the state of a long short-term memory (Hochreiter and Schmidhuber 1997, with the forget
//! gate of Gers et al. 2000).
//!
//! With the sums z = (z_i, z_f, z_g, z_o) of a time step: i = σ(z_i), f = σ(z_f), g = tanh(z_g),
//! o = σ(z_o), c ← f·c + i·g, h = o·tanh(c). Elementary functions are computed in float64 and rounded once to
//! float32, everything else in float32 in the order written.

use super::elementary::{logistic, tanh};
use super::operations::VectorOperations;
use hwmodel::cast::nearest_f32;
use rayon::prelude::*;

/// Gates of a unit: input, forget, candidate and output, in this order.
pub const GATES: usize = 4;
/// Per unit and time step: four sums, five elementary functions, three products and a sum; and of its backward
/// pass.
pub const OPERATIONS: VectorOperations = VectorOperations::new(13, 24);

/// Data of a time step saved for the backward pass, for `n` samples of `hidden` units.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepTape {
    /// i, f, g and o, `[n, 4·hidden]`.
    pub gates: Vec<f32>,
    /// c before the step, `[n, hidden]`.
    pub before: Vec<f32>,
    /// tanh(c) after the step, `[n, hidden]`.
    pub squashed: Vec<f32>,
}

/// One time step: turns the sums `z` `[n, 4·hidden]` into gates, moves the state `c` `[n, hidden]` on and returns
/// h `[n, hidden]` with the tape.
///
/// # Panics
/// If the lengths do not fit.
#[allow(clippy::needless_range_loop, reason = "several arrays have one index")]
pub fn step(mut z: Vec<f32>, c: &mut [f32], hidden: usize) -> (Vec<f32>, StepTape) {
    assert_eq!(z.len(), GATES * c.len(), "four gates a unit");
    let before = c.to_vec();
    let mut squashed = vec![0.0; c.len()];
    let mut h = vec![0.0; c.len()];
    let rows = z.par_chunks_exact_mut(GATES * hidden).zip(c.par_chunks_exact_mut(hidden));
    let outputs = squashed.par_chunks_exact_mut(hidden).zip(h.par_chunks_exact_mut(hidden));
    rows.zip(outputs).for_each(|((z, c), (squashed, h))| {
        let (i, rest) = z.split_at_mut(hidden);
        let (f, rest) = rest.split_at_mut(hidden);
        let (g, o) = rest.split_at_mut(hidden);
        for unit in 0..hidden {
            i[unit] = nearest_f32(logistic(i[unit].into()));
            f[unit] = nearest_f32(logistic(f[unit].into()));
            g[unit] = nearest_f32(tanh(g[unit].into()));
            o[unit] = nearest_f32(logistic(o[unit].into()));
            c[unit] = f[unit] * c[unit] + i[unit] * g[unit];
            squashed[unit] = nearest_f32(tanh(c[unit].into()));
            h[unit] = o[unit] * squashed[unit];
        }
    });
    (h, StepTape { gates: z, before, squashed })
}

/// The backward pass of [`step`]: from dh `[n, hidden]` and the gradient `dc` of the state after the step to
/// dz `[n, 4·hidden]`, which is returned, and the gradient of the state before it, which replaces `dc`.
///
/// # Panics
/// If the lengths do not fit.
pub fn step_backward(tape: &StepTape, dh: &[f32], dc: &mut [f32], hidden: usize) -> Vec<f32> {
    assert_eq!((dh.len(), dc.len()), (tape.before.len(), tape.before.len()), "one a unit");
    let mut dz = vec![0.0; tape.gates.len()];
    let width = GATES * hidden;
    let rows = dz.par_chunks_exact_mut(width).zip(tape.gates.par_chunks_exact(width));
    let states = tape.before.par_chunks_exact(hidden).zip(tape.squashed.par_chunks_exact(hidden));
    let gradients = dh.par_chunks_exact(hidden).zip(dc.par_chunks_exact_mut(hidden));
    rows.zip(states).zip(gradients).for_each(|(((dz, gates), (before, squashed)), (dh, dc))| {
        for unit in 0..hidden {
            let gate = |index: usize| gates[index * hidden + unit];
            let (i, f, g, o) = (gate(0), gate(1), gate(2), gate(3));
            let tanh = squashed[unit];
            let state = dc[unit] + dh[unit] * o * (1.0 - tanh * tanh);
            dz[unit] = state * g * (i * (1.0 - i));
            dz[hidden + unit] = state * before[unit] * (f * (1.0 - f));
            dz[2 * hidden + unit] = state * i * (1.0 - g * g);
            dz[3 * hidden + unit] = dh[unit] * tanh * (o * (1.0 - o));
            dc[unit] = state * f;
        }
    });
    dz
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unit_by_hand() {
        // i = f = o = σ(0) = ½, g = tanh(1); c = ½·2 + ½·tanh(1).
        let mut c = vec![2.0];
        let (h, tape) = step(vec![0.0, 0.0, 1.0, 0.0], &mut c, 1);
        let g = 1f32.tanh();
        assert_eq!(c, [1.0 + 0.5 * g]);
        assert!((h[0] - 0.5 * c[0].tanh()).abs() < 1e-7);
        assert_eq!((&tape.gates[..], &tape.before[..]), (&[0.5, 0.5, g, 0.5][..], &[2.0][..]));
    }

    /// Of L = Σ a·h + Σ b·c after the step, by central differences.
    #[test]
    fn the_gradient_is_the_derivative() {
        let (n, hidden) = (3, 4);
        let wave = |i: usize, scale: f32| ((i * i) as f32 * 0.7).sin() * scale;
        let z: Vec<f32> = (0..n * GATES * hidden).map(|i| wave(i, 1.5)).collect();
        let c: Vec<f32> = (0..n * hidden).map(|i| wave(i + 5, 1.0)).collect();
        let a: Vec<f32> = (0..n * hidden).map(|i| wave(i + 9, 1.0)).collect();
        let b: Vec<f32> = (0..n * hidden).map(|i| wave(i + 3, 1.0)).collect();
        let loss = |z: &[f32], c: &[f32]| {
            let mut c = c.to_vec();
            let (h, _) = step(z.to_vec(), &mut c, hidden);
            let dot = |x: &[f32], y: &[f32]| -> f64 {
                x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
            };
            dot(&a, &h) + dot(&b, &c)
        };
        let mut state = c.clone();
        let (_, tape) = step(z.clone(), &mut state, hidden);
        let mut dc = b.clone();
        let dz = step_backward(&tape, &a, &mut dc, hidden);
        let check = |values: &[f32], got: &[f32], of: &dyn Fn(&[f32]) -> f64| {
            for index in 0..values.len() {
                let at = |step: f32| {
                    let mut moved = values.to_vec();
                    moved[index] += step;
                    of(&moved)
                };
                let want = (at(1.0 / 128.0) - at(-1.0 / 128.0)) * 64.0;
                assert!((f64::from(got[index]) - want).abs() < 2e-4, "{index}: {want}");
            }
        };
        check(&z, &dz, &|z| loss(z, &c));
        check(&c, &dc, &|c| loss(&z, c));
    }
}
