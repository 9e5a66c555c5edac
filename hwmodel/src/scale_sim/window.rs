//! The window of a read buffer in mode USER over the sets of its operand.

use crate::cast::exact;

/// Sets of an operand, groups of elements in the order of prefetching formed once, and which of them are in the
/// buffer. The window goes round the ring of sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Elements of a set.
    pub(super) set_size: u64,
    /// Number of sets; the last one may be empty.
    pub(super) sets: u64,
    /// Sets in the window.
    pub(super) active: u64,
    /// Sets by which a prefetch moves the window.
    pub(super) step: u64,
    /// First set of the window.
    pub(super) start: u64,
}

/// Active half, the larger one, and prefetch half of a buffer of `words` words.
pub(super) fn halves(words: u64) -> (u64, u64) {
    (words.div_ceil(2), words / 2)
}

impl Window {
    /// The window of a buffer of `words` words before the first request, over `elements` prefetched elements.
    pub(super) fn new(words: u64, elements: u64) -> Self {
        let (active_words, prefetch_words) = halves(words);
        let set_size = words.div_ceil(100);
        let sets = elements / set_size + 1;
        let active = sets.min(active_words.div_ceil(set_size));
        let step = (sets - active).min(prefetch_words.div_ceil(set_size));
        Self { set_size, sets, active, step, start: 0 }
    }

    /// Whether the window has all sets, so that nothing is ever missed.
    pub(super) fn holds_all(&self) -> bool {
        self.active == self.sets
    }

    /// How far `set` is ahead of the window's start, around the ring: less than `active` is inside.
    pub(super) fn ahead(&self, set: u64) -> u64 {
        let ahead = set.wrapping_sub(self.start);
        ahead.min(set.wrapping_add(self.sets - self.start))
    }

    /// Moves until the set that is `ahead` of the start, not inside, is inside; gives the number of moves.
    ///
    /// A move is never longer than the window, so that it does not jump over a set.
    pub(super) fn reach(&mut self, ahead: u64) -> u64 {
        let moves = (ahead - self.active) / self.step + 1;
        let start = u128::from(self.start) + u128::from(moves) * u128::from(self.step);
        self.start = exact::<u64>(start % u128::from(self.sets));
        moves
    }

    /// Elements in the sets that the first fetch and `moves` moves bring, of `elements` in all.
    pub(super) fn fetched(&self, elements: u64, moves: u64) -> u64 {
        let sets = self.active + moves * self.step;
        let missing_of_last = self.set_size * self.sets - elements;
        sets * self.set_size - sets / self.sets * missing_of_last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_a_kibibyte() {
        // 1024 words: sets of ⌈10.24⌉ = 11, ⌈512 / 11⌉ = 47 of them in each half.
        let window = Window::new(1024, 1000);
        assert_eq!((window.set_size, window.sets, window.active, window.step), (11, 91, 47, 44));
        assert!(!window.holds_all());
        let window = Window::new(1024, 5000);
        assert_eq!((window.sets, window.active, window.step), (455, 47, 47));
        let window = Window::new(1024, 516);
        assert_eq!((window.sets, window.active, window.step), (47, 47, 0));
        assert!(window.holds_all());
        // 11 · 91 = 1001 places for 1000 elements.
        assert_eq!(Window::new(1024, 1000).fetched(1000, 1), 1000);
        assert_eq!(Window::new(1024, 1000).fetched(1000, 0), 517);
    }

    #[test]
    fn moves_reach_every_set() {
        for (words, elements) in [(1024, 5000), (100, 333), (7, 40), (2, 3), (1024, 1000)] {
            let all = Window::new(words, elements);
            for start in 0..all.sets {
                for set in 0..all.sets {
                    let mut window = Window { start, ..all };
                    let inside = |window: &Window| {
                        let end = (window.start + window.active) % window.sets;
                        match window.start < end {
                            true => (window.start..end).contains(&set),
                            false => set >= window.start || set < end,
                        }
                    };
                    let mut stepped = window;
                    let mut moves = 0;
                    while !inside(&stepped) {
                        stepped.start = (stepped.start + stepped.step) % stepped.sets;
                        moves += 1;
                    }
                    let ahead = window.ahead(set);
                    assert_eq!(ahead < window.active, moves == 0);
                    if moves > 0 {
                        assert_eq!(window.reach(ahead), moves);
                    }
                    assert_eq!(window, stepped);
                }
            }
        }
    }
}
