//! Prefetches of a read buffer in mode USER: which request makes it move its window.
//!
//! The buffer holds a window over *sets*, groups of elements in the order of prefetching, formed once. A request
//! for an element in no set of the window moves the window until one has it. When that happens depends on the order of
//! requests alone, not on time, so that this is found first and timed later.

use super::demand::{Requests, Walks};
use super::geometry::InputAddresses;

/// Prefetches that the requests of one line cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PrefetchEvent {
    pub(super) line: u64,
    /// How many prefetches.
    pub(super) count: u64,
}

/// The sets of an operand and the window over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Elements of a set.
    pub(super) set_size: u64,
    /// Number of sets L; the last one may be empty.
    pub(super) sets: u64,
    /// Sets in the window.
    pub(super) active: u64,
    /// Sets by which a prefetch moves the window.
    pub(super) step: u64,
}

impl Window {
    /// The sets of `elements` prefetched elements in a buffer of `words` words.
    pub(super) fn new(words: u64, elements: u64) -> Self {
        let (active_words, prefetch_words) = halves(words);
        let set_size = words.div_ceil(100);
        let sets = elements / set_size + 1;
        let active = sets.min(active_words.div_ceil(set_size));
        let step = (sets - active).min(prefetch_words.div_ceil(set_size));
        Self { set_size, sets, active, step }
    }

    /// Whether the window has all sets, so that nothing is ever missed.
    pub(super) fn holds_all(&self) -> bool {
        self.active == self.sets
    }

    /// Elements in the sets that the first fetch and `prefetches` prefetches bring, of `elements` in all.
    pub(super) fn fetched(&self, elements: u64, prefetches: u64) -> u64 {
        let sets = self.active + prefetches * self.step;
        let missing_of_last = self.set_size * self.sets - elements;
        sets * self.set_size - sets / self.sets * missing_of_last
    }
}

/// Active half, the larger one, and prefetch half of a buffer of `words` words.
pub(super) fn halves(words: u64) -> (u64, u64) {
    (words.div_ceil(2), words / 2)
}

/// For each address the sets that it is in.
enum Sets {
    /// Each address is in one set.
    One(Vec<u32>),
    /// Address a is in sets `list[start[a]..end[a]]`, ascending.
    Several { start: Vec<u32>, end: Vec<u32>, list: Vec<u32> },
}

/// The operand's addresses in the order of prefetching: the matrix cut into groups of as many lanes as the array
/// has, stacked, and read row by row (stationary) or along anti-diagonals, from the largest row.
fn visit_in_order(requests: &Requests<'_>, mut visit: impl FnMut(u32)) {
    let width = requests.demand.lane_width() as usize;
    let (lanes, times) = (requests.lane, requests.time);
    if requests.demand.is_stationary() {
        for group in lanes.chunks(width) {
            for &time in times {
                group.iter().for_each(|&lane| visit(lane + time));
            }
        }
        return;
    }
    let rows = lanes.len().div_ceil(width) * times.len();
    for diagonal in 0..rows + width - 1 {
        let first = (diagonal + 1).saturating_sub(rows);
        let last = diagonal.min(width - 1);
        let (mut group, mut time) =
            ((diagonal - first) / times.len(), (diagonal - first) % times.len());
        for column in first..=last {
            if let Some(&lane) = lanes.get(group * width + column) {
                visit(lane + times[time]);
            }
            (group, time) = match time {
                0 => (group.wrapping_sub(1), times.len() - 1),
                _ => (group, time - 1),
            };
        }
    }
}

