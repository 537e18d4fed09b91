//! Reads request bodies as JSON objects that mean one thing only.
//!
//! Two members of one name would let two readers see two documents, so they are
//! refused, also if the names differ only in case: attribute names ignore case
//! (RFC 7643 §2.1). NUL is refused because a database may not be able
//! to store it. The checks run while the text is read, so the cost is linear in
//! its length.

use std::{collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::scim::ScimError;

/// Deepest nesting of a body.
pub const MAX_DEPTH: usize = 64;

/// Reads `bytes` as one JSON object.
///
/// # Errors
///
/// [`ScimError::InvalidSyntax`] with line and column if the text is not UTF-8,
/// begins with a byte order mark, is not one object, nests deeper than
/// [`MAX_DEPTH`], names a member twice or contains NUL.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, ScimError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        ScimError::InvalidSyntax(format!("the body is not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    if text.starts_with('\u{feff}') {
        return Err(ScimError::InvalidSyntax("the body begins with a byte order mark".to_owned()));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| {
            ScimError::InvalidSyntax(format!("the body is not valid JSON: {error}"))
        })?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(ScimError::InvalidSyntax("the body is not a JSON object".to_owned())),
    }
}

/// Reads one value at a depth.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth < MAX_DEPTH {
            true => Ok(Self { depth: self.depth + 1 }),
            false => Err(E::custom(format!("nested deeper than {MAX_DEPTH} levels"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        match value.contains('\0') {
            true => Err(E::custom("a string contains NUL")),
            false => Ok(Value::String(value)),
        }
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if name.contains('\0') {
                return Err(A::Error::custom("the name of a member contains NUL"));
            }
            if !names.insert(name.to_ascii_lowercase()) {
                return Err(A::Error::custom(format!("`{}` is there twice", shorten(&name))));
            }
            object.insert(name, members.next_value_seed(inner)?);
        }
        Ok(Value::Object(object))
    }
}

/// A name as it may stand in a message: short, and without control characters.
fn shorten(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, parse_object};
    use crate::scim::ScimError;

    #[test]
    fn an_object_keeps_its_values() {
        let object =
            parse_object(r#" {"a":[1,-2,1.5,"\u00e9",null,true,{}],"b":{}} "#.as_bytes()).unwrap();

        let printed = serde_json::to_string(&object).unwrap();
        assert_eq!(printed, r#"{"a":[1,-2,1.5,"é",null,true,{}],"b":{}}"#);
    }

    #[test]
    fn what_is_not_one_clear_object_is_refused() {
        for (body, detail) in [
            ("", "EOF"),
            ("[]", "not a JSON object"),
            ("\"x\"", "not a JSON object"),
            ("null", "not a JSON object"),
            ("{} {}", "trailing characters"),
            ("{}x", "trailing characters"),
            ("{\"a\":NaN}", "expected value"),
            ("{\"a\":1e400}", "out of range"),
            ("{\"a\":\"\\ud800\"}", "hex escape"),
            ("\u{feff}{}", "byte order mark"),
            (r#"{"userName":1,"userName":2}"#, "`userName` is there twice"),
            (r#"{"userName":1,"USERNAME":2}"#, "`USERNAME` is there twice"), // R3
            (r#"{"user\u004eame":1,"userName":2}"#, "`userName` is there twice"),
            (r#"{"a":[{"b":1,"B":2}]}"#, "`B` is there twice"),
            (r#"{"a":"x\u0000y"}"#, "NUL"),
            (r#"{"a\u0000":1}"#, "NUL"),
        ] {
            check_refused(body.as_bytes(), detail);
        }
        check_refused(b"{\"a\":\"\xff\"}", "not UTF-8 at byte 6");
        check_refused(b"\xff\xfe{\0}\0", "not UTF-8 at byte 0");
    }

    #[test]
    fn depth_has_a_limit_and_costs_no_stack() {
        let nested =
            |depth: usize| format!("{}{}", "{\"a\":".repeat(depth - 1), "{") + &"}".repeat(depth);

        assert!(parse_object(nested(MAX_DEPTH).as_bytes()).is_ok());
        check_refused(nested(MAX_DEPTH + 1).as_bytes(), "deeper than 64");
        check_refused(format!("{{\"a\":{}", "[".repeat(100_000)).as_bytes(), "deeper than 64");
    }

    #[track_caller]
    fn check_refused(body: &[u8], expected: &str) {
        match parse_object(body) {
            Err(ScimError::InvalidSyntax(detail)) => assert!(detail.contains(expected), "{detail}"),
            other => panic!("{other:?}"),
        }
    }
}
