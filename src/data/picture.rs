//! Decoding PNG and JPEG files to 8-bit grey or RGB pixels.
//!
//! Palettes become RGB, 16-bit samples keep their high byte, samples of less than 8 bits are scaled
//! up, and transparency is dropped, as Pillow's `convert("RGB")` does.

use super::DataError;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The most pixels of a picture; more are taken for a corrupt header.
const MAX_PIXELS: usize = 1 << 26;

/// The most bytes of a picture file.
const MAX_FILE_BYTES: u64 = 1 << 28;

/// The largest side that the decoder is asked to accept, before the number of pixels is checked.
const MAX_SIDE: usize = u16::MAX as usize;

/// A decoded picture, `[height, width, channels]`.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) height: usize,
    pub(super) width: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub(super) channels: usize,
    pub(super) pixels: Vec<u8>,
}

/// Reads the picture `file`.
pub(super) fn read(file: &Path) -> Result<Picture, DataError> {
    let read_error = |source| DataError::Read { path: file.to_owned(), source };
    let mut bytes = Vec::new();
    let reader = File::open(file).map_err(read_error)?;
    reader.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(read_error)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(file, format!("the file is larger than {MAX_FILE_BYTES} bytes")));
    }
    decode(file, &bytes)
}

/// Decodes the content of a picture file; the kind is detected from its first bytes, not from its name.
fn decode(file: &Path, bytes: &[u8]) -> Result<Picture, DataError> {
    if bytes.is_empty() {
        Err(unreadable(file, "the file is empty"))
    } else if bytes.starts_with(b"\x89PNG") {
        decode_png(file, bytes)
    } else if bytes.starts_with(b"\xff\xd8") {
        decode_jpeg(file, bytes)
    } else {
        Err(unreadable(file, "it starts like neither a PNG nor a JPEG file"))
    }
}

fn decode_png(file: &Path, bytes: &[u8]) -> Result<Picture, DataError> {
    let unreadable_png = |error: png::DecodingError| unreadable(file, error);
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let (width, height) = decoder.read_header_info().map_err(unreadable_png)?.size();
    let (width, height) = (width as usize, height as usize);
    check_size(file, width, height)?;
    let mut reader = decoder.read_info().map_err(unreadable_png)?;
    let size = reader.output_buffer_size().unwrap_or(0);
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels).map_err(unreadable_png)?;
    reader.finish().map_err(unreadable_png)?;
    pixels.truncate(info.buffer_size());
    let (channels, pixels) = match info.color_type {
        png::ColorType::Grayscale => (1, pixels),
        png::ColorType::GrayscaleAlpha => (1, pixels.iter().step_by(2).copied().collect()),
        png::ColorType::Rgba => {
            (3, pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect())
        }
        _ => (3, pixels),
    };
    checked(file, Picture { height, width, channels, pixels })
}

fn decode_jpeg(file: &Path, bytes: &[u8]) -> Result<Picture, DataError> {
    // The decoder fills what a cut-off file lacks with grey if only the last rows are missing.
    if !bytes.windows(2).any(|pair| pair == b"\xff\xd9") {
        return Err(unreadable(file, "the end of the JPEG image is missing"));
    }
    // Portable code only: the same pixels on every machine.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_use_unsafe(false)
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| unreadable(file, error))?;
    let (width, height) = decoder.dimensions().unwrap_or((0, 0));
    check_size(file, width, height)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (channels, space) = if grey { (1, ColorSpace::Luma) } else { (3, ColorSpace::RGB) };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let pixels = decoder.decode().map_err(|error| unreadable(file, error))?;
    checked(file, Picture { height, width, channels, pixels })
}

fn check_size(file: &Path, width: usize, height: usize) -> Result<(), DataError> {
    if width == 0 || height == 0 {
        return Err(unreadable(file, "it has no pixels"));
    }
    if width.checked_mul(height).is_none_or(|pixels| pixels > MAX_PIXELS) {
        let (file, max_pixels) = (file.to_owned(), MAX_PIXELS);
        return Err(DataError::PictureSize { file, width, height, max_pixels });
    }
    Ok(())
}

/// Checks that a decoder returned as many pixels as its header states.
fn checked(file: &Path, picture: Picture) -> Result<Picture, DataError> {
    let expected = picture.height * picture.width * picture.channels;
    if picture.pixels.len() != expected {
        let found = picture.pixels.len();
        return Err(unreadable(file, format!("{found} bytes of pixels, expected {expected}")));
    }
    Ok(picture)
}

