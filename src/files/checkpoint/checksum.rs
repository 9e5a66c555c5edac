//! What a snapshot's checksum covers.

use super::SnapshotTensor;
use flate2::Crc;
use std::collections::BTreeMap;

/// CRC-32 of the whole content: the JSON text, and name, element type, shape and bytes of every
/// tensor in the order of names. Lengths go before what has no fixed length, so that nothing can move
/// from one part to the next unnoticed.
pub(super) fn checksum(meta: &str, tensors: &BTreeMap<String, SnapshotTensor>) -> String {
    let mut crc = Crc::new();
    let mut part = |bytes: &[u8]| {
        crc.update(&(bytes.len() as u64).to_le_bytes());
        crc.update(bytes);
    };
    part(meta.as_bytes());
    for (name, tensor) in tensors {
        part(name.as_bytes());
        part(tensor.dtype().to_string().as_bytes());
        let shape: Vec<u8> =
            tensor.shape().iter().flat_map(|axis| (*axis as u64).to_le_bytes()).collect();
        part(&shape);
        part(&tensor.bytes());
    }
    format!("{:08x}", crc.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(meta: &str, tensors: &[(&str, SnapshotTensor)]) -> String {
        let tensors = tensors.iter().map(|(name, tensor)| ((*name).into(), tensor.clone()));
        checksum(meta, &tensors.collect())
    }

    #[test]
    fn every_part_counts() {
        let base = of("{}", &[("a", vec![1u8, 2].into())]);
        let others = [
            of("[]", &[("a", vec![1u8, 2].into())]),
            of("{}", &[("b", vec![1u8, 2].into())]),
            of("{}", &[("a", vec![1i8, 2].into())]),
            of("{}", &[("a", SnapshotTensor::U8 { shape: vec![2, 1], data: vec![1, 2] })]),
            of("{}", &[("a", vec![1u8, 3].into())]),
            of("{}", &[("a", vec![1u8, 2].into()), ("b", Vec::<u8>::new().into())]),
        ];
        assert!(others.iter().all(|other| *other != base));
        // CRC-32 of eight zero bytes, as zlib computes it.
        assert_eq!(of("", &[]), "6522df69");
    }
}
