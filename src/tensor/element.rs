//! Element types of tensors.

use std::fmt;

/// Element type of a tensor, as `TensorProto.DataType` has them. Strings, complex numbers and 8-bit floats are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// binary16.
    Float16,
    /// The upper half of a binary32.
    BFloat16,
    /// binary32.
    Float32,
    /// binary64.
    Float64,
    /// A truth value, 0 or 1.
    Bool,
    /// Signed, 2 bits (opset 25).
    Int2,
    /// Unsigned, 2 bits (opset 25).
    UInt2,
    /// Signed, 4 bits.
    Int4,
    /// Unsigned, 4 bits.
    UInt4,
    /// Signed, 8 bits.
    Int8,
    /// Unsigned, 8 bits.
    UInt8,
    /// Signed, 16 bits.
    Int16,
    /// Unsigned, 16 bits.
    UInt16,
    /// Signed, 32 bits.
    Int32,
    /// Unsigned, 32 bits.
    UInt32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 64 bits; values from 2^63 on are refused.
    UInt64,
}

impl ElementType {
    /// Every type with its number in `TensorProto.DataType` and its name.
    pub const ALL: [(Self, i32, &'static str); 17] = [
        (Self::Float32, 1, "float32"),
        (Self::UInt8, 2, "uint8"),
        (Self::Int8, 3, "int8"),
        (Self::UInt16, 4, "uint16"),
        (Self::Int16, 5, "int16"),
        (Self::Int32, 6, "int32"),
        (Self::Int64, 7, "int64"),
        (Self::Bool, 9, "bool"),
        (Self::Float16, 10, "float16"),
        (Self::Float64, 11, "float64"),
        (Self::UInt32, 12, "uint32"),
        (Self::UInt64, 13, "uint64"),
        (Self::BFloat16, 16, "bfloat16"),
        (Self::UInt4, 21, "uint4"),
        (Self::Int4, 22, "int4"),
        (Self::UInt2, 25, "uint2"),
        (Self::Int2, 26, "int2"),
    ];

    /// The type with number `number`; `None` for those that are not supported.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.iter().find(|entry| entry.1 == number).map(|entry| entry.0)
    }

    /// Its number in `TensorProto.DataType`.
    pub fn number(self) -> i32 {
        self.entry().1
    }

    /// Its name, as NumPy has it.
    pub fn name(self) -> &'static str {
        self.entry().2
    }

    /// The name of the type with number `number`, also of one that is not supported.
    pub fn name_of(number: i32) -> String {
        let name = match number {
            8 => "strings",
            14 => "complex64",
            15 => "complex128",
            17 => "float8e4m3fn",
            18 => "float8e4m3fnuz",
            19 => "float8e5m2",
            20 => "float8e5m2fnuz",
            23 => "float4e2m1",
            24 => "float8e8m0",
            _ => match Self::from_number(number) {
                Some(element) => element.name(),
                None => return format!("element type {number}"),
            },
        };
        name.to_owned()
    }

    /// Bits of an element in a file, where a truth value has a byte.
    pub fn stored_bits(self) -> usize {
        match self {
            Self::Bool => 8,
            other => other.bits() as usize,
        }
    }

    fn entry(self) -> &'static (Self, i32, &'static str) {
        let found = Self::ALL.iter().find(|entry| entry.0 == self);
        found.expect("every type is listed")
    }

    /// Whether it is a floating-point number.
    pub fn is_real(self) -> bool {
        matches!(self, Self::Float16 | Self::BFloat16 | Self::Float32 | Self::Float64)
    }

    /// Bits of a number; 1 of a truth value.
    pub fn bits(self) -> u32 {
        match self {
            Self::Bool => 1,
            Self::Int2 | Self::UInt2 => 2,
            Self::Int4 | Self::UInt4 => 4,
            Self::Int8 | Self::UInt8 => 8,
            Self::Float16 | Self::BFloat16 | Self::Int16 | Self::UInt16 => 16,
            Self::Float32 | Self::Int32 | Self::UInt32 => 32,
            Self::Float64 | Self::Int64 | Self::UInt64 => 64,
        }
    }

    /// `value` modulo 2^bits, in the range of an integer type; other types leave it.
    pub fn wrapped(self, value: i64) -> i64 {
        match self.integer_range() {
            Some((low, high)) if self.bits() < 64 => (value - low).rem_euclid(high - low + 1) + low,
            _ => value,
        }
    }

    /// The lowest and the highest integer; `None` for floating-point numbers.
    pub fn integer_range(self) -> Option<(i64, i64)> {
        let (signed, bits) = match self {
            Self::Float16 | Self::BFloat16 | Self::Float32 | Self::Float64 => return None,
            Self::Bool => (false, 1),
            Self::Int2 => (true, 2),
            Self::UInt2 => (false, 2),
            Self::Int4 => (true, 4),
            Self::UInt4 => (false, 4),
            Self::Int8 => (true, 8),
            Self::UInt8 => (false, 8),
            Self::Int16 => (true, 16),
            Self::UInt16 => (false, 16),
            Self::Int32 => (true, 32),
            Self::UInt32 => (false, 32),
            Self::Int64 => return Some((i64::MIN, i64::MAX)),
            Self::UInt64 => return Some((0, i64::MAX)),
        };
        let half = 1i64 << (bits - 1);
        Some(if signed { (-half, half - 1) } else { (0, half - 1 + half) })
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges() {
        for (element, number, _) in ElementType::ALL {
            assert_eq!(ElementType::from_number(number), Some(element));
            assert_eq!(element.number(), number);
            assert_eq!(element.is_real(), element.integer_range().is_none());
        }
        assert_eq!(ElementType::from_number(8), None, "strings");
        assert_eq!(ElementType::name_of(8), "strings");
        assert_eq!(ElementType::name_of(16), "bfloat16");
        assert_eq!(ElementType::name_of(99), "element type 99");
        assert_eq!(ElementType::Int4.integer_range(), Some((-8, 7)));
        assert_eq!(ElementType::UInt32.integer_range(), Some((0, (1 << 32) - 1)));
        assert_eq!(ElementType::Bool.integer_range(), Some((0, 1)));
        assert_eq!([ElementType::Int8, ElementType::UInt8].map(|t| t.wrapped(-129)), [127, 127]);
    }
}
