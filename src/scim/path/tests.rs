//! Tests of paths.

use super::{
    AttributePath, PatchPath, Resolved, parse_attribute_path, parse_patch_path, resolve,
    sample::{BADGE, strict, tolerant, user},
};
use crate::scim::{ScimType, dialect::Leniency, filter, urn};

fn path(urn: Option<&str>, name: &str, sub: Option<&str>) -> AttributePath {
    AttributePath {
        urn: urn.map(str::to_owned),
        name: name.to_owned(),
        sub: sub.map(str::to_owned),
    }
}

#[track_caller]
fn check_parsed(text: &str, expected: &AttributePath) {
    assert_eq!(parse_attribute_path(text).as_ref(), Ok(expected), "{text}");
    let patch_path = parse_patch_path(text, &strict());
    assert_eq!(patch_path, Ok(PatchPath::Attribute(expected.clone())), "{text}");
    assert_eq!(expected.to_string(), text, "printed again");
}

#[test]
fn a_path_is_split_at_its_last_colon() {
    check_parsed("userName", &path(None, "userName", None));
    check_parsed("name.familyName", &path(None, "name", Some("familyName")));
    check_parsed("emails.$ref", &path(None, "emails", Some("$ref")));
    check_parsed("$ref", &path(None, "$ref", None));
    check_parsed("x-ray_2$.a-b", &path(None, "x-ray_2$", Some("a-b")));
    // R223, Q46: the dot of `2.0` does not begin a sub-attribute.
    check_parsed(
        "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName",
        &path(Some(urn::USER), "name", Some("familyName")),
    );
    check_parsed(
        "URN:ietf:params:SCIM:schemas:extension:enterprise:2.0:user:Manager.value",
        &path(
            Some("URN:ietf:params:SCIM:schemas:extension:enterprise:2.0:user"),
            "Manager",
            Some("value"),
        ),
    );
    check_parsed(
        "urn:scim:schemas:extension:enterprise:1.0",
        &path(Some("urn:scim:schemas:extension:enterprise:1.0"), "", None),
    );
}

#[track_caller]
fn check_refused(text: &str, leniency: &Leniency, scim_type: ScimType) -> String {
    let error = parse_patch_path(text, leniency).expect_err(text);
    assert_eq!(error.scim_type(), Some(scim_type), "{text}: {error}");
    error.to_string()
}

#[test]
fn what_is_no_path_is_an_invalid_path() {
    // R333, R334, R335, R337
    for text in [
        "",
        " ",
        " userName",
        "userName ",
        "user name",
        "$",
        ".",
        "a.",
        ".a",
        "a..b",
        "a.b.c",
        "a.b.c.d",
        "../meta",
        "/emails/0",
        "emails/0",
        "emails[0]",
        "emails[ 12 ]",
        "emails[]",
        "emails[  ]",
        "emails[broken!!!filter",
        "emails[type eq \"work\"",
        "emails[type eq \"work]",
        "emails[type eq \"work\"]]",
        "emails[type eq \"work\"]value",
        "emails[type eq \"work\"].",
        "emails[type eq \"work\"].a.b",
        "emails[type eq \"work\"].value eq \"x\"",
        "emails[type eq \"work\"][0]",
        "[type eq \"work\"]",
        "emails]",
        "schemas eq \"x\"",
        "1name",
        "-name",
        "__proto__",
        "na%me",
        "näme",
        "name\u{0}",
        "a:b",
        "a:b:c",
        "urn:",
        "urn::a",
        "urn:a::b:c",
        "urn:a:b:",
        "urn:a:b:c.d.e",
        "urn:scim:schemas:extension:enterprise:1.0[a eq 1]",
        "'userName'",
    ] {
        for leniency in [strict(), tolerant()] {
            check_refused(text, &leniency, ScimType::InvalidPath);
        }
        assert!(parse_attribute_path(text).is_err(), "{text}");
    }
}

#[test]
fn a_wrong_filter_in_brackets_is_an_invalid_filter() {
    // R333
    for text in [
        "emails[broken!!!filter]",
        "emails[type]",
        "emails[type eq]",
        "emails[type like \"work\"]",
        "emails[(type eq \"work\"]",
        "emails[type eq \"work\" and]",
        "emails[a[b eq \"x\"]",
        "emails[type eq work]",
    ] {
        check_refused(text, &strict(), ScimType::InvalidFilter);
    }
    let detail = check_refused("emails[type like \"work\"]", &strict(), ScimType::InvalidFilter);
    assert!(detail.ends_with("at byte 13"), "{detail}");
    assert!(!detail.contains("like"), "{detail}");
}

#[test]
fn paths_have_the_limits_of_filters() {
    // R259
    let long = "a".repeat(filter::MAX_BYTES + 1);
    check_refused(&long, &strict(), ScimType::InvalidPath);
    assert!(parse_attribute_path(&long).is_err());
    let deep = format!("emails[{}type pr{}]", "(".repeat(32), ")".repeat(32));
    check_refused(&deep, &strict(), ScimType::InvalidFilter);
}

