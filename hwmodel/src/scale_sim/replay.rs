//! The rules one element at a time, cycle by cycle, as a check of the fast paths: slow, and short enough to read.

use super::{Array, Config, Dataflow, Interface, Layer, LayerShape, Topology, simulate};
use crate::timing::ByOperand;
use proptest::prelude::*;
use std::collections::HashSet;
use std::num::NonZeroU32;

/// A small layer on a small array.
#[derive(Debug, Clone)]
struct Case {
    rows: usize,
    columns: usize,
    dataflow: Dataflow,
    input: [usize; 2],
    filter: [usize; 2],
    channels: usize,
    filters: usize,
    stride: usize,
    /// Words of the ifmap, filter and ofmap buffers.
    words: [i64; 3],
    /// Words per cycle in mode USER.
    user: Option<[i64; 3]>,
}

type Element = Option<usize>;

/// What the reports say, as [start, stop, count] of the three operands.
#[derive(Debug, PartialEq)]
struct Answer {
    with_prefetch: i64,
    total: i64,
    stall: i64,
    sram: [[i64; 3]; 3],
    dram: [[i64; 3]; 3],
}

/// Requests by cycle: ifmap, filter, and the number of outputs.
struct Schedule {
    input: Vec<Vec<Element>>,
    filter: Vec<Vec<Element>>,
    outputs: Vec<usize>,
    counts: [i64; 3],
}

fn ceil(a: i64, b: i64) -> i64 {
    (a + b - 1) / b
}

impl Case {
    fn output_size(&self) -> [usize; 2] {
        [0, 1].map(|d| (self.input[d] - self.filter[d] + self.stride).div_ceil(self.stride))
    }

    fn mnk(&self) -> [usize; 3] {
        let [height, width] = self.output_size();
        [height * width, self.filters, self.filter[0] * self.filter[1] * self.channels]
    }

    /// Left matrix `[M][K]` and right matrix `[K][N]` of addresses.
    fn matrices(&self) -> (Vec<Vec<Element>>, Vec<Vec<Element>>) {
        let [m, n, k] = self.mnk();
        let width = self.output_size()[1];
        let input = |m: usize, k: usize| {
            let (row, rest) =
                (k / (self.filter[1] * self.channels), k % (self.filter[1] * self.channels));
            let y = m / width * self.stride + row;
            let x = m % width * self.stride + rest / self.channels;
            let address = (y * self.input[1] + x) * self.channels + rest % self.channels;
            (y < self.input[0] && x < self.input[1]).then_some(address)
        };
        let left = (0..m).map(|m| (0..k).map(|k| input(m, k)).collect()).collect();
        let right = (0..k).map(|row| (0..n).map(|n| Some(n * k + row)).collect()).collect();
        (left, right)
    }

    fn schedule(&self) -> Schedule {
        let [m, n, k] = self.mnk();
        let (left, right) = self.matrices();
        let (rows, columns) = (self.rows, self.columns);
        let os = self.dataflow == Dataflow::OutputStationary;
        let (sr, sc, t) = match self.dataflow {
            Dataflow::OutputStationary => (m, n, k),
            Dataflow::WeightStationary => (k, n, m),
            Dataflow::InputStationary => (k, m, n),
        };
        let (fr, fc) = (sr.div_ceil(rows), sc.div_ceil(columns));
        let period = if os { t } else { t + rows } + rows + columns - 2;
        let lines = fr * fc * period;
        let mut schedule = Schedule {
            input: vec![Vec::new(); lines],
            filter: vec![Vec::new(); lines],
            outputs: vec![0; lines],
            counts: [0; 3],
        };
        for f in 0..fr * fc {
            let z = f * period;
            let used_rows: Vec<usize> = (f % fr * rows..sr.min(f % fr * rows + rows)).collect();
            let used_columns: Vec<usize> =
                (f / fr * columns..sc.min(f / fr * columns + columns)).collect();
            for (r, &row) in used_rows.iter().enumerate() {
                for time in 0..t {
                    match self.dataflow {
                        Dataflow::OutputStationary => {
                            schedule.input[z + time + r].push(left[row][time])
                        }
                        Dataflow::WeightStationary => {
                            schedule.input[z + rows + time + r].push(left[time][row]);
                        }
                        Dataflow::InputStationary => {
                            schedule.filter[z + rows + time + r].push(right[row][time]);
                        }
                    }
                }
            }
            for (c, &column) in used_columns.iter().enumerate() {
                if os {
                    for time in 0..t {
                        schedule.filter[z + time + c].push(right[time][column]);
                    }
                    for r in 0..used_rows.len() {
                        schedule.outputs[z + t + rows - 2 - r + c] += 1;
                    }
                } else {
                    for (r, &row) in used_rows.iter().enumerate() {
                        let line = z + rows - 1 - r;
                        match self.dataflow {
                            Dataflow::WeightStationary => {
                                schedule.filter[line].push(right[row][column])
                            }
                            _ => schedule.input[line].push(left[column][row]),
                        }
                    }
                    for time in 0..t {
                        schedule.outputs[z + 2 * rows - 1 + time + c] += 1;
                    }
                }
            }
        }
        let count = |lines: &Vec<Vec<Element>>| lines.iter().map(Vec::len).sum::<usize>() as i64;
        schedule.counts = [
            count(&schedule.input),
            count(&schedule.filter),
            schedule.outputs.iter().sum::<usize>() as i64
                + if os { (fr * fc * (rows + columns)) as i64 } else { 0 },
        ];
        schedule
    }

