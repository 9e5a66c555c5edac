//! Writing batches of normalised float32 images.

use super::augmentation::Placement;
use super::{Augmentation, ImageSet, Normalisation};
use rayon::prelude::*;

/// Writes the images `indices` into `out`, normalised, `[indices.len(), height, width, channels]`.
///
/// With an augmentation, image `index` is varied by random numbers addressed by (`seed`, `epoch`,
/// `index`), so that the result does not depend on how an epoch is cut into batches, nor on their
/// order or the number of threads. Without one, as for test sets, `seed` and `epoch` mean nothing.
/// The former content of `out` is lost, its memory is reused.
///
/// # Panics
/// If an index is not below `images.len()`, or `normalisation` does not have the images' channels.
pub fn fill_batch(
    images: &ImageSet,
    normalisation: &Normalisation,
    augmentation: Option<&Augmentation>,
    seed: u64,
    epoch: u64,
    indices: &[u32],
    out: &mut Vec<f32>,
) {
    let tables = normalisation.tables();
    assert_eq!(tables.len(), images.channels, "one mean and deviation for each channel");
    let length = images.image_len();
    out.resize(indices.len() * length, 0.0);
    if length == 0 {
        return;
    }
    out.par_chunks_exact_mut(length).zip(indices).for_each(|(out, &index)| {
        let image = images.image(index as usize);
        match augmentation {
            None => normalise(&tables, image, out),
            Some(augmentation) => {
                let placement = augmentation.placement(seed, epoch, index);
                crop(&tables, image, images.width * images.channels, placement, out);
            }
        }
    });
}

/// Normalises pixels that lie in a row.
fn normalise(tables: &[[f32; 256]], pixels: &[u8], out: &mut [f32]) {
    match tables {
        [grey] => {
            for (out, &pixel) in out.iter_mut().zip(pixels) {
                *out = grey[usize::from(pixel)];
            }
        }
        [red, green, blue] => {
            for (out, pixel) in out.chunks_exact_mut(3).zip(pixels.chunks_exact(3)) {
                out[0] = red[usize::from(pixel[0])];
                out[1] = green[usize::from(pixel[1])];
                out[2] = blue[usize::from(pixel[2])];
            }
        }
        _ => {
            for ((out, &pixel), table) in out.iter_mut().zip(pixels).zip(tables.iter().cycle()) {
                *out = table[usize::from(pixel)];
            }
        }
    }
}

/// Normalises `image`, whose rows have `row_len` bytes, as `placement` says.
fn crop(
    tables: &[[f32; 256]],
    image: &[u8],
    row_len: usize,
    placement: Placement,
    out: &mut [f32],
) {
    let channels = tables.len();
    let (height, width) = (image.len() / row_len, row_len / channels);
    // The columns of the output that show the image, and the column of the image they start at.
    let start = clamp(-placement.left, width);
    let end = clamp(width as isize - placement.left, width).max(start);
    let source = clamp(placement.left, width);
    for (y, out) in out.chunks_exact_mut(row_len).enumerate() {
        let row = y as isize + placement.top;
        if row < 0 || row >= height as isize {
            fill_black(tables, out);
            continue;
        }
        let row = &image[row.cast_unsigned() * row_len..][..row_len];
        let shown = &row[source * channels..][..(end - start) * channels];
        fill_black(tables, &mut out[..start * channels]);
        normalise(tables, shown, &mut out[start * channels..end * channels]);
        fill_black(tables, &mut out[end * channels..]);
        if placement.flip {
            mirror(channels, out);
        }
    }
}

fn clamp(column: isize, width: usize) -> usize {
    column.clamp(0, width as isize).cast_unsigned()
}

fn fill_black(tables: &[[f32; 256]], out: &mut [f32]) {
    for pixel in out.chunks_exact_mut(tables.len()) {
        for (out, table) in pixel.iter_mut().zip(tables) {
            *out = table[0];
        }
    }
}

/// Reverses the pixels of a row.
fn mirror(channels: usize, row: &mut [f32]) {
    row.reverse();
    for pixel in row.chunks_exact_mut(channels) {
        pixel.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn images(count: usize, height: usize, width: usize, channels: usize) -> ImageSet {
        let pixels = (0..count * height * width * channels).map(|i| (i * 31 % 256) as u8).collect();
        ImageSet { channels, height, width, pixels, labels: vec![0; count] }
    }

    fn plain(channels: usize) -> Normalisation {
        Normalisation {
            mean: (0..channels).map(|c| 0.1 * (c + 1) as f32).collect(),
            std: (0..channels).map(|c| 0.2 * (c + 1) as f32).collect(),
        }
    }

    /// The definition, one value at a time.
    fn expected(
        images: &ImageSet,
        normalisation: &Normalisation,
        placement: Placement,
        index: usize,
    ) -> Vec<f32> {
        let mut out = Vec::new();
        for y in 0..images.height as isize {
            for x in 0..images.width as isize {
                let x = if placement.flip { images.width as isize - 1 - x } else { x };
                let (y, x) = (y + placement.top, x + placement.left);
                let inside = (0..images.height as isize).contains(&y)
                    && (0..images.width as isize).contains(&x);
                for c in 0..images.channels {
                    let place = (y * images.width as isize + x) * images.channels as isize;
                    let pixel = if inside { images.image(index)[place as usize + c] } else { 0 };
                    let (mean, std) = (normalisation.mean[c], normalisation.std[c]);
                    out.push((f32::from(pixel) / 255.0 - mean) / std);
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn batches_follow_the_definition(
            shape in (1..6usize, 1..7usize, 1..5usize),
            padding in 0..9u16,
            horizontal_flip: bool,
            augmented: bool,
            seed: u64,
            indices in prop::collection::vec(0..4u32, 0..6),
        ) {
            let images = images(4, shape.0, shape.1, shape.2);
            let normalisation = plain(shape.2);
            let augmentation = Augmentation { padding, horizontal_flip };
            let choice = augmented.then_some(&augmentation);
            let mut out = vec![f32::NAN; 7];
            fill_batch(&images, &normalisation, choice, seed, 3, &indices, &mut out);
            let definition: Vec<f32> = indices
                .iter()
                .flat_map(|&index| {
                    let placement = if augmented {
                        augmentation.placement(seed, 3, index)
                    } else {
                        Placement { top: 0, left: 0, flip: false }
                    };
                    expected(&images, &normalisation, placement, index as usize)
                })
                .collect();
            prop_assert_eq!(out, definition);
        }
    }

    #[test]
    fn the_batch_split_changes_nothing() {
        let images = images(10, 32, 32, 3);
        let normalisation = Normalisation::cifar();
        let fill = |indices: &[u32]| {
            let mut out = Vec::new();
            let augmentation = Some(&Augmentation::CIFAR);
            fill_batch(&images, &normalisation, augmentation, 5, 1, indices, &mut out);
            out
        };
        let whole = fill(&[3, 1, 9, 0, 7]);
        assert_eq!(whole, [fill(&[3]), fill(&[1, 9, 0]), fill(&[7])].concat());
        assert_eq!(whole[..3072], fill(&[8, 3])[3072..]);
    }

    #[test]
    #[should_panic(expected = "one mean and deviation for each channel")]
    fn a_normalisation_of_other_channels_is_refused() {
        fill_batch(&images(1, 2, 2, 3), &plain(1), None, 0, 0, &[0], &mut Vec::new());
    }
}