#[test]
fn a_value_path_has_a_filter_and_perhaps_a_sub_attribute() {
    let value = |path: AttributePath, filter: &str, sub: Option<&str>| PatchPath::Value {
        path,
        filter: filter::parse(filter, &strict()).unwrap(),
        sub: sub.map(str::to_owned),
    };
    let emails = path(None, "emails", None);
    for (text, expected) in [
        ("emails[type eq \"work\"]", value(emails.clone(), "type eq \"work\"", None)),
        // A bracket, a quote and a backslash in a string end nothing.
        (
            r#"emails[ value eq "]\"\\" ].value"#,
            value(emails.clone(), r#"value eq "]\"\\""#, Some("value")),
        ),
        // RFC 7644 §3.5.2.2 prints no space before the string.
        (
            "emails[type eq \"work\" and value ew\"x\"].display",
            value(emails, "type eq \"work\" and value ew \"x\"", Some("display")),
        ),
        // R338
        (
            "urn:ietf:params:scim:schemas:core:2.0:User:emails[primary eq true].value",
            value(path(Some(urn::USER), "emails", None), "primary eq true", Some("value")),
        ),
        // R335
        ("tags[value eq \"x\"]", value(path(None, "tags", None), "value eq \"x\"", None)),
    ] {
        assert_eq!(parse_patch_path(text, &strict()), Ok(expected), "{text}");
    }
}

/// The canonical name of what the path names; `*` stands behind whole schemas.
fn resolved(text: &str, leniency: &Leniency) -> Option<String> {
    let path = parse_attribute_path(text).expect(text);
    match resolve(&path, &user(), leniency) {
        Ok(Resolved::Attribute(attribute)) => Some(attribute.to_string()),
        Ok(Resolved::Extension(schema)) => Some(format!("{}:*", schema.id)),
        Ok(Resolved::Core) => Some("*".to_owned()),
        Err(error) => {
            assert_eq!(error.scim_type(), Some(ScimType::InvalidPath), "{text}");
            None
        }
    }
}

#[track_caller]
fn check_resolved(text: &str, expected: Option<&str>) {
    for leniency in [strict(), tolerant()] {
        assert_eq!(resolved(text, &leniency).as_deref(), expected, "{text}");
    }
}

#[test]
fn names_and_urns_ignore_case() {
    // R308, R336
    check_resolved("USERNAME", Some("userName"));
    check_resolved("Name.FAMILYname", Some("name.familyName"));
    check_resolved("META.lastmodified", Some("meta.lastModified"));
    check_resolved("emails.$REF", Some("emails.$ref"));
    check_resolved("urn:IETF:params:scim:schemas:core:2.0:user:username", Some("userName"));
    check_resolved(
        "URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:ENTERPRISE:2.0:USER:MANAGER.VALUE",
        Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"),
    );
    for unknown in [
        "nickname",
        "name.middle",
        "userName.value",
        "urn:ietf:params:scim:schemas:core:2.0:User:department",
        "urn:ietf:params:scim:schemas:core:2.0:Group:displayName",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:userName",
        "urn:example:unknown:1.0:User:userName",
    ] {
        check_resolved(unknown, None);
    }
}

#[test]
fn a_bare_urn_is_a_whole_schema() {
    // R303, R339
    check_resolved(urn::USER, Some("*"));
    check_resolved(urn::ENTERPRISE_USER, Some(&format!("{}:*", urn::ENTERPRISE_USER)));
    check_resolved(&BADGE.to_uppercase(), Some(&format!("{BADGE}:*")));
    check_resolved("urn:ietf:params:scim:schemas:core:2.0", None);
}

#[test]
fn aliases_are_read_only_where_the_directory_needs_them() {
    let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    let level = format!("{BADGE}:level");
    let enterprise = format!("{}:*", urn::ENTERPRISE_USER);
    for (text, expected) in [
        // R309, Q17, Q46
        ("department", department),
        ("Manager", manager),
        ("manager.value", &format!("{manager}.value")),
        ("level", &level),
        // Q14
        ("email", "emails.value"),
        ("urn:scim:schemas:extension:enterprise:1.0", &enterprise),
        ("urn:scim:schemas:extension:enterprise:1.0:department", department),
        ("urn:scim:schemas:extension:enterprise:2.0:manager.value", &format!("{manager}.value")),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0User", &enterprise),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department", department),
    ] {
        assert_eq!(resolved(text, &tolerant()).as_deref(), Some(expected), "{text}");
        assert_eq!(resolved(text, &strict()), None, "{text}, strictly");
    }
    // R309: a name that is core and extension means core.
    check_resolved("title", Some("title"));
    check_resolved("email.value", None);
}

#[test]
fn errors_name_the_attribute_and_the_type() {
    let error = resolve(&path(None, "nickname", None), &user(), &strict()).unwrap_err();
    assert_eq!(error.to_string(), "`nickname` is not an attribute of User");
    let error = resolve(&path(None, "name", Some("first")), &user(), &strict()).unwrap_err();
    assert_eq!(error.to_string(), "`first` is not a sub-attribute of `name`");
    let long = path(None, &"a".repeat(8_000), None);
    let error = resolve(&long, &user(), &strict()).unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
}
