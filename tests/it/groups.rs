//! Members of groups: who they may be, groups in groups, many at once.

pub(crate) mod crowd;
mod many;
mod named;
mod nested;
mod opaque;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, Resource, TestTenant};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// A user with nothing but a name.
async fn user(tenant: &TestTenant, name: &str) -> Resource {
    tenant.create("Users", json!({ "schemas": [USER], "userName": name })).await
}

/// A group with these members.
async fn group(tenant: &TestTenant, name: &str, members: &[&Resource]) -> Resource {
    tenant.create("Groups", group_body(name, members)).await
}

fn group_body(name: &str, members: &[&Resource]) -> Value {
    let members: Vec<Value> =
        members.iter().map(|member| json!({ "value": member.id() })).collect();
    json!({ "schemas": [GROUP], "displayName": name, "members": members })
}

fn add(members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    json!({ "op": "add", "path": "members", "value": members })
}

fn remove(id: &str) -> Value {
    json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") })
}

/// The values of `members`, each of which must be there once.
#[track_caller]
fn members(group: &Answer) -> BTreeSet<String> {
    let listed = group["members"].as_array().cloned().unwrap_or_default();
    let values: BTreeSet<String> =
        listed.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(values.len(), listed.len(), "a member is there twice: {group}");
    values
}

/// The groups of a user, each of which must be there once: display and type.
#[track_caller]
fn groups(user: &Value) -> BTreeSet<(String, String)> {
    let text = |group: &Value, part: &str| group[part].as_str().unwrap().to_owned();
    let listed = user["groups"].as_array().cloned().unwrap_or_default();
    let found: BTreeSet<(String, String)> =
        listed.iter().map(|group| (text(group, "display"), text(group, "type"))).collect();
    assert_eq!(found.len(), listed.len(), "a group is there twice: {user}");
    found
}

#[track_caller]
fn check_groups(user: &Value, expected: &[(&str, &str)]) {
    let expected: BTreeSet<(String, String)> =
        expected.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect();
    assert_eq!(groups(user), expected, "{user}");
}

fn names(list: &Answer) -> BTreeSet<String> {
    let name = |row: &Value| {
        let name = row["userName"].as_str().or(row["displayName"].as_str());
        name.unwrap().to_owned()
    };
    let rows = list["Resources"].as_array().cloned().unwrap_or_default();
    assert_eq!(list["totalResults"], rows.len(), "{list}");
    rows.iter().map(name).collect()
}
