//! Serialisation of enums by their texts.

/// Serialises a type with `Display` and `FromStr` as its text. Deserialising asks for an enum with the variants `$names`, as
/// derived code does, so that readers can list them, and reads whatever `FromStr` reads.
macro_rules! text_enum {
    ($type:ident, $names:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl<'de> serde::de::Visitor<'de> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(f, "one of {}", $names.join(", "))
                    }

                    fn visit_enum<A: serde::de::EnumAccess<'de>>(
                        self,
                        data: A,
                    ) -> Result<$type, A::Error> {
                        let (text, variant): (String, _) = data.variant()?;
                        serde::de::VariantAccess::unit_variant(variant)?;
                        text.parse().map_err(serde::de::Error::custom)
                    }
                }

                const NAMES: &[&str] = &$names;
                deserializer.deserialize_enum(stringify!($type), NAMES, Text)
            }
        }
    };
}
pub(crate) use text_enum;
