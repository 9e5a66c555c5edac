//! The warning that an accumulator overflowed because it has fewer bits than products have fractional bits, so that it
//! holds no sum of 1 or more: results are near chance level then, and no other output shows the cause.

use crate::network::Network;
use hwmodel::array::width;
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::{Accumulator, FixedTensor};

/// The sums of a layer.
pub(super) struct Sums<'a> {
    pub(super) layer: &'a str,
    /// Fractional bits of its products.
    pub(super) fractional_bits: i32,
    /// Accumulator bits that no words of its formats can overflow.
    pub(super) sufficient: u32,
}

/// The warning about an accumulator in which `events` additions of `sums` overflowed, if there is reason for it.
pub(super) fn of_sums<'a>(
    sums: impl IntoIterator<Item = Sums<'a>>,
    accumulator: Accumulator,
    events: u64,
) -> Option<String> {
    let AccumulatorWidth::Bits(bits) = accumulator.width else { return None };
    let bits = u32::from(bits);
    if events == 0 {
        return None;
    }
    let sums: Vec<Sums<'a>> = sums.into_iter().collect();
    let sufficient = sums.iter().map(|sums| sums.sufficient).max()?;
    let worst = sums.iter().rev().max_by_key(|sums| sums.fractional_bits)?;
    let (layer, product) = (worst.layer, worst.fractional_bits);
    (product >= bits as i32).then(|| {
        format!(
            "the products of layer `{layer}` have {product} fractional bits, and an accumulator of {bits} bits holds no sum of 1 or more with \
             them: {events} additions overflowed; `--accumulator {sufficient}` suffices for any input"
        )
    })
}

/// The same for the forward products of `network`, with the formats that it has now.
pub(super) fn of_network(
    network: &Network,
    accumulator: Accumulator,
    events: u64,
) -> Option<String> {
    let layers = network.mac_layers.iter().filter(|layer| layer.has_weight());
    let sums = layers.filter_map(|layer| {
        let parameter = &network.parameters[layer.weight];
        let input = parameter.formats.activation.fixed()?;
        let weight = FixedTensor::format(parameter.quantised.as_ref()?);
        let terms = parameter.shape.iter().skip(1).product::<usize>() as u64;
        Some(Sums {
            layer: &layer.name,
            fractional_bits: input.fl() + weight.fl(),
            sufficient: width::any_words(input, weight, Some(weight), terms),
        })
    });
    of_sums(sums, accumulator, events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::Overflow;

    #[test]
    fn it_comes_only_where_overflow_has_this_reason() {
        let of = |bits, fractional_bits, events| {
            let width = AccumulatorWidth::bits(bits).unwrap();
            let sums = [("a", 3, 20), ("b", fractional_bits, 18)];
            let sums = sums.map(|(layer, fractional_bits, sufficient)| Sums {
                layer,
                fractional_bits,
                sufficient,
            });
            of_sums(sums, Accumulator::new(width, Overflow::Saturate), events)
        };
        assert_eq!(of(12, 12, 0), None, "nothing overflowed");
        assert_eq!(of(12, 11, 5), None, "sums of 1 fit");
        insta::assert_snapshot!(of(12, 12, 5).unwrap(), @"the products of layer `b` have 12 fractional bits, and an accumulator of 12 bits holds no sum of 1 or more with them: 5 additions overflowed; `--accumulator 20` suffices for any input");
        let exact = Accumulator::new(AccumulatorWidth::Exact, Overflow::Wrap);
        let sums = [Sums { layer: "a", fractional_bits: 99, sufficient: 99 }];
        assert_eq!(of_sums(sums, exact, 1), None);
    }
}
