//! The table of an accumulator study.

use crate::verify::accumulator_study::LayerAccumulator;
use hwmodel::machine::MacCost;

/// One line a layer: bits that suffice on the data, for any input and for any words, what an accumulator
/// of any input costs more than one as wide as a product; then the norms of the weights and what A2Q says of them.
pub(super) fn render(layers: &[LayerAccumulator], machine: &str) -> String {
    let mut text = format!(
        "\naccumulators (bits that suffice), energy per MAC and area per processing element on {machine}\n\
         {:<18} {:>9} {:>7} {:>8} {:>10} {:>10} {:>26} {:>26}\n",
        "layer",
        "words",
        "terms",
        "on data",
        "any input",
        "any words",
        "pJ: product, data, input",
        "µm²: product, data, input"
    );
    for layer in layers {
        let bits = |bits: Option<u32>| bits.map_or("> 64".to_owned(), |bits| bits.to_string());
        let costs = [Some(&layer.product_wide), layer.on_data.as_ref(), Some(&layer.any_input)];
        let list = |of: &dyn Fn(&MacCost) -> Option<f64>, digits: usize| {
            let number = |cost: &Option<&MacCost>| match cost.and_then(of) {
                Some(value) => format!("{value:.digits$}"),
                None => "-".to_owned(),
            };
            costs.iter().map(number).collect::<Vec<_>>().join(", ")
        };
        text.push_str(&format!(
            "{:<18} {:>9} {:>7} {:>8} {:>10} {:>10} {:>26} {:>26}\n",
            layer.layer,
            format!("{} × {}", layer.word_lengths[0], layer.word_lengths[1]),
            layer.terms,
            bits(layer.on_data_bits),
            layer.any_input_bits,
            layer.any_words_bits,
            list(&|cost| Some(cost.energy.total_pj()), 4),
            list(&|cost| cost.area_um2, 1),
        ));
    }
    text.push_str(&format!(
        "\nweights of an output (ℓ1 norm of the integers) and the accumulator by A2Q's bound, biases aside\n\
         {:<18} {:>12} {:>8} {:>10} {:>24}\n",
        "layer", "largest norm", "A2Q bits", "any input", "norm that A2Q admits"
    ));
    for layer in layers {
        text.push_str(&format!(
            "{:<18} {:>12} {:>8} {:>10} {:>24}\n",
            layer.layer,
            layer.weight_norm,
            layer.a2q_bits,
            layer.any_input_bits,
            layer.a2q_norm.as_deref().unwrap_or("any (exact)"),
        ));
    }
    if layers.iter().any(|layer| layer.two_levels.is_some()) {
        text.push_str(&two_levels(layers));
    }
    text
}

/// One line a layer: bits of an inner and an outer accumulator that suffice, and energy and area with those on the data.
fn two_levels(layers: &[LayerAccumulator]) -> String {
    let mut text = format!(
        "\ninner and outer accumulators (bits that suffice)\n{:<18} {:>7} {:>15} {:>16} {:>16} {:>15} {:>10} {:>10}\n",
        "layer",
        "block",
        "inner, on data",
        "inner, any input",
        "inner, any words",
        "outer, on data",
        "pJ",
        "µm²"
    );
    for layer in layers {
        let Some(found) = &layer.two_levels else { continue };
        let bits = |bits: Option<u32>| bits.map_or("> 64".to_owned(), |bits| bits.to_string());
        let number = |value: Option<f64>, digits: usize| match value {
            Some(value) => format!("{value:.digits$}"),
            None => "-".to_owned(),
        };
        text.push_str(&format!(
            "{:<18} {:>7} {:>15} {:>16} {:>16} {:>15} {:>10} {:>10}\n",
            layer.layer,
            found.inner_terms,
            bits(found.inner_on_data_bits),
            found.inner_any_input_bits,
            found.inner_any_words_bits,
            bits(found.outer_on_data_bits),
            number(found.on_data.map(|cost| cost.energy.total_pj()), 4),
            number(found.on_data.and_then(|cost| cost.area_um2), 1),
        ));
    }
    text
}
