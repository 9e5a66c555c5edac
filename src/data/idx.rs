//! The IDX format of the MNIST family: a big-endian header and bytes.
//!
//! Images: magic 2051, count, rows, columns, then count · rows · columns bytes. Labels: magic 2049,
//! count, then count bytes.

use super::DataError;
use super::stream::Stream;
use hwmodel::cast::exact;
use std::path::PathBuf;

const IMAGES_MAGIC: u32 = 2051;
const LABELS_MAGIC: u32 = 2049;

/// The most rows or columns of an image. Real files have 28; the bound rejects corrupt headers.
const MAX_SIDE: u32 = 1024;

/// The most bytes of pixels. The largest EMNIST file has 547 million.
const MAX_BYTES: u64 = 1 << 32;

/// The images of one IDX file, grey, `[count, height, width]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IdxImages {
    pub(super) file: PathBuf,
    pub(super) count: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) pixels: Vec<u8>,
}

/// Reads an image file to its end.
pub(super) fn read_images(mut stream: Stream<'_>) -> Result<IdxImages, DataError> {
    expect_magic(&mut stream, IMAGES_MAGIC)?;
    let count = stream.take_u32("the number of images")?;
    let height = stream.take_u32("the number of rows")?;
    let width = stream.take_u32("the number of columns")?;
    let file = stream.file().to_owned();
    if count == 0 {
        return Err(DataError::Empty { path: file });
    }
    let sides = 1..=MAX_SIDE;
    let bytes = u64::from(count).saturating_mul(u64::from(height) * u64::from(width));
    if !sides.contains(&height) || !sides.contains(&width) || bytes > MAX_BYTES {
        let (at, max_side, max_bytes) = (stream.location(4), MAX_SIDE, MAX_BYTES);
        return Err(DataError::Shape { at, count, height, width, max_side, max_bytes });
    }
    let pixels = stream.take(bytes, "the pixels")?;
    stream.finish()?;
    let [count, height, width] = [count, height, width].map(|number| number as usize);
    Ok(IdxImages { file, count, height, width, pixels })
}

/// Reads a label file to its end and returns the labels less `first`, the lowest label of `classes`.
pub(super) fn read_labels(
    mut stream: Stream<'_>,
    first: u16,
    classes: usize,
) -> Result<Vec<u16>, DataError> {
    const HEADER_BYTES: u64 = 8;
    expect_magic(&mut stream, LABELS_MAGIC)?;
    let count = stream.take_u32("the number of labels")?;
    if count == 0 {
        return Err(DataError::Empty { path: stream.file().to_owned() });
    }
    let bytes = stream.take(u64::from(count), "the labels")?;
    let mut labels = Vec::with_capacity(bytes.len());
    for (index, &byte) in bytes.iter().enumerate() {
        let label = u16::from(byte);
        match label.checked_sub(first) {
            Some(class) if usize::from(class) < classes => labels.push(class),
            _ => {
                let at = stream.location(HEADER_BYTES + index as u64);
                let last = first + exact::<u16>(classes - 1);
                return Err(DataError::Label { at, label, first, last });
            }
        }
    }
    stream.finish()?;
    Ok(labels)
}

