//! Representations of resources (RFC 7643 §3).

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{CorruptDocument, ResourceId, Version};
use crate::scim::date_time;

/// What the server knows about a resource, RFC 7643 §3.1.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Its id.
    pub id: ResourceId,
    /// Name of its type.
    pub resource_type: &'a str,
    /// Its absolute URI.
    pub location: &'a str,
    /// Its version.
    pub version: Version,
    /// When it was made, in microseconds since 1970-01-01T00:00:00Z.
    pub created_us: i64,
    /// When it was last changed, in microseconds since 1970-01-01T00:00:00Z.
    pub modified_us: i64,
}

/// Adds the whole representation as JSON text.
///
/// The stored document is not read again, only framed: lists of thousands of
/// resources cost little more than copying. `extra` is `members` or `groups`
/// with the text of its array.
pub fn render(
    text: &mut String,
    stored_document: &str,
    facts: &Facts<'_>,
    extra: Option<(&str, &str)>,
) {
    let inner = stored_document.trim();
    let inner = inner.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or("");
    let mut id = Uuid::encode_buffer();
    push_all(text, &[r#"{"id":""#, facts.id.get().hyphenated().encode_lower(&mut id), "\""]);
    if !inner.is_empty() {
        push_all(text, &[",", inner]);
    }
    if let Some((name, array)) = extra {
        push_all(text, &[",\"", name, "\":", array]);
    }
    text.push_str(r#","meta":{"resourceType":"#);
    push_string(text, facts.resource_type);
    text.push_str(r#","created":""#);
    date_time::push(text, facts.created_us);
    text.push_str(r#"","lastModified":""#);
    date_time::push(text, facts.modified_us);
    text.push_str(r#"","location":"#);
    push_string(text, facts.location);
    text.push_str(r#","version":"#);
    push_string(text, &facts.version.etag());
    text.push_str("}}");
}

fn push_all(text: &mut String, pieces: &[&str]) {
    for piece in pieces {
        text.push_str(piece);
    }
}

/// Adds a JSON string.
fn push_string(text: &mut String, string: &str) {
    let plain = string.bytes().all(|byte| b' ' <= byte && byte != b'"' && byte != b'\\');
    match plain {
        true => push_all(text, &["\"", string, "\""]),
        false => text.push_str(&Value::from(string).to_string()),
    }
}

/// The same representation as a value, for projections and filters.
///
/// # Errors
///
/// [`CorruptDocument`] if the stored text, or that of `extra`, is not JSON.
pub fn represent(
    stored_document: &str,
    facts: &Facts<'_>,
    extra: Option<(&str, &str)>,
) -> Result<Map<String, Value>, CorruptDocument> {
    let stored: Map<String, Value> = serde_json::from_str(stored_document)?;
    let mut object = Map::with_capacity(stored.len() + 3);
    object.insert("id".to_owned(), facts.id.to_string().into());
    object.extend(stored);
    if let Some((name, array)) = extra {
        object.insert(name.to_owned(), serde_json::from_str(array)?);
    }
    object.insert("meta".to_owned(), meta(facts));
    Ok(object)
}

fn meta(facts: &Facts<'_>) -> Value {
    json!({
        "resourceType": facts.resource_type,
        "created": date_time::format(facts.created_us),
        "lastModified": date_time::format(facts.modified_us),
        "location": facts.location,
        "version": facts.version.etag(),
    })
}
