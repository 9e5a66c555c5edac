//! The check that a buffer has the length of its layer's shape.

/// A buffer whose length does not fit the layer's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} has {given} elements, the layer's shape needs {needed}")]
pub struct LengthError {
    /// The buffer.
    pub what: &'static str,
    /// Elements of the shape.
    pub needed: usize,
    /// Elements given.
    pub given: usize,
}

/// Checks one buffer.
///
/// # Errors
/// If `given` is not `needed`.
pub fn check_length(what: &'static str, given: usize, needed: usize) -> Result<(), LengthError> {
    if given == needed { Ok(()) } else { Err(LengthError { what, needed, given }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_buffer_and_both_lengths() {
        assert_eq!(check_length("gradient", 6, 6), Ok(()));
        assert_eq!(
            check_length("gradient", 5, 6).unwrap_err().to_string(),
            "gradient has 5 elements, the layer's shape needs 6"
        );
    }
}
