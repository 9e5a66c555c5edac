//! Reading a file of known layout: plain or gzip, never more than is asked for.

use super::{DataError, Location};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// A file that is read from front to back, decompressed on the way if it is gzip.
///
/// Compression is recognised by the first two bytes, not by the name. Memory grows with the bytes
/// that are really there, so a header that lies cannot exhaust it.
pub(super) struct Stream<'a> {
    file: PathBuf,
    reader: Box<dyn Read + 'a>,
    offset: u64,
    compressed: bool,
}

impl<'a> Stream<'a> {
    /// Opens the file `path`.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let read_error = |source| DataError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read_error)?;
        Self::new(path, BufReader::with_capacity(1 << 16, file)).map_err(read_error)
    }

    /// Reads `bytes`; `path` only names them in errors.
    pub(super) fn of_bytes(path: &Path, bytes: &'a [u8]) -> Result<Self, DataError> {
        Self::new(path, bytes).map_err(|source| DataError::Read { path: path.to_owned(), source })
    }

    fn new(path: &Path, mut reader: impl BufRead + 'a) -> io::Result<Self> {
        let compressed = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn Read + 'a> =
            if compressed { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };
        Ok(Self { file: path.to_owned(), reader, offset: 0, compressed })
    }

    /// The file that is read.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The place `offset` bytes from the start.
    pub(super) fn location(&self, offset: u64) -> Location {
        Location { file: self.file.clone(), offset, compressed: self.compressed }
    }

    /// The next `length` bytes, which are the part `what` of the file.
    pub(super) fn take(&mut self, length: u64, what: &'static str) -> Result<Vec<u8>, DataError> {
        let bytes = self.take_up_to(length)?;
        let found = bytes.len() as u64;
        if found < length {
            let at = self.location(self.offset - found);
            return Err(DataError::Truncated { at, what, expected: length, found });
        }
        Ok(bytes)
    }

    /// The next `length` bytes, or fewer if the file ends before.
    pub(super) fn take_up_to(&mut self, length: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::with_capacity(length.min(1 << 20) as usize);
        let result = self.reader.by_ref().take(length).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        match result {
            Ok(_) => Ok(bytes),
            Err(source) => Err(self.read_error(source)),
        }
    }

    /// The next big-endian 32-bit number, which is the part `what` of the file.
    pub(super) fn take_u32(&mut self, what: &'static str) -> Result<u32, DataError> {
        let bytes = self.take(4, what)?;
        Ok(bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }

    /// Checks that the file ends here, and with it the checksum of a gzip file.
    pub(super) fn finish(mut self) -> Result<(), DataError> {
        let end = self.offset;
        if self.take_up_to(1)?.is_empty() {
            return Ok(());
        }
        Err(DataError::TrailingBytes { at: self.location(end) })
    }

    fn read_error(&self, source: io::Error) -> DataError {
        if self.compressed {
            DataError::Gzip { at: self.location(self.offset), source }
        } else {
            DataError::Read { path: self.file.clone(), source }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_gzip_give_the_same_bytes() {
        let content = [1, 2, 3, 4, 5, 6, 7];
        for bytes in [content.to_vec(), gzip(&content)] {
            let mut stream = Stream::of_bytes(Path::new("x"), &bytes).unwrap();
            assert_eq!(stream.take_u32("number").unwrap(), 0x0102_0304);
            assert_eq!(stream.take(3, "rest").unwrap(), [5, 6, 7]);
            stream.finish().unwrap();
        }
    }

    #[test]
    fn short_files_say_what_is_missing() {
        let mut stream = Stream::of_bytes(Path::new("x"), &[1, 2, 3, 4, 5]).unwrap();
        stream.take_u32("number").unwrap();
        let error = stream.take(u64::MAX, "the pixels").unwrap_err();
        insta::assert_snapshot!(error, @"`x`, byte 4: the pixels should be 18446744073709551615 bytes, but the file ends after 1 of them");
    }

    #[test]
    fn bytes_after_the_end_are_an_error() {
        let mut stream = Stream::of_bytes(Path::new("x"), &[1, 2, 3, 4, 5]).unwrap();
        stream.take_u32("number").unwrap();
        insta::assert_snapshot!(stream.finish().unwrap_err(), @"`x`, byte 4: the file should end here, but more bytes follow");
    }

    #[test]
    fn a_damaged_gzip_stream_or_checksum_is_an_error() {
        let content: Vec<u8> = (0..1000u32).map(|i| (i * i % 251) as u8).collect();
        let whole = gzip(&content);
        let mut cut = Stream::of_bytes(Path::new("x.gz"), &whole[..whole.len() / 2]).unwrap();
        let error = cut.take(1000, "the pixels").unwrap_err();
        assert!(matches!(error, DataError::Gzip { .. }), "{error}");
        let mut wrong_sum = whole.clone();
        let end = wrong_sum.len();
        wrong_sum[end - 8] ^= 1;
        let mut stream = Stream::of_bytes(Path::new("x.gz"), &wrong_sum).unwrap();
        stream.take_up_to(999).unwrap();
        let error = stream.take(1, "the pixels").and_then(|_| stream.finish()).unwrap_err();
        insta::assert_snapshot!(error, @"`x.gz`, byte 1000 of the decompressed data: the gzip stream is damaged or cut off");
    }
}
