//! The rules one element at a time, cycle by cycle, as a check of the fast paths: slow, and short enough to read.

mod buffers;

use super::quirks::{Quirk, explain};
use super::{Array, Config, Dataflow, Interface, Layer, LayerShape, Topology, simulate};
use crate::product::ByOperand;
use buffers::{Reader, Writer};
use proptest::prelude::*;
use std::num::NonZeroU32;

/// SCALE-Sim's rules or one of them changed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    ScaleSim,
    ChargedOnce,
    NewestKept,
}

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
    /// Elements that the prefetched sets of ifmap and filter have.
    fetched: [Option<i64>; 2],
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
                    for (time, weights) in right.iter().enumerate() {
                        schedule.filter[z + time + c].push(weights[column]);
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

    fn answer(&self, rule: Rule) -> Answer {
        let schedule = self.schedule();
        let orders = self.orders();
        let [if_words, fl_words, of_words] = self.words;
        let mut readers = match self.user {
            Some([if_width, fl_width, _]) => [
                Reader::user(if_words, if_width, &orders[0], rule),
                Reader::user(fl_words, fl_width, &orders[1], rule),
            ],
            None => [Reader::calc(if_words, rule), Reader::calc(fl_words, rule)],
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
            fetched: readers.each_ref().map(Reader::fetched),
        }
    }

    fn config(&self) -> Config {
        let number = |n: i64| NonZeroU32::new(n as u32).unwrap();
        let [input, weight, output] = self.words.map(|words| words as u64);
        Config {
            run_name: String::new(),
            array: Array { rows: number(self.rows as i64), columns: number(self.columns as i64) },
            dataflow: self.dataflow,
            sram_words: ByOperand { input, weight, output },
            interface: match self.user.map(|widths| widths.map(number)) {
                None => Interface::Calculated,
                Some([input, weight, output]) => {
                    Interface::User(ByOperand { input, weight, output })
                }
            },
        }
    }

    fn topology(&self) -> Topology {
        let shape = LayerShape::convolution(
            self.input.map(|size| size as u32),
            self.filter.map(|size| size as u32),
            self.channels as u32,
            self.filters as u32,
            self.stride as u32,
        );
        Topology { layers: vec![Layer { name: "layer".to_owned(), shape: shape.unwrap() }] }
    }

    /// Whether the layer ends in cycle 0, for which SCALE-Sim has no answer.
    fn ends_at_once(&self) -> bool {
        self.dataflow == Dataflow::OutputStationary
            && self.rows * self.columns == 1
            && self.mnk() == [1; 3]
    }
}

/// What the fast paths say; the elements of sets are theirs alone.
fn fast(case: &Case, fetched: [Option<i64>; 2]) -> Answer {
    let result = simulate(&case.config(), &case.topology()).unwrap().remove(0);
    let accesses = |memory: ByOperand<super::Accesses>| {
        [memory.input, memory.weight, memory.output].map(|a| [a.start, a.stop, a.count as i64])
    };
    Answer {
        with_prefetch: result.total_cycles_with_prefetch,
        total: result.total_cycles,
        stall: result.stall_cycles,
        sram: accesses(result.sram),
        dram: accesses(result.dram),
        fetched,
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
        prop_assume!(!case.ends_at_once());
        let answer = case.answer(Rule::ScaleSim);
        prop_assert_eq!(fast(&case, answer.fetched), answer);
    }

    #[test]
    fn quirks_are_the_difference_to_changed_rules(case in cases()) {
        prop_assume!(!case.ends_at_once());
        let effects = explain(&case.config(), &case.topology()).unwrap();
        let with = |quirk: Quirk, quantity: &str, scale_sim: i64| {
            let effect = effects.iter().find(|e| e.quirk == quirk && e.quantity == quantity);
            if let Some(effect) = effect {
                assert_eq!(effect.scale_sim, scale_sim as f64);
            }
            effect.map_or(scale_sim, |effect| effect.hardware as i64)
        };
        let answer = case.answer(Rule::ScaleSim);
        let once = case.answer(Rule::ChargedOnce).total;
        prop_assert_eq!(with(Quirk::LatePrefetchTwice, "total cycles", answer.total), once);
        prop_assert_eq!(with(Quirk::LastCycleIndex, "total cycles", answer.total), answer.total + 1);
        if let Some([_, _, width]) = case.user {
            let same = Case { user: Some([width; 3]), ..case.clone() };
            let total = same.answer(Rule::ScaleSim).total;
            prop_assert_eq!(with(Quirk::BandwidthOfWrites, "total cycles", answer.total), total);
        }
        let newest = case.answer(Rule::NewestKept).dram;
        let outputs = case.mnk()[0] * case.mnk()[1];
        for (which, quantity) in ["DRAM reads of ifmap", "DRAM reads of filter"].iter().enumerate() {
            let reads = answer.dram[which][2];
            match answer.fetched[which] {
                None => {
                    let kept = with(Quirk::ForgetfulBuffer, quantity, reads);
                    prop_assert_eq!(kept, newest[which][2]);
                }
                Some(fetched) => {
                    prop_assert_eq!(with(Quirk::WholeLines, quantity, reads), fetched);
                }
            }
        }
        if case.dataflow == Dataflow::OutputStationary {
            let writes = with(Quirk::OutputAccesses, "SRAM writes of ofmap", answer.sram[2][2]);
            prop_assert_eq!(writes, outputs as i64);
        } else {
            let row_folds = case.mnk()[2].div_ceil(case.rows);
            let read_back = with(Quirk::OutputAccesses, "SRAM reads of partial sums", 0);
            prop_assert_eq!(read_back, (outputs * (row_folds - 1)) as i64);
        }
    }
}
