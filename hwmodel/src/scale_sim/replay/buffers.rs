//! Read and output buffers that hold their elements.

use super::{Element, Rule, ceil};
use std::collections::{HashSet, VecDeque};

/// A read buffer.
pub(super) enum Reader {
    Calc {
        words: i64,
        rule: Rule,
        /// Oldest first.
        contents: VecDeque<usize>,
        misses: i64,
        first: Option<i64>,
        emptied: Option<i64>,
    },
    User {
        rule: Rule,
        sets: Vec<HashSet<usize>>,
        /// Elements of each set, repeated ones too.
        sizes: Vec<i64>,
        /// Elements of the sets fetched.
        fetched: i64,
        active: usize,
        step: usize,
        start: usize,
        end: usize,
        last: i64,
        first_lines: i64,
        lines: i64,
        width: i64,
        reads: i64,
    },
}

impl Reader {
    pub(super) fn calc(words: i64, rule: Rule) -> Self {
        let contents = VecDeque::new();
        Self::Calc { rule, words, contents, misses: 0, first: None, emptied: None }
    }

    pub(super) fn user(words: i64, width: i64, order: &[Element], rule: Rule) -> Self {
        let active_words = ceil(words, 2);
        let prefetch_words = words - active_words;
        let set_size = ceil(words, 100);
        let mut sets = vec![HashSet::new()];
        let mut sizes = vec![0];
        for element in order.iter().flatten() {
            sets.last_mut().unwrap().insert(*element);
            *sizes.last_mut().unwrap() += 1;
            if *sizes.last().unwrap() >= set_size {
                sets.push(HashSet::new());
                sizes.push(0);
            }
        }
        let active = sets.len().min(ceil(active_words, set_size) as usize);
        let step = (sets.len() - active).min(ceil(prefetch_words, set_size) as usize);
        let first_lines = ceil(active_words, width).min(ceil(order.len() as i64, width));
        Self::User {
            rule,
            sets,
            fetched: sizes[..active].iter().sum(),
            sizes,
            active,
            step,
            start: 0,
            end: active,
            last: -1,
            first_lines,
            lines: ceil(prefetch_words, width),
            width,
            reads: first_lines * width,
        }
    }

    /// The cycle in which the requests of `cycle` are served.
    pub(super) fn serve(&mut self, cycle: i64, line: &[Element]) -> i64 {
        let mut delay = 1;
        for &element in line.iter().flatten() {
            match self {
                Self::Calc { rule, words, contents, misses, first, emptied } => {
                    first.get_or_insert(cycle);
                    if contents.contains(&element) {
                        continue;
                    }
                    contents.push_back(element);
                    *misses += 1;
                    let half = 50 * (*words / 100);
                    if *rule == Rule::NewestKept {
                        if contents.len() as i64 > half {
                            contents.pop_front();
                        }
                    } else if contents.len() as i64 == half {
                        contents.clear();
                        *emptied = Some(cycle);
                    }
                }
                Self::User {
                    rule,
                    sets,
                    sizes,
                    fetched,
                    active,
                    step,
                    start,
                    end,
                    last,
                    lines,
                    width,
                    reads,
                    ..
                } => loop {
                    let (first, end_now) = (*start, *end);
                    let inside = |index: usize| match first < end_now {
                        true => (first..end_now).contains(&index),
                        false => index >= first || index < end_now,
                    };
                    if (0..sets.len()).any(|i| inside(i) && sets[i].contains(&element)) {
                        break;
                    }
                    *fetched += (0..*step).map(|i| sizes[(*end + i) % sets.len()]).sum::<i64>();
                    *start = (*start + *step) % sets.len();
                    *end = (*start + *active) % sets.len();
                    *last += *lines + 1;
                    *reads += *lines * *width;
                    let late = *last - (cycle + delay);
                    if *rule == Rule::ChargedOnce {
                        delay += late.max(0);
                        continue;
                    }
                    delay += late;
                    if late > 0 {
                        delay += late;
                    }
                },
            }
        }
        cycle + delay
    }

    /// Elements of all sets fetched, in mode USER.
    pub(super) fn fetched(&self) -> Option<i64> {
        match self {
            Self::Calc { .. } => None,
            Self::User { fetched, .. } => Some(*fetched),
        }
    }

    /// Start, stop and count of the DRAM reads.
    pub(super) fn dram(&self) -> [i64; 3] {
        match self {
            Self::Calc { words, misses, first, emptied, .. } => {
                let set = words / 100;
                match emptied {
                    None => [-ceil(ceil(*misses, set) * set, 10), -1, *misses],
                    Some(cycle) => [first.unwrap() - ceil(50 * set, 10), cycle + 1, *misses],
                }
            }
            Self::User { last, first_lines, reads, .. } => [-first_lines, *last, *reads],
        }
    }
}

/// The output buffer.
pub(super) struct Writer {
    drain_words: i64,
    active_words: i64,
    width: i64,
    free: i64,
    drain_end: i64,
    current: i64,
    lines: Vec<i64>,
    drained: usize,
    pub(super) written: i64,
    pub(super) start: i64,
    pub(super) stop: i64,
}

impl Writer {
    pub(super) fn new(words: i64, width: i64) -> Self {
        let drain_words = words - ceil(words, 2);
        Self {
            drain_words,
            active_words: words - drain_words,
            width,
            free: words,
            drain_end: 0,
            current: 0,
            lines: Vec::new(),
            drained: 0,
            written: 0,
            start: i64::MAX,
            stop: i64::MIN,
        }
    }

    fn close(&mut self) {
        if self.current > 0 {
            self.lines.push(self.current);
            self.current = 0;
        }
    }

    /// Drains a group of lines; gives their number.
    fn drain(&mut self, now: i64) -> i64 {
        let end = self.lines.len().min(self.drained + ceil(self.drain_words, self.width) as usize);
        let count = (end - self.drained) as i64;
        let size = count * self.width - (self.width - self.lines[end - 1]);
        self.written += size;
        self.free += size;
        self.drained = end;
        self.start = self.start.min(now);
        self.stop = self.stop.max(now + count - 1);
        count
    }

    /// The cycle in which the outputs of `cycle` are stored.
    pub(super) fn serve(&mut self, cycle: i64, outputs: usize) -> i64 {
        let mut now = cycle;
        for _ in 0..outputs {
            self.current += 1;
            self.free -= 1;
            if self.current == self.width {
                self.close();
            }
            if now < self.drain_end {
                if self.free <= 0 {
                    now = self.drain_end;
                }
            } else if self.free < self.active_words {
                self.close();
                let count = self.drain(now);
                self.drain_end = now + count - 1;
            }
        }
        now
    }

    pub(super) fn flush(&mut self, cycle: i64) {
        self.close();
        let mut cycle = cycle;
        while self.drained < self.lines.len() {
            cycle += self.drain(cycle);
        }
    }
}
