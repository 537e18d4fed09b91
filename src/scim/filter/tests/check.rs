//! Filters against a schema.

use crate::scim::{
    ScimError, ScimType,
    dialect::Leniency,
    filter::{CheckedFilter, CompareOp, Operand, check, check_element, parse},
    path::{
        AttributeRef, Resolved, parse_attribute_path, resolve,
        sample::{strict, tolerant, user},
    },
};

fn checked(text: &str, leniency: &Leniency) -> Result<CheckedFilter, ScimError> {
    check(&parse(text, leniency).expect(text), &user(), leniency)
}

fn attribute(path: &str) -> AttributeRef {
    let path = parse_attribute_path(path).unwrap();
    match resolve(&path, &user(), &tolerant()) {
        Ok(Resolved::Attribute(attribute)) => attribute,
        other => panic!("{path}: {other:?}"),
    }
}

fn compare(path: &str, op: CompareOp, operand: Operand) -> CheckedFilter {
    CheckedFilter::Compare { attribute: attribute(path), op, operand }
}

fn text(text: &str) -> Operand {
    Operand::Text(text.to_owned())
}

#[track_caller]
fn check_both(filter: &str, expected: &CheckedFilter) {
    for leniency in [strict(), tolerant()] {
        assert_eq!(checked(filter, &leniency).as_ref(), Ok(expected), "{filter}");
    }
}

#[track_caller]
fn check_refused(filter: &str, leniency: &Leniency, detail: &str) {
    let error = checked(filter, leniency).expect_err(filter);
    assert_eq!(error.scim_type(), Some(ScimType::InvalidFilter), "{filter}");
    assert!(error.to_string().contains(detail), "{filter}: {error}");
}

#[test]
fn literals_get_the_type_of_their_attribute() {
    use CompareOp::{Eq, Ge, Gt, Ne, Sw};
    // R244: folded unless the attribute is caseExact.
    check_both("USERNAME eq \"BJensen\"", &compare("userName", Eq, text("bjensen")));
    check_both("externalId eq \"AbC\"", &compare("externalId", Eq, text("AbC")));
    // R17
    check_both("profileUrl eq \"HTTP://x\"", &compare("profileUrl", Eq, text("HTTP://x")));
    check_both(
        "x509Certificates.value sw \"MII\"",
        &compare("x509Certificates.value", Sw, text("MII")),
    );
    check_both("active ne true", &compare("active", Ne, Operand::Boolean(true)));
    let badge = "urn:example:schemas:extension:badge:1.5:User";
    check_both(&format!("{badge}:level ge 5"), &compare("level", Ge, Operand::Integer(5)));
    check_both(&format!("{badge}:level ge -5.0"), &compare("level", Ge, Operand::Integer(-5)));
    check_both(&format!("{badge}:weight gt 5"), &compare("weight", Gt, Operand::Decimal(5.0)));
    check_both(
        &format!("{badge}:weight gt 1.50E1"),
        &compare("weight", Gt, Operand::Decimal(15.0)),
    );
    // R241
    for literal in ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00.000+01:00", "2026-01-01T00:00:00"]
    {
        check_both(
            &format!("meta.lastModified gt \"{literal}\""),
            &compare("meta.lastModified", Gt, Operand::Instant(1_767_225_600_000_000)),
        );
    }
    // R254
    check_both("schemas eq \"urn:x\"", &compare("schemas", Eq, text("urn:x")));
}

#[test]
fn a_complex_attribute_means_its_value() {
    use CompareOp::{Co, Eq};
    // R248, Q20
    check_both("emails co \"X\"", &compare("emails.value", Co, text("x")));
    check_both(
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq \"26\"",
        &compare("manager.value", Eq, text("26")),
    );
    check_refused("name eq \"x\"", &strict(), "`name` is complex");
}

#[test]
fn null_asks_for_presence() {
    // R233
    let title = CheckedFilter::Present(attribute("title"));
    check_both("title ne null", &title);
    check_both("title eq null", &CheckedFilter::Not(Box::new(title)));
    check_both("name ne null", &CheckedFilter::Present(attribute("name")));
    check_refused("title gt null", &tolerant(), "`gt` cannot compare with null");
}

