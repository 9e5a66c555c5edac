//! Time: lines of the schedule become cycles, delayed by prefetches that come late and by a full output buffer.

use super::folds::{Dataflow, Folds};
use super::output_buffer::OutputBuffer;
use super::prefetch::PrefetchEvent;
use super::skew::Skew;

/// What a prefetch that ends p cycles too late costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LatePrefetch {
    /// SCALE-Sim: 2p cycles; one that ends early advances the service.
    ChargedTwice,
    /// p cycles, never less than 0.
    ChargedOnce,
}

/// The prefetches of a read buffer and their speed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) events: &'a [PrefetchEvent],
    /// Cycles from the end of a prefetch to the end of the next.
    pub(super) cycles_per_prefetch: i64,
}

/// A reader on its way through its events.
#[derive(Debug)]
struct Progress<'a> {
    reader: Reader<'a>,
    /// End of the last prefetch.
    last: i64,
    /// Cycle in which the requests of each event so far were served.
    served: Vec<i64>,
}

impl Progress<'_> {
    fn next_line(&self) -> Option<u64> {
        self.reader.events.get(self.served.len()).map(|event| event.line)
    }

    /// The stall of `line`, issued in `cycle`.
    fn stall(&mut self, line: u64, cycle: i64, late: LatePrefetch) -> i64 {
        let Some(event) = self.reader.events.get(self.served.len()).filter(|e| e.line == line)
        else {
            return 0;
        };
        let each = self.reader.cycles_per_prefetch;
        // How far the service is behind the end of the last prefetch; served after one cycle if nothing is late.
        let lead = cycle + 1 - self.last;
        let count = event.count as i64;
        let lead = match late {
            // One prefetch makes lead x to max(each - x, 0), so that two give x back, if 0 < x < each.
            LatePrefetch::ChargedTwice => {
                let after_one = (each - lead).max(0);
                let after_two = (each - after_one).max(0);
                if count % 2 == 1 { after_one } else { after_two }
            }
            LatePrefetch::ChargedOnce => (lead - count * each).max(0),
        };
        self.last += count * each;
        let served = self.last + lead;
        self.served.push(served);
        served - (cycle + 1)
    }
}

/// When what happened.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Sum of stalls.
    pub(super) stall: i64,
    /// Service cycle of the last line.
    pub(super) last_service: i64,
    /// End of the last prefetch of each reader.
    pub(super) last_prefetch: [i64; 2],
    /// (line, sum of stalls up to and with it), where it changes.
    stalls: Vec<(u64, i64)>,
    /// (line, cycle) in which the outputs of a line were stored, where later than issued.
    late_outputs: Vec<(u64, i64)>,
    served: [Vec<i64>; 2],
}

impl Timeline {
    /// The cycle in which `line` is issued.
    pub(super) fn issue(&self, line: u64) -> i64 {
        let changes = self.stalls.partition_point(|(at, _)| *at < line);
        line as i64 + changes.checked_sub(1).map_or(0, |last| self.stalls[last].1)
    }

    /// The cycle in which the requests of `line` to reader `which`, with these events, are served.
    pub(super) fn read(&self, which: usize, events: &[PrefetchEvent], line: u64) -> i64 {
        match events.binary_search_by_key(&line, |event| event.line) {
            Ok(index) => self.served[which][index],
            Err(_) => self.issue(line) + 1,
        }
    }

    /// The cycle in which the outputs of `line` are stored.
    pub(super) fn write(&self, line: u64) -> i64 {
        match self.late_outputs.binary_search_by_key(&line, |(at, _)| *at) {
            Ok(index) => self.late_outputs[index].1,
            Err(_) => self.issue(line),
        }
    }
}

/// A layer in the course of time.
struct Run<'a> {
    folds: &'a Folds,
    buffer: &'a mut OutputBuffer,
    line: u64,
    timeline: Timeline,
}