fn expect_magic(stream: &mut Stream<'_>, expected: u32) -> Result<(), DataError> {
    let found = stream.take_u32("the magic number")?;
    if found == expected {
        return Ok(());
    }
    Err(DataError::Magic { at: stream.location(0), expected, found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;
    use std::path::Path;

    fn stream(bytes: &[u8]) -> Stream<'_> {
        Stream::of_bytes(Path::new("file"), bytes).unwrap()
    }

    fn header(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn with(mut header: Vec<u8>, content: &[u8]) -> Vec<u8> {
        header.extend_from_slice(content);
        header
    }

    #[test]
    fn images_and_labels_are_read() {
        let bytes = with(header(&[2051, 2, 1, 3]), &[1, 2, 3, 4, 5, 6]);
        let images = read_images(stream(&bytes)).unwrap();
        assert_eq!((images.count, images.height, images.width), (2, 1, 3));
        assert_eq!(images.pixels, [1, 2, 3, 4, 5, 6]);
        let bytes = with(header(&[2049, 3]), &[1, 26, 2]);
        assert_eq!(read_labels(stream(&bytes), 1, 26).unwrap(), [0, 25, 1]);
    }

    #[test]
    fn broken_image_files_are_explained() {
        let explain = |bytes: &[u8]| read_images(stream(bytes)).unwrap_err().to_string();
        insta::assert_snapshot!(explain(&[]), @"`file`, byte 0: the magic number should be 4 bytes, but the file ends after 0 of them");
        insta::assert_snapshot!(explain(&header(&[2049, 2])), @"`file`, byte 0: magic number 2049 (IDX labels), expected 2051 (IDX images)");
        insta::assert_snapshot!(explain(b"<!DOCTYPE html>"), @"`file`, byte 0: magic number 1008813135 (not an IDX file of bytes), expected 2051 (IDX images)");
        insta::assert_snapshot!(explain(&header(&[2051, 0, 28, 28])), @"`file` has no images");
        insta::assert_snapshot!(explain(&header(&[2051, 1, 0, 28])), @"`file`, byte 4: the header claims 1 images of 0×28 pixels; expected 1 to 1024 pixels a side and at most 4294967296 bytes in all");
        insta::assert_snapshot!(explain(&header(&[2051, u32::MAX, 28, 28])), @"`file`, byte 4: the header claims 4294967295 images of 28×28 pixels; expected 1 to 1024 pixels a side and at most 4294967296 bytes in all");
        insta::assert_snapshot!(explain(&header(&[2051, u32::MAX, u32::MAX, u32::MAX])), @"`file`, byte 4: the header claims 4294967295 images of 4294967295×4294967295 pixels; expected 1 to 1024 pixels a side and at most 4294967296 bytes in all");
        insta::assert_snapshot!(explain(&with(header(&[2051, 4_000_000_000, 1, 1]), &[7; 9])), @"`file`, byte 16: the pixels should be 4000000000 bytes, but the file ends after 9 of them");
        insta::assert_snapshot!(explain(&with(header(&[2051, 1, 2, 2]), &[7; 5])), @"`file`, byte 20: the file should end here, but more bytes follow");
    }

    #[test]
    fn broken_label_files_are_explained() {
        let explain = |bytes: &[u8], first, classes| {
            read_labels(stream(bytes), first, classes).unwrap_err().to_string()
        };
        insta::assert_snapshot!(explain(&header(&[2051, 2]), 0, 10), @"`file`, byte 0: magic number 2051 (IDX images), expected 2049 (IDX labels)");
        insta::assert_snapshot!(explain(&header(&[2049, 0]), 0, 10), @"`file` has no images");
        insta::assert_snapshot!(explain(&header(&[2049, u32::MAX]), 0, 10), @"`file`, byte 8: the labels should be 4294967295 bytes, but the file ends after 0 of them");
        insta::assert_snapshot!(explain(&with(header(&[2049, 2]), &[9, 10]), 0, 10), @"`file`, byte 9: label 10, expected 0 to 9");
        insta::assert_snapshot!(explain(&with(header(&[2049, 2]), &[1, 0]), 1, 26), @"`file`, byte 9: label 0, expected 1 to 26");
        insta::assert_snapshot!(explain(&with(header(&[2049, 2]), &[1, 0, 3]), 0, 10), @"`file`, byte 10: the file should end here, but more bytes follow");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read_images(stream(&bytes));
            let _ = read_labels(stream(&bytes), 0, 10);
        }

        #[test]
        fn any_gzip_stream_is_read_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&with(header(&[2051, 2, 2, 3]), &[5; 12])).unwrap();
            let mut bytes = encoder.finish().unwrap();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Ok(images) = read_images(stream(&bytes)) {
                prop_assert_eq!(images.pixels, [5; 12]);
            }
        }

        #[test]
        fn any_header_is_read_or_refused(
            (count, height, width) in (0..8u32, 0..3u32, 0..3u32),
            content in prop::collection::vec(any::<u8>(), 0..32),
        ) {
            let bytes = with(header(&[2051, count, height, width]), &content);
            if let Ok(images) = read_images(stream(&bytes)) {
                prop_assert_eq!(images.pixels.len(), images.count * images.height * images.width);
                prop_assert_eq!(&images.pixels, &content);
            }
            let bytes = with(header(&[2049, count]), &content);
            if let Ok(labels) = read_labels(stream(&bytes), 0, 10) {
                prop_assert_eq!(labels.len(), content.len());
                prop_assert!(labels.iter().all(|&label| label < 10));
            }
        }
    }
}
