//! Parallel loops over independent items, shared by all threads of the pool.
//!
//! Every parallel loop of the crate goes through [`share`], so that rayon's own code is compiled once and not
//! once for each loop.

use rayon::prelude::*;
use std::ops::Add;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Items that a thread takes at a time, at most.
const MOST_AT_ONCE: usize = 64;

/// Does `work` on every item; a thread takes more items when it has done its last ones, and makes its scratch
/// memory once. Returns the total of what `work` returns, which must not depend on the order of addition.
///
/// Scratch memory that is made for every item, as rayon's own `for_each_init` may do, is returned to
/// the system and allocated again, which costs more than small products.
pub(crate) fn share<T, S, R>(
    items: impl Iterator<Item = T> + Send,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T) -> R + Sync,
) -> R
where
    T: Send,
    R: Default + Add<Output = R> + Send,
{
    let few = items.size_hint().1.is_some_and(|most| most <= 1);
    let threads = if few { 1 } else { rayon::current_num_threads() };
    let queue = Mutex::new(items);
    let total = Mutex::new(R::default());
    let thread = || {
        let mut taken = Vec::new();
        take(&mut *lock(&queue), threads, &mut taken);
        if taken.is_empty() {
            return;
        }
        let (mut scratch, mut sum) = (scratch(), R::default());
        while !taken.is_empty() {
            for item in taken.drain(..) {
                sum = sum + work(&mut scratch, item);
            }
            take(&mut *lock(&queue), threads, &mut taken);
        }
        let mut total = lock(&total);
        *total = std::mem::take(&mut *total) + sum;
    };
    match threads {
        1 => thread(),
        _ => on_threads(threads, &thread),
    }
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Does `work` on every item.
pub(crate) fn each<T: Send>(items: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    share(
        items,
        || (),
        |(), item| {
            work(item);
            Done
        },
    );
}

/// The total of what `work` returns for each item, which must not depend on the order of addition.
pub(crate) fn sum<T, R>(items: impl Iterator<Item = T> + Send, work: impl Fn(T) -> R + Sync) -> R
where
    T: Send,
    R: Default + Add<Output = R> + Send,
{
    share(items, || (), |(), item| work(item))
}

/// What `work` returns for each item, in the order of the items.
pub(crate) fn map<T, R>(
    items: impl ExactSizeIterator<Item = T> + Send,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R>
where
    T: Send,
    R: Send,
{
    let mut results: Vec<Option<R>> = Vec::new();
    results.resize_with(items.len(), || None);
    each(items.zip(&mut results), |(item, result)| *result = Some(work(item)));
    results.into_iter().flatten().collect()
}

/// Moves the next items of the queue to `taken`: many while many are left, one by one at the end, so that
/// threads neither wait for the queue nor for each other.
fn take<T>(queue: &mut impl Iterator<Item = T>, threads: usize, taken: &mut Vec<T>) {
    let left = queue.size_hint().0;
    taken.extend(queue.take((left / (4 * threads)).clamp(1, MOST_AT_ONCE)));
}

/// Calls `thread` as often as the pool has threads, all of them at the same time where they are free.
fn on_threads(threads: usize, thread: &(dyn Fn() + Sync)) {
    (0..threads).into_par_iter().with_max_len(1).for_each(|_| thread());
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// No result.
#[derive(Default)]
pub(crate) struct Done;

impl Add for Done {
    type Output = Self;
    fn add(self, _: Self) -> Self {
        Self
    }
}

/// Totals of many values at once, element by element; an empty one counts as zeros.
#[derive(Default)]
pub(crate) struct Totals<T>(Vec<T>);

impl<T: Copy + Default> Totals<T> {
    /// These values.
    pub(crate) fn new(values: Vec<T>) -> Self {
        Self(values)
    }

    /// The totals of `length` values.
    pub(crate) fn of_length(mut self, length: usize) -> Vec<T> {
        self.0.resize(length, T::default());
        self.0
    }
}

impl<T: Copy + Add<Output = T>> Add for Totals<T> {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        if self.0.is_empty() {
            return other;
        }
        self.0.iter_mut().zip(other.0).for_each(|(total, more)| *total = *total + more);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_threads<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
    }

    #[test]
    fn every_item_is_taken_once() {
        for (threads, length) in [(1, 1000), (2, 1000), (5, 1000), (3, 1), (4, 0), (2, 7)] {
            let mut items = vec![0u64; length];
            let total = with_threads(threads, || {
                share(
                    items.iter_mut().enumerate(),
                    || 0u64,
                    |taken, (index, item)| {
                        *taken += 1;
                        *item += index as u64;
                        *item + u64::from(*taken == 0)
                    },
                )
            });
            let length = length as u64;
            assert_eq!(total, length * length.saturating_sub(1) / 2);
            assert!(items.iter().enumerate().all(|(index, &item)| item == index as u64));
        }
    }

    #[test]
    fn results_keep_the_order_of_the_items() {
        for threads in [1, 2, 5] {
            let squares = with_threads(threads, || map(0..999u32, |item| item * item));
            assert!(squares.iter().zip(0..).all(|(&square, item)| square == item * item));
            assert_eq!(squares.len(), 999);
        }
    }

    #[test]
    fn work_may_be_shared_inside_shared_work() {
        let total = with_threads(3, || sum(0..50u64, |i| sum(0..20u64, |j| i * j)));
        assert_eq!(total, 49 * 50 / 2 * (19 * 20 / 2));
    }

    #[test]
    fn totals_are_element_by_element() {
        let totals = sum(0..10u32, |i| Totals::new(vec![i, 1]));
        assert_eq!(totals.of_length(2), [45, 10]);
        assert_eq!(sum(0..0u32, |i| Totals::new(vec![i])).of_length(3), [0, 0, 0]);
    }
}
