//! Shapes: sizes, strides, broadcasting.

use super::error::Problem;

/// The most elements of a value.
pub(super) const MAX_ELEMENTS: usize = 1 << 28;

/// Number of elements of `shape`.
///
/// # Errors
/// If there are more than a value may have.
pub(super) fn elements(shape: &[usize]) -> Result<usize, Problem> {
    // Zeros first, so that they are never hidden by an overflow.
    if shape.contains(&0) {
        return Ok(0);
    }
    let count = shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size));
    count.filter(|&n| n <= MAX_ELEMENTS).ok_or_else(|| Problem::TooLarge(shape.to_vec()))
}

/// How far apart neighbours along each axis of a row-major tensor lie.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis].max(1);
    }
    strides
}

/// `axis` counted from the front; negative ones count from the back.
///
/// # Errors
/// If a tensor of `rank` axes has none such.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Problem> {
    let found = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(found)
        .ok()
        .filter(|&found| found < rank)
        .ok_or_else(|| Problem::Shape(format!("axis {axis} of a tensor with {rank} axes")))
}

/// All of `axes`, counted from the front.
///
/// # Errors
/// If a tensor of `rank` axes lacks one, or one is named twice.
pub(super) fn distinct(axes: &[i64], rank: usize) -> Result<Vec<usize>, Problem> {
    let found = axes.iter().map(|&one| axis(one, rank)).collect::<Result<Vec<_>, _>>()?;
    match (1..found.len()).find(|&index| found[..index].contains(&found[index])) {
        Some(index) => Err(Problem::Shape(format!("axis {} is named twice", axes[index]))),
        None => Ok(found),
    }
}

/// The shape of `sizes`.
///
/// # Errors
/// If one is negative, or a tensor of this shape is too large.
pub(super) fn shape_of(sizes: &[i64]) -> Result<Vec<usize>, Problem> {
    let size = |&size: &i64| usize::try_from(size).ok();
    let shape: Option<Vec<usize>> = sizes.iter().map(size).collect();
    let shape =
        shape.ok_or_else(|| Problem::Shape(format!("shape {sizes:?} has a negative size")))?;
    elements(&shape)?;
    Ok(shape)
}

/// The shape that all of `shapes` are broadcast to.
///
/// # Errors
/// If they do not fit.
pub(super) fn broadcast(shapes: &[&[usize]]) -> Result<Vec<usize>, Problem> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut result = vec![1; rank];
    for shape in shapes {
        for (size, &other) in result.iter_mut().rev().zip(shape.iter().rev()) {
            match (*size, other) {
                (_, 1) => {}
                (1, _) => *size = other,
                (a, b) if a == b => {}
                _ => {
                    let why = format!("shapes {shapes:?} cannot be broadcast");
                    return Err(Problem::Shape(why));
                }
            }
        }
    }
    elements(&result)?;
    Ok(result)
}

/// For each element of `to` in row-major order the index of the element of `from` that is broadcast there.
pub(super) fn broadcast_index(from: &[usize], to: &[usize]) -> Vec<usize> {
    let own = strides(from);
    let lead = to.len() - from.len();
    let steps: Vec<usize> = (0..to.len())
        .map(|axis| match axis.checked_sub(lead) {
            Some(axis) if from[axis] != 1 => own[axis],
            _ => 0,
        })
        .collect();
    walk(to, &steps, 0)
}

/// Elements of a row-major tensor.
pub(super) type Part<'a, T> = (&'a [T], &'a [usize]);

/// f(a, b) for each element of `to`, the shape that both are broadcast to.
pub(super) fn zip<A: Copy, B: Copy, R>(
    (a, a_shape): Part<'_, A>,
    (b, b_shape): Part<'_, B>,
    to: &[usize],
    mut f: impl FnMut(A, B) -> R,
) -> Vec<R> {
    let is_last = |shape: &[usize], count: usize| {
        let inner = &shape[shape.iter().take_while(|&&size| size == 1).count()..];
        count > 0 && to.ends_with(inner)
    };
    if a_shape == to && b_shape == to {
        a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
    } else if a_shape == to && is_last(b_shape, b.len()) {
        a.iter().zip(b.iter().cycle()).map(|(&a, &b)| f(a, b)).collect()
    } else if b_shape == to && is_last(a_shape, a.len()) {
        a.iter().cycle().zip(b).map(|(&a, &b)| f(a, b)).collect()
    } else {
        let (at_a, at_b) = (broadcast_index(a_shape, to), broadcast_index(b_shape, to));
        at_a.into_iter().zip(at_b).map(|(i, k)| f(a[i], b[k])).collect()
    }
}

