//! A test case with its tensors.

use super::tensor::Tensor;
use crate::verify::golden::{Case, GoldenError};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// A layer or network; remembers which of its tensors were asked for.
#[derive(Debug)]
pub(super) struct TorchCase<'a> {
    /// Kind of layer, or the value of `net=`.
    pub(super) kind: &'a str,
    case: Case<'a>,
    tensors: BTreeMap<&'a str, Tensor<'a>>,
    used: RefCell<BTreeSet<&'a str>>,
}

impl<'a> TorchCase<'a> {
    pub(super) fn new(mut case: Case<'a>) -> Result<Self, GoldenError> {
        let kind = match case.flags.as_slice() {
            [kind] => kind,
            [] => case.text("net")?,
            _ => return Err(case.line.error("the case needs one kind, or `net=`")),
        };
        let mut tensors = BTreeMap::new();
        for line in std::mem::take(&mut case.lines) {
            let (name, tensor) = Tensor::read(line)?;
            if let Some(first) = tensors.insert(name, tensor) {
                return Err(first.line.error(format!("a second tensor `{name}` follows")));
            }
        }
        Ok(Self { kind, case, tensors, used: RefCell::default() })
    }

    /// An error of the whole case.
    pub(super) fn error(&self, reason: impl std::fmt::Display) -> GoldenError {
        self.case.line.error(reason.to_string())
    }

    /// The value after `key=`.
    pub(super) fn value<T: FromStr>(&self, key: &str) -> Result<T, GoldenError> {
        self.case.value(key)
    }

    /// Requires that `key=` gives `size`.
    pub(super) fn expect(&self, key: &str, size: usize) -> Result<(), GoldenError> {
        let stated: usize = self.value(key)?;
        if stated == size {
            return Ok(());
        }
        Err(self.error(format!("{key}={stated}, but the tensors say {size}")))
    }

    /// Requires that the text after `key=` is `text`.
    pub(super) fn expect_text(&self, key: &str, text: &str) -> Result<(), GoldenError> {
        let stated = self.case.text(key)?;
        if stated == text {
            return Ok(());
        }
        Err(self.error(format!("only `{key}={text}` is known, not `{stated}`")))
    }

    /// Whether the case has a tensor `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The tensor `name`.
    pub(super) fn tensor(&self, name: &str) -> Result<&Tensor<'a>, GoldenError> {
        let Some((name, tensor)) = self.tensors.get_key_value(name) else {
            return Err(self.error(format!("the case has no tensor `{name}`")));
        };
        self.used.borrow_mut().insert(name);
        Ok(tensor)
    }

    /// Requires that every tensor was asked for, so that none goes unchecked.
    pub(super) fn finish(&self) -> Result<(), GoldenError> {
        let used = self.used.borrow();
        match self.tensors.iter().find(|(name, _)| !used.contains(*name)) {
            Some((name, tensor)) => {
                let reason = format!("a {} has no tensor `{name}`", self.kind);
                Err(tensor.line.error(reason))
            }
            None => Ok(()),
        }
    }
}
