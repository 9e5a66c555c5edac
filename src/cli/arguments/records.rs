//! CSV from serialisable records: one row for each record, one column for each field, in the order of the type.

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// JSON with its fields in order.
enum Ordered {
    Null,
    Text(String),
    List(Vec<Ordered>),
    Object(Vec<(String, Ordered)>),
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OrderedVisitor)
    }
}

struct OrderedVisitor;

impl<'de> Visitor<'de> for OrderedVisitor {
    type Value = Ordered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Ordered, E> {
        Ok(Ordered::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Ordered, E> {
        Ok(Ordered::Text(value.to_string()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Ordered, E> {
        Ok(Ordered::Text(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Ordered, E> {
        Ok(Ordered::Text(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Ordered, E> {
        Ok(Ordered::Text(format!("{value:?}")))
    }
    fn visit_str<E>(self, value: &str) -> Result<Ordered, E> {
        Ok(Ordered::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Ordered, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Ordered::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Ordered, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = entries.next_entry()? {
            fields.push(field);
        }
        Ok(Ordered::Object(fields))
    }
}

impl Ordered {
    /// Adds a column for every leaf; fields of fields are `outer.inner`, items of lists `outer.0`.
    fn flatten(self, name: &str, cells: &mut Vec<(String, String)>) {
        let inner = |field: &str| {
            if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") }
        };
        match self {
            Self::Null => cells.push((name.to_owned(), String::new())),
            Self::Text(text) => cells.push((name.to_owned(), text)),
            Self::List(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    item.flatten(&inner(&index.to_string()), cells);
                }
            }
            Self::Object(fields) => {
                for (field, value) in fields {
                    value.flatten(&inner(&field), cells);
                }
            }
        }
    }
}

/// A CSV table with a row for each of `values`. A field that only some have is a column that is empty for the others.
///
/// # Errors
/// If a value has no JSON form.
pub(in crate::cli) fn records<T: Serialize>(values: &[T]) -> Result<String> {
    let mut columns: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for value in values {
        let json = serde_json::to_string(value).context("the result has no JSON form")?;
        let ordered: Ordered = serde_json::from_str(&json).context("the result has no rows")?;
        let mut cells = Vec::new();
        ordered.flatten("", &mut cells);
        for (position, (name, _)) in cells.iter().enumerate() {
            if !columns.contains(name) {
                columns.insert(position.min(columns.len()), name.clone());
            }
        }
        rows.push(cells);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&columns)?;
    for cells in rows {
        let cell = |column: &String| {
            cells.iter().find(|(name, _)| name == column).map_or("", |(_, text)| text.as_str())
        };
        writer.write_record(columns.iter().map(cell))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Inner {
        x: f64,
        a: Option<u64>,
    }

    #[derive(Serialize)]
    struct Outer {
        name: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        extra: Option<bool>,
        inner: Inner,
        list: Vec<i32>,
    }

    #[test]
    fn fields_are_columns_in_their_order() {
        let row =
            |name, extra, a| Outer { name, extra, inner: Inner { x: 0.1, a }, list: vec![1, -2] };
        let text =
            records(&[row("one, two", None, None), row("b", Some(true), Some(u64::MAX))]).unwrap();
        assert_eq!(
            text,
            "name,extra,inner.x,inner.a,list.0,list.1\n\"one, two\",,0.1,,1,-2\nb,true,0.1,18446744073709551615,1,-2\n"
        );
    }
}
