//! Pages of small made-up runs.

use super::*;
use crate::files::trace::{EvaluationRow, GemmRow, Row as TraceRow, StepRow, TraceWriter};
use hwmodel::Format;
use hwmodel::product::{ByOperand, GemmKind, GemmShape};
use std::path::{Path, PathBuf};

fn product(step: u64, layer: &str, kind: GemmKind, wl: u32) -> GemmRow {
    let format = Format::new(wl, 4).unwrap();
    let mut row = GemmRow {
        step,
        layer: layer.to_owned(),
        kind,
        formats: (kind == GemmKind::Forward).then_some(ByOperand {
            input: format,
            weight: format,
            output: format,
        }),
        accumulator: 24.into(),
        shape: GemmShape { m: 4, n: 5, k: 6 },
        groups: 1,
        weight_elements: 30,
        weight_nonzero: 24,
        micro_batch_nonzero_macs: vec![100],
        pes: 256,
        ..GemmRow::default()
    };
    row.counters.macs = 120;
    row.counters.nonzero_macs = 100;
    row.counters.quantised.activation = 1000;
    row.counters.saturated.activation = step;
    row.counters.cycles.compute = 50;
    row.counters.energy.mac_pj = 2e6;
    row.counters.energy.dram_pj = 1e6;
    if kind == GemmKind::GradWeight {
        row.update.energy_pj = 1e4;
    }
    row
}

/// A trace of `steps` steps of `layers` and an evaluation after each four.
fn trace(folder: &Path, name: &str, layers: &[&str], steps: u64) -> PathBuf {
    let path = folder.join(name);
    let mut writer = TraceWriter::create(&path).unwrap();
    for step in 0..steps {
        for layer in layers {
            for kind in [GemmKind::Forward, GemmKind::GradInput, GemmKind::GradWeight] {
                let wl = 8 + (step / 2) as u32;
                writer.write(&TraceRow::Gemm(product(step, layer, kind, wl))).unwrap();
            }
        }
        let loss = StepRow {
            step,
            loss: 2.0,
            cross_entropy: 2.0 / (step + 1) as f64,
            learning_rate: 0.1,
            ..StepRow::default()
        };
        writer.write(&TraceRow::Step(loss)).unwrap();
        if step % 4 == 3 {
            let (epoch, top1) = ((step / 4 + 1) as u32, 0.5 + 0.01 * step as f64);
            let evaluation =
                EvaluationRow { step: step + 1, epoch, test_loss: 1.0, top1, learning_rate: 0.1 };
            writer.write(&TraceRow::Evaluation(evaluation)).unwrap();
        }
    }
    writer.finish().unwrap();
    path
}

const SUMMARY: &str = r#"{"arch":"alexnet","dataset":"cifar10","controller":"adapt","seed":7,"steps":8,"top1":0.57,
    "su1":1.25,"su2":null,"energy_pj":1e9,"cycles":800,"machine":"edge-16x16",
    "layers":[{"name":"conv1","switches":3},{"name":"fc","switches":4}],
    "provenance":{"hwsim":"0.1.0","command":["hwsim","train"],"cpu":"a <CPU>"},"options":{"epochs":2}}"#;

fn report(summary: bool) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::read(&trace(folder.path(), "run.csv.gz", &["conv1", "fc"], 8)).unwrap();
    run.file = "run.csv.gz".to_owned();
    let summaries = summary.then(|| RunSummary::parse(SUMMARY, "run.json").unwrap());
    Report::new(None, vec![run], summaries.into_iter().collect(), Vec::new()).unwrap()
}

/// Headings, captions and names of columns, rows and axes, in the order of the page.
fn skeleton(page: &str) -> String {
    let mut lines = Vec::new();
    let tags = ["<h1>", "<h2 ", "<h3>", "<figcaption><strong>", "<caption><strong>", "<th scope"];
    for line in page.lines() {
        for part in line.split_inclusive('>').collect::<Vec<_>>().windows(2) {
            let text = part[1].split('<').next().unwrap_or_default().trim();
            let tag = tags
                .iter()
                .find(|tag| part[0].trim_start().starts_with(tag.split('>').next().unwrap_or(tag)));
            let strong = part[0] == "<strong>" && !text.is_empty();
            if (tag.is_some() || strong) && !text.is_empty() {
                let kind = if strong { "strong" } else { tag.map_or("", |tag| &tag[1..3]) };
                lines.push(format!("{kind}: {text}"));
            }
        }
    }
    lines.join("\n")
}

#[test]
fn a_small_page_has_every_section_with_its_figures_and_tables() {
    insta::assert_snapshot!(skeleton(&report(true).render()));
}

#[test]
fn a_run_is_read_into_sums_and_series() {
    let report = report(true);
    let run = &report.runs()[0];
    assert_eq!((run.steps, run.last_step, run.partial), (8, 7, None));
    assert_eq!(
        run.layers[0].word_length.points(),
        [
            (0.0, 8.0),
            (1.0, 8.0),
            (2.0, 9.0),
            (3.0, 9.0),
            (4.0, 10.0),
            (5.0, 10.0),
            (6.0, 11.0),
            (7.0, 11.0)
        ]
    );
    assert_eq!(run.layers[1].switches, 3);
    assert_eq!(run.totals().macs, 8.0 * 2.0 * 3.0 * 120.0);
    // Σ of steps 0 to 7 of three products, of a million quantised.
    let saturated = run.layers[0].totals().saturated_per_million().unwrap();
    assert!((saturated - 1e6 * 28.0 / 8000.0).abs() < 1e-9);
    assert_eq!(run.layers[0].sparsity.last(), Some(1.0 - 24.0 / 30.0));
    assert_eq!(run.whole_energy(), Some(1e9), "the summary's");
    assert_eq!(run.steps_per_epoch(), Some(4.0));
    // (1/8) Σ over steps of 1 + WL · 0.8 / 32, WL = 8, 8, 9, 9, 10, 10, 11, 11.
    let mem = run.costs.summary().unwrap().mem_published;
    assert!((mem - (1.0 + 9.5 * 0.8 / 32.0)).abs() < 1e-12);
}

