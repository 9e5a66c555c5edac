//! Attention of opsets 23 and 24, and RotaryEmbedding, on the float unit.

use crate::graph::axes::{broadcast, elements, spread};
use crate::graph::operator::wide_of;
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Operator, Value};
use crate::onnx::model::ElementType;
use hwmodel::cast::exact;

/// softmax(q kᵀ · scale + mask) v for each head.
struct Attention {
    query_heads: Option<usize>,
    key_heads: Option<usize>,
    scale: Option<f64>,
    softcap: f64,
    causal: bool,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["Attention", "RotaryEmbedding"];

fn heads(definition: &Definition<'_>, name: &'static str) -> Result<Option<usize>, Problem> {
    let count = definition.integer(name, 0)?;
    match usize::try_from(count) {
        Ok(0) => Ok(None),
        Ok(count) => Ok(Some(count)),
        Err(_) => {
            let (value, allowed) = (count.to_string(), "a number of heads above 0 is needed");
            Err(Problem::Attribute { name, value, allowed })
        }
    }
}

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    if definition.node.operator == "RotaryEmbedding" {
        definition.expect_inputs(3, 4)?;
        return Ok(Box::new(Rotary {
            interleaved: definition.flag("interleaved")?,
            heads: heads(definition, "num_heads")?,
            width: heads(definition, "rotary_embedding_dim")?,
        }));
    }
    definition.expect_inputs(3, 7)?;
    let named = |index: usize| {
        definition.node.outputs.get(index).is_some_and(|name: &String| !name.is_empty())
    };
    if (4..7).any(|index| definition.has_input(index)) || (1..4).any(named) {
        return Err(Problem::Unsupported(
            "it keeps keys and values of earlier steps (a cache) or returns its scores: export the network without a cache".to_owned(),
        ));
    }
    for name in ["left_window_size", "right_window_size"] {
        let size = definition.integer(name, -1)?;
        if size != -1 {
            let (value, allowed) = (size.to_string(), "windows are not supported: -1 is needed");
            return Err(Problem::Attribute { name, value, allowed });
        }
    }
    let softcap: f64 = definition.real("softcap", 0.0)?.into();
    if softcap < 0.0 || softcap.is_nan() {
        let (value, allowed) = (softcap.to_string(), "0 or more is needed");
        return Err(Problem::Attribute { name: "softcap", value, allowed });
    }
    Ok(Box::new(Attention {
        query_heads: heads(definition, "q_num_heads")?,
        key_heads: heads(definition, "kv_num_heads")?,
        scale: match definition.node.attribute("scale") {
            Some(_) => Some(definition.real("scale", 1.0)?.into()),
            None => None,
        },
        softcap,
        causal: definition.flag("is_causal")?,
    }))
}

/// `[batch, heads, tokens, width]` in any layout of rows.
#[derive(Debug, Clone, Copy)]
struct Layout {
    batch: usize,
    heads: usize,
    tokens: usize,
    width: usize,
    /// Whether a token has its heads side by side: `[batch, tokens, heads · width]`.
    flat: bool,
}

impl Layout {
    fn of(what: &str, shape: &[usize], heads: Option<usize>) -> Result<Self, Problem> {
        match (shape, heads) {
            (&[batch, heads, tokens, width], _) => {
                Ok(Self { batch, heads, tokens, width, flat: false })
            }
            (&[batch, tokens, all], Some(heads)) if all.is_multiple_of(heads) => {
                Ok(Self { batch, heads, tokens, width: all / heads, flat: true })
            }
            _ => Err(Problem::Shape(format!(
                "its {what} has shape {shape:?}, with {} heads: four axes, or three whose last one is a multiple of the heads are needed",
                heads.map_or("no number of".to_owned(), |heads| heads.to_string())
            ))),
        }
    }

    fn shape(self) -> Vec<usize> {
        match self.flat {
            true => vec![self.batch, self.tokens, self.heads * self.width],
            false => vec![self.batch, self.heads, self.tokens, self.width],
        }
    }

    /// Where the row of a token begins.
    fn row(self, batch: usize, head: usize, token: usize) -> usize {
        let row = match self.flat {
            true => (batch * self.tokens + token) * self.heads + head,
            false => (batch * self.heads + head) * self.tokens + token,
        };
        row * self.width
    }
}

