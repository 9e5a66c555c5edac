//! Rows of a tensor: its parts along the first axis.

use super::{Elements, Tensor};
use std::ops::Range;
use std::sync::Arc;

impl Tensor {
    /// Size of the first axis; `None` for a number without axes.
    pub fn rows(&self) -> Option<usize> {
        self.shape.first().copied()
    }

    /// The rows `range`, then the last one of them again until there are `count`.
    ///
    /// # Panics
    /// If `range` is empty or not within the rows, or `count` is less than its length.
    pub fn filled_rows(&self, range: Range<usize>, count: usize) -> Self {
        let each: usize = self.shape[1..].iter().product();
        let (length, missing) = (range.len(), count - range.len());
        fn pick<T: Copy>(values: &[T], length: usize, missing: usize, each: usize) -> Arc<Vec<T>> {
            let mut found = values.to_vec();
            for _ in 0..missing {
                found.extend_from_slice(&values[(length - 1) * each..]);
            }
            Arc::new(found)
        }
        let part = range.start * each..range.end * each;
        let elements = match &self.elements {
            Elements::Float32(values) => {
                Elements::Float32(pick(&values[part], length, missing, each))
            }
            Elements::Float64(values) => {
                Elements::Float64(pick(&values[part], length, missing, each))
            }
            Elements::Integers(values) => {
                Elements::Integers(pick(&values[part], length, missing, each))
            }
        };
        let mut shape = self.shape.clone();
        shape[0] = count;
        Self { shape, element: self.element, elements }
    }

    /// The first `count` rows; all if there are fewer.
    ///
    /// # Panics
    /// If it has no axis.
    pub fn first_rows(&self, count: usize) -> Self {
        let count = count.min(self.shape[0]);
        if count == self.shape[0] {
            return self.clone();
        }
        if count == 0 {
            let mut shape = self.shape.clone();
            shape[0] = 0;
            return Self { shape, element: self.element, elements: self.elements.emptied() };
        }
        self.filled_rows(0..count, count)
    }

    /// The parts one after another; `None` if their element types or the shapes of their rows differ, or there are none.
    pub fn joined(parts: &[Self]) -> Option<Self> {
        let (first, rest) = parts.split_first()?;
        if rest.is_empty() {
            return Some(first.clone());
        }
        let row = first.shape.get(1..)?;
        let alike = |part: &Self| part.element == first.element && part.shape.get(1..) == Some(row);
        if !rest.iter().all(alike) {
            return None;
        }
        macro_rules! join {
            ($kind:path) => {{
                let mut all = Vec::new();
                for part in parts {
                    let $kind(values) = &part.elements else { return None };
                    all.extend_from_slice(values);
                }
                $kind(Arc::new(all))
            }};
        }
        let elements = match &first.elements {
            Elements::Float32(_) => join!(Elements::Float32),
            Elements::Float64(_) => join!(Elements::Float64),
            Elements::Integers(_) => join!(Elements::Integers),
        };
        let mut shape = first.shape.clone();
        shape[0] = parts.iter().map(|part| part.shape[0]).sum();
        Some(Self { shape, element: first.element, elements })
    }
}

impl Elements {
    /// No elements, of the same kind.
    fn emptied(&self) -> Self {
        match self {
            Self::Float32(_) => Self::Float32(Arc::default()),
            Self::Float64(_) => Self::Float64(Arc::default()),
            Self::Integers(_) => Self::Integers(Arc::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::ElementType;

    #[test]
    fn parts_are_cut_filled_and_joined() {
        let tensor = |shape: Vec<usize>, values: &[i64]| {
            let values = Elements::Integers(values.to_vec().into());
            Tensor::new(shape, ElementType::Int8, values).unwrap()
        };
        let all = tensor(vec![3, 2], &[1, 2, 3, 4, 5, 6]);
        assert_eq!(all.filled_rows(1..3, 4), tensor(vec![4, 2], &[3, 4, 5, 6, 5, 6, 5, 6]));
        let parts = [all.filled_rows(0..1, 1), all.filled_rows(1..3, 2)];
        assert_eq!(Tensor::joined(&parts), Some(all.clone()));
        assert_eq!(all.first_rows(1), parts[0]);
        assert_eq!(all.first_rows(0).shape(), [0, 2]);
        assert_eq!(Tensor::joined(&[all, tensor(vec![1, 1], &[1])]), None);
    }
}
