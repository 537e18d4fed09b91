//! OpenAPI documents as poem-openapi makes them, made good.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// Reads a document. Operations on one path that stand in several APIs come as several
/// members of the same name, of which most programs read the last one alone: they are
/// brought together.
pub(super) fn read(document: &str) -> Value {
    serde_json::from_str(document).map(|Merged(value)| value).unwrap_or_default()
}

/// The text of a document.
pub(super) fn write(document: &Value) -> String {
    // A value has a JSON form.
    serde_json::to_string_pretty(document).unwrap_or_default()
}

struct Merged(Value);

impl<'de> Deserialize<'de> for Merged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Merging)
    }
}

struct Merging;

impl<'de> Visitor<'de> for Merging {
    type Value = Merged;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Merged, E> {
        Ok(Merged(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Merged, E> {
        Ok(Merged(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Merged, E> {
        Ok(Merged(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Merged, E> {
        Ok(Merged(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Merged, E> {
        Ok(Merged(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Merged, E> {
        Ok(Merged(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Merged, A::Error> {
        let mut list = Vec::new();
        while let Some(Merged(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Merged(Value::Array(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Merged, A::Error> {
        let mut object = Map::new();
        while let Some((name, Merged(value))) = members.next_entry::<String, Merged>()? {
            match (object.get_mut(&name), value) {
                (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                (_, value) => drop(object.insert(name, value)),
            }
        }
        Ok(Merged(Value::Object(object)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_of_one_name_are_brought_together() {
        let text = r#"{"paths":{"/a":{"get":1},"/b":[null,true,-1,1.5,"x"],"/a":{"post":2}}}"#;

        let read = read(text);

        let paths = json!({ "/a": { "get": 1, "post": 2 }, "/b": [null, true, -1, 1.5, "x"] });
        assert_eq!(read, json!({ "paths": paths }));
    }
}
