//! Which vector instructions the kernels may use.

use std::fmt;

/// A set of vector instructions that this CPU has.
///
/// A value can only be made by asking the CPU, so holding one is the proof that its instructions
/// may be executed. Results never depend on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimdLevel(Level);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    Portable,
    Avx2,
    Avx512,
}

/// A SIMD level that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimdError {
    /// No level has this name.
    #[error("unknown SIMD level `{0}`: use portable, avx2 or avx512")]
    Unknown(String),
    /// The CPU lacks the instructions.
    #[error("SIMD level `{0}` needs instructions that this CPU lacks: it has {1}")]
    Missing(String, String),
}

impl SimdLevel {
    /// Plain Rust: every CPU has it.
    pub const PORTABLE: Self = Self(Level::Portable);

    /// The best level of this CPU.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::PORTABLE)
    }

    /// Every level of this CPU, the slowest first.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut)]
        let mut levels = vec![Self(Level::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt");
            if avx2 {
                levels.push(Self(Level::Avx2));
            }
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                levels.push(Self(Level::Avx512));
            }
        }
        levels
    }

    /// The level called `name`.
    ///
    /// # Errors
    /// If no level has this name or the CPU lacks its instructions.
    pub fn named(name: &str) -> Result<Self, SimdError> {
        if !["portable", "avx2", "avx512"].contains(&name) {
            return Err(SimdError::Unknown(name.to_owned()));
        }
        let available = Self::available();
        let found = available.iter().find(|level| level.name() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<_> = available.iter().map(|level| level.name()).collect();
            SimdError::Missing(name.to_owned(), names.join(", "))
        })
    }

    /// The name of this level.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    pub(crate) const fn level(self) -> Level {
        self.0
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

        match self.0 {
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
        for level in SimdLevel::available() {
            assert_eq!(SimdLevel::named(level.name()), Ok(level));
        }
        assert_eq!(SimdLevel::named("sse9"), Err(SimdError::Unknown("sse9".into())));
    }
}