impl Run<'_> {
    /// First line and shape of the outputs of fold `fold`.
    fn outputs(&self, fold: u64) -> (u64, Skew) {
        let (row_fold, column_fold) = self.folds.position(fold);
        let columns = self.folds.columns_used(column_fold);
        let start = fold * self.folds.period();
        match self.folds.dataflow {
            Dataflow::OutputStationary => {
                let rows = self.folds.rows_used(row_fold);
                let wait = self.folds.time - 1 + self.folds.rows - rows;
                (start + wait, Skew::new(rows, columns))
            }
            _ => (start + 2 * self.folds.rows - 1, Skew::new(self.folds.time, columns)),
        }
    }

    /// Adds the stall of `line`.
    fn add_stall(&mut self, line: u64, stall: i64) {
        if stall > 0 {
            self.timeline.stall += stall;
            self.timeline.stalls.push((line, self.timeline.stall));
        }
    }

    /// Stores the outputs of `line`, `count` of them; gives the stall of the output buffer.
    fn store(&mut self, line: u64, count: u64) -> i64 {
        let cycle = line as i64 + self.timeline.stall;
        let service = self.buffer.accept(cycle, count);
        self.timeline.last_service = service;
        if service > cycle {
            self.timeline.late_outputs.push((line, service));
        }
        service - cycle
    }

    /// Goes on to `end`, with no prefetch on the way.
    fn advance(&mut self, end: u64) {
        while self.line < end {
            let fold = self.line / self.folds.period();
            let (start, skew) = self.outputs(fold);
            let fold_end = end.min((fold + 1) * self.folds.period());
            self.line = self.line.max(start.min(fold_end));
            let stop = fold_end.min(start + skew.lines());
            while self.line < stop {
                self.advance_block(start, skew, stop);
            }
            self.line = fold_end;
        }
    }

    /// Stores outputs up to the next decision of the buffer, at most up to line `stop`.
    fn advance_block(&mut self, start: u64, skew: Skew, stop: u64) {
        let cycle = self.line as i64 + self.timeline.stall;
        let draining = (self.buffer.drain_end() - cycle).cast_unsigned();
        let stop =
            if cycle < self.buffer.drain_end() { stop.min(self.line + draining) } else { stop };
        let before = skew.before(self.line - start);
        let count = skew.before(stop - start) - before;
        let headroom = self.buffer.headroom(cycle);
        if count <= headroom {
            self.buffer.append(count);
            self.line = stop;
            return;
        }
        let decision = start + skew.line_of(before + headroom);
        self.buffer.append(skew.before(decision - start) - before);
        let stall = self.store(decision, skew.at(decision - start));
        self.add_stall(decision, stall);
        self.line = decision + 1;
    }

    /// Outputs of `line`.
    fn outputs_of(&self, line: u64) -> u64 {
        let (start, skew) = self.outputs(line / self.folds.period());
        if (start..start + skew.lines()).contains(&line) { skew.at(line - start) } else { 0 }
    }
}

/// Runs the schedule of `folds`; `readers` are those of the input and the filter.
pub(super) fn run(
    folds: &Folds,
    buffer: &mut OutputBuffer,
    readers: [Reader<'_>; 2],
    late: LatePrefetch,
) -> Timeline {
    let lines = folds.count() * folds.period();
    let mut readers = readers.map(|reader| Progress {
        reader,
        last: -1,
        served: Vec::with_capacity(reader.events.len()),
    });
    let timeline = Timeline {
        stall: 0,
        last_service: 0,
        last_prefetch: [-1; 2],
        stalls: Vec::new(),
        late_outputs: Vec::new(),
        served: [Vec::new(), Vec::new()],
    };
    let mut run = Run { folds, buffer, line: 0, timeline };
    while run.line < lines {
        let next = readers.iter().filter_map(Progress::next_line).min();
        let line = next.unwrap_or(lines - 1);
        run.advance(line);
        let cycle = line as i64 + run.timeline.stall;
        let reads = readers.each_mut().map(|reader| reader.stall(line, cycle, late));
        let write = run.store(line, run.outputs_of(line));
        run.add_stall(line, reads[0].max(reads[1]).max(write));
        run.line = line + 1;
    }
    run.timeline.last_prefetch = readers.each_ref().map(|reader| reader.last);
    run.timeline.served = readers.map(|reader| reader.served);
    let Run { buffer, timeline, .. } = run;
    buffer.flush(timeline.last_service);
    timeline
}
