//! Messages that are answers: errors (RFC 7644 §3.12) and lists (§3.4.2).

use serde_json::{Map, Value, json};

use crate::scim::{ScimType, urn};

/// The body of an error answer, RFC 7644 §3.12.
///
/// `status` is a string in it, as the RFC's own schema of errors demands.
pub fn error_body(status: u16, scim_type: Option<ScimType>, detail: &str) -> String {
    error_value(status, scim_type.map(ScimType::as_str), detail).to_string()
}

/// An error inside of another message, RFC 7644 §3.7.3.
pub fn error_value(status: u16, scim_type: Option<&str>, detail: &str) -> Value {
    let mut body = Map::new();
    body.insert("schemas".to_owned(), json!([urn::ERROR]));
    body.insert("status".to_owned(), Value::String(status.to_string()));
    if let Some(scim_type) = scim_type {
        body.insert("scimType".to_owned(), scim_type.into());
    }
    body.insert("detail".to_owned(), detail.into());
    Value::Object(body)
}

/// The body of a query answer, RFC 7644 §3.4.2.
///
/// `resources` are JSON texts and are not read again. All four members are
/// always there: some clients fail on an answer that leaves one out.
pub fn list_response(total: u64, start_index: u64, resources: &[String]) -> String {
    format!(
        r#"{{"schemas":["{}"],"totalResults":{total},"startIndex":{start_index},"itemsPerPage":{},"Resources":[{}]}}"#,
        urn::LIST_RESPONSE,
        resources.len(),
        resources.join(","),
    )
}

#[cfg(test)]
mod tests {
    use super::{error_body, list_response};
    use crate::scim::ScimType;

    #[test]
    fn an_error_has_its_status_as_text() {
        assert_eq!(
            error_body(400, Some(ScimType::InvalidValue), "a \"b\""),
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"invalidValue","detail":"a \"b\""}"#
        ); // R439, R450
        let body = error_body(404, None, "gone");
        assert_eq!(
            body,
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404","detail":"gone"}"#
        );
    }

    #[test]
    fn a_list_has_all_members_even_if_empty() {
        assert_eq!(
            list_response(0, 1, &[]),
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}"#
        ); // R210
        let page = list_response(7, 3, &["{\"id\":\"a\"}".to_owned(), "{}".to_owned()]);
        let page: serde_json::Value = serde_json::from_str(&page).unwrap();
        assert_eq!(page["itemsPerPage"], 2); // R212
        assert_eq!(page["Resources"][0]["id"], "a");
    }
}
