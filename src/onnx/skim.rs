//! Reads the parts of a model that are needed, within limits, and skips the others.
//!
//! A model may hold gigabytes of weights inside its messages. This walks the wire format
//! (protobuf.dev/programming-guides/encoding), copies what is needed and seeks over the rest, so that weights are never in
//! memory if only the structure is wanted. A few bytes of a hostile file can become a message of hundreds of bytes: the
//! messages are counted before any is made.

use super::error::OnnxError;
use hwmodel::cast::low;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

/// Data of a tensor up to this many bytes are copied: constants that shapes are computed from.
const MAX_PAYLOAD_BYTES: u64 = 1 << 16;
/// Everything besides the elements of tensors that is copied together.
const MAX_MIB: u64 = 64;
/// A file that is read with all its values: protocol buffers have this limit themselves.
const MAX_GIB: u64 = 2;
/// Nodes, attributes, tensors and descriptions of values together.
const MAX_MESSAGES: u64 = 1 << 20;

/// What is read of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Everything but the elements of large tensors.
    Structure,
    /// All elements too.
    Values,
}

/// The messages that are looked into.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    /// A tensor of which only the name matters.
    Named,
}

/// Treatment of a field: descended into, copied or skipped.
#[derive(Debug, Clone, Copy)]
enum Action {
    Descend(Kind),
    Copy,
    /// Copied if it is short.
    Payload,
    Skip,
}

impl Kind {
    /// Treatment of field `number` of this message.
    fn action(self, number: u64) -> Action {
        match (self, number) {
            (Self::Model, 7) => Action::Descend(Self::Graph),
            (Self::Model, 1 | 8) => Action::Copy,
            (Self::Graph, 1) => Action::Descend(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5) => Action::Descend(Self::Tensor),
            (Self::Graph, 11..=13) => Action::Copy,
            (Self::Graph, 15) => Action::Descend(Self::SparseTensor),
            (Self::Node, 5) => Action::Descend(Self::Attribute),
            (Self::Node, 1..=4 | 7) => Action::Copy,
            (Self::Attribute, 1..=3 | 9 | 20) => Action::Copy,
            (Self::Attribute, 4 | 7 | 8) => Action::Payload,
            (Self::Tensor, 1 | 2 | 8 | 13 | 14) => Action::Copy,
            (Self::Tensor, 4 | 5 | 7 | 9..=11) => Action::Payload,
            (Self::SparseTensor, 1) => Action::Descend(Self::Named),
            (Self::Named, 8) => Action::Copy,
            _ => Action::Skip,
        }
    }
}

/// The model `source` without documentation and other fields that are not needed, and without what `keep` leaves out.
///
/// # Errors
/// If it cannot be read, ends early, is not a protocol buffer, has too many messages, or too much besides weights.
pub(super) fn skim(mut source: impl Read + Seek, keep: Keep) -> Result<Vec<u8>, OnnxError> {
    let length = source.seek(SeekFrom::End(0)).map_err(OnnxError::Io)?;
    source.seek(SeekFrom::Start(0)).map_err(OnnxError::Io)?;
    if keep == Keep::Values && length > MAX_GIB << 30 {
        return Err(OnnxError::LargeFile(MAX_GIB));
    }
    let mut skimmer =
        Skimmer { source: io::BufReader::new(source), keep, position: 0, copied: 0, messages: 0 };
    let mut structure = Vec::new();
    skimmer.message(Kind::Model, length, &mut structure)?;
    Ok(structure)
}

struct Skimmer<R> {
    source: io::BufReader<R>,
    keep: Keep,
    position: u64,
    copied: u64,
    messages: u64,
}

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

impl<R: Read + Seek> Skimmer<R> {
    /// Copies what is wanted of the message `kind` that ends at byte `end`.
    fn message(&mut self, kind: Kind, end: u64, out: &mut Vec<u8>) -> Result<(), OnnxError> {
        while self.position < end {
            let start = self.position;
            let key = self.varint(end)?;
            let action = kind.action(key >> 3);
            let length = match key & 7 {
                VARINT => {
                    let value = self.varint(end)?;
                    if !matches!(action, Action::Skip) {
                        self.count(20)?;
                        put_varint(out, key);
                        put_varint(out, value);
                    }
                    continue;
                }
                FIXED64 => 8,
                FIXED32 => 4,
                LENGTH => self.varint(end)?,
                other => {
                    let what = format!("wire type {other} at byte {start}");
                    return Err(OnnxError::Malformed(what));
                }
            };
            if length > end - self.position {
                return Err(OnnxError::Truncated(self.position));
            }
            let delimited = key & 7 == LENGTH;
            match action {
                Action::Descend(child) if delimited => {
                    self.message_made()?;
                    let mut message = Vec::new();
                    self.message(child, self.position + length, &mut message)?;
                    put_varint(out, key);
                    put_varint(out, message.len() as u64);
                    out.append(&mut message);
                }
                Action::Copy => {
                    if matches!(kind, Kind::Graph) {
                        self.message_made()?;
                    }
                    self.count(20 + length)?;
                    self.copy(key, length, delimited, out)?;
                }
                Action::Payload if self.keep == Keep::Values => {
                    self.copy(key, length, delimited, out)?;
                }
                Action::Payload if length <= MAX_PAYLOAD_BYTES => {
                    self.count(20 + length)?;
                    self.copy(key, length, delimited, out)?;
                }
                _ => self.skip(length)?,
            }
        }
        Ok(())
    }

