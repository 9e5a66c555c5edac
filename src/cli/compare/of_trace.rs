//! Quantities of a summary, computed from a trace.

use super::Run;
use crate::cli::output;
use crate::report::{self, Totals};
use anyhow::Context;
use hwmodel::cast::toward_zero;
use serde_json::{Map, Value};
use std::path::Path;

/// The run of the trace at `path`, plain or gzip, finished or partial.
///
/// A trace does not know its controller, network, data, machine or seed. Ratios and rates are those of the traced steps, and what
/// is final is that of the last of them. Sums are there if every step is.
pub(super) fn read(path: &Path) -> anyhow::Result<Run> {
    let shown = path.display();
    let run = report::Run::read(path).with_context(|| format!("cannot compare `{shown}`"))?;
    if let Some(why) = run.partial {
        output::note(&format!("hwsim: `{shown}`: {why}; its sums are left out"));
    }
    let totals = run.totals();
    let whole = run.partial.is_none() && run.every_step();
    let last = run.evaluations.last();
    // An evaluation follows the last step, which a trace of every n-th step leaves out.
    let evaluated = last.map_or(0, |evaluation| evaluation.step);
    let steps = run.last_step.saturating_add(1).max(evaluated);
    let costs = run.costs.summary();
    let cost = |of: fn(&crate::train::paper_cost::CostSummary) -> f64| costs.as_ref().map(of);
    let count = |of: fn(&Totals) -> f64| whole.then(|| whole_number(of(&totals)));
    let values: [(&str, Option<Value>); 18] = [
        ("epochs", last.map(|evaluation| evaluation.epoch.into())),
        ("steps", Some(steps.into())),
        ("top1", run.top1().map(Value::from)),
        ("top1_best", run.best_top1().map(Value::from)),
        ("loss", last.map(|evaluation| evaluation.test_loss.into())),
        ("su1", cost(|costs| costs.su1_paper).map(Value::from)),
        ("mem", cost(|costs| costs.mem_published).map(Value::from)),
        ("mem_exact", cost(|costs| costs.mem_exact).map(Value::from)),
        ("size_ratio_exact", cost(|costs| costs.sz_exact).map(Value::from)),
        ("final_sparsity_exact", cost(|costs| costs.zeros_final_exact).map(Value::from)),
        ("mean_sparsity_exact", cost(|costs| costs.zeros_average_exact).map(Value::from)),
        ("size_ratio", cost(|costs| costs.sz_released).map(Value::from)),
        ("inference_su", cost(|costs| costs.inference_su).map(Value::from)),
        ("final_sparsity", cost(|costs| costs.zeros_final).map(Value::from)),
        ("mean_sparsity", cost(|costs| costs.zeros_average).map(Value::from)),
        ("saturation_rate", Some((totals.saturated_per_million().unwrap_or(0.0) / 1e6).into())),
        ("accumulator_events", count(|totals| totals.accumulator_events)),
        ("cycles", count(Totals::all_cycles)),
    ];
    let mut summary: Map<String, Value> =
        super::QUANTITIES.iter().map(|quantity| (quantity.key.to_owned(), Value::Null)).collect();
    for (key, value) in values {
        summary.insert(key.to_owned(), value.unwrap_or_default());
    }
    let reason = "a trace says neither network, data nor batch";
    summary.insert("su3_reason".to_owned(), reason.into());
    let settings = report::of_trace(&run);
    let named = report::SETTINGS.iter().zip(settings);
    let named = named.map(|(setting, value)| (setting.key.to_owned(), Value::from(value)));
    summary.insert(super::TRACED.to_owned(), Value::Object(named.collect()));
    summary.insert("energy_pj".to_owned(), whole.then(|| totals.all_energy()).into());
    Ok(Run { name: run.name, summary })
}

/// A sum of counts without a fraction, if it is exact as a float.
fn whole_number(sum: f64) -> Value {
    const EXACT: f64 = (1u64 << 53) as f64;
    if sum <= EXACT { Value::from(toward_zero::<u64>(sum)) } else { Value::from(sum) }
}
