//! Starting from the weights of a trained network instead of random ones.

use super::accounting::PendingWeights;
use super::error::TrainError;
use super::trainer::Trainer;
use crate::network::Network;

impl Trainer {
    /// Takes weights and running statistics of `model`, a network of the same architecture with the classes `class_names`,
    /// before the first step. A classifier for another number of classes keeps its random weights; returns the names of
    /// parameters that do.
    ///
    /// The weights of a quantised model are the values of its words. Formats are not taken: the controller decides on them.
    ///
    /// # Errors
    /// If the architecture, another shape or the vocabulary of a text differs.
    pub fn start_from(
        &mut self,
        model: &Network,
        class_names: &[String],
    ) -> Result<Vec<String>, TrainError> {
        let own = &mut self.model.network;
        if model.name != own.name {
            return Err(TrainError::StartingModel(format!(
                "it is a `{}` and the run trains a `{}`: use --arch {}",
                model.name, own.name, model.name
            )));
        }
        if self.dataset.text.is_some() && self.dataset.class_names != class_names {
            let why = "its vocabulary is not that of the text: use the text it was trained on";
            return Err(TrainError::StartingModel(why.to_owned()));
        }
        let classifier = own.mac_layers.len() - 1;
        let other_classes = self.dataset.class_names.len() != class_names.len();
        let mut random = Vec::new();
        for (index, parameter) in own.parameters.iter_mut().enumerate() {
            let found = model.parameters.iter().find(|found| found.name == parameter.name);
            match found {
                Some(found) if found.shape == parameter.shape => {
                    parameter.master.clone_from(&found.master);
                }
                Some(_) if other_classes && self.model.owners[index] == classifier => {
                    random.push(parameter.name.clone());
                }
                _ => {
                    let (name, wanted) = (&parameter.name, &parameter.shape);
                    let found = found.map_or("missing".to_owned(), |p| format!("{:?}", p.shape));
                    return Err(TrainError::StartingModel(format!(
                        "its parameter `{name}` is {found}, and the run needs {wanted:?}: use data with \
                         images of {:?} (height, width, channels)",
                        model.input
                    )));
                }
            }
        }
        for node in &mut own.nodes {
            let found = model.nodes.iter().find(|found| found.name == node.name);
            let statistics = found.and_then(|found| found.running()).cloned();
            if let (Some(running), Some(statistics)) = (node.running_mut(), statistics) {
                *running = statistics;
            }
        }
        // What was counted of quantising the random weights is not part of the run.
        self.model.pending.fill(PendingWeights::default());
        self.model.requantise_all(self.position)?;
        Ok(random)
    }
}
