//! Formats that change at the start of given epochs, for the static controller: `0:8,4;5:12,6;5:fc=16,12`.

use hwmodel::number::format_text::{FixedType, FormatTextError};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One entry: from the start of an epoch on, all layers or one have a format.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    epoch: u32,
    /// `None` for all layers that have no separate format.
    layer: Option<String>,
    format: FixedType,
}

/// Entries by epoch, counted from 0 and never descending; written `EPOCH:WL,FL` for all layers or
/// `EPOCH:LAYER=WL,FL` for one, several joined by `;`.
///
/// ```
/// use hwsim::precision::FormatSchedule;
/// let schedule: FormatSchedule = "0:8,4; 5:12,6; 5:fc=16,12".parse()?;
/// assert_eq!(schedule.changes(), [5]);
/// assert_eq!(schedule.latest(7, Some("fc")).map(|fixed| fixed.format.wl()), Some(16));
/// assert_eq!(schedule.latest(4, None).map(|fixed| fixed.format.wl()), Some(8));
/// assert_eq!(schedule.to_string(), "0:8,4;5:12,6;5:fc=16,12");
/// # Ok::<(), hwsim::precision::FormatScheduleError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FormatSchedule(Vec<Entry>);

/// A format schedule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatScheduleError {
    /// An entry does not have the form.
    #[error(
        "`{0}` is no entry of a format schedule: write EPOCH:WL,FL or EPOCH:LAYER=WL,FL, several joined by `;`, as in 0:8,4;5:12,6;10:16,8"
    )]
    Form(String),
    /// A format is impossible.
    #[error("epoch {epoch}: {source}")]
    Format {
        /// The epoch.
        epoch: u32,
        /// The problem.
        source: FormatTextError,
    },
    /// Epochs do not ascend.
    #[error("epoch {later} comes after epoch {earlier}: list epochs in ascending order")]
    Order {
        /// The epoch before.
        earlier: u32,
        /// The epoch that is not later.
        later: u32,
    },
    /// A layer, or all, has two formats for one epoch.
    #[error("epoch {epoch} has two formats for {what}: keep one of them")]
    Twice {
        /// The epoch.
        epoch: u32,
        /// The layer.
        what: String,
    },
}

impl FormatSchedule {
    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all layers have a format from the first epoch on.
    pub fn begins_at_once(&self) -> bool {
        self.latest(0, None).is_some()
    }

    /// The epochs after the first at whose start formats change, ascending.
    pub fn changes(&self) -> Vec<u32> {
        let mut epochs: Vec<u32> =
            self.0.iter().map(|entry| entry.epoch).filter(|&epoch| epoch > 0).collect();
        epochs.dedup();
        epochs
    }

    /// The layers with separate formats.
    pub fn layers(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|entry| entry.layer.as_deref())
    }

    /// The last format of `layer`, or of all layers, that an entry up to `epoch` gives.
    pub fn latest(&self, epoch: u32, layer: Option<&str>) -> Option<FixedType> {
        let entries = self.0.iter().rev();
        let mut of_layer =
            entries.filter(|entry| entry.epoch <= epoch && entry.layer.as_deref() == layer);
        of_layer.next().map(|entry| entry.format)
    }

    fn add(&mut self, entry: Entry) -> Result<(), FormatScheduleError> {
        let Entry { epoch, ref layer, .. } = entry;
        if let Some(earlier) = self.0.last().map(|last| last.epoch).filter(|&last| last > epoch) {
            return Err(FormatScheduleError::Order { earlier, later: epoch });
        }
        if self.0.iter().any(|other| other.epoch == epoch && other.layer == *layer) {
            let what = layer.as_ref().map_or("all layers".into(), |name| format!("layer `{name}`"));
            return Err(FormatScheduleError::Twice { epoch, what });
        }
        self.0.push(entry);
        Ok(())
    }
}

impl FromStr for FormatSchedule {
    type Err = FormatScheduleError;
    fn from_str(text: &str) -> Result<Self, FormatScheduleError> {
        let mut schedule = Self::default();
        for text in text.split(';').map(str::trim) {
            let form = || FormatScheduleError::Form(text.to_owned());
            let (epoch, rest) = text.split_once(':').ok_or_else(form)?;
            let (layer, format) = match rest.split_once('=') {
                None => (None, rest),
                Some((layer, _)) if layer.trim().is_empty() => return Err(form()),
                Some((layer, format)) => (Some(layer.trim().to_owned()), format),
            };
            let epoch = epoch.trim().parse().map_err(|_| form())?;
            let format =
                format.parse().map_err(|source| FormatScheduleError::Format { epoch, source })?;
            schedule.add(Entry { epoch, layer, format })?;
        }
        Ok(schedule)
    }
}

impl TryFrom<String> for FormatSchedule {
    type Error = FormatScheduleError;
    fn try_from(text: String) -> Result<Self, FormatScheduleError> {
        text.parse()
    }
}

impl From<FormatSchedule> for String {
    fn from(schedule: FormatSchedule) -> Self {
        schedule.to_string()
    }
}

impl fmt::Display for FormatSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Entry { epoch, layer, format }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            write!(f, "{separator}{epoch}:")?;
            if let Some(layer) = layer {
                write!(f, "{layer}=")?;
            }
            write!(f, "{format}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_hold_until_the_next_of_the_same_layer() {
        let schedule: FormatSchedule = "2:8,4;2:fc=6,2;5:12,6;9:fc=16,-3".parse().unwrap();
        let wl = |epoch, layer| schedule.latest(epoch, layer).map(|fixed| fixed.format.wl());
        assert_eq!(
            [1, 2, 4, 5, 100].map(|epoch| wl(epoch, None)),
            [None, Some(8), Some(8), Some(12), Some(12)]
        );
        assert_eq!([1, 5, 9].map(|epoch| wl(epoch, Some("fc"))), [None, Some(6), Some(16)]);
        assert_eq!(schedule.changes(), [2, 5, 9]);
        assert_eq!(schedule.layers().collect::<Vec<_>>(), ["fc", "fc"]);
        assert!(!schedule.begins_at_once() && !schedule.is_empty());
        assert_eq!(schedule.to_string().parse(), Ok(schedule));
    }

    #[test]
    fn unreadable_schedules_are_explained() {
        let explain = |text: &str| text.parse::<FormatSchedule>().unwrap_err().to_string();
        insta::assert_snapshot!(explain("0:8,4;5"), @"`5` is no entry of a format schedule: write EPOCH:WL,FL or EPOCH:LAYER=WL,FL, several joined by `;`, as in 0:8,4;5:12,6;10:16,8");
        insta::assert_snapshot!(explain("5:40,4"), @"epoch 5: `40,4`: word length 40 is impossible: use 1 to 32 bits");
        insta::assert_snapshot!(explain("5:8,4;3:12,6"), @"epoch 3 comes after epoch 5: list epochs in ascending order");
        insta::assert_snapshot!(explain("5:8,4;5:fc=8,4;5:12,6"), @"epoch 5 has two formats for all layers: keep one of them");
        insta::assert_snapshot!(explain("5:fc=8,4;5:fc=12,6"), @"epoch 5 has two formats for layer `fc`: keep one of them");
        for text in ["", ";", "8,4", "x:8,4", "-1:8,4", "0:=8,4", "0:8,4;"] {
            assert!(
                matches!(text.parse::<FormatSchedule>(), Err(FormatScheduleError::Form(_))),
                "{text}"
            );
        }
    }
}
