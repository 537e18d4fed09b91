//! Representations of resources (RFC 7643 §3).

use serde_json::{Map, Value, json};

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

/// The whole representation as JSON text.
///
/// The stored document is not read again, only framed: lists of thousands of
/// resources cost little more than copying. `extra` is `members` or `groups`
/// with the text of its array.
pub fn render(stored_document: &str, facts: &Facts<'_>, extra: Option<(&str, &str)>) -> String {
    let inner = stored_document.trim();
    let inner = inner.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or("");
    let mut text = format!(r#"{{"id":"{}""#, facts.id);
    if !inner.is_empty() {
        text.push(',');
        text.push_str(inner);
    }
    if let Some((name, array)) = extra {
        text.push_str(&format!(r#","{name}":{array}"#));
    }
    text.push_str(r#","meta":"#);
    text.push_str(&meta(facts).to_string());
    text.push('}');
    text
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