fn unreadable(file: &Path, reason: impl ToString) -> DataError {
    DataError::Picture { file: file.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLOUR: &[u8] = include_bytes!("fixtures/colour.jpg");
    const CMYK: &[u8] = include_bytes!("fixtures/cmyk.jpg");
    const GREY: &[u8] = include_bytes!("fixtures/grey.jpg");
    const PROGRESSIVE: &[u8] = include_bytes!("fixtures/progressive.jpg");

    fn decoded(bytes: &[u8]) -> Result<Picture, DataError> {
        decode(Path::new("picture"), bytes)
    }

    fn explain(bytes: &[u8]) -> String {
        decoded(bytes).unwrap_err().to_string()
    }

    /// A PNG file of one row of `width` pixels.
    fn png(color: png::ColorType, depth: png::BitDepth, width: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, 1);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == png::ColorType::Indexed {
            encoder.set_palette(vec![1, 2, 3, 40, 50, 60]);
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn every_kind_of_png_becomes_8_bit_grey_or_rgb() {
        use png::{BitDepth::*, ColorType::*};
        for (color, depth, width, data, channels, pixels) in [
            (Grayscale, Eight, 2, &[7u8, 9][..], 1, &[7u8, 9][..]),
            (Grayscale, Sixteen, 1, &[200, 255], 1, &[200]),
            (Grayscale, One, 3, &[0b1010_0000], 1, &[255, 0, 255]),
            (Grayscale, Four, 2, &[0x1f], 1, &[17, 255]),
            (GrayscaleAlpha, Eight, 2, &[7, 0, 9, 255], 1, &[7, 9]),
            (Rgb, Eight, 1, &[7, 8, 9], 3, &[7, 8, 9]),
            (Rgb, Sixteen, 1, &[7, 0, 8, 0, 9, 0], 3, &[7, 8, 9]),
            (Rgba, Eight, 2, &[7, 8, 9, 0, 1, 2, 3, 255], 3, &[7, 8, 9, 1, 2, 3]),
            (Indexed, Eight, 2, &[1, 0], 3, &[40, 50, 60, 1, 2, 3]),
            (Indexed, One, 2, &[0b0100_0000], 3, &[1, 2, 3, 40, 50, 60]),
        ] {
            let picture = decoded(&png(color, depth, width, data)).unwrap();
            assert_eq!((picture.height, picture.width), (1, width as usize), "{color:?} {depth:?}");
            assert_eq!(picture.channels, channels, "{color:?} {depth:?}");
            assert_eq!(picture.pixels, pixels, "{color:?} {depth:?}");
        }
    }

    /// The fixtures are 37×23 pixels of 4x + 3y + 10c, written by Pillow 11.0 with quality 95.
    #[test]
    fn jpegs_are_close_to_what_was_encoded() {
        for (bytes, channels, tolerance) in
            [(COLOUR, 3, 4), (PROGRESSIVE, 3, 4), (GREY, 1, 4), (CMYK, 3, 8)]
        {
            let picture = decoded(bytes).unwrap();
            assert_eq!((picture.height, picture.width, picture.channels), (23, 37, channels));
            for (index, &pixel) in picture.pixels.iter().enumerate() {
                let (place, c) = (index / channels, index % channels);
                let expected = 4 * (place % 37) + 3 * (place / 37) + 10 * c;
                assert!(
                    expected.abs_diff(pixel.into()) <= tolerance,
                    "{index}: {pixel}, {expected}"
                );
            }
        }
    }

    #[test]
    fn damaged_pictures_are_explained() {
        let whole = png(png::ColorType::Rgb, png::BitDepth::Eight, 2, &[1, 2, 3, 4, 5, 6]);
        insta::assert_snapshot!(explain(&[]), @"`picture` is not a readable picture: the file is empty");
        insta::assert_snapshot!(explain(b"GIF89a"), @"`picture` is not a readable picture: it starts like neither a PNG nor a JPEG file");
        insta::assert_snapshot!(explain(&whole[..whole.len() - 14]), @"`picture` is not a readable picture: unexpected end of file");
        insta::assert_snapshot!(explain(&COLOUR[..COLOUR.len() - 60]), @"`picture` is not a readable picture: the end of the JPEG image is missing");
        let mut wrong_sum = whole.clone();
        wrong_sum[whole.len() - 14] ^= 1;
        assert!(explain(&wrong_sum).contains("CRC"), "{}", explain(&wrong_sum));
    }

    #[test]
    fn a_header_of_a_huge_picture_is_refused_before_memory_is_taken() {
        let whole = png(png::ColorType::Rgb, png::BitDepth::Eight, 2, &[1, 2, 3, 4, 5, 6]);
        let mut huge = whole[..33].to_vec();
        huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        let mut crc = flate2::Crc::new();
        crc.update(&huge[12..29]);
        huge[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        huge.extend_from_slice(&whole[33..]);
        insta::assert_snapshot!(explain(&huge), @"`picture` has 2147483647×2147483647 pixels; at most 67108864 pixels in all are read");

        let frame = COLOUR.windows(2).position(|pair| pair == b"\xff\xc0").unwrap();
        let mut huge = COLOUR.to_vec();
        huge[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        insta::assert_snapshot!(explain(&huge), @"`picture` has 65535×65535 pixels; at most 67108864 pixels in all are read");
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            start in 0..3usize,
        ) {
            let signature: &[u8] = [&b""[..], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff"][start];
            let _ = decoded(&[signature, &bytes].concat());
        }

        #[test]
        fn pictures_with_changed_bytes_are_decoded_or_refused(
            which in 0..5usize,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let row: Vec<u8> = (0..60).collect();
            let png = png(png::ColorType::Rgba, png::BitDepth::Eight, 15, &row);
            let mut bytes = [COLOUR, CMYK, GREY, PROGRESSIVE, &png][which].to_vec();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if cut.index(4) == 0 {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Ok(picture) = decoded(&bytes) {
                let expected = picture.height * picture.width * picture.channels;
                prop_assert_eq!(picture.pixels.len(), expected);
            }
        }
    }
}
