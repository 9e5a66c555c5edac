//! Prefetches of a read buffer in mode USER: which request makes it move its window.
//!
//! A request for an element in no set of the window moves the window until one has it. When that happens depends on
//! the order of requests alone, not on time, so that this is found first and timed later.

use super::demand::{Demand, Requests, Walks};
use super::geometry::InputAddresses;
use super::prefetch_order::{RankRange, Ranks, visit_in_order};
use super::window::Window;
use crate::cast::exact;
use std::cell::Cell;

/// Prefetches that the requests of one line cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PrefetchEvent {
    pub(super) line: u64,
    /// How many prefetches.
    pub(super) count: u64,
}

/// Adds `count` prefetches in `line`, not before the last one.
fn add(events: &mut Vec<PrefetchEvent>, line: u64, count: u64) {
    match events.last_mut() {
        Some(event) if event.line == line => event.count += count,
        _ => events.push(PrefetchEvent { line, count }),
    }
}

/// The part of the ring of ranks that is in the window.
#[derive(Debug, Clone, Copy)]
struct RankWindow {
    start: u64,
    active: u64,
    all: u64,
}

impl RankWindow {
    fn new(window: &Window) -> Self {
        let [start, active, all] =
            [window.start, window.active, window.sets].map(|sets| sets * window.set_size);
        Self { start, active, all }
    }

    /// Whether all of `range` is in the window.
    fn holds(&self, range: RankRange) -> bool {
        let ahead =
            |rank: u64| rank.wrapping_sub(self.start).min(rank.wrapping_add(self.all - self.start));
        let (first, last) = (ahead(range.start), ahead(range.end - 1));
        first <= last && last < self.active
    }
}

/// The prefetches of `window`, which does not hold all sets, by line, for an operand without nulls whose elements
/// occur once in its matrix.
pub(super) fn distinct_elements(demand: Demand, mut window: Window) -> Vec<PrefetchEvent> {
    let mut events = Vec::new();
    let ranks = Ranks::new(demand);
    let mut inside = RankWindow::new(&window);
    let mut moves = 0;
    let mut walks = Walks::new(&demand);
    for fold in 0..demand.folds().count() {
        // If the window has not moved since this block was asked for, it still holds the block.
        if walks.is_unchanged(fold, moves) {
            continue;
        }
        let block = demand.block(fold);
        for line in 0..demand.block_lines(&block) {
            let range = ranks.of_line(&block, line);
            if inside.holds(range) {
                continue;
            }
            for set in range.start / window.set_size..=(range.end - 1) / window.set_size {
                let ahead = window.ahead(set);
                if ahead >= window.active {
                    let count = window.reach(ahead);
                    moves += count;
                    add(&mut events, block.line + line, count);
                }
            }
            inside = RankWindow::new(&window);
        }
    }
    events
}

/// For each address the sets that it is in.
struct Sets {
    /// Address a is in sets `list[start[a]..end[a]]`, ascending.
    start: Vec<u32>,
    end: Vec<u32>,
    list: Vec<u32>,
}

impl Sets {
    fn new(requests: &Requests<'_>, addresses: &InputAddresses, set_size: u64) -> Self {
        let mut start = addresses.occurrences();
        let mut total = 0;
        for count in &mut start {
            total += std::mem::replace(count, total);
        }
        let mut end = start.clone();
        let mut list = vec![0; total as usize];
        let nulls = Nulls::new(addresses);
        let (mut set, mut remaining) = (0, set_size);
        visit_in_order(requests, |address| {
            if nulls.has(address) {
                return;
            }
            let (first, at) = (start[address as usize], &mut end[address as usize]);
            if *at == first || list[*at as usize - 1] != set {
                list[*at as usize] = set;
                *at += 1;
            }
            remaining -= 1;
            if remaining == 0 {
                (set, remaining) = (set + 1, set_size);
            }
        });
        Self { start, end, list }
    }

    fn of(&self, address: u32) -> &[u32] {
        let address = address as usize;
        &self.list[self.start[address] as usize..self.end[address] as usize]
    }
}

/// Null addresses of an input, looked up often.
struct Nulls(Vec<bool>);

impl Nulls {
    fn new(addresses: &InputAddresses) -> Self {
        let mut nulls = Vec::new();
        for address in addresses.nulls() {
            nulls.resize(addresses.len(), false);
            nulls[address as usize] = true;
        }
        Self(nulls)
    }

    fn has(&self, address: u32) -> bool {
        self.0.get(address as usize).copied().unwrap_or(false)
    }
}

/// The prefetches of `window`, which does not hold all sets, by line, for an input with nulls or elements that occur
/// several times in its matrix.
pub(super) fn shared_elements(
    requests: &Requests<'_>,
    addresses: &InputAddresses,
    window: Window,
) -> Vec<PrefetchEvent> {
    let sets = Sets::new(requests, addresses, window.set_size);
    let nulls = Nulls::new(addresses);
    let ranks = nulls.0.is_empty().then(|| Ranks::new(requests.demand));
    // A set of each address, likely to be in the window.
    let mut likely: Vec<u32> = (0..exact::<u32>(addresses.len()))
        .map(|address| sets.of(address).first().copied().unwrap_or(0))
        .collect();
    let mut events = Vec::new();
    let window = Cell::new(window);
    let mut moves = 0;
    let mut walks = Walks::new(&requests.demand);
    for fold in 0..requests.demand.folds().count() {
        if walks.is_unchanged(fold, moves) {
            continue;
        }
        let block = requests.demand.block(fold);
        // A line needs no check if the sets of its places in the matrix are in the window.
        let wanted = |line: u64| {
            ranks.is_none_or(|ranks| {
                !RankWindow::new(&window.get()).holds(ranks.of_line(&block, line))
            })
        };
        requests.visit_lines(fold, wanted, |line, address| {
            let mut now = window.get();
            let likely = &mut likely[address as usize];
            if now.ahead(u64::from(*likely)) < now.active || nulls.has(address) {
                return;
            }
            let ahead = |set: &&u32| now.ahead(u64::from(**set));
            let sets = sets.of(address);
            // Of the sets inside, the farthest one stays longest.
            let inside = sets.iter().filter(|set| ahead(set) < now.active).max_by_key(ahead);
            if let Some(&set) = inside {
                *likely = set;
                return;
            }
            if let Some(&set) = sets.iter().min_by_key(ahead) {
                *likely = set;
                let count = now.reach(now.ahead(u64::from(set)));
                window.set(now);
                moves += count;
                add(&mut events, line, count);
            }
        });
    }
    events
}
