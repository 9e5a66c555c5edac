//! Layers that only rename elements.

use super::{in_layout, name};
use crate::network::exported::error::Refusal;
use crate::network::exported::tensor::{Layout, Tensor};
use crate::network::exported::writing::Writing;

/// The file has all pixels of a channel before those of the next.
pub(super) fn flatten(writing: &mut Writing<'_>, index: usize) -> Result<(), Refusal> {
    let (name, input) = (name(writing, index), writing.input(index, 0));
    let [h, w, c] = input.shape;
    let pixels = h * w;
    let words = input.words;
    let flat = in_layout(writing, input, Layout::Features, &name);
    let places = match pixels {
        1 => flat.places.clone(),
        _ => Some((0..pixels * c).map(|at| at % c * pixels + at / c).collect()),
    };
    let made = match words {
        Some(words) => writing.same_words(flat.name.clone(), &name, words),
        None => flat.name.clone(),
    };
    writing.set(index, Tensor { name: made, shape: [1, 1, pixels * c], places, ..flat });
    Ok(())
}
