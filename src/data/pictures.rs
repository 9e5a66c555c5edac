//! Folders of pictures, prepared as torchvision prepares PIL images.

use super::folder::{class_folders, picture_files};
use super::own_size::TestImages;
use super::picture::{self, Picture};
use super::resize::Resize;
use super::{DataError, ImageSet, Origin};
use hwmodel::cast::exact;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// How a picture becomes one of a given size. Without `shorter_side` and `crop` it is resized to `size`, whatever its own shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preprocessing {
    /// Height and width in the end.
    pub size: (usize, usize),
    /// 1: grey, by the weights of Rec. 601; 3: red, green, blue.
    pub channels: usize,
    /// First resize so that the shorter side has so many pixels, as torchvision's `Resize(n)`.
    pub shorter_side: Option<usize>,
    /// Cut `size` out of the middle, as torchvision's `CenterCrop`.
    pub crop: bool,
}

/// The pictures of `folder`: of one folder for each class, in the order of their names, or of the folder itself without classes.
///
/// # Errors
/// If there are none, one cannot be read, or one is smaller than what is cut out of it.
pub fn load_pictures(
    folder: &Path,
    preprocessing: &Preprocessing,
) -> Result<TestImages, DataError> {
    let (names, files) = match class_folders(folder) {
        Ok(classes) => {
            let mut files: Vec<(PathBuf, u16)> = Vec::new();
            for (label, class) in classes.iter().enumerate() {
                let of_class = picture_files(&folder.join(class))?;
                files.extend(of_class.into_iter().map(|file| (file, exact::<u16>(label))));
            }
            let names = classes.iter().map(|name| name.to_string_lossy().into_owned()).collect();
            (names, files)
        }
        Err(DataError::NoClasses { .. }) => {
            let files = picture_files(folder)?.into_iter().map(|file| (file, 0));
            (Vec::new(), files.collect())
        }
        Err(error) => return Err(error),
    };
    let prepared: Vec<_> = files.par_iter().map(|(file, _)| preprocessing.read(file)).collect();
    let mut pixels = Vec::new();
    for picture in prepared {
        pixels.extend(picture?);
    }
    let ((height, width), channels) = (preprocessing.size, preprocessing.channels);
    let labels = files.iter().map(|&(_, label)| label).collect();
    let images = ImageSet { channels, height, width, pixels, labels };
    Ok(TestImages { class_names: names, images, origin: Origin::Folder(folder.to_owned()) })
}

impl Preprocessing {
    /// The pixels of `file`, `[height, width, channels]`.
    fn read(&self, file: &Path) -> Result<Vec<u8>, DataError> {
        let mut picture = in_channels(picture::read(file)?, self.channels);
        if let Some(side) = self.shorter_side {
            let (height, width) = (picture.height, picture.width);
            // The longer side is cut off, not rounded, as in torchvision.
            let size = if width <= height {
                ((side * height / width).max(1), side)
            } else {
                (side, (side * width / height).max(1))
            };
            picture = resized(&picture, size);
        }
        if !self.crop {
            return Ok(resized(&picture, self.size).pixels);
        }
        let (height, width) = self.size;
        if picture.height < height || picture.width < width {
            let (own_height, own_width) = (picture.height, picture.width);
            return Err(DataError::Crop {
                file: file.to_owned(),
                own_height,
                own_width,
                height,
                width,
            });
        }
        let top = half(picture.height - height);
        let left = half(picture.width - width);
        let channels = picture.channels;
        let rows = picture.pixels.chunks_exact(picture.width * channels).skip(top).take(height);
        Ok(rows.flat_map(|row| &row[left * channels..][..width * channels]).copied().collect())
    }
}

/// Half of what is left over, ties to even, as Python rounds.
fn half(rest: usize) -> usize {
    rest / 2 + usize::from(rest % 4 == 3)
}

fn resized(picture: &Picture, (height, width): (usize, usize)) -> Picture {
    let channels = picture.channels;
    if (picture.height, picture.width) == (height, width) {
        return Picture { height, width, channels, pixels: picture.pixels.clone() };
    }
    let mut pixels = vec![0; height * width * channels];
    Resize::new([picture.height, picture.width], [height, width], channels)
        .apply(&picture.pixels, &mut pixels);
    Picture { height, width, channels, pixels }
}

/// Grey of colours, or a colour of grey.
fn in_channels(picture: Picture, channels: usize) -> Picture {
    let pixels = match (picture.channels, channels) {
        (3, 1) => {
            // Pillow's convert("L"): ITU-R 601-2 luma with 16 fractional bits, rounded.
            let luma = |p: &[u8]| {
                let weighted =
                    u32::from(p[0]) * 19595 + u32::from(p[1]) * 38470 + u32::from(p[2]) * 7471;
                exact::<u8>((weighted + 0x8000) >> 16)
            };
            picture.pixels.chunks_exact(3).map(luma).collect()
        }
        (1, 3) => picture.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
        _ => return picture,
    };
    Picture { channels, pixels, ..picture }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) {
        let file = std::fs::File::create(path).unwrap();
        let mut encoder = png::Encoder::new(file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let data: Vec<u8> = places.flat_map(|(x, y)| pixel(x, y)).collect();
        encoder.write_header().unwrap().write_image_data(&data).unwrap();
    }

    #[test]
    fn the_middle_is_cut_out_and_colours_become_grey() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("0-a")).unwrap();
        write(&folder.path().join("0-a/x.png"), 6, 5, |x, y| [(10 * y + x) as u8; 3]);
        let crop = Preprocessing { size: (2, 2), channels: 1, shorter_side: None, crop: true };
        let found = load_pictures(folder.path(), &crop).unwrap();
        assert_eq!(found.class_names, ["0-a"]);
        // Top round(1.5) = 2, left 2.
        assert_eq!(found.images.pixels, [22, 23, 32, 33]);
        let large = Preprocessing { size: (6, 6), ..crop };
        let error = load_pictures(folder.path(), &large).unwrap_err().to_string();
        assert!(error.ends_with("is 5×6 pixels, so that 6×6 cannot be cut out of it: resize first (`--resize`), or cut out less"), "{error}");
        // Without classes.
        write(&folder.path().join("0-a/y.png"), 1, 1, |_, _| [255, 0, 0]);
        let all = Preprocessing { size: (1, 1), channels: 1, shorter_side: None, crop: false };
        let found = load_pictures(&folder.path().join("0-a"), &all).unwrap();
        assert!(found.class_names.is_empty());
        assert_eq!(found.images.pixels[1], 76, "0.299 · 255");
        let shorter =
            Preprocessing { size: (2, 2), channels: 3, shorter_side: Some(2), crop: true };
        assert_eq!(load_pictures(folder.path(), &shorter).unwrap().images.len(), 2);
    }

    #[test]
    fn offsets_are_rounded_as_in_python() {
        assert_eq!([0, 1, 2, 3, 4, 5, 7].map(half), [0, 0, 1, 2, 2, 2, 4]);
    }
}