    fn copy(
        &mut self,
        key: u64,
        length: u64,
        delimited: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), OnnxError> {
        put_varint(out, key);
        if delimited {
            put_varint(out, length);
        }
        let copied = (&mut self.source).take(length).read_to_end(out).map_err(OnnxError::Io)?;
        self.position += copied as u64;
        if copied as u64 == length { Ok(()) } else { Err(OnnxError::Truncated(self.position)) }
    }

    fn skip(&mut self, length: u64) -> Result<(), OnnxError> {
        let distance = i64::try_from(length).map_err(|_| OnnxError::Truncated(self.position))?;
        self.source.seek_relative(distance).map_err(OnnxError::Io)?;
        self.position += length;
        Ok(())
    }

    /// Refuses more messages than a model can have.
    fn message_made(&mut self) -> Result<(), OnnxError> {
        self.messages += 1;
        if self.messages > MAX_MESSAGES {
            return Err(OnnxError::TooManyParts(MAX_MESSAGES));
        }
        Ok(())
    }

    /// Refuses to copy more than a model's structure can be.
    fn count(&mut self, bytes: u64) -> Result<(), OnnxError> {
        self.copied += bytes;
        if self.copied > MAX_MIB << 20 { Err(OnnxError::TooLarge(MAX_MIB)) } else { Ok(()) }
    }

    /// The variable-length integer at the current position, before byte `end`.
    fn varint(&mut self, end: u64) -> Result<u64, OnnxError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            if self.position >= end {
                return Err(OnnxError::Truncated(self.position));
            }
            let mut byte = [0];
            self.source.read_exact(&mut byte).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => OnnxError::Truncated(self.position),
                _ => OnnxError::Io(error),
            })?;
            self.position += 1;
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        Err(OnnxError::Malformed(format!("no integer at byte {}", self.position)))
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low::<u8>(value) | 0x80);
        value >>= 7;
    }
    out.push(low::<u8>(value));
}

#[cfg(test)]
mod tests {
    use super::super::proto::{Graph, Model, Node, Tensor};
    use super::*;
    use prost::Message;
    use std::io::Cursor;

    fn model(bytes: usize) -> Model {
        let tensor = Tensor {
            dims: vec![bytes as i64],
            data_type: 1,
            name: "weight".to_owned(),
            raw_data: vec![7; bytes],
            ..Tensor::default()
        };
        let node = Node { op_type: "Relu".to_owned(), ..Node::default() };
        let graph = Graph { node: vec![node], initializer: vec![tensor], ..Graph::default() };
        Model { graph: Some(graph), ..Model::default() }
    }

    #[test]
    fn short_data_are_kept_and_long_ones_skipped() {
        let short = model(40);
        let structure = skim(Cursor::new(short.encode_to_vec()), Keep::Structure).unwrap();
        assert_eq!(Model::decode(structure.as_slice()).unwrap(), short);
        let structure = skim(Cursor::new(model(1 << 20).encode_to_vec()), Keep::Structure).unwrap();
        assert!(structure.len() < 100);
        let graph = Model::decode(structure.as_slice()).unwrap().graph.unwrap();
        assert_eq!(graph.initializer[0].dims, [1 << 20]);
        assert!(graph.initializer[0].raw_data.is_empty());
    }

    #[test]
    fn all_values_are_kept_where_they_are_wanted() {
        let long = model(1 << 20);
        let all = skim(Cursor::new(long.encode_to_vec()), Keep::Values).unwrap();
        assert_eq!(Model::decode(all.as_slice()).unwrap(), long);
    }

    #[test]
    fn more_messages_than_a_model_has_are_refused_before_one_is_made() {
        // Two bytes each: field 1 of a graph, length 0.
        let nodes = [0x0a, 0].repeat((1 << 20) + 1);
        let mut bytes = vec![0x3a];
        put_varint(&mut bytes, nodes.len() as u64);
        bytes.extend(nodes);
        let error = skim(Cursor::new(bytes), Keep::Values).unwrap_err();
        assert!(matches!(error, OnnxError::TooManyParts(_)), "{error}");
    }

    #[test]
    fn a_file_cut_anywhere_is_truncated_or_shorter() {
        let bytes = model(300).encode_to_vec();
        for end in 1..bytes.len() {
            let error = skim(Cursor::new(&bytes[..end]), Keep::Values).unwrap_err();
            assert!(matches!(error, OnnxError::Truncated(_)), "{end}: {error}");
        }
    }

    #[test]
    fn lengths_beyond_the_file_are_refused_without_allocation() {
        // Field 7, length 2^62.
        let mut bytes = vec![0x3a];
        put_varint(&mut bytes, 1 << 62);
        assert!(matches!(skim(Cursor::new(bytes), Keep::Values), Err(OnnxError::Truncated(_))));
        // Eleven continuation bytes.
        let error = skim(Cursor::new(vec![0xff; 11]), Keep::Structure).unwrap_err();
        assert!(matches!(error, OnnxError::Malformed(_)), "{error}");
        // A group, which ONNX does not use.
        assert!(matches!(
            skim(Cursor::new(vec![0x0b]), Keep::Structure),
            Err(OnnxError::Malformed(_))
        ));
    }
}
