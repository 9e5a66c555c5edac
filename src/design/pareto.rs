//! Pareto fronts: points that no other point dominates.

mod error;
mod groups;
mod plot;
mod quantity;
mod table;

pub use error::ParetoError;
pub use plot::{Axis, Group, Plot, Point};
pub use quantity::Quantity;
pub use table::{Question, Table};

/// Whether less or more of a quantity is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Less is better.
    Minimise,
    /// More is better.
    Maximise,
}

/// Whether `a` is at least as good as `b` in everything and better in something. Less is better.
fn dominates(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b) && a.iter().zip(b).any(|(a, b)| a < b)
}

/// Which of `points` no other point dominates: one that is at least as good in every goal and better in one. Points
/// equal in every goal dominate none of each other, so they are on the front together or not at all.
///
/// Each point has one value for each of `goals`. A point with a NaN is never on the front and dominates none.
///
/// A point can only be dominated by one before it in lexicographic order, so it is compared with the front found so
/// far: n · (size of the front) comparisons after a sort, instead of n².
///
/// ```
/// use hwsim::design::pareto::{Goal, front};
/// let energy_and_accuracy = [[1.0, 0.7], [2.0, 0.9], [3.0, 0.8], [2.0, 0.9]];
/// let goals = [Goal::Minimise, Goal::Maximise];
/// assert_eq!(front(&energy_and_accuracy, &goals), [true, true, false, true]);
/// ```
pub fn front<P: AsRef<[f64]>>(points: &[P], goals: &[Goal]) -> Vec<bool> {
    let less_is_better: Vec<Option<Vec<f64>>> = points
        .iter()
        .map(|point| {
            let values = point.as_ref().iter().zip(goals);
            let signed = values.map(|(&value, goal)| match goal {
                // 0.0 has one sign only, since total order tells them apart.
                Goal::Minimise => value + 0.0,
                Goal::Maximise => 0.0 - value,
            });
            let signed: Vec<f64> = signed.collect();
            (!signed.iter().any(|value| value.is_nan())).then_some(signed)
        })
        .collect();
    let mut order: Vec<(usize, &Vec<f64>)> = less_is_better
        .iter()
        .enumerate()
        .filter_map(|(index, point)| Some((index, point.as_ref()?)))
        .collect();
    order.sort_by(|(_, a), (_, b)| {
        let in_turn = a.iter().zip(b.iter()).map(|(a, b)| a.total_cmp(b));
        in_turn.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    let mut on_front = vec![false; points.len()];
    let mut found: Vec<&Vec<f64>> = Vec::new();
    for (index, point) in order {
        if !found.iter().any(|other| dominates(other, point)) {
            on_front[index] = true;
            // Equal points dominate the same others.
            if found.last() != Some(&point) {
                found.push(point);
            }
        }
    }
    on_front
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition.
    fn quadratic(points: &[Vec<f64>], goals: &[Goal]) -> Vec<bool> {
        let better = |a: f64, b: f64, goal: Goal| match goal {
            Goal::Minimise => a < b,
            Goal::Maximise => a > b,
        };
        let beats = |a: &[f64], b: &[f64]| {
            let none_worse = (0..goals.len()).all(|i| !better(b[i], a[i], goals[i]));
            let one_better = (0..goals.len()).any(|i| better(a[i], b[i], goals[i]));
            none_worse && one_better && !a.iter().chain(b).any(|value| value.is_nan())
        };
        points
            .iter()
            .map(|point| {
                !point.iter().any(|value| value.is_nan())
                    && !points.iter().any(|other| beats(other, point))
            })
            .collect()
    }

    #[test]
    fn ties_stay_and_missing_values_go() {
        let goals = [Goal::Minimise, Goal::Minimise];
        let points = [[0.0, 1.0], [-0.0, 1.0], [0.0, 1.5], [f64::NAN, 0.0], [f64::INFINITY, 0.5]];
        assert_eq!(front(&points, &goals), [true, true, false, false, true]);
        assert_eq!(front::<[f64; 2]>(&[], &goals), [false; 0]);
        assert_eq!(front(&[[3.0], [2.0], [2.0]], &[Goal::Minimise]), [false, true, true]);
        assert_eq!(front(&[[3.0], [2.0], [3.0]], &[Goal::Maximise]), [true, false, true]);
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            8 => (-3i32..4).prop_map(f64::from),
            2 => any::<f64>(),
            1 => Just(f64::NAN),
            1 => Just(-0.0),
        ]
    }

    fn goal() -> impl Strategy<Value = Goal> {
        prop_oneof![Just(Goal::Minimise), Just(Goal::Maximise)]
    }

    proptest! {
        #[test]
        fn the_front_is_that_of_the_definition(
            (goals, points) in (1usize..5).prop_flat_map(|width| (
                prop::collection::vec(goal(), width),
                prop::collection::vec(prop::collection::vec(value(), width), 0..60),
            )),
        ) {
            prop_assert_eq!(front(&points, &goals), quadratic(&points, &goals));
        }
    }
}
