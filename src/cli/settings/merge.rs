//! Putting settings over others, and taking some away.

use super::arguments::TrainArguments;

/// Calls `$action!(fields...)` with every field of [`TrainArguments`].
macro_rules! with_every_field {
    ($action:ident $context:tt) => {
        $action!($context config preset arch epochs max_steps seed threads with_baseline no_with_baseline dataset data_dir text_level sequence_length vocabulary limit_train limit_test batch_size augment no_augment optimiser learning_rate momentum beta1 beta2 adam_epsilon l1 l2 accumulation normalise_gradients no_normalise_gradients initialisation_scale schedule plateau_factor plateau_patience plateau_threshold plateau_minimum milestones schedule_factor warmup_epochs cosine_minimum controller controllers wl fl layer_formats format_schedule variant granularity epsilon_kl pushdown_range buffer_bits resolution_lower resolution_upper lookback_lower lookback_upper lookback_momentum penalty no_penalty levels window_epochs violations threshold_alpha threshold_beta threshold_lambda float32_epochs smallest_learning_rate factor strategy bits depth output_wl rounding_weights rounding_activations rounding_gradients rounding_evaluation random_source random_bits lfsr_width lfsr_steps overflow accumulator accumulator_overflow machine backward gradient_wl grad_input_wl grad_weight_wl gradient_fl trace trace_every summary checkpoint overwrite checkpoint_every resume init_from save_model quiet no_quiet)
    };
}

impl TrainArguments {
    /// These settings, and those of `below` where these say nothing.
    pub(super) fn over(self, below: Self) -> Self {
        macro_rules! merge {
            (($above:ident, $below:ident) $($field:ident)*) => {
                Self { $($field: $above.$field.or($below.$field)),* }
            };
        }
        with_every_field!(merge(self, below))
    }

    /// The names of the settings that are given, with hyphens.
    pub(super) fn given(&self) -> Vec<String> {
        macro_rules! names {
            (($given:ident) $($field:ident)*) => {
                [$((stringify!($field), $given.$field.is_some())),*]
            };
        }
        let fields = with_every_field!(names(self));
        let given = fields.into_iter().filter(|(_, given)| *given);
        given.map(|(name, _)| name.replace('_', "-")).collect()
    }

    /// These settings without those whose names `unwanted` picks; the name of `--no-X` is X.
    pub(super) fn without(mut self, unwanted: impl Fn(&str) -> bool) -> Self {
        macro_rules! remove {
            (($given:ident) $($field:ident)*) => {$(
                let name = stringify!($field).replace('_', "-");
                if unwanted(name.strip_prefix("no-").unwrap_or(&name)) {
                    $given.$field = None;
                }
            )*};
        }
        with_every_field!(remove(self));
        self
    }

    /// Turns `--no-X` into X = false.
    pub(super) fn settle_switches(mut self) -> Self {
        let switches = [
            (&mut self.augment, &mut self.no_augment),
            (&mut self.normalise_gradients, &mut self.no_normalise_gradients),
            (&mut self.penalty, &mut self.no_penalty),
            (&mut self.with_baseline, &mut self.no_with_baseline),
            (&mut self.quiet, &mut self.no_quiet),
        ];
        for (on, off) in switches {
            if off.take() == Some(true) {
                *on = Some(false);
            }
        }
        self
    }
}
