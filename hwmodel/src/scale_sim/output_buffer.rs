//! The output buffer: elements fill lines, lines drain to DRAM, a full buffer stalls the array.

use std::collections::VecDeque;

/// The output buffer. Cycles count from the first request of the layer.
#[derive(Debug, Clone)]
pub(super) struct OutputBuffer {
    /// Elements of a line, which leaves in one cycle.
    width: u64,
    /// Lines of one drain.
    lines_per_drain: u64,
    /// A drain starts when fewer elements are free.
    active: i64,
    free: i64,
    /// Elements in the open line.
    open: u64,
    /// Closed lines that wait, as runs of (lines, elements of each).
    closed: VecDeque<(u64, u64)>,
    drain_end: i64,
    /// Elements written to DRAM.
    pub(super) written: u64,
    /// First and last cycle of any drain.
    pub(super) drained: Option<(i64, i64)>,
}

impl OutputBuffer {
    /// A buffer of `words` elements with lines of `width` elements; neither is 0.
    pub(super) fn new(words: u64, width: u64) -> Self {
        let drain = words / 2;
        let size = i64::try_from(words).expect("a buffer of at most 2^41 words");
        Self {
            width,
            lines_per_drain: drain.div_ceil(width),
            active: size - (words / 2) as i64,
            free: size,
            open: 0,
            closed: VecDeque::new(),
            drain_end: 0,
            written: 0,
            drained: None,
        }
    }

    /// The cycle before which the lines of the last drain leave.
    pub(super) fn drain_end(&self) -> i64 {
        self.drain_end
    }

    /// How many elements can come in `cycle`, and in later cycles on the same side of the end of the drain,
    /// with nothing to decide.
    pub(super) fn headroom(&self, cycle: i64) -> u64 {
        let elements = if cycle < self.drain_end { self.free - 1 } else { self.free - self.active };
        u64::try_from(elements).unwrap_or(0)
    }

    /// Takes `count` elements, no more than the headroom.
    pub(super) fn append(&mut self, count: u64) {
        self.free -= count as i64;
        let total = self.open + count;
        self.close(total / self.width, self.width);
        self.open = total % self.width;
    }

    fn close(&mut self, lines: u64, elements: u64) {
        match self.closed.back_mut() {
            _ if lines == 0 => {}
            Some((run, size)) if *size == elements => *run += lines,
            _ => self.closed.push_back((lines, elements)),
        }
    }

    fn close_open_line(&mut self) {
        if self.open > 0 {
            let open = std::mem::take(&mut self.open);
            self.close(1, open);
        }
    }

    /// Takes the `count` elements that come in `cycle`, one after another; gives the cycle in which the last one
    /// is stored.
    pub(super) fn accept(&mut self, cycle: i64, count: u64) -> i64 {
        if count <= self.headroom(cycle) {
            self.append(count);
            return cycle;
        }
        let mut now = cycle;
        for _ in 0..count {
            self.append(1);
            if now < self.drain_end {
                if self.free <= 0 {
                    now = self.drain_end;
                }
            } else if self.free < self.active {
                self.close_open_line();
                let lines = self.drain(now);
                self.drain_end = now + lines - 1;
            }
        }
        now
    }

    /// Drains lines from `cycle` on, one a cycle; gives their number.
    ///
    /// Empty places are subtracted in the last line alone: in the others they count as if written.
    fn drain(&mut self, cycle: i64) -> i64 {
        let (mut lines, mut last) = (0, 0);
        while lines < self.lines_per_drain
            && let Some((run, elements)) = self.closed.front_mut()
        {
            let taken = (*run).min(self.lines_per_drain - lines);
            lines += taken;
            last = *elements;
            *run -= taken;
            if *run == 0 {
                self.closed.pop_front();
            }
        }
        if lines == 0 {
            return 0;
        }
        let elements = (lines - 1) * self.width + last;
        self.written += elements;
        self.free += elements as i64;
        let end = cycle + lines as i64 - 1;
        let (start, stop) = self.drained.unwrap_or((cycle, end));
        self.drained = Some((start.min(cycle), stop.max(end)));
        lines as i64
    }

    /// Drains all that is left, from `cycle` on.
    pub(super) fn flush(&mut self, cycle: i64) {
        self.close_open_line();
        let mut cycle = cycle;
        while !self.closed.is_empty() {
            cycle += self.drain(cycle);
        }
    }
}
