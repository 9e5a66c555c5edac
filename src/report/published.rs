//! Published results, for comparison with a run. All numbers are in `published.csv`, with the paper that each is from.

use std::sync::LazyLock;

/// A quantity as a paper printed it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Architecture as hwsim calls it.
    pub network: String,
    /// Data set as hwsim calls it; `cifar` where the paper's table names neither CIFAR-10 nor CIFAR-100.
    pub dataset: String,
    /// The method.
    pub method: String,
    /// Key of the quantity: that of hwsim's summary. Accuracies are in per cent, the rest as there.
    pub quantity: String,
    /// The value with the digits printed.
    pub value: String,
    /// The paper.
    pub source: String,
    /// The table in the paper, where the sheet says it.
    pub place: String,
}

static ALL: LazyLock<Vec<Published>> = LazyLock::new(|| {
    let rows = csv::Reader::from_reader(include_str!("published.csv").as_bytes());
    rows.into_deserialize().collect::<Result<_, _>>().expect("the shipped table is read in a test")
});

/// Published results of one method on one network and data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedMethod {
    /// The method.
    pub name: &'static str,
    rows: Vec<&'static Published>,
}

impl PublishedMethod {
    /// The value of `quantity` as printed.
    pub fn value(&self, quantity: &str) -> Option<&'static str> {
        let row = self.rows.iter().find(|row| row.quantity == quantity)?;
        Some(&row.value)
    }

    /// Source of `quantities`.
    pub fn source(&self, quantities: &[&str]) -> String {
        let mut sources: Vec<String> = Vec::new();
        for row in self.rows.iter().filter(|row| quantities.contains(&row.quantity.as_str())) {
            let place = if row.place.is_empty() { "" } else { ", " };
            let unsaid = if row.dataset == "cifar" { " (data set not named)" } else { "" };
            let source = format!("{}{place}{}{unsaid}", row.source, row.place);
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        sources.join("; ")
    }
}

/// Published results for `network` on `dataset`, by method.
pub fn published(network: &str, dataset: &str) -> Vec<PublishedMethod> {
    let mut methods: Vec<PublishedMethod> = Vec::new();
    let of_dataset = |row: &Published| {
        row.dataset == dataset || (row.dataset == "cifar" && dataset.starts_with("cifar"))
    };
    for row in ALL.iter().filter(|row| row.network == network && of_dataset(row)) {
        match methods.iter_mut().find(|method| method.name == row.method) {
            Some(method) => method.rows.push(row),
            None => methods.push(PublishedMethod { name: &row.method, rows: vec![row] }),
        }
    }
    methods
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_has_numbers_with_sources_and_nothing_twice() {
        let mut seen = HashSet::new();
        for row in ALL.iter() {
            assert!(row.value.parse::<f64>().is_ok(), "{row:?}");
            assert!(!row.source.is_empty() && !row.quantity.is_empty(), "{row:?}");
            let key = (&row.network, &row.dataset, &row.method, &row.quantity);
            assert!(seen.insert(key), "{row:?}");
        }
    }

    /// SU3's premise and the page have the same baselines.
    #[test]
    fn every_published_baseline_of_muppet_meets_the_premise_of_su3() {
        let baselines = ALL
            .iter()
            .filter(|row| row.method.starts_with("MuPPET") && row.quantity == "float32_top1");
        let mut count = 0;
        for row in baselines {
            let top1 = row.value.parse::<f64>().unwrap() / 100.0;
            let premise = |top1| {
                crate::train::paper_cost::su3_premise(&row.network, &row.dataset, Some(top1))
            };
            assert_eq!(premise(top1), Ok(()), "{row:?}");
            assert!(premise(top1 - 0.02).is_err(), "{row:?}");
            count += 1;
        }
        assert_eq!(count, 6);
    }

    #[test]
    fn alexnet_on_cifar10_has_its_published_numbers() {
        let methods = published("alexnet", "cifar10");
        let adapt = methods.iter().find(|method| method.name == "AdaPT").unwrap();
        assert_eq!((adapt.value("top1"), adapt.value("su1")), (Some("74.5"), Some("1.42")));
        assert_eq!(adapt.value("energy"), None);
        let muppet = methods.iter().find(|method| method.name == "MuPPET").unwrap();
        assert_eq!(muppet.value("float32_top1"), Some("75.45"));
        assert_eq!(muppet.source(&["top1"]), "Rajagopal et al. ICML 2020, Table 2");
        assert_eq!(published("lenet5", "mnist"), []);
    }
}
