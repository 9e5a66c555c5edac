//! Sweeps that are stopped, damaged, split and extended.

use super::*;
use proptest::prelude::{any, prop_assert_eq, proptest};
use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn plan(points: usize) -> Plan {
    let mut plan =
        Plan { axes: vec!["n".into()], results: vec!["square".into()], ..Plan::default() };
    let mut seen = HashSet::new();
    for point in 0..points {
        plan.push(
            ContentHash::default().with(point.to_string()),
            vec![point.to_string()],
            &mut seen,
        );
    }
    plan
}

/// Evaluates, and says how many points were.
fn evaluate(plan: &Plan, log: &Path, shard: Option<Shard>) -> Result<Outcome, SweepError> {
    let calls = AtomicUsize::new(0);
    let square = |point: usize| {
        calls.fetch_add(1, Ordering::Relaxed);
        let n: usize = plan.points[point].cells[0].parse().unwrap();
        Ok(vec![(n * n).to_string()])
    };
    let stop = AtomicBool::new(false);
    let evaluation = Evaluation {
        evaluate: &square,
        progress: &|_, _| {},
        stop: &stop,
        parallelism: if shard.is_some() {
            Parallelism::Shared
        } else {
            Parallelism::Separate(std::num::NonZeroUsize::new(3).unwrap())
        },
    };
    let outcome = run(plan, log, shard, &evaluation)?;
    assert_eq!(outcome.evaluated, calls.into_inner());
    Ok(outcome)
}

fn outcome(evaluated: usize, cached: usize) -> Outcome {
    Outcome { evaluated, cached, damaged: 0, left: 0 }
}

#[test]
fn nothing_is_evaluated_twice_and_the_order_is_the_plans() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("x.log");
    assert_eq!(evaluate(&plan(4), &log, None).unwrap(), outcome(4, 0));
    assert_eq!(evaluate(&plan(4), &log, None).unwrap(), outcome(0, 4));
    // A longer plan keeps what is known.
    assert_eq!(evaluate(&plan(6), &log, None).unwrap(), outcome(2, 4));
    let text = String::from_utf8(table(&plan(6), &log).unwrap()).unwrap();
    assert_eq!(text, "n,square\n0,0\n1,1\n2,4\n3,9\n4,16\n5,25\n");
    assert_eq!(merge(&[log]).unwrap(), text.as_bytes());
}

#[test]
fn points_alike_are_evaluated_once() {
    let mut plan = plan(2);
    let mut seen = HashSet::new();
    let key = ContentHash::default().with("1");
    plan.push(key, vec!["1".into()], &mut seen);
    plan.push(key, vec!["1".into()], &mut seen);
    assert_eq!(plan.points.len(), 3);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("x.log");
    assert_eq!(evaluate(&plan, &log, None).unwrap(), outcome(2, 0));
    assert_eq!(table(&plan, &log).unwrap(), b"n,square\n0,0\n1,1\n1,1\n");
}

#[test]
fn shards_merge_to_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(11);
    let whole = folder.path().join("whole.log");
    evaluate(&plan, &whole, None).unwrap();
    let logs: Vec<_> = (0..3).map(|index| folder.path().join(format!("{index}.log"))).collect();
    for index in [2, 0] {
        evaluate(&plan, &logs[index], Some(Shard { index, of: 3 })).unwrap();
    }
    evaluate(&plan, &logs[1], Some(Shard { index: 2, of: 3 })).unwrap();
    let error = merge(&logs).unwrap_err().to_string();
    assert!(error.starts_with("4 of 11 points have no result, the first is number 1"), "{error}");
    evaluate(&plan, &logs[1], Some(Shard { index: 1, of: 3 })).unwrap();
    assert_eq!(merge(&logs).unwrap(), table(&plan, &whole).unwrap());
    evaluate(&self::plan(3), &logs[1], None).unwrap();
    assert!(matches!(merge(&logs), Err(SweepError::Different(..))));
    assert!(merge(&[]).is_err());
    for text in ["3/3", "1", "a/2", "-1/2", "0/0"] {
        assert!(text.parse::<Shard>().is_err(), "{text}");
    }
    assert_eq!("2/3".parse(), Ok(Shard { index: 2, of: 3 }));
}

#[test]
fn a_log_has_one_writer_and_a_foreign_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    let (held, _) = log::Log::open(&path).unwrap();
    assert!(matches!(evaluate(&plan(1), &path, None), Err(SweepError::Locked(_))));
    drop(held);
    for other in ["# notes\n", "n,square\n", "Results", "0123abcd {}\n"] {
        std::fs::write(&path, other).unwrap();
        assert!(matches!(evaluate(&plan(1), &path, None), Err(SweepError::NoLog(_))), "{other}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), other);
    }
}

#[test]
fn a_stop_and_a_failure_keep_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, log) = (plan(10), folder.path().join("x.log"));
    let stop = AtomicBool::new(false);
    let stops = |point: usize| {
        stop.store(point == 3, Ordering::SeqCst);
        Ok(vec![(point * point).to_string()])
    };
    let evaluation = Evaluation {
        evaluate: &stops,
        progress: &|_, _| {},
        stop: &stop,
        parallelism: Parallelism::One,
    };
    let first = run(&plan, &log, None, &evaluation).unwrap();
    assert_eq!(first, Outcome { left: 6, ..outcome(4, 0) });
    let fails = |point: usize| match point {
        5 => Err(SweepError::Point { point: "5".into(), reason: "no".into() }),
        _ => Ok(vec![(point * point).to_string()]),
    };
    stop.store(false, Ordering::SeqCst);
    let evaluation = Evaluation { evaluate: &fails, ..evaluation };
    assert_eq!(run(&plan, &log, None, &evaluation).unwrap_err().to_string(), "point 5: no");
    assert_eq!(evaluate(&plan, &log, None).unwrap(), outcome(5, 5));
}

proptest! {
    #[test]
    fn a_log_cut_off_or_damaged_anywhere_ends_with_the_same_table(
        cut in any::<proptest::sample::Index>(),
        damage in any::<Option<(proptest::sample::Index, u8)>>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (plan, log) = (plan(9), folder.path().join("x.log"));
        evaluate(&plan, &log, None).unwrap();
        let expected = table(&plan, &log).unwrap();
        let mut bytes = std::fs::read(&log).unwrap();
        // The first line says that it is a log at all.
        let first = 1 + bytes.iter().position(|&byte| byte == b'\n').unwrap();
        if let Some((at, value)) = damage {
            let at = first + at.index(bytes.len() - first);
            bytes[at] = value;
        }
        let length = cut.index(bytes.len() + 1);
        bytes.truncate(length);
        std::fs::write(&log, &bytes).unwrap();
        let outcome = evaluate(&plan, &log, None).unwrap();
        prop_assert_eq!(outcome.evaluated + outcome.cached, 9);
        prop_assert_eq!(table(&plan, &log).unwrap(), expected);
    }
}
