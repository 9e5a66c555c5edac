//! Work shared by all threads, each with memory of its own.

use rayon::prelude::*;
use std::ops::Add;
use std::sync::{Mutex, PoisonError};

/// Does `work` on every item; a thread takes the next one when it has done its last, and makes its scratch
/// memory once. Returns the total of what `work` returns, which must not depend on the order of addition.
///
/// Scratch memory that is made for every item, as rayon's own `for_each_init` may do, is returned to
/// the system and taken anew, which costs more than small products.
pub(crate) fn share<T, S, R>(
    items: impl Iterator<Item = T> + Send,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T) -> R + Sync,
) -> R
where
    T: Send,
    R: Default + Add<Output = R> + Send,
{
    let queue = Mutex::new(items);
    let thread = |_| {
        let (mut scratch, mut total) = (scratch(), R::default());
        loop {
            let item = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            match item {
                Some(item) => total = total + work(&mut scratch, item),
                None => return total,
            }
        }
    };
    let threads = rayon::current_num_threads();
    (0..threads).into_par_iter().with_max_len(1).map(thread).reduce(R::default, Add::add)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_taken_once() {
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut items = vec![0u64; 1000];
            let total = pool.install(|| {
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
            assert_eq!(total, 999 * 1000 / 2);
            assert!(items.iter().enumerate().all(|(index, &item)| item == index as u64));
        }
    }
}
