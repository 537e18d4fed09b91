//! Tests of pages and parameters.

mod cursor;
mod sort;

use serde_json::{Value, json};

use super::{IndexPage, SearchRequest};
use crate::scim::{ScimError, ScimType};

/// Reads with a limit of 1,000 and a default of 100.
fn read(start: Option<&str>, count: Option<&str>, strict: bool) -> Result<(u64, u64), ScimError> {
    IndexPage::parse(start, count, 1_000, 100, strict).map(|page| (page.start_index, page.count))
}

#[track_caller]
fn check(start: Option<&str>, count: Option<&str>, expected: (u64, u64)) {
    for strict in [false, true] {
        assert_eq!(read(start, count, strict), Ok(expected), "{start:?} {count:?} {strict}");
    }
}

#[test]
fn numbers_out_of_range_act_as_the_nearest_one() {
    check(None, None, (1, 100));
    // R270
    check(Some("1"), Some("10"), (1, 10));
    check(Some("0"), None, (1, 100));
    check(Some("-1"), None, (1, 100));
    check(Some("-999999999999999999"), None, (1, 100));
    check(Some("0007"), None, (7, 100));
    // R271
    check(None, Some("0"), (1, 0));
    check(None, Some("-1"), (1, 0));
    check(None, Some("-0"), (1, 0));
    // R272
    check(None, Some("1000"), (1, 1_000));
    check(None, Some("1001"), (1, 1_000));
    // R273
    check(Some("2147483648"), Some("2147483648"), (2_147_483_648, 1_000));
    check(Some("999999999999999999"), None, (999_999_999_999_999_999, 100));
}

#[test]
fn a_default_above_the_limit_is_cut_too() {
    let page = IndexPage::parse(None, None, 50, 100, true);
    assert_eq!(page, Ok(IndexPage { start_index: 1, count: 50 }));
}

#[test]
fn what_is_no_number_is_ignored_or_refused_but_never_wrapped() {
    // R274
    for text in [
        "abc",
        "",
        "-",
        "--1",
        "1.5",
        "1e3",
        "0x10",
        "+5",
        " 5",
        "٣",
        "9223372036854775808",
        "18446744073709551616",
        "-18446744073709551616",
        "1000000000000000000",
    ] {
        assert_eq!(read(Some(text), Some("7"), false), Ok((1, 7)), "startIndex={text}");
        assert_eq!(read(Some("7"), Some(text), false), Ok((7, 100)), "count={text}");
        for (start, count) in [(Some(text), None), (None, Some(text))] {
            let error = read(start, count, true).unwrap_err();
            assert_eq!(error.scim_type(), Some(ScimType::InvalidValue), "{text}");
        }
    }
}

#[track_caller]
fn check_search(body: Value, expected: Result<SearchRequest, ScimType>) {
    let Value::Object(body) = body else { panic!("not an object") };
    let read = SearchRequest::parse(body).map_err(|error| error.scim_type().unwrap());
    assert_eq!(read, expected);
}

#[test]
fn a_search_says_in_a_body_what_a_query_says_in_a_url() {
    let schemas = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
    // R310, R311
    check_search(
        json!({ "schemas": [schemas], "filter": "userName pr", "startIndex": 1, "count": 10,
            "attributes": ["userName", "emails.value"], "unknown": 1 }),
        Ok(SearchRequest {
            filter: Some("userName pr".to_owned()),
            start_index: Some("1".to_owned()),
            count: Some("10".to_owned()),
            attributes: Some("userName,emails.value".to_owned()),
            ..SearchRequest::default()
        }),
    );
    // R313
    check_search(json!({ "filter": "userName pr" }), Err(ScimType::InvalidSyntax));
    for wrong in [json!({ "count": "10" }), json!({ "filter": 1 }), json!({ "attributes": "id" })] {
        let mut body = wrong;
        body["schemas"] = json!([schemas]);
        check_search(body, Err(ScimType::InvalidValue));
    }
}
