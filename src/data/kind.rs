//! The names of the data sets.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// A data set that can be loaded; written `fashion-mnist-slice`, `fashion-mnist`, `mnist`, `emnist-balanced` (and the other
/// splits), `cifar10`, `cifar100`, `folder`, `arrays` or `text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatasetKind {
    /// The part of Fashion-MNIST that is embedded in the program: the same images on every machine. Also
    /// read as `embedded`.
    FashionMnistSlice,
    /// All of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): clothes, 10 classes, grey 28×28.
    FashionMnist,
    /// MNIST (LeCun, Cortes and Burges): digits, 10 classes, grey 28×28.
    Mnist,
    /// One split of EMNIST (Cohen et al. 2017): letters and digits, grey 28×28.
    Emnist(EmnistSplit),
    /// CIFAR-10 (Krizhevsky 2009): 10 classes, colour 32×32.
    Cifar10,
    /// CIFAR-100 (Krizhevsky 2009): 100 (fine) classes, colour 32×32.
    Cifar100,
    /// PNG and JPEG files, one folder for each class.
    Folder,
    /// The user's own arrays, one `.npz` file.
    Arrays,
    /// Text, for language models: files, or the one embedded in the program.
    Text,
}

/// A split of EMNIST, named as in its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EmnistSplit {
    /// Digits and letters, 47 classes of equal size; letters whose cases look alike are merged.
    Balanced,
    /// Digits, capital and small letters: 62 classes.
    ByClass,
    /// Digits and letters, 47 classes of unequal size, merged as in `Balanced`.
    ByMerge,
    /// 10 digits.
    Digits,
    /// 26 letters, both cases merged; the files' labels start at 1.
    Letters,
    /// 10 digits, sized as MNIST.
    Mnist,
}

/// A data set name that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; use one of {}", known_names())]
pub struct DatasetKindError {
    problem: String,
}

fn known_names() -> String {
    DatasetKind::ALL.map(|kind| kind.to_string()).join(", ")
}

impl EmnistSplit {
    /// Every split.
    pub const ALL: [Self; 6] =
        [Self::Balanced, Self::ByClass, Self::ByMerge, Self::Digits, Self::Letters, Self::Mnist];

    /// The name of the split in the names of its files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::ByClass => "byclass",
            Self::ByMerge => "bymerge",
            Self::Digits => "digits",
            Self::Letters => "letters",
            Self::Mnist => "mnist",
        }
    }
}

impl DatasetKind {
    /// Another spelling of [`FashionMnistSlice`](Self::FashionMnistSlice).
    const EMBEDDED: &'static str = "embedded";

    /// Every data set.
    pub const ALL: [Self; 14] = [
        Self::FashionMnistSlice,
        Self::FashionMnist,
        Self::Mnist,
        Self::Emnist(EmnistSplit::Balanced),
        Self::Emnist(EmnistSplit::ByClass),
        Self::Emnist(EmnistSplit::ByMerge),
        Self::Emnist(EmnistSplit::Digits),
        Self::Emnist(EmnistSplit::Letters),
        Self::Emnist(EmnistSplit::Mnist),
        Self::Cifar10,
        Self::Cifar100,
        Self::Folder,
        Self::Arrays,
        Self::Text,
    ];

    /// The data set that `place` means if no data set is named: a `.npz` file is the user's own arrays, and a folder one of
    /// Fashion-MNIST.
    pub fn of_place(place: &Path) -> Self {
        let npz = place.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
        if npz { Self::Arrays } else { Self::FashionMnist }
    }

    /// The sub-folder in which the data set is looked for; all splits of EMNIST share one.
    pub const fn folder_name(self) -> &'static str {
        match self {
            Self::FashionMnistSlice => "fashion-mnist-slice",
            Self::FashionMnist => "fashion-mnist",
            Self::Mnist => "mnist",
            Self::Emnist(_) => "emnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Folder => "folder",
            Self::Arrays => "arrays",
            Self::Text => "text",
        }
    }
}

impl fmt::Display for DatasetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emnist(split) => f.pad(&format!("emnist-{}", split.name())),
            other => f.pad(other.folder_name()),
        }
    }
}

impl FromStr for DatasetKind {
    type Err = DatasetKindError;
    fn from_str(text: &str) -> Result<Self, DatasetKindError> {
        if let Some(kind) = Self::ALL.into_iter().find(|kind| kind.to_string() == text) {
            return Ok(kind);
        }
        if text == Self::EMBEDDED {
            return Ok(Self::FashionMnistSlice);
        }
        let problem = match text.strip_prefix("emnist") {
            Some("") => "`emnist` needs the name of its split".to_owned(),
            Some(split) => format!("EMNIST has no split `{}`", split.trim_start_matches('-')),
            None => format!("unknown data set `{text}`"),
        };
        Err(DatasetKindError { problem })
    }
}

impl TryFrom<String> for DatasetKind {
    type Error = DatasetKindError;
    fn try_from(text: String) -> Result<Self, DatasetKindError> {
        text.parse()
    }
}

impl From<DatasetKind> for String {
    fn from(kind: DatasetKind) -> Self {
        kind.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for kind in DatasetKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<DatasetKind>(&json).unwrap(), kind);
        }
        assert_eq!("embedded".parse(), Ok(DatasetKind::FashionMnistSlice));
        for split in EmnistSplit::ALL {
            assert!(DatasetKind::ALL.contains(&DatasetKind::Emnist(split)));
        }
    }

    #[test]
    fn unknown_names_are_explained() {
        let explain = |text: &str| text.parse::<DatasetKind>().unwrap_err().to_string();
        insta::assert_snapshot!(explain("cifar-10"), @"unknown data set `cifar-10`; use one of fashion-mnist-slice, fashion-mnist, mnist, emnist-balanced, emnist-byclass, emnist-bymerge, emnist-digits, emnist-letters, emnist-mnist, cifar10, cifar100, folder, arrays, text");
        insta::assert_snapshot!(explain("emnist"), @"`emnist` needs the name of its split; use one of fashion-mnist-slice, fashion-mnist, mnist, emnist-balanced, emnist-byclass, emnist-bymerge, emnist-digits, emnist-letters, emnist-mnist, cifar10, cifar100, folder, arrays, text");
        insta::assert_snapshot!(explain("emnist-lettres"), @"EMNIST has no split `lettres`; use one of fashion-mnist-slice, fashion-mnist, mnist, emnist-balanced, emnist-byclass, emnist-bymerge, emnist-digits, emnist-letters, emnist-mnist, cifar10, cifar100, folder, arrays, text");
        assert!(serde_json::from_str::<DatasetKind>("\"svhn\"").is_err());
    }
}
