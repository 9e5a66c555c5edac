//! What the simulated machine spends: energy and cycles.

use super::block::{Block, Figure, Row, Section, Table};
use super::layer::LayerRun;
use super::overlay::{HALF, Overlay, by_run, largest};
use super::run::Run;
use super::series::Series;
use super::totals::{COMPONENTS, CYCLES, PASSES, Totals};
use crate::chart::{Bar, BarChart, Prefix, ScaleKind};

/// A quantity that is spent.
struct Spent {
    name: &'static str,
    /// Its unit, without prefix.
    unit: &'static str,
    /// One of the trace's units in this unit.
    factor: f64,
    parts: &'static [&'static str],
    of: fn(&Totals) -> &[f64],
    /// Energy and cycles of the optimiser's update.
    update: fn(&Totals) -> f64,
    show: fn(f64) -> String,
}

const ENERGY: Spent = Spent {
    name: "energy",
    unit: "J",
    factor: 1e-12,
    parts: &COMPONENTS,
    of: |totals| &totals.energy,
    update: |totals| totals.update_energy,
    show: |joules| Prefix::show(joules, 4, "J"),
};

const CLOCK: Spent = Spent {
    name: "cycles",
    unit: "",
    factor: 1.0,
    parts: &CYCLES,
    of: |totals| &totals.cycles,
    update: |totals| totals.update_cycles,
    show: |cycles| Prefix::show(cycles, 4, ""),
};

impl Spent {
    fn all(&self, totals: &Totals) -> f64 {
        self.factor * (self.of)(totals).iter().sum::<f64>()
    }

    fn axis(&self, letter: &str) -> String {
        match format!("{letter}{}", self.unit) {
            unit if unit.is_empty() => self.name.to_owned(),
            unit => format!("{}, {unit}", self.name),
        }
    }

    /// Bars with one name and as many values as there are `parts`, on an axis that reaches `reach`.
    fn bars(
        &self,
        (title, caption): (String, &str),
        parts: &[&str],
        bars: &[Bar],
        reach: f64,
    ) -> Option<Figure> {
        let sum = |bar: &Bar| bar.values.iter().sum::<f64>();
        let largest = bars.iter().map(sum).fold(reach, f64::max);
        if largest <= 0.0 || !largest.is_finite() {
            return None;
        }
        let prefix = Prefix::of(largest);
        let chart = BarChart {
            title: &title,
            x_name: &self.axis(prefix.letter),
            parts,
            width: HALF,
            bars,
            show: self.show,
            reach,
            unit: prefix.factor,
        };
        let drawing = chart.draw();
        Some(Figure { title, caption: caption.to_owned(), wide: false, new_row: false, drawing })
    }

    /// Energy of a layer in a mean traced step of `run`, by component.
    fn of_layer(&self, run: &Run, layer: &LayerRun) -> Vec<f64> {
        let factor = self.factor / run.steps as f64;
        (self.of)(&layer.totals()).iter().map(|value| factor * value).collect()
    }

    /// The most that a layer of any run spends in a mean step: the end of the axes of all.
    fn reach(&self, runs: &[Run]) -> f64 {
        let layers = runs.iter().flat_map(|run| {
            run.layers.iter().map(|layer| self.of_layer(run, layer).iter().sum::<f64>())
        });
        layers.filter(|sum| sum.is_finite()).fold(0.0, f64::max)
    }

    fn by_component(&self, run: &Run, suffix: &str, reach: f64) -> Option<Figure> {
        let bar =
            |layer: &LayerRun| Bar { name: layer.name.clone(), values: self.of_layer(run, layer) };
        let bars: Vec<Bar> = run.layers.iter().map(bar).collect();
        let title = format!("{} by layer and component{suffix}", capital(self.name));
        self.bars((title, "Mean of a traced step, all three products."), self.parts, &bars, reach)
    }

    fn by_pass(&self, run: &Run, suffix: &str, reach: f64) -> Option<Figure> {
        let bar = |layer: &LayerRun| Bar {
            name: layer.name.clone(),
            values: layer.passes.iter().map(|all| self.all(all) / run.steps as f64).collect(),
        };
        let bars: Vec<Bar> = run.layers.iter().map(bar).collect();
        let title = format!("{} by layer and pass{suffix}", capital(self.name));
        self.bars((title, "Mean of a traced step, all components."), &PASSES, &bars, reach)
    }