/// The sets of all addresses.
fn sets(requests: &Requests<'_>, size: usize, null: &[bool], shared: bool, set_size: u64) -> Sets {
    let (mut set, mut room) = (0, set_size);
    let mut next = move || {
        let this = set;
        room -= 1;
        if room == 0 {
            (set, room) = (set + 1, set_size);
        }
        this
    };
    let is_null = |address: usize| null.get(address).copied().unwrap_or(false);
    if !shared {
        let mut one = vec![0; size];
        visit_in_order(requests, |address| {
            if !is_null(address as usize) {
                one[address as usize] = next();
            }
        });
        return Sets::One(one);
    }
    let mut start = vec![0_u32; size];
    for &lane in requests.lane {
        for &time in requests.time {
            start[(lane + time) as usize] += 1;
        }
    }
    let mut total = 0;
    for count in &mut start {
        total += std::mem::replace(count, total);
    }
    let mut end = start.clone();
    let mut list = vec![0; total as usize];
    visit_in_order(requests, |address| {
        let address = address as usize;
        if is_null(address) {
            return;
        }
        let (set, at) = (next(), end[address] as usize);
        if at == start[address] as usize || list[at - 1] != set {
            list[at] = set;
            end[address] += 1;
        }
    });
    Sets::Several { start, end, list }
}

/// The prefetches of `window`, which does not hold all sets, by line.
///
/// `size` is that of the address space, `nulls` the input's; `shared` says whether an address can occur twice in
/// the operand's matrix.
pub(super) fn prefetches(
    requests: &Requests<'_>,
    size: usize,
    nulls: Option<&InputAddresses>,
    shared: bool,
    window: &Window,
) -> Vec<PrefetchEvent> {
    let mut null = Vec::new();
    for address in nulls.into_iter().flat_map(InputAddresses::nulls) {
        null.resize(size, false);
        null[address as usize] = true;
    }
    let sets = sets(requests, size, &null, shared, window.set_size);
    let word = |value: u64| u32::try_from(value).expect("no more sets than elements");
    let (all, active, step) = (word(window.sets), word(window.active), word(window.step));
    let mut window_start = 0_u32;
    // How far a set is ahead of the window's start, around the ring of sets: less than `active` is inside.
    let ahead = |set: u32, start: u32| set.wrapping_sub(start).min(set.wrapping_add(all - start));
    // A set of each address, likely to be in the window.
    let mut likely: Vec<u32> = match &sets {
        Sets::One(one) => one.clone(),
        Sets::Several { start, end, list } => start
            .iter()
            .zip(end)
            .map(|(&start, &end)| if start < end { list[start as usize] } else { 0 })
            .collect(),
    };
    let mut events: Vec<PrefetchEvent> = Vec::new();
    let mut moves = 0_u64;
    let mut walks = Walks::new(&requests.demand);
    for fold in 0..requests.demand.folds().count() {
        // If the window has not moved since this block was asked for, it still holds the block.
        if walks.is_unchanged(fold, moves) {
            continue;
        }
        requests.visit(fold, |line, address| {
            let address = address as usize;
            if ahead(likely[address], window_start) < active
                || null.get(address).copied().unwrap_or(false)
            {
                return;
            }
            let mut nearest = u32::MAX;
            if let Sets::Several { start, end, list } = &sets {
                let mut farthest_inside = None;
                for &set in &list[start[address] as usize..end[address] as usize] {
                    let distance = ahead(set, window_start);
                    if distance < active {
                        // The farthest one stays longest.
                        if farthest_inside.is_none_or(|farthest| farthest < distance) {
                            (farthest_inside, likely[address]) = (Some(distance), set);
                        }
                    } else if farthest_inside.is_none() && distance < nearest {
                        (nearest, likely[address]) = (distance, set);
                    }
                }
                if farthest_inside.is_some() {
                    return;
                }
            } else {
                nearest = ahead(likely[address], window_start);
            }
            // The window moves by no more than its size, so that it does not jump over a set.
            let count = (nearest - active) / step + 1;
            let moved = u64::from(window_start) + u64::from(count) * u64::from(step);
            window_start = word(moved % u64::from(all));
            moves += u64::from(count);
            match events.last_mut() {
                Some(event) if event.line == line => event.count += u64::from(count),
                _ => events.push(PrefetchEvent { line, count: u64::from(count) }),
            }
        });
    }
    events
}