    /// The prefetch orders of ifmap and filter, with padding.
    fn orders(&self) -> [Vec<Element>; 2] {
        let (left, right) = self.matrices();
        let transposed = |matrix: &Vec<Vec<Element>>| -> Vec<Vec<Element>> {
            (0..matrix[0].len()).map(|c| matrix.iter().map(|row| row[c]).collect()).collect()
        };
        let stack = |matrix: Vec<Vec<Element>>, width: usize| -> Vec<Vec<Element>> {
            let groups = matrix[0].len().div_ceil(width);
            let place = |row: &Vec<Element>, column: usize| row.get(column).copied().flatten();
            (0..groups)
                .flat_map(|g| {
                    matrix.iter().map(move |row| {
                        (g * width..(g + 1) * width).map(|c| place(row, c)).collect()
                    })
                })
                .collect()
        };
        let diagonals = |matrix: Vec<Vec<Element>>| -> Vec<Element> {
            let (rows, columns) = (matrix.len(), matrix[0].len());
            let mut order = Vec::new();
            for d in 0..rows + columns - 1 {
                for r in (0..=d.min(rows - 1)).rev() {
                    if d - r < columns {
                        order.push(matrix[r][d - r]);
                    }
                }
            }
            order
        };
        let (rows, columns) = (self.rows, self.columns);
        match self.dataflow {
            Dataflow::OutputStationary => {
                [diagonals(stack(transposed(&left), rows)), diagonals(stack(right, columns))]
            }
            Dataflow::WeightStationary => {
                [diagonals(stack(left, rows)), stack(right, columns).concat()]
            }
            Dataflow::InputStationary => [
                stack(transposed(&left), columns).concat(),
                diagonals(stack(transposed(&right), rows)),
            ],
        }
    }

    fn answer(&self) -> Answer {
        let schedule = self.schedule();
        let orders = self.orders();
        let [if_words, fl_words, of_words] = self.words;
        let mut readers = match self.user {
            Some([if_width, fl_width, _]) => [
                Reader::user(if_words, if_width, &orders[0]),
                Reader::user(fl_words, fl_width, &orders[1]),
            ],
            None => [Reader::calc(if_words), Reader::calc(fl_words)],
        };
        let width = self.user.map_or(self.columns as i64, |widths| widths[2]);
        let mut writer = Writer::new(of_words, width);
        let mut stall = 0;
        let mut served = [const { Vec::new() }; 3];
        for line in 0..schedule.outputs.len() {
            let cycle = line as i64 + stall;
            let reads = [
                readers[0].serve(cycle, &schedule.input[line]),
                readers[1].serve(cycle, &schedule.filter[line]),
            ];
            let now = writer.serve(cycle, schedule.outputs[line]);
            stall += (reads[0] - cycle - 1).max(reads[1] - cycle - 1).max(now - cycle);
            for (list, service) in served.iter_mut().zip([reads[0], reads[1], now]) {
                list.push(service);
            }
        }
        writer.flush(*served[2].last().unwrap());
        let first_last = |which: usize, used: &dyn Fn(usize) -> bool| {
            let mut lines = (0..schedule.outputs.len()).filter(|&line| used(line));
            let first = lines.next().unwrap();
            let last = lines.next_back().unwrap_or(first);
            [served[which][first], served[which][last], schedule.counts[which]]
        };
        let any = |line: &Vec<Element>| line.iter().any(Option::is_some);
        let dram =
            [readers[0].dram(), readers[1].dram(), [writer.start, writer.stop, writer.written]];
        Answer {
            with_prefetch: dram[2][1] - dram[0][0].min(dram[1][0]),
            total: *served[2].iter().max().unwrap(),
            stall,
            sram: [
                first_last(0, &|line| any(&schedule.input[line])),
                first_last(1, &|line| any(&schedule.filter[line])),
                first_last(2, &|line| schedule.outputs[line] > 0),
            ],
            dram,
        }
    }

    fn fast(&self) -> Answer {
        let number = |n: i64| NonZeroU32::new(n as u32).unwrap();
        let config = Config {
            run_name: String::new(),
            array: Array { rows: number(self.rows as i64), columns: number(self.columns as i64) },
            dataflow: self.dataflow,
            sram_words: ByOperand {
                input: self.words[0] as u64,
                weight: self.words[1] as u64,
                output: self.words[2] as u64,
            },
            interface: match self.user {
                None => Interface::Calculated,
                Some([input, weight, output]) => Interface::User(ByOperand {
                    input: number(input),
                    weight: number(weight),
                    output: number(output),
                }),
            },
        };
        let shape = LayerShape::convolution(
            self.input.map(|size| size as u32),
            self.filter.map(|size| size as u32),
            self.channels as u32,
            self.filters as u32,
            self.stride as u32,
        );
        let layer = Layer { name: "layer".to_owned(), shape: shape.unwrap() };
        let result = simulate(&config, &Topology { layers: vec![layer] }).unwrap().remove(0);
        let accesses = |memory: ByOperand<super::Accesses>| {
            [memory.input, memory.weight, memory.output].map(|a| [a.start, a.stop, a.count as i64])
        };
        Answer {
            with_prefetch: result.total_cycles_with_prefetch,
            total: result.total_cycles,
            stall: result.stall_cycles,
            sram: accesses(result.sram),
            dram: accesses(result.dram),
        }
    }
}