    /// A mean step of each run.
    fn by_run(&self, runs: &[Run]) -> Option<Figure> {
        let bar = |run: &Run| Bar {
            name: run.name.clone(),
            values: (self.of)(&run.totals())
                .iter()
                .map(|value| self.factor * value / run.steps as f64)
                .collect(),
        };
        let bars: Vec<Bar> = runs.iter().map(bar).collect();
        let title = format!("{} of a mean step", capital(self.name));
        self.bars((title, "All layers and products."), self.parts, &bars, 0.0)
    }

    fn table(&self, run: &Run) -> Table {
        let sums = run.totals();
        // Components that nothing was spent on are left out.
        let used: Vec<usize> =
            (0..self.parts.len()).filter(|&part| (self.of)(&sums)[part] != 0.0).collect();
        let mut head = vec!["layer".to_owned()];
        head.extend(PASSES.map(str::to_owned));
        head.extend(used.iter().map(|&part| self.parts[part].to_owned()));
        head.push("all".to_owned());
        let updates = (self.update)(&sums) > 0.0;
        head.extend(updates.then(|| "weight update".to_owned()));
        let row = |name: &str, passes: &[Totals; 3]| {
            let totals: Totals = passes.iter().copied().sum();
            let mut cells = vec![Some(name.to_owned())];
            cells.extend(passes.iter().map(|pass| Some((self.show)(self.all(pass)))));
            let parts = used.iter().map(|&part| (self.of)(&totals)[part]);
            cells.extend(parts.map(|value| Some((self.show)(self.factor * value))));
            cells.push(Some((self.show)(self.all(&totals))));
            let update = || (self.show)(self.factor * (self.update)(&totals));
            cells.extend(updates.then(|| Some(update())));
            Row::of(cells)
        };
        let mut rows: Vec<Row> =
            run.layers.iter().map(|layer| row(&layer.name, &layer.passes)).collect();
        let all: [Totals; 3] =
            [0, 1, 2].map(|pass| run.layers.iter().map(|layer| layer.passes[pass]).sum());
        rows.push(Row { set_off: true, ..row("all layers", &all) });
        Table {
            title: format!("{} in all: {}", capital(self.name), run.name),
            caption: format!(
                "Sums over {} traced steps; passes and components each add up to all. The optimiser's update of the weights comes on top of it.",
                run.steps
            ),
            head,
            rows,
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

pub(super) fn section(runs: &[Run]) -> Section {
    let mut blocks = Vec::new();
    blocks.extend(over_steps(runs, &ENERGY, |run| &run.energy).map(Block::Figure));
    blocks.extend(over_steps(runs, &CLOCK, |run| &run.cycles).map(Block::Figure));
    if runs.len() > 1 {
        let means = [ENERGY.by_run(runs), CLOCK.by_run(runs)];
        blocks.extend(means.into_iter().flatten().map(Block::Figure));
    }
    let (energy, cycles) = (ENERGY.reach(runs), CLOCK.reach(runs));
    for run in runs {
        let suffix = if runs.len() > 1 { format!(": {}", run.name) } else { String::new() };
        let figures = [
            ENERGY.by_component(run, &suffix, energy),
            ENERGY.by_pass(run, &suffix, energy),
            CLOCK.by_component(run, &suffix, cycles),
            CLOCK.by_pass(run, &suffix, cycles),
        ];
        blocks.extend(figures.into_iter().flatten().map(Block::Figure));
    }
    for run in runs {
        blocks.extend([&ENERGY, &CLOCK].map(|spent| Block::Table(spent.table(run))));
    }
    Section {
        id: "energy",
        short: "Energy and cycles",
        title: "Energy and cycles on the simulated machine",
        blocks,
    }
}

fn over_steps<'a>(
    runs: &'a [Run],
    spent: &Spent,
    series: impl Fn(&'a Run) -> &'a Series + Copy,
) -> Option<Figure> {
    let prefix = Prefix::of(spent.factor * largest(runs, series));
    let title = format!("{} of each step", capital(spent.name));
    let overlay = Overlay {
        title: &title,
        caption: "All layers and products.",
        x_name: "optimiser step",
        y_name: &spent.axis(prefix.letter),
        low: Some(0.0),
        high: None,
        kind: ScaleKind::Linear,
        steps: false,
        marks: false,
        wide: false,
    };
    overlay.figure(by_run(runs, series, spent.factor / prefix.factor))
}