#[test]
fn numbers_of_run_and_papers_stand_in_the_tables() {
    let page = report(true).render();
    for text in [
        "<th scope=\"row\">run</th><td>–</td><td>57.00</td>",
        "<th scope=\"row\">AdaPT</th><td>73.1</td><td>74.5</td><td>+1.40</td>",
        "<td>1.25</td>",
        "<th scope=\"col\">weight update</th>",
        "<td>80 nJ</td></tr>",
        "Rajagopal et al. ICML 2020, Table 2",
        "a &lt;CPU&gt;",
        ">hwsim train</td>",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let without = self::report(false).render();
    assert!(!without.contains("AdaPT</th>") && without.contains("comes without its summary"));
}

#[test]
fn equal_inputs_give_equal_bytes() {
    assert_eq!(report(true).render(), report(true).render());
}

#[test]
fn names_from_files_cannot_be_markup() {
    let folder = tempfile::tempdir().unwrap();
    let layers = ["</script><script>alert(1)</script>", "\"><img src=x onerror=alert(1)>&"];
    let run = Run::read(&trace(folder.path(), "<b>run.csv", &layers, 4)).unwrap();
    let title = Some("<i>title</i>".to_owned());
    let page = Report::new(title, vec![run], Vec::new(), Vec::new()).unwrap().render();
    assert!(!page.contains("<script>alert") && !page.contains("<img") && !page.contains("<b>run"));
    assert!(page.contains("&lt;i&gt;title&lt;/i&gt;") && page.contains("&lt;b&gt;run"));
    let scripts = page.matches("<script").count();
    assert_eq!(scripts, page.matches("</script>").count());
}

#[test]
fn many_layers_become_maps_of_colours_and_pages_stay_small() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..22).map(|layer| format!("layer{layer}")).collect();
    let layers: Vec<&str> = names.iter().map(String::as_str).collect();
    let run = Run::read(&trace(folder.path(), "deep.csv", &layers, 40)).unwrap();
    let page = Report::new(None, vec![run], Vec::new(), Vec::new()).unwrap().render();
    assert!(page.contains("\"kind\":\"heat\"") && page.contains("layer21"));
    assert!(page.len() < 400_000, "{}", page.len());
}

#[test]
fn a_cut_off_trace_is_partial_and_one_without_a_step_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = trace(folder.path(), "whole.csv", &["conv1"], 8);
    let text = std::fs::read_to_string(&path).unwrap();
    let cut = folder.path().join("cut.csv");
    std::fs::write(&cut, &text[..text.len() - 40]).unwrap();
    let run = Run::read(&cut).unwrap();
    assert_eq!((run.partial, run.steps), (Some("the trace ends within a row"), 8));
    // Cut within the products of step 5: they count for nothing.
    let place = text.match_indices("\n4,gemm,5,").nth(2).unwrap().0;
    std::fs::write(&cut, &text[..=place]).unwrap();
    let run = Run::read(&cut).unwrap();
    assert_eq!(run.partial, Some("the trace does not end with an evaluation"));
    assert_eq!((run.steps, run.totals().macs), (5, 5.0 * 3.0 * 120.0));
    let page = Report::new(None, vec![run], Vec::new(), Vec::new()).unwrap().render();
    assert!(page.contains("<strong>Partial:</strong> cut, up to step 4"));
    let header = text.lines().next().unwrap();
    std::fs::write(&cut, format!("{header}\n")).unwrap();
    let error = Run::read(&cut).unwrap_err().to_string();
    assert!(error.contains("no complete step"), "{error}");
    let partial = folder.path().join("going-on.csv.partial");
    std::fs::copy(&path, &partial).unwrap();
    assert_eq!(Run::read(&partial).unwrap().partial, Some("the run had not ended"));
}

#[test]
fn summaries_find_their_runs_or_say_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| Run::read(&trace(folder.path(), name, &["conv1", "fc"], 8)).unwrap();
    let summary = |file: &str| RunSummary::parse(SUMMARY, file).unwrap();
    let runs = || vec![read("a.csv"), read("b.csv")];
    let by_name = Report::new(None, runs(), vec![summary("x/b.json")], Vec::new()).unwrap();
    assert!(by_name.runs()[0].summary.is_none() && by_name.runs()[1].summary.is_some());
    let in_order =
        Report::new(None, runs(), vec![summary("1.json"), summary("2.json")], Vec::new()).unwrap();
    assert_eq!(in_order.runs()[1].summary.as_ref().unwrap().file, "2.json");
    let error = Report::new(None, runs(), vec![summary("1.json")], Vec::new()).unwrap_err();
    assert!(error.to_string().contains("1 summaries for 2 traces"), "{error}");
    let other = RunSummary::parse(&SUMMARY.replace("conv1", "conv0"), "a.json").unwrap();
    let error = Report::new(None, runs(), vec![other], Vec::new()).unwrap_err().to_string();
    assert!(error.contains("does not belong") && error.contains("layers differ"), "{error}");
    let shorter =
        RunSummary::parse(&SUMMARY.replace("\"steps\":8", "\"steps\":3"), "a.json").unwrap();
    assert!(Report::new(None, runs(), vec![shorter], Vec::new()).is_err());
    let twice = Report::new(None, vec![read("a.csv"), read("a.csv")], Vec::new(), Vec::new());
    assert_eq!(twice.unwrap().runs()[1].name, "a (2)");
}
