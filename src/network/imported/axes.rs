//! How the axes of a value of the file lie in the `[h, w, c]` of a layer.

/// Order of the axes behind the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axes {
    /// `[N, C, H, W]`.
    ChannelsFirst,
    /// `[N, H, W, C]`.
    ChannelsLast,
    /// `[N, C, L]`: one row, h = 1 and w = L.
    Row,
    /// `[N, L, C]`: one row with channels last.
    RowLast,
    /// `[N, F]`: the elements of a value `[h, w, c]` in the order c, h, w.
    Features {
        /// h, w and c.
        from: [usize; 3],
    },
}

impl Axes {
    /// The usual axes of an input of `rank` axes: channels first, unless a node that reads it moves them there, which `transposition`
    /// is the order of.
    pub(super) fn of_input(rank: usize, transposition: Option<&[i64]>) -> Option<Self> {
        match (rank, transposition) {
            (4, Some([0, 3, 1, 2])) => Some(Self::ChannelsLast),
            (3, Some([0, 2, 1])) => Some(Self::RowLast),
            (4, _) => Some(Self::ChannelsFirst),
            (3, _) => Some(Self::Row),
            _ => None,
        }
    }

    /// Shape `[h, w, c]` of a value of `shape`.
    pub(super) fn layer_shape(self, shape: &[usize]) -> [usize; 3] {
        match (self, shape) {
            (Self::ChannelsFirst, &[_, c, h, w]) | (Self::ChannelsLast, &[_, h, w, c]) => [h, w, c],
            (Self::Row, &[_, c, l]) | (Self::RowLast, &[_, l, c]) => [1, l, c],
            _ => [1, 1, shape[1..].iter().product()],
        }
    }

    /// The axis of the channels.
    pub(super) fn channel_axis(self) -> usize {
        match self {
            Self::ChannelsFirst | Self::Row | Self::Features { .. } => 1,
            Self::RowLast => 2,
            Self::ChannelsLast => 3,
        }
    }

    /// The axes of height and width, or of the row.
    pub(super) fn spatial(self) -> &'static [usize] {
        match self {
            Self::ChannelsFirst => &[2, 3],
            Self::ChannelsLast => &[1, 2],
            Self::Row => &[2],
            Self::RowLast => &[1],
            Self::Features { .. } => &[],
        }
    }

    /// The axes after a transposition, if only channels move to the other end.
    pub(super) fn transposed(self, order: &[i64]) -> Option<Self> {
        let identity = order.iter().enumerate().all(|(place, &axis)| axis == place as i64);
        Some(match (self, order) {
            (same, _) if identity => same,
            (Self::ChannelsFirst, [0, 2, 3, 1]) => Self::ChannelsLast,
            (Self::ChannelsLast, [0, 3, 1, 2]) => Self::ChannelsFirst,
            (Self::Row, [0, 2, 1]) => Self::RowLast,
            (Self::RowLast, [0, 2, 1]) => Self::Row,
            _ => return None,
        })
    }

    /// For features, the place in the file of each element in the order h, w, c.
    pub(super) fn places(self) -> Option<Vec<usize>> {
        let Self::Features { from: [h, w, c] } = self else { return None };
        let place = |index: usize| {
            let (pixel, channel) = (index / c, index % c);
            channel * h * w + pixel
        };
        Some((0..h * w * c).map(place).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_in_the_order_of_channels() {
        let axes = Axes::Features { from: [1, 2, 3] };
        // h, w, c = (0,0,0), (0,0,1), (0,0,2), (0,1,0), ... lie at c·2 + w.
        assert_eq!(axes.places(), Some(vec![0, 2, 4, 1, 3, 5]));
        assert_eq!(Axes::ChannelsFirst.transposed(&[0, 2, 3, 1]), Some(Axes::ChannelsLast));
        assert_eq!(Axes::ChannelsFirst.transposed(&[0, 1, 3, 2]), None);
        assert_eq!(Axes::Row.layer_shape(&[1, 12, 29]), [1, 29, 12]);
    }
}