impl Attention {
    /// What is added to the scores `[batch, heads, queries, keys]`; false of a truth value is minus infinity.
    fn mask(&self, call: &Call<'_>, q: Layout, k: Layout) -> Result<Option<Vec<f64>>, Problem> {
        let Some(mask) = call.optional(3) else { return Ok(None) };
        let is_truth = mask.element() == ElementType::Bool;
        let given = mask.wide();
        let add = |&value: &f64| match value {
            _ if !is_truth => value,
            0.0 => f64::NEG_INFINITY,
            _ => 0.0,
        };
        let mut values: Vec<f64> = given.iter().map(add).collect();
        let mut shape = mask.shape().to_vec();
        // Keys behind the end of a short mask are masked.
        if let Some(last) = shape.last_mut().filter(|last| **last > 1 && **last < k.tokens) {
            let masked = vec![f64::NEG_INFINITY; k.tokens - *last];
            values = values.chunks(*last).flat_map(|row| [row, &masked].concat()).collect();
            *last = k.tokens;
        }
        let to = [q.batch, q.heads, q.tokens, k.tokens];
        if broadcast(&[&shape, &to])? != to {
            let why = format!("a mask of shape {shape:?} for scores of shape {to:?}");
            return Err(Problem::Shape(why));
        }
        Ok(Some(spread((&values, &shape), &to)))
    }
}

/// Softmax of scores; all zeros if every one is masked.
fn weigh(scores: &mut [f64]) {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return scores.fill(0.0);
    }
    scores.iter_mut().for_each(|score| *score = libm::exp(*score - top));
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

impl Operator for Attention {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (query, key, value) = (call.input(0)?, call.input(1)?, call.input(2)?);
        let q = Layout::of("query", query.shape(), self.query_heads)?;
        let k = Layout::of("key", key.shape(), self.key_heads)?;
        let v = Layout::of("value", value.shape(), self.key_heads)?;
        let fits = k.batch == q.batch
            && v.batch == q.batch
            && k.heads == v.heads
            && k.tokens == v.tokens
            && k.width == q.width
            && q.heads.is_multiple_of(k.heads.max(1));
        if !fits {
            let why = format!(
                "query, key and value of shapes {:?}, {:?} and {:?} do not fit",
                query.shape(),
                key.shape(),
                value.shape()
            );
            return Err(Problem::Shape(why));
        }
        let y = Layout { width: v.width, ..q };
        elements(&[q.batch, q.heads, q.tokens, k.tokens])?;
        let mut output = vec![0.0; elements(&y.shape())?];
        let mask = self.mask(call, q, k)?;
        let numbers = |value| wide_of("input", value);
        let (query, key, value) = (numbers(query)?, numbers(key)?, numbers(value)?);
        let scale = self.scale.unwrap_or(1.0 / (q.width as f64).sqrt());
        let group = q.heads / k.heads.max(1);
        let mut scores = vec![0.0; k.tokens];
        for batch in 0..q.batch {
            for head in 0..q.heads {
                for token in 0..q.tokens {
                    let row = q.row(batch, head, token);
                    let row = &query[row..row + q.width];
                    for (other, score) in scores.iter_mut().enumerate() {
                        let at = k.row(batch, head / group, other);
                        let sum =
                            row.iter().zip(&key[at..at + k.width]).map(|(q, k)| q * k).sum::<f64>();
                        *score = sum * scale;
                        if self.softcap > 0.0 {
                            *score = self.softcap * libm::tanh(*score / self.softcap);
                        }
                        if let Some(mask) = &mask {
                            let line = (batch * q.heads + head) * q.tokens + token;
                            *score += mask[line * k.tokens + other];
                        }
                        if self.causal && other > token {
                            *score = f64::NEG_INFINITY;
                        }
                    }
                    weigh(&mut scores);
                    let to = y.row(batch, head, token);
                    let to = &mut output[to..to + y.width];
                    for (other, &weight) in
                        scores.iter().enumerate().filter(|(_, weight)| **weight != 0.0)
                    {
                        let at = v.row(batch, head / group, other);
                        to.iter_mut()
                            .zip(&value[at..at + v.width])
                            .for_each(|(y, v)| *y += weight * v);
                    }
                }
            }
        }
        Ok(vec![call.reals(0, y.shape(), output)?])
    }
}

/// Pairs of numbers of each head turned by the angles of its position.
struct Rotary {
    /// Whether pairs are neighbours; otherwise they are half a width apart.
    interleaved: bool,
    heads: Option<usize>,
    /// Numbers of a head that are turned; all if it is not given.
    width: Option<usize>,
}

