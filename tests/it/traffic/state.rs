//! What a case leaves behind, where its answer alone does not show it.

use serde_json::{Value, json};

use super::scene::{ENTERPRISE, Scene};

/// Whether the resource is `after` the case as it should be; none if the case
/// has nothing to check here.
pub(super) fn holds(case: &str, scene: &Scene, before: &Value, after: &Value) -> Option<bool> {
    let has_members = |names: &[&str]| members(after) == scene.ids(names);
    let is_gone = |attribute: &str| is_unassigned(&after[attribute]);
    Some(match case {
        "entra-18" => pairs(after, "emails") == [("work", "new.mail@contoso.com")],
        "entra-19" => {
            let addresses = after["addresses"].as_array()?;
            addresses.len() == 1
                && addresses[0]["type"] == "work"
                && addresses[0]["streetAddress"] == "100 Enterprise Blvd"
                && addresses[0]["locality"] == "San Francisco"
        }
        "entra-22" => after["schemas"].as_array()?.contains(&json!(ENTERPRISE)),
        "entra-23" => after[ENTERPRISE]["employeeNumber"] == before[ENTERPRISE]["employeeNumber"],
        "entra-26" | "entra-27" => after[ENTERPRISE]["manager"].is_null(),
        "entra-30" => after["roles"].as_array()?.len() == 1 && after["roles"][0]["primary"] == true,
        "entra-31" => pairs(after, "emails") == [("work", "p@contoso.com")],
        "entra-33" => is_gone("title") && !after.to_string().contains("u1.mail@plain.test"),
        "entra-34" => is_gone("title") && is_gone("phoneNumbers") && is_gone("addresses"),
        "entra-41" | "okta-22" | "generic-14" => after["status"] == "404",
        "entra-49" | "entra-54" | "entra-57" | "entra-58" | "okta-16" | "okta-33" => {
            has_members(&["u1"])
        }
        "entra-50" => has_members(&["u1"]) && before["meta"] == after["meta"],
        "entra-51" => has_members(&["u1", "u2", "u3"]),
        "entra-53" => has_members(&["u1"]),
        "entra-55" | "okta-18" => has_members(&[]),
        "entra-59" => has_members(&[]) && after["displayName"] != before["displayName"],
        "entra-65" | "okta-21" => before == after,
        "entra-71" => is_gone("title") && before["meta"] == after["meta"],
        "okta-10" | "okta-20" => before["id"] == after["id"],
        "okta-17" | "generic-04" => has_members(&["u1", "u2"]),
        "okta-34" => has_members(&["u1"]),
        "sailpoint-05" => {
            after["name"]["familyName"] == before["name"]["familyName"]
                && after["name"]["givenName"] == "Max"
        }
        "keycloak-04" => has_members(&["u1"]),
        "keycloak-05" => has_members(&[]),
        "ping-05" => {
            let emails = after["emails"].as_array()?.iter();
            emails.map(|email| &email["primary"]).eq([&json!(true), &json!(false)])
        }
        _ => return None,
    })
}

/// RFC 7643 §2.5: null and the empty array say the same as absence.
fn is_unassigned(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// The ids of a group's members, sorted; one that is there twice is so twice.
fn members(group: &Value) -> Vec<&str> {
    let members = group["members"].as_array().into_iter().flatten();
    let mut ids: Vec<&str> = members.filter_map(|member| member["value"].as_str()).collect();
    ids.sort_unstable();
    ids
}

/// Type and value of each element.
fn pairs<'a>(resource: &'a Value, attribute: &str) -> Vec<(&'a str, &'a str)> {
    let elements = resource[attribute].as_array().into_iter().flatten();
    elements
        .filter_map(|element| Some((element["type"].as_str()?, element["value"].as_str()?)))
        .collect()
}
