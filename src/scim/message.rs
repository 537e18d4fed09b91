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

/// What a list says of itself, RFC 7644 §3.4.2 and RFC 9865 §2.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListHead {
    /// How many resources match, on all pages.
    pub total: u64,
    /// Position of the first resource, if pages go by position.
    pub start_index: Option<u64>,
    /// Resources of this page.
    pub items: usize,
    /// The cursor of the page before.
    pub previous_cursor: Option<String>,
    /// The cursor of the page behind.
    pub next_cursor: Option<String>,
}

impl ListHead {
    /// Begins a list: the texts of the resources, with commas between them, and
    /// [`LIST_END`] come next.
    ///
    /// `Resources` is always there: some clients fail on an answer without it.
    pub fn begin(&self, text: &mut String) {
        let (schema, total) = (urn::LIST_RESPONSE, self.total);
        text.push_str(&format!(r#"{{"schemas":["{schema}"],"totalResults":{total}"#));
        if let Some(start_index) = self.start_index {
            text.push_str(&format!(r#","startIndex":{start_index}"#));
        }
        text.push_str(&format!(r#","itemsPerPage":{}"#, self.items));
        // A cursor has only letters that stand for themselves.
        if let Some(cursor) = &self.previous_cursor {
            text.push_str(&format!(r#","previousCursor":"{cursor}""#));
        }
        if let Some(cursor) = &self.next_cursor {
            text.push_str(&format!(r#","nextCursor":"{cursor}""#));
        }
        text.push_str(r#","Resources":["#);
    }
}

/// What ends a list.
pub const LIST_END: &str = "]}";

/// The body of a query answer, RFC 7644 §3.4.2.
///
/// `resources` are JSON texts and are not read again.
pub fn list_response(total: u64, start_index: u64, resources: &[String]) -> String {
    let start_index = Some(start_index);
    let head = ListHead { total, start_index, items: resources.len(), ..ListHead::default() };
    let mut text = String::new();
    head.begin(&mut text);
    text.push_str(&resources.join(","));
    text.push_str(LIST_END);
    text
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