impl Operator for Rotary {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape().to_vec();
        let layout = Layout::of("input", &shape, self.heads)?;
        let width = self.width.unwrap_or(layout.width);
        let half = width / 2;
        let wrong = |what: &str, shape: &[usize]| {
            let why = format!("{what} of shape {shape:?} for an input of shape {:?}", x.shape());
            Problem::Shape(why)
        };
        if width > layout.width || !width.is_multiple_of(2) {
            return Err(wrong("pairs", &[width]));
        }
        let (cosines, sines) = (call.input(1)?, call.input(2)?);
        let positions = call.list(3, "positions")?;
        let rows = match (&positions, cosines.shape()) {
            (Some(positions), &[rows, own]) if own == half => {
                if positions.len() != layout.batch * layout.tokens {
                    return Err(wrong("positions", &[positions.len()]));
                }
                rows
            }
            (None, &[batch, tokens, own])
                if [batch, tokens, own] == [layout.batch, layout.tokens, half] =>
            {
                batch * tokens
            }
            (_, shape) => return Err(wrong("cosines", shape)),
        };
        if sines.shape() != cosines.shape() {
            return Err(wrong("sines", sines.shape()));
        }
        let (cosines, sines) = (wide_of("cosines", cosines)?, wide_of("sines", sines)?);
        let mut values = wide_of("input", x)?.into_owned();
        for batch in 0..layout.batch {
            for token in 0..layout.tokens {
                let line = batch * layout.tokens + token;
                let place = match &positions {
                    Some(positions) => positions[line],
                    None => exact(line),
                };
                let place = usize::try_from(place).ok().filter(|&place| place < rows);
                let place = place.ok_or_else(|| wrong("positions", &[rows]))? * half;
                for head in 0..layout.heads {
                    let row = layout.row(batch, head, token);
                    for pair in 0..half {
                        let (cosine, sine) = (cosines[place + pair], sines[place + pair]);
                        let (a, b) = match self.interleaved {
                            true => (row + 2 * pair, row + 2 * pair + 1),
                            false => (row + pair, row + half + pair),
                        };
                        let (real, imaginary) = (values[a], values[b]);
                        values[a] = cosine * real - sine * imaginary;
                        values[b] = sine * real + cosine * imaginary;
                    }
                }
            }
        }
        Ok(vec![call.reals(0, shape, values)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;

    fn near(a: &[f64], b: &[f64]) {
        let equal = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(equal, "{a:?} is not {b:?}");
    }

    /// Two queries and two keys, of one number each; scores are ln 1, ln 3 for both queries.
    fn attention() -> Case {
        let case = Case::new("Attention").reals(&[1, 1, 2, 1], &[1.0, 1.0]);
        let case = case.reals(&[1, 1, 2, 1], &[0.0, 3f64.ln()]);
        case.reals(&[1, 1, 2, 1], &[4.0, 8.0])
    }

    #[test]
    fn scores_are_masked() {
        near(&attention().numbers(), &[7.0, 7.0]);
        near(&attention().int("is_causal", 1).numbers(), &[4.0, 7.0]);
        near(&attention().truths(&[2, 2], &[0, 1, 0, 0]).numbers(), &[8.0, 0.0]);
        near(&attention().reals(&[1, 2], &[3f64.ln(), 0.0]).numbers(), &[6.0, 6.0]);
        near(&attention().float("scale", 0.0).numbers(), &[6.0, 6.0]);
        assert!(attention().reals(&[3, 3], &[0.0; 9]).run().is_err());
        let cache = attention().skip().reals(&[1, 1, 0, 1], &[]).run().unwrap_err();
        assert!(cache.to_string().contains("without a cache"));
    }

    #[test]
    fn heads_share_keys() {
        let case = Case::new("Attention").int("q_num_heads", 2).int("kv_num_heads", 1);
        let case = case.reals(&[1, 1, 2], &[0.0, 1.0]).reals(&[1, 2, 1], &[0.0, 3f64.ln()]);
        let y = case.reals(&[1, 2, 1], &[4.0, 8.0]).run().unwrap();
        assert_eq!(y[0].shape(), [1, 1, 2]);
        near(&y[0].wide(), &[6.0, 7.0]);
        let odd = Case::new("Attention").reals(&[1, 1, 2], &[0.0; 2]).reals(&[1, 2, 1], &[0.0; 2]);
        assert!(odd.reals(&[1, 2, 1], &[0.0; 2]).run().is_err());
    }

    #[test]
    fn pairs_are_turned() {
        let case = |interleaved| {
            let case = Case::new("RotaryEmbedding").int("interleaved", interleaved);
            let case = case.reals(&[1, 1, 1, 4], &[1.0, 2.0, 3.0, 4.0]);
            case.reals(&[2, 2], &[9.0, 9.0, 0.0, 1.0]).reals(&[2, 2], &[9.0, 9.0, 1.0, 0.0])
        };
        let at = |case: Case, place| case.integers(&[1, 1], super::ElementType::Int64, &[place]);
        near(&at(case(0), 1).numbers(), &[-3.0, 2.0, 1.0, 4.0]);
        near(&at(case(1), 1).numbers(), &[-2.0, 1.0, 3.0, 4.0]);
        assert!(at(case(0), 2).run().is_err());
    }
}
