//! One run for each of several controllers.

use super::controller::{CONTROLLER, CONTROLLERS};
use super::error::SettingsError;
use super::flags::TrainArguments;
use super::layers::Layers;
use super::requirements::of_another_controller;
use super::resolve::{Paths, Resolved};
use crate::precision::ControllerKind;
use crate::setting::Given as _;
use std::path::{Path, PathBuf};

/// The runs that a command line requests: one, or one for each controller.
#[derive(Debug, Clone, PartialEq)]
pub enum Runs {
    /// One run.
    One(Box<Resolved>),
    /// One run for each of several controllers, in the order given.
    Several(Vec<Resolved>),
}

impl TrainArguments {
    /// [`resolve`](Self::resolve)s one run, or with `controllers` one for each of them. In each of several runs, settings
    /// that its controller does not have are left out, and files have separate names
    /// ([`Paths::of_run`]).
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve); also if a setting belongs to none of the controllers, a controller stands twice in the
    /// list, or `controller` is given too.
    pub fn resolve_runs(self) -> Result<Runs, SettingsError> {
        let layers = Layers::new(&self)?;
        let kinds = CONTROLLERS.optional(&layers).map_err(|refusal| layers.explain(refusal))?;
        let Some(kinds) = kinds else {
            return Ok(Runs::One(Box::new(Resolved::of(&layers)?)));
        };
        check(&layers, &kinds)?;
        let runs = kinds.into_iter().map(|kind| {
            let resolved = Resolved::of(&Layers::of_controller(&self, kind)?)?;
            Ok(Resolved { paths: resolved.paths.of_run(kind.name()), ..resolved })
        });
        runs.collect::<Result<_, _>>().map(Runs::Several)
    }
}

/// Checks the list of controllers, and that each setting given belongs to one of them.
fn check(layers: &Layers, kinds: &[ControllerKind]) -> Result<(), SettingsError> {
    if layers.is_explicit(CONTROLLER.name()) {
        let setting = layers.name_of(CONTROLLERS.name());
        return Err(SettingsError::Exclusive { setting, other: "controller" });
    }
    let list = kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(",");
    let twice = (1..kinds.len()).any(|i| kinds[..i].contains(&kinds[i]));
    if kinds.is_empty() || twice {
        let value = if twice { list } else { "empty".to_owned() };
        let refusal = CONTROLLERS.refuse(value, "at least one controller, each once");
        return Err(layers.explain(refusal));
    }
    for name in layers.explicit() {
        let needs: Vec<_> =
            kinds.iter().map_while(|kind| of_another_controller(*kind, name)).collect();
        if needs.len() == kinds.len() {
            let (setting, found) = (layers.name_of(name), format!("--controllers {list}"));
            return Err(SettingsError::NotWith { setting, needs: needs[0].clone(), found });
        }
    }
    Ok(())
}

impl Paths {
    /// The files of one of several runs: `name` stands before the extension of its trace, summary and model, and its
    /// checkpoints are in a separate folder `name`.
    #[must_use]
    pub fn of_run(self, name: &str) -> Self {
        let file = |path: Option<PathBuf>| path.map(|path| named(&path, name));
        let folder = |path: Option<PathBuf>| path.map(|path| path.join(name));
        Self {
            trace: file(self.trace),
            summary: file(self.summary),
            save_model: file(self.save_model),
            checkpoint: folder(self.checkpoint),
            resume: folder(self.resume),
            ..self
        }
    }
}

/// `out/trace.NAME.csv` for `out/trace.csv`.
fn named(path: &Path, name: &str) -> PathBuf {
    let mut file = path.file_stem().unwrap_or_default().to_owned();
    file.push(".");
    file.push(name);
    if let Some(extension) = path.extension() {
        file.push(".");
        file.push(extension);
    }
    path.with_file_name(file)
}

#[cfg(test)]
mod tests {
    use super::super::tests::flags;
    use super::*;
    use crate::precision::ControllerOptions;
    use hwmodel::Rounding;

    fn runs(line: &str) -> Vec<Resolved> {
        match flags(line).resolve_runs().unwrap() {
            Runs::Several(runs) => runs,
            Runs::One(run) => panic!("{line} is one run: {run:?}"),
        }
    }

    fn refused(line: &str) -> String {
        flags(line).resolve_runs().unwrap_err().to_string()
    }

    #[test]
    fn settings_are_applied_where_they_belong() {
        let line = "--controllers adapt,shen,muppet,float32 --seed 7 --factor F --lookback-lower 9 \
                    --schedule cosine --cosine-minimum 1e-4 --overflow wrap --no-penalty";
        let several = runs(line);
        let own = [
            "--controller adapt --seed 7 --lookback-lower 9 --schedule cosine --cosine-minimum 1e-4 \
             --overflow wrap --no-penalty",
            "--controller shen --seed 7 --factor F --schedule cosine --cosine-minimum 1e-4 \
             --overflow wrap",
            "--controller muppet --seed 7 --overflow wrap",
            "--controller float32 --seed 7 --schedule cosine --cosine-minimum 1e-4",
        ];
        assert_eq!(several.len(), own.len());
        for (run, own) in several.iter().zip(own) {
            assert_eq!(run.options, flags(own).resolve().unwrap().options, "{own}");
        }
        assert!(matches!(&several[1].options.controller, ControllerOptions::Shen(_)));
        let weights = several.iter().map(|run| run.options.rounding.weights);
        let stochastic = Rounding::Stochastic;
        assert!(weights.eq([stochastic, Rounding::NearestEven, stochastic, stochastic]));
    }

    #[test]
    fn one_run_is_as_ever() {
        let line = "--controller shen --factor D --trace t.csv";
        let one = flags(line).resolve().unwrap();
        assert_eq!(flags(line).resolve_runs().unwrap(), Runs::One(Box::new(one)));
    }

    #[test]
    fn files_are_named_after_the_controller() {
        let line = "--controllers adapt,static --trace out/trace.csv --summary s.v2.json \
                    --save-model model --checkpoint c/d --resume e";
        let paths = &runs(line)[1].paths;
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(paths.trace, path("out/trace.static.csv"));
        assert_eq!(paths.summary, path("s.v2.static.json"));
        assert_eq!(paths.save_model, path("model.static"));
        assert_eq!((&paths.checkpoint, &paths.resume), (&path("c/d/static"), &path("e/static")));
    }

    #[test]
    fn impossible_lists_are_explained() {
        insta::assert_snapshot!(refused("--controllers adapt,shen --controller adapt"), @"`--controllers` and `--controller` exclude each other: leave one of them out");
        insta::assert_snapshot!(refused("--controllers adapt,shen,adapt"), @"`--controllers` is adapt,shen,adapt: use at least one controller, each once");
        insta::assert_snapshot!(refused("--controllers adapt,static --factor F"), @"`--factor` needs `--controller shen` and has no meaning with `--controllers adapt,static`: leave one of them out");
        insta::assert_snapshot!(refused("--controllers adapt,static --lookback-lower 0"), @"`--lookback-lower` is 0: use 1 to 1048576");
        let empty = TrainArguments::default().with(&CONTROLLERS, Vec::new());
        insta::assert_snapshot!(empty.resolve_runs().unwrap_err(), @"`--controllers` is empty: use at least one controller, each once");
        insta::assert_snapshot!(flags("--controllers adapt").resolve().unwrap_err(), @"`--controllers` is a list: use `controller` where there is one run");
    }
}