/// `values` of `shape`, broadcast to `to`.
pub(super) fn spread<T: Copy>((values, shape): Part<'_, T>, to: &[usize]) -> Vec<T> {
    if shape == to {
        return values.to_vec();
    }
    broadcast_index(shape, to).into_iter().map(|place| values[place]).collect()
}

/// For each element of the tensor that takes the places `lists` along each axis of one of shape `from`, its place there.
pub(super) fn grid(from: &[usize], lists: &[Vec<usize>]) -> Vec<usize> {
    let mut places = vec![0];
    for (size, list) in from.iter().zip(lists) {
        let row = |place: usize| list.iter().map(move |&index| place * size + index);
        places = places.into_iter().flat_map(row).collect();
    }
    places
}

/// `start` + Σ index·step over the axes, for each index of `shape` in row-major order.
pub(super) fn walk(shape: &[usize], steps: &[usize], start: usize) -> Vec<usize> {
    let count = shape.iter().product();
    let mut places = Vec::with_capacity(count);
    if count == 0 {
        return places;
    }
    let mut index = vec![0; shape.len()];
    let mut place = start;
    loop {
        places.push(place);
        let mut axis = shape.len();
        loop {
            if axis == 0 {
                return places;
            }
            axis -= 1;
            index[axis] += 1;
            place += steps[axis];
            if index[axis] < shape[axis] {
                break;
            }
            place -= steps[axis] * shape[axis];
            index[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_broadcast_from_the_right() {
        assert_eq!(broadcast(&[&[8, 1, 6], &[7, 1]]).unwrap(), [8, 7, 6]);
        assert_eq!(broadcast(&[&[], &[3]]).unwrap(), [3]);
        assert!(broadcast(&[&[2], &[3]]).is_err());
        assert_eq!(broadcast(&[&[0, 1], &[1, 5]]).unwrap(), [0, 5]);
        assert_eq!(broadcast_index(&[2, 1], &[2, 3]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(broadcast_index(&[3], &[2, 3]), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn pairs_of_every_broadcast() {
        let add = |a: &[i64], a_shape: &[usize], b: &[i64], b_shape: &[usize]| {
            let to = broadcast(&[a_shape, b_shape]).unwrap();
            zip((a, a_shape), (b, b_shape), &to, |a, b| a + b)
        };
        assert_eq!(add(&[1, 2], &[2], &[10, 20], &[2]), [11, 22]);
        assert_eq!(add(&[1, 2], &[2], &[10], &[]), [11, 12]);
        assert_eq!(add(&[1], &[1, 1], &[10, 20], &[2]), [11, 21]);
        assert_eq!(add(&[1, 2, 3, 4], &[2, 2], &[10, 20], &[1, 2]), [11, 22, 13, 24]);
        assert_eq!(add(&[10, 20], &[2], &[1, 2, 3, 4], &[2, 2]), [11, 22, 13, 24]);
        assert_eq!(add(&[1, 2, 3, 4], &[2, 2], &[10, 20], &[2, 1]), [11, 12, 23, 24]);
        assert_eq!(add(&[1, 2], &[2, 1], &[10, 20], &[1, 2]), [11, 21, 12, 22]);
        assert!(add(&[], &[0, 2], &[10, 20], &[2]).is_empty());
        assert_eq!(spread((&[1, 2], &[2, 1]), &[2, 2]), [1, 1, 2, 2]);
    }

    #[test]
    fn axes_count_from_both_ends() {
        assert_eq!(axis(-1, 4).unwrap(), 3);
        assert!(axis(4, 4).is_err());
        assert!(axis(-5, 4).is_err());
        assert_eq!(elements(&[1 << 40, 1 << 40, 0]).unwrap(), 0);
        assert!(elements(&[1 << 40, 1 << 40]).is_err());
        assert_eq!(walk(&[3, 2], &[1, 3], 0), [0, 3, 1, 4, 2, 5]);
    }
}