#[test]
fn what_does_not_fit_the_schema_is_refused() {
    for (filter, detail) in [
        // R252
        ("nickname eq \"x\"", "`nickname` is not an attribute of User"),
        ("userName pr and nickname pr", "`nickname`"),
        ("emails.nick pr", "`nick` is not a sub-attribute of `emails`"),
        ("emails[nick pr]", "`nick` is not a sub-attribute of `emails`"),
        ("urn:ietf:params:scim:schemas:core:2.0:User pr", "is a schema and not an attribute"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User eq \"x\"", "is a schema"),
        // R258
        ("password eq \"x\"", "`password` is never returned"),
        ("not (password pr)", "`password`"),
        ("password[value eq \"x\"]", "`password`"),
        // R239
        ("active gt true", "`gt` does not apply to `active`, which is a boolean"),
        ("active le false", "`le`"),
        ("x509Certificates.value ge \"M\"", "which is binary"),
        ("emails[primary lt true]", "`lt`"),
        // R236
        ("active co \"t\"", "`co` does not apply"),
        ("meta.created sw \"2026\"", "`sw` does not apply"),
        ("urn:example:schemas:extension:badge:1.5:User:level ew \"1\"", "`ew` does not apply"),
        // R242
        ("meta.created gt \"yesterday\"", "must be a date with time"),
        ("meta.created gt \"2026-01-01\"", "must be a date with time"),
        ("meta.created gt 5", "must be a date with time"),
        // R243
        ("active eq 1", "must be true or false"),
        ("active eq \"yes\"", "must be true or false"),
        ("urn:example:schemas:extension:badge:1.5:User:level eq 1.5", "a whole number"),
        ("urn:example:schemas:extension:badge:1.5:User:level eq 1e30", "a whole number"),
        ("urn:example:schemas:extension:badge:1.5:User:level eq true", "a whole number"),
        ("urn:example:schemas:extension:badge:1.5:User:weight eq \"a\"", "a number"),
        // R247
        ("emails[userName eq \"x\"]", "`userName` is not a sub-attribute"),
        ("emails[emails.value eq \"x\"]", "only names of its sub-attributes"),
        ("emails[urn:ietf:params:scim:schemas:core:2.0:User:userName pr]", "only names"),
        ("emails.value[value eq \"x\"]", "has no elements"),
        ("userName[value eq \"x\"]", "has no elements"),
        ("schemas[type eq \"x\"]", "only `value`"),
    ] {
        check_refused(filter, &strict(), detail);
        check_refused(filter, &tolerant(), detail);
    }
}

#[test]
fn deviations_are_read_only_where_the_directory_sends_them() {
    use CompareOp::{Co, Eq, Gt};
    let level = "urn:example:schemas:extension:badge:1.5:User:level";
    for (filter, expected) in [
        // R243, Q48
        ("active eq \"True\"", compare("active", Eq, Operand::Boolean(true))),
        ("active eq \"false\"", compare("active", Eq, Operand::Boolean(false))),
        // Q15
        ("userName eq 5", compare("userName", Eq, text("5"))),
        ("userName eq true", compare("userName", Eq, text("true"))),
        (&format!("{level} eq \"5\""), compare("level", Eq, Operand::Integer(5))),
        // Q14, Q17
        ("email Co \"x\"", compare("emails.value", Co, text("x"))),
        ("department eq \"Sales\"", compare("department", Eq, text("sales"))),
        ("manager eq \"26\"", compare("manager.value", Eq, text("26"))),
    ] {
        assert_eq!(checked(filter, &tolerant()), Ok(expected), "{filter}");
        check_refused(filter, &strict(), "");
    }
    assert_eq!(
        checked("meta.created gt 2026-01-01T00:00:00Z", &tolerant()),
        Ok(compare("meta.created", Gt, Operand::Instant(1_767_225_600_000_000)))
    );
}

#[test]
fn brackets_hold_sub_attributes_of_one_attribute() {
    let element = |path: &str, filter| CheckedFilter::Element {
        attribute: attribute(path),
        filter: Box::new(filter),
    };
    // R246
    check_both(
        "emails[TYPE eq \"Work\" and primary eq true]",
        &element(
            "emails",
            CheckedFilter::And(vec![
                compare("emails.type", CompareOp::Eq, text("work")),
                compare("emails.primary", CompareOp::Eq, Operand::Boolean(true)),
            ]),
        ),
    );
    // R335: `value` of a simple attribute is the element itself.
    check_both(
        "schemas[value sw \"urn\"]",
        &element("schemas", compare("schemas", CompareOp::Sw, text("urn"))),
    );
    check_both(
        "name[familyName pr]",
        &element("name", CheckedFilter::Present(attribute("name.familyName"))),
    );
}

#[test]
fn filters_of_patch_paths_are_checked_alike() {
    let filter = |text: &str| parse(text, &strict()).unwrap();
    let emails = attribute("emails");
    assert_eq!(
        check_element(&filter("type eq \"Work\""), &emails, &strict()),
        Ok(compare("emails.type", CompareOp::Eq, text("work")))
    );
    for (attribute, text) in [
        (&emails, "primary eq \"True\""),
        (&emails, "nick pr"),
        (&emails, "type[value pr]"),
        (&attribute("emails.value"), "value pr"),
        (&attribute("userName"), "value pr"),
    ] {
        let error = check_element(&filter(text), attribute, &strict()).expect_err(text);
        assert_eq!(error.scim_type(), Some(ScimType::InvalidFilter), "{text}");
    }
}

#[test]
fn every_attribute_of_a_filter_is_visited() {
    let filter = "userName pr and not (title eq \"x\" or emails[type pr and value eq \"y\"])";
    let mut seen = Vec::new();

    checked(filter, &strict())
        .unwrap()
        .attributes(&mut |attribute| seen.push(attribute.to_string()));

    assert_eq!(seen, ["userName", "title", "emails", "emails.type", "emails.value"]);
}

#[test]
fn faults_repeat_no_value() {
    for filter in ["active eq \"secret\"", "meta.created eq \"secret\"", "name eq \"secret\""] {
        let error = checked(filter, &strict()).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
