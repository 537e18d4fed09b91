//! The people and the group that a case finds, and what its precondition changes of them.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestTenant;

pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// What a case wants beyond the plain scene.
#[derive(Default)]
pub(super) struct Precondition {
    /// Attributes of `u1`; null takes one away.
    user: BTreeMap<&'static str, Value>,
    /// Attributes of `g1`.
    group: BTreeMap<&'static str, Value>,
    /// Cases that are played before, in the same tenant.
    pub(super) earlier: &'static [&'static str],
}

/// The preconditions of cases, and what makes the others mean something: one
/// that takes a manager away is nothing without a manager.
pub(super) fn precondition(case: &str) -> Option<Precondition> {
    let manager = || json!({ "employeeNumber": "701984", "manager": { "value": "{{mgr}}" } });
    Some(match case {
        "entra-06" => user([("emails", json!([{ "type": "work", "value": "user@contoso.com" }]))]),
        "entra-10" => after(&["entra-09"]),
        "entra-18" => user([("emails", Value::Null)]),
        "entra-19" | "entra-30" | "okta-25" | "sailpoint-05" => Precondition::default(),
        "entra-26" | "entra-27" | "entra-77" => user([(ENTERPRISE, manager())]),
        "entra-39" => user([
            ("userName", json!("5b50642d-79fc-4410-9e90-4c077cdd1a59@testuser.com")),
            ("active", json!(false)),
        ]),
        "entra-42" | "entra-43" => after(&["entra-41"]),
        "entra-47" => after(&["entra-45"]),
        "entra-50" | "entra-54" | "entra-55" | "okta-18" => members(&["{{u1}}"]),
        "entra-53" => members(&["{{u1}}", "{{u2}}"]),
        "entra-71" => user([("title", Value::Null)]),
        "okta-05" => after(&["okta-04"]),
        "okta-10" => user([("active", json!(false))]),
        "okta-16" | "generic-04" => members(&["{{u2}}"]),
        "okta-21" => Precondition {
            group: [("displayName", json!("Test SCIMv20"))].into(),
            ..Precondition::default()
        },
        "okta-29" => after(&["okta-28"]),
        "rippling-03" => after(&["rippling-02"]),
        "keycloak-05" => members(&["{{u1}}", "{{u2}}"]),
        "authentik-04" => user([("userName", json!("jdoe"))]),
        _ => return None,
    })
}

fn user<const N: usize>(attributes: [(&'static str, Value); N]) -> Precondition {
    Precondition { user: attributes.into(), ..Precondition::default() }
}

fn members(ids: &[&str]) -> Precondition {
    let members = ids.iter().map(|id| json!({ "value": id })).collect();
    Precondition { group: [("members", members)].into(), ..Precondition::default() }
}

fn after(earlier: &'static [&'static str]) -> Precondition {
    Precondition { earlier, ..Precondition::default() }
}

/// A tenant with the users `mgr`, `u1`, `u2` and `u3` and the group `g1`.
pub(super) struct Scene {
    pub(super) tenant: TestTenant,
    /// What stands for a placeholder of the cases.
    words: BTreeMap<String, String>,
}

impl Scene {
    /// Sets the scene for a case.
    pub(super) async fn set(tenant: TestTenant, case: &str) -> Self {
        let precondition = precondition(case).unwrap_or_default();
        let words = [
            ("token", tenant.token().to_owned()),
            ("base", tenant.base()),
            ("guid", "7d420df3-9995-4831-a406-ecf8166f5f6a".to_owned()),
        ];
        let words = words.map(|(name, value)| (format!("{{{{{name}}}}}"), value)).into();
        let mut scene = Self { tenant, words };
        for name in ["mgr", "u2", "u3"] {
            scene.create(name, "Users", plain_user(name), BTreeMap::new()).await;
        }
        scene.create("u1", "Users", plain_user("u1"), precondition.user).await;
        let group = json!({ "schemas": [GROUP], "displayName": "Plain" });
        scene.create("g1", "Groups", group, precondition.group).await;
        scene
    }

    async fn create(
        &mut self,
        name: &str,
        endpoint: &str,
        plain: Value,
        changed: BTreeMap<&str, Value>,
    ) {
        let mut document = plain;
        for (attribute, value) in changed {
            document[attribute] = value;
        }
        let attributes = document.as_object_mut().unwrap();
        attributes.retain(|_, value| !value.is_null());
        let document = serde_json::from_str(&self.fill(&document.to_string())).unwrap();
        let created = self.tenant.create(endpoint, document).await;
        self.words.insert(format!("{{{{{name}}}}}"), created.id().to_owned());
    }

    /// `text` with ids and addresses in place of its placeholders.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (placeholder, value) in &self.words {
            filled = filled.replace(placeholder, value);
        }
        assert!(!filled.contains("{{"), "a placeholder that nothing stands for: {filled}");
        filled
    }

    /// The ids that stand for `names`, sorted.
    pub(super) fn ids(&self, names: &[&str]) -> Vec<&str> {
        let ids = names.iter().map(|name| self.words[&format!("{{{{{name}}}}}")].as_str());
        let mut ids: Vec<&str> = ids.collect();
        ids.sort_unstable();
        ids
    }

    /// What a GET of `path` answers; null without a path.
    pub(super) async fn read(&self, path: Option<&str>) -> Value {
        match path {
            Some(path) => self.tenant.request(Method::GET, path).await.body,
            None => Value::Null,
        }
    }
}

fn plain_user(name: &str) -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": format!("{name}@plain.test"),
        "externalId": format!("external-{name}"),
        "active": true,
        "displayName": "Plain",
        "title": "Clerk",
        "preferredLanguage": "en-GB",
        "name": { "givenName": "Plain", "familyName": name },
        "emails": [{ "type": "work", "value": format!("{name}.mail@plain.test"), "primary": true }],
        ENTERPRISE: { "employeeNumber": "701984" },
    })
}
