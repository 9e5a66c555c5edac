//! The model that a run starts from, read once for all that the command does with it.

use super::super::errors::Failure;
use super::super::network_file::{self, NetworkFile};
use super::super::output;
use super::super::settings::Resolved;
use crate::data::Normalisation;
use crate::train::{RunOptions, StartingModel, Trainer};
use anyhow::{Context as _, anyhow};
use std::path::Path;

/// A starting model.
pub(in crate::cli) struct Start {
    opened: NetworkFile,
    /// Of the bytes of its file.
    checksum: u32,
}

impl Start {
    /// The model that the settings name, if they do.
    pub(in crate::cli) fn of(resolved: &Resolved) -> Result<Option<Self>, Failure> {
        let Some(StartingModel { file, .. }) = &resolved.options.init_from else { return Ok(None) };
        let start = Self::open(file)?;
        if resolved.own_layers {
            start.opened.show_notes();
        }
        Ok(Some(start))
    }

    /// Reads the model in `file`.
    pub(super) fn open(file: &str) -> Result<Self, Failure> {
        let what = || format!("starting model `{file}`");
        let checksum = checksum(file).with_context(what)?;
        let opened =
            network_file::open(Path::new(file), &[]).map_err(|failure| failure.context(what()))?;
        Ok(Self { opened, checksum })
    }

    /// Gives a run that begins the checksum of the file and, if no architecture is asked for, its layers.
    pub(in crate::cli) fn complete(
        &self,
        options: &mut RunOptions,
        own_layers: bool,
    ) -> Result<(), Failure> {
        if let Some(model) = &mut options.init_from {
            model.checksum = self.checksum;
        }
        if own_layers { self.take_layers(options) } else { Ok(()) }
    }

    fn take_layers(&self, options: &mut RunOptions) -> Result<(), Failure> {
        let opened = &self.opened;
        options.arch.clone_from(&opened.network.name);
        options.network = opened.own_layers()?;
        if options.network.is_some() && options.normalisation.is_none() {
            let Normalisation { mean, std } = opened.header.normalisation.clone();
            // An ONNX graph states none: its pixels are numbers from 0 to 1, as in `hwsim eval`.
            let stated = !mean.is_empty();
            let (mean, std) = if stated { (mean, std) } else { (vec![0.0], vec![1.0]) };
            options.normalisation = Some(Normalisation { mean, std });
        }
        Ok(())
    }
}

/// Gives `trainer` the values of the model that its options name, if they do; `start` if it was read already.
pub(in crate::cli) fn start_from_model(
    trainer: &mut Trainer,
    start: Option<&Start>,
    quiet: bool,
) -> Result<(), Failure> {
    let Some(StartingModel { file, checksum, reinitialise: false }) =
        trainer.options().init_from.clone()
    else {
        return Ok(());
    };
    let read;
    let start = match start {
        Some(start) => start,
        None => {
            read = Start::open(&file)?;
            &read
        }
    };
    if start.checksum != checksum {
        let why = "the file has changed since the run began: put back the one it began with";
        return Err(Failure::Run(anyhow!("starting model `{file}`: {why}")));
    }
    let NetworkFile { network, header, .. } = &start.opened;
    let random = trainer.start_from(network, &header.class_names).map_err(Failure::usage)?;
    if !quiet {
        let but = match random.as_slice() {
            [] => String::new(),
            names => {
                format!(", but {}, which are random: the classes are others", names.join(", "))
            }
        };
        output::note(&format!("starting from the weights of {file}{but}"));
    }
    Ok(())
}

fn checksum(file: &str) -> anyhow::Result<u32> {
    use std::io::Read as _;
    // A pipe would never end.
    anyhow::ensure!(std::fs::metadata(file)?.is_file(), "it is not a file");
    let mut reader = std::fs::File::open(file)?;
    let mut crc = flate2::Crc::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(crc.sum()),
            count => crc.update(&piece[..count]),
        }
    }
}
