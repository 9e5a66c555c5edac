//! Errors of reading a data set.

use super::{DatasetKind, OwnArraysProblem};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: PathBuf,
    /// Byte offset from the start, of the decompressed data if the file is compressed.
    pub offset: u64,
    /// Whether the file is compressed.
    pub compressed: bool,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, byte {}", self.file.display(), self.offset)?;
        if self.compressed { f.write_str(" of the decompressed data") } else { Ok(()) }
    }
}

/// A data set that cannot be found or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Images of a size for which there is no memory.
    #[error("{images} images of {}×{} pixels take more than 16 GiB, or none: use a smaller size", size[0], size[1])]
    ImageSize {
        /// Number of images.
        images: usize,
        /// Height and width in pixels.
        size: [usize; 2],
    },
    /// The files of the data set are in none of the places.
    #[error("data set {kind}: no files in {}; {advice}", list(.looked))]
    NotFound {
        /// The data set.
        kind: DatasetKind,
        /// The folders that were searched.
        looked: Vec<PathBuf>,
        /// How to get the data set or point to it.
        advice: &'static str,
    },
    /// No folder was given for a data set that hwsim does not carry.
    #[error("data set {kind}: no folder given; {advice}")]
    NoFolder {
        /// The data set.
        kind: DatasetKind,
        /// How to get the data set or point to it.
        advice: &'static str,
    },
    /// A folder has some files of the data set, but not this one.
    #[error("`{}` has other files of {kind} but not `{file}`", .folder.display())]
    MissingFile {
        /// The data set.
        kind: DatasetKind,
        /// Where the other files are.
        folder: PathBuf,
        /// The missing file.
        file: String,
    },
    /// The system cannot read a file or folder.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A gzip file is damaged or cut off.
    #[error("{at}: the gzip stream is damaged or cut off")]
    Gzip {
        /// The last place that could be read.
        at: Location,
        /// The decoder's reason.
        source: io::Error,
    },
    /// A file starts with the wrong magic number.
    #[error("{at}: magic number {found} ({}), expected {expected} ({})", magic(*.found), magic(*.expected))]
    Magic {
        /// Where the magic number is.
        at: Location,
        /// The number of this kind of file.
        expected: u32,
        /// The number in the file.
        found: u32,
    },
    /// A file ends too early.
    #[error("{at}: {what} should be {expected} bytes, but the file ends after {found} of them")]
    Truncated {
        /// Where the part starts that is cut off.
        at: Location,
        /// The part.
        what: &'static str,
        /// Its length in bytes.
        expected: u64,
        /// The bytes that are there.
        found: u64,
    },
    /// A file has bytes after its expected end.
    #[error("{at}: the file should end here, but more bytes follow")]
    TrailingBytes {
        /// Where the file should end.
        at: Location,
    },
    /// A picture from which more is to be cut than it has.
    #[error(
        "`{}` is {own_height}×{own_width} pixels, so that {height}×{width} cannot be cut out of it: resize first (`--resize`), or cut out \
         less", .file.display()
    )]
    Crop {
        /// The picture.
        file: PathBuf,
        /// Its rows.
        own_height: usize,
        /// Its columns.
        own_width: usize,
        /// Rows to be cut out.
        height: usize,
        /// Columns to be cut out.
        width: usize,
    },
    /// A header with impossible sizes.
    #[error(
        "{at}: the header claims {count} images of {height}×{width} pixels; expected 1 to {max_side} \
         pixels a side and at most {max_bytes} bytes in all"
    )]
    Shape {
        /// Where the shape is.
        at: Location,
        /// Claimed number of images.
        count: u32,
        /// Claimed rows of an image.
        height: u32,
        /// Claimed pixels of a row.
        width: u32,
        /// The most rows or pixels of a row.
        max_side: u32,
        /// The most bytes of pixels.
        max_bytes: u64,
    },
    /// A label is not that of a class.
    #[error("{at}: label {label}, expected {first} to {last}")]
    Label {
        /// Where the label is.
        at: Location,
        /// The label.
        label: u16,
        /// The lowest label.
        first: u16,
        /// The highest label.
        last: u16,
    },
    /// A file or folder without images.
    #[error("`{}` has no images", .path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
    },
    /// Image and label files do not belong together.
    #[error("`{}` has {images} images but `{}` has {labels} labels", .image_file.display(), .label_file.display())]
    Count {
        /// The image file.
        image_file: PathBuf,
        /// Its images.
        images: usize,
        /// The label file.
        label_file: PathBuf,
        /// Its labels.
        labels: usize,
    },
    /// A list of class names of the wrong length.
    #[error("`{}` names {found} classes, expected {expected}", .file.display())]
    ClassNames {
        /// The list.
        file: PathBuf,
        /// Classes of the data set.
        expected: usize,
        /// Names in the list.
        found: usize,
    },
    /// A picture that cannot be decoded.
    #[error("`{}` is not a readable picture: {reason}", .file.display())]
    Picture {
        /// The file.
        file: PathBuf,
        /// The decoder's reason.
        reason: String,
    },
    /// A picture larger than the reader takes.
    #[error("`{}` has {width}×{height} pixels; at most {max_pixels} pixels in all are read", .file.display())]
    PictureSize {
        /// The file.
        file: PathBuf,
        /// Pixels of a row.
        width: usize,
        /// Rows.
        height: usize,
        /// The most pixels.
        max_pixels: usize,
    },
    /// A picture in a format that is not read.
    #[error("`{}` is a picture of a kind that is not read; convert it to PNG or JPEG", .file.display())]
    PictureKind {
        /// The file.
        file: PathBuf,
    },
    /// A folder has a training set without a test set, or the reverse.
    #[error("`{}` has a folder `{present}` but no folder `{absent}`; give both, or class folders only", .folder.display())]
    HalfSplit {
        /// The folder.
        folder: PathBuf,
        /// The half that is there.
        present: &'static str,
        /// The half that is not.
        absent: &'static str,
    },
    /// A folder without class folders.
    #[error("`{}` has no class folders; expected one folder of PNG or JPEG files for each class", .folder.display())]
    NoClasses {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder inside a class folder.
    #[error("`{}` is a folder inside a class folder; expected PNG or JPEG files only", .folder.display())]
    NestedFolder {
        /// The inner folder.
        folder: PathBuf,
    },
    /// The test set has a class that the training set lacks.
    #[error("`{}` is a class of the test set that the training set lacks", .folder.display())]
    UnknownClass {
        /// The class folder of the test set.
        folder: PathBuf,
    },
    /// No class is large enough to give images to the test set.
    #[error(
        "`{}` is too small to be split: every {every}th image of a class becomes a test image, and no class \
         has {every}; give folders `train` and `test`", .folder.display()
    )]
    TooSmallToSplit {
        /// The folder.
        folder: PathBuf,
        /// One image of so many goes to the test set.
        every: usize,
    },
    /// Arrays that are not samples and labels.
    #[error("data set arrays: {0}")]
    OwnArrays(OwnArraysProblem),
    /// More classes than labels can tell apart.
    #[error("`{}` has {classes} class folders; at most 65535 are supported", .folder.display())]
    TooManyClasses {
        /// The folder.
        folder: PathBuf,
        /// Its class folders.
        classes: usize,
    },
    /// A text file that is not UTF-8.
    #[error("{at}: not UTF-8; convert the file to UTF-8")]
    Utf8 {
        /// The first byte that is not a character.
        at: Location,
    },
    /// A folder without text files.
    #[error("`{}` has no .txt or .txt.gz file", .folder.display())]
    NoText {
        /// The folder.
        folder: PathBuf,
    },
    /// A text that gives no sequence for training or testing.
    #[error(
        "the text has {tokens} tokens: sequences of {sequence_length} need at least {needed}, of which the last \
         tenth is for testing; use a longer text or a shorter --sequence-length"
    )]
    ShortText {
        /// Tokens of the text.
        tokens: usize,
        /// Tokens needed.
        needed: usize,
        /// Tokens of a sequence.
        sequence_length: usize,
    },
    /// A sequence length or vocabulary that is impossible.
    #[error("a {what} of {value} is impossible: use 1 to {largest}")]
    TextOption {
        /// The option.
        what: &'static str,
        /// Its value.
        value: usize,
        /// The largest value.
        largest: usize,
    },
    /// A limit of no samples.
    #[error("a limit of 0 {set} images leaves nothing to run on; use at least 1")]
    ZeroLimit {
        /// `training` or `test`.
        set: &'static str,
    },
}

fn list(folders: &[PathBuf]) -> String {
    let names: Vec<String> = folders.iter().map(|f| format!("`{}`", f.display())).collect();
    names.join(", ")
}

fn magic(number: u32) -> &'static str {
    match number {
        0x0801 => "IDX labels",
        0x0803 => "IDX images",
        0x0804 => "IDX array of four dimensions",
        _ => "not an IDX file of bytes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_says_if_it_counts_decompressed_bytes() {
        let plain = Location { file: "a".into(), offset: 4, compressed: false };
        assert_eq!(plain.to_string(), "`a`, byte 4");
        let compressed = Location { compressed: true, ..plain };
        assert_eq!(compressed.to_string(), "`a`, byte 4 of the decompressed data");
    }

    #[test]
    fn searched_folders_are_listed() {
        let error = DataError::NotFound {
            kind: DatasetKind::Mnist,
            looked: vec!["a".into(), "b".into()],
            advice: "get it",
        };
        assert_eq!(error.to_string(), "data set mnist: no files in `a`, `b`; get it");
    }
}
