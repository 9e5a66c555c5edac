//! One array: header and elements.

use super::error::ArrayProblem;
use super::header::{Header, letters};
use crate::tensor::half::{float16, float16_bits};
use crate::tensor::{ElementType, Elements, Tensor};
use hwmodel::cast::low;
use std::io::{self, Read, Write};
use std::sync::Arc;

pub(super) use super::header::MAGIC;

/// Elements that are read at once.
const CHUNK: usize = 1 << 13;

/// Reads an array to the end of `from`.
pub(super) fn read(from: &mut impl Read) -> Result<Tensor, ArrayProblem> {
    let header = Header::read(from)?;
    let Header { element, .. } = header;
    let elements = match element {
        ElementType::Float16 => Elements::Float32(decoded(from, &header, |bytes| {
            Some(float16(u16::from_le_bytes(bytes)))
        })?),
        ElementType::Float32 => {
            Elements::Float32(decoded(from, &header, |b| Some(f32::from_le_bytes(b)))?)
        }
        ElementType::Float64 => {
            Elements::Float64(decoded(from, &header, |b| Some(f64::from_le_bytes(b)))?)
        }
        ElementType::Bool => {
            Elements::Integers(decoded(from, &header, |[byte]| Some(i64::from(byte != 0)))?)
        }
        ElementType::Int8 => {
            Elements::Integers(decoded(from, &header, |b| Some(i8::from_le_bytes(b).into()))?)
        }
        ElementType::UInt8 => {
            Elements::Integers(decoded(from, &header, |b| Some(u8::from_le_bytes(b).into()))?)
        }
        ElementType::Int16 => {
            Elements::Integers(decoded(from, &header, |b| Some(i16::from_le_bytes(b).into()))?)
        }
        ElementType::UInt16 => {
            Elements::Integers(decoded(from, &header, |b| Some(u16::from_le_bytes(b).into()))?)
        }
        ElementType::Int32 => {
            Elements::Integers(decoded(from, &header, |b| Some(i32::from_le_bytes(b).into()))?)
        }
        ElementType::UInt32 => {
            Elements::Integers(decoded(from, &header, |b| Some(u32::from_le_bytes(b).into()))?)
        }
        ElementType::UInt64 => Elements::Integers(decoded(from, &header, |b| {
            i64::try_from(u64::from_le_bytes(b)).ok()
        })?),
        _ => Elements::Integers(decoded(from, &header, |b| Some(i64::from_le_bytes(b)))?),
    };
    Ok(Tensor::new(header.shape, element, elements).expect("as many elements as the shape has"))
}

/// The elements in row-major order; `value` gets the bytes of one, the lowest first.
fn decoded<T: Copy, const N: usize>(
    from: &mut impl Read,
    header: &Header,
    value: impl Fn([u8; N]) -> Option<T>,
) -> Result<Arc<Vec<T>>, ArrayProblem> {
    let count: usize = header.shape.iter().product();
    let needed = (count * N) as u64;
    let mut values = Vec::new();
    let mut bytes = Vec::with_capacity(CHUNK * N);
    let mut found = 0;
    while values.len() < count {
        let wanted = (count - values.len()).min(CHUNK) * N;
        bytes.clear();
        from.by_ref().take(wanted as u64).read_to_end(&mut bytes)?;
        found += bytes.len() as u64;
        if bytes.len() < wanted {
            return Err(ArrayProblem::Short { needed, found });
        }
        // Memory is taken for the bytes that were read, never for what the header claims.
        if values.capacity() < values.len() + bytes.len() / N {
            values.reserve_exact((2 * values.len()).max(CHUNK).min(count - values.len()));
        }
        for chunk in bytes.chunks_exact(N) {
            let mut word = [0; N];
            word.copy_from_slice(chunk);
            if header.big_endian {
                word.reverse();
            }
            values.push(value(word).ok_or(ArrayProblem::TooHigh)?);
        }
    }
    let mut more = [0];
    if from.read(&mut more)? > 0 {
        return Err(ArrayProblem::Long(needed));
    }
    if header.fortran {
        values = row_major(&values, &header.shape);
    }
    Ok(Arc::new(values))
}

/// Elements whose first axis runs fastest, in the order in which the last one does.
fn row_major<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut steps = Vec::with_capacity(shape.len());
    let mut step = 1;
    for size in shape {
        steps.push(step);
        step *= size;
    }
    let mut place = vec![0; shape.len()];
    let mut at = 0;
    let mut found = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        found.push(values[at]);
        for axis in (0..shape.len()).rev() {
            place[axis] += 1;
            at += steps[axis];
            if place[axis] < shape[axis] {
                break;
            }
            at -= steps[axis] * shape[axis];
            place[axis] = 0;
        }
    }
    found
}

/// Writes `tensor` as NumPy's `save` does: version 1.0, C order, little endian. Types that NumPy lacks become the next larger one:
/// bfloat16 float32, integers of 2 and 4 bits those of 8.
///
/// # Errors
/// If `to` cannot be written.
pub fn write_npy(mut to: impl Write, tensor: &Tensor) -> io::Result<()> {
    to.write_all(&Header::written(tensor.element(), tensor.shape()))?;
    let letters = letters(tensor.element());
    match tensor.elements() {
        Elements::Float32(values) if letters == "f2" => {
            encoded(to, values, |value| float16_bits(value).to_le_bytes())
        }
        Elements::Float32(values) => encoded(to, values, f32::to_le_bytes),
        Elements::Float64(values) => encoded(to, values, f64::to_le_bytes),
        // The lowest bytes of an integer in the range of its type are that integer.
        Elements::Integers(values) => match letters {
            "i8" | "u8" => encoded(to, values, i64::to_le_bytes),
            "i4" | "u4" => encoded(to, values, |value| low::<u32>(value).to_le_bytes()),
            "i2" | "u2" => encoded(to, values, |value| low::<u16>(value).to_le_bytes()),
            _ => encoded(to, values, |value| [low::<u8>(value)]),
        },
    }
}

fn encoded<T: Copy, const N: usize>(
    mut to: impl Write,
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> io::Result<()> {
    for chunk in values.chunks(CHUNK) {
        let block: Vec<u8> = chunk.iter().flat_map(|&value| bytes(value)).collect();
        to.write_all(&block)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_axis_may_run_fastest() {
        assert_eq!(row_major(&[1, 4, 2, 5, 3, 6], &[2, 3]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(row_major(&[7], &[]), [7]);
        assert!(row_major::<u8>(&[], &[0, 3]).is_empty());
    }
}
