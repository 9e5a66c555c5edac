//! SIMD levels: the sets of vector and tile instructions that kernels may use.

#[cfg(target_arch = "x86_64")]
use super::amx;
use std::fmt;

/// A set of vector and tile instructions that this CPU has.
///
/// A value can only be made by asking the CPU, so holding one is the proof that its instructions
/// may be executed. Results never depend on it.
///
/// | name | vectors | matrix products of integers |
/// |---|---|---|
/// | `portable` | plain Rust | words of 16 bits |
/// | `avx2` | 256 bits | words of 16 bits |
/// | `avx512` | 512 bits, with VNNI | words of 16 bits and bytes |
/// | `amx` | as `avx512` | tiles of bytes; wider words byte by byte |
/// | `amx-model` | the best of this CPU | as `amx`, by a model of the tile unit in plain Rust |
///
/// `amx-model` is slow and never chosen automatically: it tests all of `amx` except the tile
/// instructions, on machines without them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimdLevel {
    vectors: Level,
    tiles: Option<Tiles>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    Portable,
    Avx2,
    Avx512,
}

/// Implementation of the tile unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tiles {
    /// The model of the unit.
    Model,
    /// The processor.
    #[cfg(target_arch = "x86_64")]
    Hardware,
}

/// Error of a SIMD level that is unknown or unavailable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimdError {
    /// No level has this name.
    #[error("unknown SIMD level `{0}`: use portable, avx2, avx512, amx or amx-model")]
    Unknown(String),
    /// The CPU lacks the instructions, or the system does not let this process use them.
    #[error("SIMD level `{0}` needs instructions that this CPU lacks: it has {1}")]
    Missing(String, String),
}

impl SimdLevel {
    /// Plain Rust, available on every CPU.
    pub const PORTABLE: Self = Self { vectors: Level::Portable, tiles: None };

    /// The best level of this CPU.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::PORTABLE)
    }

    /// Every level of this CPU, the slowest first, without the model of the tile unit.
    ///
    /// The first call on a CPU with AMX-INT8 asks the system for the permission to use it, and compares the
    /// unit with its model; the level is there if both succeed.
    pub fn available() -> Vec<Self> {
        let best = Self::vectors();
        #[allow(unused_mut)]
        let mut levels: Vec<Self> = [Level::Portable, Level::Avx2, Level::Avx512]
            .into_iter()
            .filter(|&vectors| vectors <= best.vectors)
            .map(|vectors| Self { vectors, tiles: None })
            .collect();
        #[cfg(target_arch = "x86_64")]
        if best.vectors == Level::Avx512 && amx::available() {
            levels.push(Self { tiles: Some(Tiles::Hardware), ..best });
        }
        levels
    }

    /// Every level that [`SimdLevel::named`] finds on this CPU: those available and `amx-model`.
    pub fn testable() -> Vec<Self> {
        let mut levels = Self::available();
        levels.push(Self { tiles: Some(Tiles::Model), ..Self::vectors() });
        levels
    }

    /// The best level without tiles.
    pub(super) fn vectors() -> Self {
        #[allow(unused_mut)]
        let mut vectors = Level::Portable;
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
        {
            vectors = Level::Avx2;
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                vectors = Level::Avx512;
            }
        }
        Self { vectors, tiles: None }
    }

    /// The level called `name`.
    ///
    /// # Errors
    /// If no level has this name or the CPU lacks its instructions.
    pub fn named(name: &str) -> Result<Self, SimdError> {
        if !["portable", "avx2", "avx512", "amx", "amx-model"].contains(&name) {
            return Err(SimdError::Unknown(name.to_owned()));
        }
        let levels = Self::testable();
        let found = levels.iter().find(|level| level.name() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<_> = levels.iter().map(|level| level.name()).collect();
            SimdError::Missing(name.to_owned(), names.join(", "))
        })
    }

    /// The name of this level.
    pub const fn name(self) -> &'static str {
        match (self.tiles, self.vectors) {
            (Some(Tiles::Model), _) => "amx-model",
            #[cfg(target_arch = "x86_64")]
            (Some(Tiles::Hardware), _) => "amx",
            (None, Level::Portable) => "portable",
            (None, Level::Avx2) => "avx2",
            (None, Level::Avx512) => "avx512",
        }
    }

    /// The implementation of the tile unit, if the level has one.
    pub(crate) const fn tiles(self) -> Option<Tiles> {
        self.tiles
    }

    /// The vector instructions.
    pub(crate) const fn level(self) -> Level {
        self.vectors
    }

    /// Runs `work` compiled for this level's instructions: loops of integer or IEEE float arithmetic in
    /// it are vectorised for them, and their results do not change (products and sums are never fused).
    ///
    /// Only code that is inlined into `work` profits: mark the closure, and what it calls,
    /// `#[inline(always)]`.
    #[inline]
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
        fn avx2<R>(work: impl FnOnce() -> R) -> R {
            work()
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(
            enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"
        )]
        fn avx512<R>(work: impl FnOnce() -> R) -> R {
            work()
        }

        match self.vectors {
            Level::Portable => work(),
            // SAFETY: a SimdLevel exists only if the CPU has its instructions.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { avx512(work) },
            #[cfg(not(target_arch = "x86_64"))]
            _ => work(),
        }
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_what_the_cpu_has() {
        for level in SimdLevel::testable() {
            assert_eq!(SimdLevel::named(level.name()), Ok(level));
        }
        assert_eq!(SimdLevel::named("sse9"), Err(SimdError::Unknown("sse9".into())));
        for name in ["avx2", "avx512", "amx"] {
            let there = SimdLevel::available().iter().any(|level| level.name() == name);
            match SimdLevel::named(name) {
                Ok(level) => assert!(there && level.name() == name),
                Err(error) => {
                    assert!(!there);
                    let SimdError::Missing(missing, levels) = error else { panic!("{error}") };
                    assert_eq!(missing, name);
                    assert!(levels.starts_with("portable") && levels.ends_with("amx-model"));
                }
            }
        }
    }

    #[test]
    fn the_model_is_never_chosen() {
        let model = SimdLevel::named("amx-model").unwrap();
        assert!(model.tiles().is_some());
        assert_eq!(model.level(), SimdLevel::vectors().level());
        assert!(!SimdLevel::available().contains(&model));
        assert_ne!(SimdLevel::best(), model);
    }
}