/// A read buffer.
enum Reader {
    Calc {
        words: i64,
        held: HashSet<usize>,
        misses: i64,
        first: Option<i64>,
        emptied: Option<i64>,
    },
    User {
        sets: Vec<HashSet<usize>>,
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
    fn calc(words: i64) -> Self {
        Self::Calc { words, held: HashSet::new(), misses: 0, first: None, emptied: None }
    }

    fn user(words: i64, width: i64, order: &[Element]) -> Self {
        let active_words = ceil(words, 2);
        let prefetch_words = words - active_words;
        let set_size = ceil(words, 100);
        let mut sets = vec![HashSet::new()];
        let mut count = 0;
        for element in order.iter().flatten() {
            sets.last_mut().unwrap().insert(*element);
            count += 1;
            if count >= set_size {
                sets.push(HashSet::new());
                count = 0;
            }
        }
        let active = sets.len().min(ceil(active_words, set_size) as usize);
        let step = (sets.len() - active).min(ceil(prefetch_words, set_size) as usize);
        let first_lines = ceil(active_words, width).min(ceil(order.len() as i64, width));
        Self::User {
            sets,
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
    fn serve(&mut self, cycle: i64, line: &[Element]) -> i64 {
        let mut delay = 1;
        for &element in line.iter().flatten() {
            match self {
                Self::Calc { words, held, misses, first, emptied } => {
                    first.get_or_insert(cycle);
                    if held.insert(element) {
                        *misses += 1;
                        if held.len() as i64 == 50 * (*words / 100) {
                            held.clear();
                            *emptied = Some(cycle);
                        }
                    }
                }
                Self::User {
                    sets, active, step, start, end, last, lines, width, reads, ..
                } => loop {
                    let (first, end_now) = (*start, *end);
                    let inside = |index: usize| match first < end_now {
                        true => (first..end_now).contains(&index),
                        false => index >= first || index < end_now,
                    };
                    if (0..sets.len()).any(|i| inside(i) && sets[i].contains(&element)) {
                        break;
                    }
                    *start = (*start + *step) % sets.len();
                    *end = (*start + *active) % sets.len();
                    *last += *lines + 1;
                    *reads += *lines * *width;
                    let late = *last - (cycle + delay);
                    delay += late;
                    if late > 0 {
                        delay += late;
                    }
                },
            }
        }
        cycle + delay
    }

    fn dram(&self) -> [i64; 3] {
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
struct Writer {
    drain_words: i64,
    active_words: i64,
    width: i64,
    free: i64,
    drain_end: i64,
    current: i64,
    lines: Vec<i64>,
    drained: usize,
    written: i64,
    start: i64,
    stop: i64,
}

impl Writer {
    fn new(words: i64, width: i64) -> Self {
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

    fn serve(&mut self, cycle: i64, outputs: usize) -> i64 {
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

    fn flush(&mut self, cycle: i64) {
        self.close();
        let mut cycle = cycle;
        while self.drained < self.lines.len() {
            cycle += self.drain(cycle);
        }
    }
}

fn dataflows() -> impl Strategy<Value = Dataflow> {
    prop::sample::select(Dataflow::ALL.map(|(_, dataflow)| dataflow).to_vec())
}

prop_compose! {
    fn cases()(
        (rows, columns, dataflow) in (1..9_usize, 1..9_usize, dataflows()),
        filter in [1..4_usize, 1..4_usize],
        margin in [0..7_usize, 0..7_usize],
        (channels, filters, stride) in (1..4_usize, 1..12_usize, 1..5_usize),
        user in any::<bool>(),
        small in [2..120_i64, 2..120_i64],
        large in [100..400_i64, 100..400_i64],
        output in 2..60_i64,
        widths in [1..12_i64, 1..12_i64, 1..12_i64],
    ) -> Case {
        let [if_words, fl_words] = if user { small } else { large };
        Case {
            rows,
            columns,
            dataflow,
            input: [filter[0] + margin[0], filter[1] + margin[1]],
            filter,
            channels,
            filters,
            stride,
            words: [if_words, fl_words, output],
            user: user.then_some(widths),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn fast_paths_are_the_rules(case in cases()) {
        let unit = case.rows * case.columns == 1 && case.dataflow == Dataflow::OutputStationary;
        prop_assume!(!(unit && case.mnk() == [1; 3]));
        prop_assert_eq!(case.fast(), case.answer());
    }
}
