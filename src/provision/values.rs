//! What a change makes of the values of a resource, for the record: before and after.
//!
//! Nothing is told that an answer would not show. The record keeps a digest of it that
//! stays when the values are forgotten; the salt is forgotten with them, so that nobody
//! guesses the values from the digest.

use serde_json::{Map, Value, json};

use crate::{
    event::value_at,
    scim::{
        resource::{Document, Projection},
        schema::ResourceType,
    },
    store::MemberChanges,
};

/// Longest value, as JSON text; one that is longer is left out.
const LONGEST: usize = 2_048;
/// Longest list of members that come or go.
const MOST_MEMBERS: usize = 100;
/// Longest of all values together.
const MOST: usize = 16_384;

/// The values of `paths` in two documents, as JSON text; `salt` makes the digest of them
/// tell nothing.
pub(super) fn values(
    resource_type: &ResourceType,
    paths: &[String],
    (before, after): (Option<&Document>, Option<&Document>),
    (members, salt): (&MemberChanges, [u8; 16]),
) -> Option<String> {
    let shown = |document: Option<&Document>| {
        let mut some = document.map(|it| picked(it.attributes(), paths)).unwrap_or_default();
        Projection::Default.apply(resource_type, &mut some);
        some
    };
    let (before, after) = (shown(before), shown(after));
    let mut left = MOST;
    let mut told: Vec<Value> = Vec::new();
    for path in paths {
        let (old, new) = (value_at(&before, path), value_at(&after, path));
        if old.is_none() && new.is_none() {
            continue;
        }
        let bytes = old.map_or(0, length).max(new.map_or(0, length));
        if LONGEST < bytes || left < bytes {
            told.push(json!({ "path": path, "left_out": "too long" }));
            continue;
        }
        left = left.saturating_sub(bytes);
        told.push(json!({ "path": path, "before": old, "after": new }));
    }
    told.extend(member_values(members));
    let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
    (!told.is_empty()).then(|| json!({ "salt": salt, "values": told }).to_string())
}

/// Those attributes of a resource that the paths name.
fn picked(attributes: &Map<String, Value>, paths: &[String]) -> Map<String, Value> {
    let mut some = Map::new();
    for path in paths {
        let Some(value) = value_at(attributes, path) else { continue };
        match path.rsplit_once(':') {
            None => {
                some.insert(path.clone(), value.clone());
            }
            Some((urn, name)) => {
                let object = some.entry(urn).or_insert_with(|| json!({}));
                if let Value::Object(object) = object {
                    object.insert(name.to_owned(), value.clone());
                }
            }
        }
    }
    some
}

fn length(value: &Value) -> usize {
    value.to_string().len()
}

fn member_values(members: &MemberChanges) -> Option<Value> {
    if members.is_empty() {
        return None;
    }
    let come = members.add.iter().map(|row| row.id.to_string());
    let come = come.chain(members.add_opaque.iter().map(|row| row.value.clone()));
    let go = members.remove.iter().map(ToString::to_string);
    let go = go.chain(members.remove_opaque.iter().cloned());
    let (added, removed) = (come.clone().count(), go.clone().count());
    Some(json!({
        "path": "members",
        "cleared": members.clear,
        "added": come.take(MOST_MEMBERS).collect::<Vec<_>>(),
        "added_count": added,
        "removed": go.take(MOST_MEMBERS).collect::<Vec<_>>(),
        "removed_count": removed,
    }))
}
