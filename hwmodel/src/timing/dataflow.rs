//! The list of dataflows: output-, weight- and input-stationary.
//!
//! A dataflow is one file with its [`DataflowDescription`], and one line of the list below. Its name in machine descriptions, the
//! lanes that memories feed, its timetable and what its processing elements need to hold follow from the description.

use super::{Resources, Schedule, input_stationary, output_stationary, weight_stationary};
use crate::mac_style::{ColumnOperand, Throughput};
use crate::product::GemmWork;
use serde::{Deserialize, Serialize};

/// What stays in a processing element during a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stationary {
    /// The sum of one output; results leave after the last MAC of a fold.
    Sum,
    /// An element of the left operand `I[M,K]`; partial sums move on.
    Input,
    /// An element of the right operand `W[K,N]`; partial sums move on.
    Weight,
}

/// Description of a dataflow: name, stationary operand, schedule.
#[derive(Clone, Copy)]
pub struct DataflowDescription {
    /// The name in machine descriptions.
    pub name: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// What stays in a processing element.
    pub stationary: Stationary,
    /// The operand whose elements stand side by side along the columns of the array.
    pub column_operand: ColumnOperand,
    /// The timetable of work without a dimension of zero.
    pub schedule: fn(&Resources<'_>, Throughput, &GemmWork) -> Schedule,
}

macro_rules! dataflows {
    ($($(#[$attribute:meta])* $name:ident in $module:ident;)*) => {
        /// The dataflow of a MAC array.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Dataflow {
            $(
                #[doc = concat!("As in [`", stringify!($module), "`](crate::timing::", stringify!($module), ").")]
                $(#[$attribute])*
                $name,
            )*
        }

        impl Dataflow {
            /// Every dataflow, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Name, timetable and what it keeps.
            pub fn description(self) -> &'static DataflowDescription {
                match self {
                    $(Self::$name => &$module::DESCRIPTION,)*
                }
            }
        }
    };
}

dataflows! {
    #[default]
    OutputStationary in output_stationary;
    WeightStationary in weight_stationary;
    InputStationary in input_stationary;
}

impl Dataflow {
    /// The name in machine descriptions.
    pub fn name(self) -> &'static str {
        self.description().name
    }

    /// The operand whose elements stand side by side along the columns of the array.
    pub fn column_operand(self) -> ColumnOperand {
        self.description().column_operand
    }

    /// Whether sums stay in the processing elements and leave after the last MAC of a fold.
    pub fn keeps_sums(self) -> bool {
        self.description().stationary == Stationary::Sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule;
    use super::super::tests::{exact, fixed};
    use super::*;
    use crate::timing::Array;

    #[test]
    fn every_dataflow_has_a_name_and_costs_a_product() {
        let mac = exact();
        for &dataflow in Dataflow::ALL {
            let DataflowDescription { name, help, .. } = *dataflow.description();
            assert_eq!(toml::Value::try_from(dataflow).unwrap().as_str(), Some(name));
            assert!(!help.is_empty() && !help.ends_with('.'), "{name}");
            let same_name = Dataflow::ALL.iter().filter(|other| other.name() == name);
            assert_eq!(same_name.count(), 1, "{name}");
            // Every MAC has its place: folds by processing elements by cycles are at least the MACs.
            let array = Array::new(4, 3);
            let resources = Resources { array, mac: &mac, partial_sum_bits: 1 << 20 };
            let schedule = schedule(&resources, dataflow, &fixed((9, 7, 11)));
            let cycles = schedule.compute_cycles(array);
            assert!(cycles * u128::from(array.processing_elements()) >= 9 * 7 * 11, "{name}");
            assert!(schedule.array_side_elements.output >= 9 * 7, "{name}");
        }
    }
}
