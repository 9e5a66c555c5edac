//! DRAM reads of a read buffer in mode CALC: nothing stalls, the traffic is counted.

use super::demand::{Demand, Requests, Walks};
use super::geometry::InputAddresses;

/// What a buffer read from DRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misses {
    /// Elements read.
    pub(super) count: u64,
    /// The line in which the set was last emptied.
    pub(super) last_emptying: Option<u64>,
}

/// Elements after which SCALE-Sim's set is emptied: half of a buffer of `words` words, in hundredths.
pub(super) fn set_capacity(words: u64) -> u64 {
    50 * (words / 100)
}

/// Misses if no element is requested twice: every `capacity`-th one empties the set.
///
/// No element may be null.
pub(super) fn all_distinct(demand: &Demand, capacity: u64) -> Misses {
    let count = demand.lanes() * demand.times();
    let Some(mut index) = (count / capacity * capacity).checked_sub(1) else {
        return Misses { count, last_emptying: None };
    };
    for fold in 0..demand.folds().count() {
        let block = demand.block(fold);
        let size = (block.lanes.1 - block.lanes.0) * (block.times.1 - block.times.0);
        if index < size {
            return Misses { count, last_emptying: Some(demand.line_of(&block, index)) };
        }
        index -= size;
    }
    unreachable!("the blocks of one pass hold all elements")
}

/// Walks all requests: an element that is not in the set is a miss and joins it; a set of `capacity` elements is
/// emptied.
///
/// `addresses` are the address space's size and, of the input, its nulls.
pub(super) fn emptied_when_full(
    requests: &Requests<'_>,
    size: usize,
    nulls: Option<&InputAddresses>,
    capacity: u64,
) -> Misses {
    /// Generation of null addresses, which are never missed.
    const NULL: u16 = u16::MAX;
    // An address is in the set if its mark is the current generation; emptying starts a new one.
    let mut marks = vec![0_u16; size];
    for null in nulls.into_iter().flat_map(InputAddresses::nulls) {
        marks[null as usize] = NULL;
    }
    let mut generation = 1_u16;
    let (mut occupied, mut count, mut emptyings) = (0, 0, 0_u64);
    let mut last_emptying = None;
    let mut walks = Walks::new(&requests.demand);
    for fold in 0..requests.demand.folds().count() {
        // If nothing was emptied since this block was last requested, all of it is still buffered.
        if walks.is_unchanged(fold, emptyings) {
            continue;
        }
        requests.visit(fold, |line, address| {
            let mark = &mut marks[address as usize];
            if *mark == generation || *mark == NULL {
                return;
            }
            *mark = generation;
            count += 1;
            occupied += 1;
            if occupied == capacity {
                occupied = 0;
                emptyings += 1;
                last_emptying = Some(line);
                generation += 1;
                if generation == NULL {
                    generation = 1;
                    marks.iter_mut().filter(|mark| **mark != NULL).for_each(|mark| *mark = 0);
                }
            }
        });
    }
    Misses { count, last_emptying }
}

/// Misses of a buffer that keeps the newest `capacity` elements: the oldest one leaves for a new one.
pub(super) fn newest_kept(
    requests: &Requests<'_>,
    size: usize,
    nulls: Option<&InputAddresses>,
    capacity: u64,
) -> u64 {
    /// Arrival of null addresses, which are never missed.
    const NULL: u64 = u64::MAX;
    // The number of misses when an address arrived, its own included; 0: never.
    let mut arrivals = vec![0_u64; size];
    for null in nulls.into_iter().flat_map(InputAddresses::nulls) {
        arrivals[null as usize] = NULL;
    }
    let mut count = 0_u64;
    let mut walks = Walks::new(&requests.demand);
    for fold in 0..requests.demand.folds().count() {
        if walks.is_unchanged(fold, count) {
            continue;
        }
        requests.visit(fold, |_, address| {
            let arrival = &mut arrivals[address as usize];
            if *arrival <= count.saturating_sub(capacity) {
                count += 1;
                *arrival = count;
            }
        });
    }
    count
}
