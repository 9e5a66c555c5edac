//! A hash of what determines a result.

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// FNV-1a of 128 bits (RFC 9923) over parts, each preceded by its length, so that no two lists of parts are the same bytes. It
/// finds results that are already there; it is no protection against forgery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentHash(u128);

impl Default for ContentHash {
    fn default() -> Self {
        Self(OFFSET)
    }
}

impl ContentHash {
    /// With `part` added.
    #[must_use]
    pub fn with(self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.bytes(&(part.len() as u64).to_le_bytes()).bytes(part)
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        let step = |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
        Self(bytes.iter().fold(self.0, step))
    }

    /// 32 hexadecimal digits.
    pub fn hex(self) -> String {
        format!("{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_value_and_no_confusion_of_parts() {
        // FNV-1a of "a" with 128 bits.
        let a = ContentHash::default().bytes(b"a");
        assert_eq!(a.hex(), "d228cb696f1a8caf78912b704e4a8964");
        let with = |parts: &[&str]| {
            parts.iter().fold(ContentHash::default(), |hash, part| hash.with(part)).hex()
        };
        assert_ne!(with(&["ab", "c"]), with(&["a", "bc"]));
        assert_ne!(with(&["a", ""]), with(&["a"]));
    }
}
