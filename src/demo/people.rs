//! Whom the directory sends, and as what.

use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The schema of what only employees have.
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

const GIVEN: [&str; 10] =
    ["Ada", "Bilal", "Carmen", "Dana", "Emil", "Farah", "Goran", "Hana", "Ivo", "Noor"];
const FAMILY: [&str; 5] = ["Berg", "Costa", "Haddad", "Lind", "Okafor"];

/// The groups, and departments.
pub(super) const GROUPS: [&str; 3] = ["Engineering", "Sales", "Support"];

/// Someone at the partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Person {
    given: &'static str,
    family: &'static str,
}

/// Is deactivated.
pub(super) const LEAVER: Person = Person { given: "Noor", family: "Haddad" };
/// Is deleted.
pub(super) const DELETED: Person = Person { given: "Emil", family: "Lind" };
/// Stays, and gets another title.
pub(super) const COLLEAGUE: Person = Person { given: "Ada", family: "Berg" };
/// Stays, unless somebody at the terminal says otherwise.
pub(super) const NEXT: Person = Person { given: "Hana", family: "Costa" };

impl Person {
    /// Everybody, fifty in number.
    pub(super) fn all() -> Vec<Self> {
        let family = |given| FAMILY.map(|family| Self { given, family });
        GIVEN.into_iter().flat_map(family).collect()
    }

    pub(super) fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// The name at login, which is the e-mail address too.
    pub(super) fn user_name(&self) -> String {
        format!("{}.{}@partner.example", self.given, self.family).to_lowercase()
    }

    /// The user to be created, as Entra sends it.
    pub(super) fn user(&self, external_id: &str, department: &str) -> Value {
        json!({
            "schemas": [USER, ENTERPRISE],
            "externalId": external_id,
            "userName": self.user_name(),
            "displayName": self.name(),
            "active": true,
            "emails": [{ "primary": true, "type": "work", "value": self.user_name() }],
            "name": {
                "formatted": self.name(),
                "familyName": self.family,
                "givenName": self.given,
            },
            "roles": [],
            ENTERPRISE: { "department": department },
            "meta": { "resourceType": "User" },
        })
    }
}

/// The group to be created, as Entra sends it: its members follow.
pub(super) fn group(name: &str, external_id: &str) -> Value {
    json!({
        "schemas": [GROUP],
        "externalId": external_id,
        "displayName": name,
        "members": [],
        "meta": { "resourceType": "Group" },
    })
}

/// Adds `members` to a group, with the empty reference that Entra puts in.
pub(super) fn add_members<'a>(members: impl Iterator<Item = &'a String>) -> Value {
    let value: Vec<Value> = members.map(|id| json!({ "$ref": null, "value": id })).collect();
    patch(&json!([{ "op": "Add", "path": "members", "value": value }]))
}

/// Deactivates a user, with the boolean in letters as Entra writes it.
pub(super) fn deactivate() -> Value {
    patch(&json!([{ "op": "Replace", "path": "active", "value": "False" }]))
}

/// A new title, in another department.
pub(super) fn promote(title: &str, department: &str) -> Value {
    patch(&json!([
        { "op": "Replace", "path": "title", "value": title },
        { "op": "Add", "path": format!("{ENTERPRISE}:department"), "value": department },
    ]))
}

fn patch(operations: &Value) -> Value {
    json!({ "schemas": [PATCH], "Operations": operations })
}
