//! What a request may cost.

use super::*;

/// The user's mail addresses `from..to`.
fn addresses(range: std::ops::Range<usize>) -> Vec<Value> {
    range.map(|number| json!({ "value": format!("{number}@x.example") })).collect()
}

#[track_caller]
fn check_stopped(before: &Document, operations: Vec<Value>, scim_type: &str) {
    let body = map(json!({ "schemas": [urn::PATCH_OP], "Operations": operations }));
    let (user, strict) = (resource_type("/Users"), Dialect::Strict.leniency());
    let begun = std::time::Instant::now();
    let ended = PatchOp::parse(body, &user, strict)
        .and_then(|patch| apply(&user, before, &patch, strict).map(drop));
    let took = begun.elapsed();
    assert_eq!(ended.unwrap_err().scim_type().unwrap().as_str(), scim_type);
    assert!(took < std::time::Duration::from_secs(3), "{took:?}");
}

#[test]
fn the_work_of_one_request_is_bounded() {
    let empty = document("/Users", json!({}));
    let full = document("/Users", json!({ "emails": addresses(0..1000) }));
    let many = |operation: Value| vec![operation; 1000];
    let add = |range| json!({ "op": "add", "path": "emails", "value": addresses(range) });

    check_stopped(&empty, many(add(0..1000)), "tooMany"); // A45
    check_stopped(&empty, vec![add(0..1000), add(1000..2000)], "invalidValue");
    check_stopped(&full, many(add(0..1)), "tooMany");
    let filter = r#"emails[value co "a" and value co "b"]"#;
    let select = json!({ "op": "remove", "path": filter });
    check_stopped(&full, many(select), "tooMany"); // A45
}

#[test]
fn a_list_of_everything_removes_everything() {
    let full = document("/Users", json!({ "emails": addresses(0..1000) }));
    let all = op("remove", "emails", Value::Array(addresses(0..1000)));
    let patched = patch(Dialect::Generic, "/Users", &full, all).unwrap();
    assert_eq!(patched.document, document("/Users", json!({})));
}

/// Long texts count as many elements, so that the time is bounded too.
#[test]
fn the_work_on_long_values_is_bounded() {
    let photos: Vec<_> = (0..15)
        .map(|number| json!({ "value": number.to_string(), "display": "x".repeat(60_000) }))
        .collect();
    let full = document("/Users", json!({ "photos": photos }));
    let select = json!({ "op": "remove", "path": "photos[display co \"y\"]" });
    check_stopped(&full, vec![select; 1000], "tooMany"); // A45
    let grow = json!({ "op": "add", "path": "ims", "value": photos });
    check_stopped(&full, vec![grow], "invalidValue");
}
