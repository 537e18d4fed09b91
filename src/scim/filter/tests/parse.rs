//! The grammar, its limits and its printer.

use std::{
    thread,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use crate::scim::{
    ScimType,
    dialect::Leniency,
    filter::{
        CompareOp, Filter, Literal, MAX_BYTES, MAX_DEPTH, MAX_TERMS, parse,
        parse::{Logical, join},
    },
    path::{
        AttributePath,
        sample::{strict, tolerant},
    },
};

/// The filter with every term in brackets.
fn grouped(filter: &Filter) -> String {
    let list = |terms: &[Filter], word: &str| {
        format!("({})", terms.iter().map(grouped).collect::<Vec<_>>().join(word))
    };
    match filter {
        Filter::And(terms) => list(terms, " and "),
        Filter::Or(terms) => list(terms, " or "),
        Filter::Not(term) => format!("!{}", grouped(term)),
        Filter::ValuePath { path, filter } => format!("{path}[{}]", grouped(filter)),
        Filter::Compare { .. } | Filter::Present(_) => filter.to_string(),
    }
}

#[track_caller]
fn check_with(text: &str, leniency: &Leniency, expected: &str) {
    let filter = parse(text, leniency).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(grouped(&filter), expected, "{text}");
    let printed = filter.to_string();
    assert_eq!(parse(&printed, leniency), Ok(filter), "{printed}: printed and parsed again");
}

#[track_caller]
fn check(text: &str, expected: &str) {
    check_with(text, &strict(), expected);
    check_with(text, &tolerant(), expected);
}

#[track_caller]
fn check_refused(text: &str, leniency: &Leniency, place: &str) {
    let error = parse(text, leniency).expect_err(text);
    assert_eq!(error.scim_type(), Some(ScimType::InvalidFilter), "{text}");
    assert!(error.to_string().contains(place), "{text}: {error}");
}

#[test]
fn words_ignore_case_and_brackets_may_repeat() {
    // R221
    check("userName Eq \"x\"", "userName eq \"x\"");
    check("a PR AND b Pr oR NOT (c pR)", "((a pr and b pr) or !c pr)");
    // R228
    check("not (a pr)", "!a pr");
    check("NOT(a pr)", "!a pr");
    check("not  ( not(a pr) )", "!!a pr");
    // R230
    check("((a pr))", "a pr");
    check("( ( a pr ) and ((b pr)) )", "(a pr and b pr)");
    // Names that begin like a word are names.
    check("not pr", "not pr");
    check("nothing pr or order pr and android pr", "(nothing pr or (order pr and android pr))");
    check("  a pr\t", "a pr");
}

#[test]
fn not_ranks_before_and_before_or() {
    // R227
    check("a pr or b pr and c pr", "(a pr or (b pr and c pr))");
    check("a pr and b pr or c pr", "((a pr and b pr) or c pr)");
    check("(a pr or b pr) and c pr", "((a pr or b pr) and c pr)");
    check("not (a pr) and b pr", "(!a pr and b pr)");
    check("not (a pr and b pr) or c pr", "(!(a pr and b pr) or c pr)");
    // Lists of one kind are flat.
    check("a pr and (b pr and (c pr and d pr))", "(a pr and b pr and c pr and d pr)");
    check("(a pr or b pr) or c pr", "(a pr or b pr or c pr)");
}

#[test]
fn literals_are_those_of_json() {
    // R225
    check("a eq true and b eq false or c eq null", "((a eq true and b eq false) or c eq null)");
    check("(a eq false)", "a eq false");
    check("a[b eq 30]", "a[b eq 30]");
    check_with("a gt -1.5e3", &strict(), "a gt -1500.0");
    check("a gt 9223372036854775807", "a gt 9223372036854775807");
    // R226
    check(r#"a eq "\"\\\/\b\f\n\r\té𝄞""#, r#"a eq "\"\\/\b\f\n\r\té𝄞""#);
    check(r#"a eq "\ud834\udd1e""#, "a eq \"𝄞\"");
    check(r#"a eq " eq \" and ) ] (""#, r#"a eq " eq \" and ) ] (""#);
    check("a eq \"\"", "a eq \"\"");
    check("a eq \"%20_*?'\"", "a eq \"%20_*?'\"");
    // RFC 7644 §3.5.2.2 prints this without a space.
    check("value eq\"2819c223\"", "value eq \"2819c223\"");
}

#[test]
fn value_paths_hold_any_number_of_terms() {
    // R229
    check(
        "emails[type eq \"work\" and value co \"@x\" and primary eq true or not (a pr)]",
        "emails[((type eq \"work\" and value co \"@x\" and primary eq true) or !a pr)]",
    );
    check("emails[ ( type pr ) ]", "emails[type pr]");
    // R223
    check(
        "urn:ietf:params:scim:schemas:core:2.0:User:emails[type pr] and \
         urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"1\"",
        "(urn:ietf:params:scim:schemas:core:2.0:User:emails[type pr] and \
         urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"1\")",
    );
}

#[test]
fn faults_say_where_they_are() {
    for (text, place) in [
        // R224
        ("", "at byte 1, where the text ends"),
        ("   ", "at byte 4"),
        ("userName", "expected an operator (eq"),
        ("userName ", "at byte 10"),
        ("eq", "at byte 3"),
        ("userName eq", "expected a space and a value at byte 12"),
        ("userName eq ", "expected a value at byte 13"),
        ("userName pr x", "expected `and`, `or` or the end at byte 13"),
        ("userName eq \"x\" \"y\"", "at byte 17"),
        ("userName eq \"x\"and a pr", "at byte 16"),
        ("a pr and", "expected a space and a further term at byte 9"),
        ("a pr and ", "expected an attribute"),
        ("and a pr", "at byte 5"),
        ("a pr b pr", "at byte 6"),
        ("a pr)", "a `)` without a `("),
        ("(a pr", "expected `and`, `or` or `)` at byte 6"),
        ("()", "at byte 2"),
        ("not", "at byte 4"),
        ("not a pr", "at byte 5"),
        ("not ()", "at byte 6"),
        ("emails[type pr", "expected `and`, `or` or `]` at byte 15"),
        ("emails[]", "at byte 8"),
        ("emails[type pr)", "at byte 15"),
        ("a[b[c pr]]", "square brackets inside square brackets at byte 4"),
        // R251
        ("userName like \"x\"", "at byte 10"),
        ("userName == \"x\"", "at byte 10"),
        ("a.b.c pr", "at byte 1"),
        ("urn:scim:schemas:extension:enterprise:1.0 pr", "behind the URN at byte 42"),
        ("a;b pr", "at byte 2"),
        ("a eq \"x\"\u{0}", "at byte 9"),
        // R225
        ("userName eq 'bob'", "a string in double quotes"),
        ("userName eq ')", "at byte 13"),
        ("userName eq jo\"e", "at byte 13"),
        // R226
        (r#"a eq "\ud834""#, "invalid escape at byte 6"),
        (r#"a eq "\udd1e\ud834""#, "at byte 6"),
        (r#"a eq "\x""#, "at byte 6"),
        (r#"a eq "\u00""#, "at byte 6"),
        (r#"a eq "\u0000""#, "NUL character at byte 6"),
        ("a eq \"b\u{0}\"", "control character that is not escaped at byte 8"),
        ("a eq \"b\nc\"", "at byte 8"),
        ("a eq \"b\\\nc\"", "at byte 9"),
        ("a eq \"b", "a string that is not closed at byte 6"),
        ("a eq \"b\\\"", "not closed"),
        ("ä eq \"b\"", "at byte 1"),
    ] {
        check_refused(text, &strict(), place);
        check_refused(text, &tolerant(), place);
    }
}

#[test]
fn faults_repeat_no_value() {
    let error = parse("userName eq \"secret@example.com", &strict()).unwrap_err();
    assert_eq!(error.to_string(), "invalid filter: a string that is not closed at byte 13");
    let error = parse("userName eq secret", &strict()).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn bare_words_are_strings_only_where_the_directory_sends_them() {
    // R225, Q15
    for (text, expected) in [
        ("userName eq jdoe", "userName eq \"jdoe\""),
        ("(userName eq j.doe@x.org) and a pr", "(userName eq \"j.doe@x.org\" and a pr)"),
        ("emails[type eq work]", "emails[type eq \"work\"]"),
        ("userName eq o'brien", "userName eq \"o'brien\""),
        ("a eq True", "a eq \"True\""),
        // Numbers whose spelling would be lost stay text.
        ("externalId eq 00123", "externalId eq \"00123\""),
        ("externalId eq 1.50", "externalId eq \"1.50\""),
        ("externalId eq 123456789012345678901234", "externalId eq \"123456789012345678901234\""),
        ("a eq 1e400", "a eq \"1e400\""),
    ] {
        check_with(text, &tolerant(), expected);
    }
    for text in ["userName eq jdoe", "a eq True", "a eq 00123", "a eq 1.", "a eq +1", "a eq NaN"] {
        check_refused(text, &strict(), "a string in double quotes");
    }
    check_refused("a eq 1e400", &strict(), "at byte 6");
}

#[test]
fn a_comparison_behind_brackets_goes_into_them() {
    // R249, Q16
    for (text, expected) in [
        (
            "emails[type eq \"work\"].value eq \"x\"",
            "emails[(type eq \"work\" and value eq \"x\")]",
        ),
        (
            "emails[type pr and a pr].value sw \"x\" and b pr",
            "(emails[(type pr and a pr and value sw \"x\")] and b pr)",
        ),
        ("emails[a pr or b pr].value pr", "emails[((a pr or b pr) and value pr)]"),
    ] {
        check_with(text, &tolerant(), expected);
        check_refused(text, &strict(), "a comparison behind `]`");
    }
    check_refused("emails[type pr].", &tolerant(), "expected an attribute");
    check_refused("emails[type pr].value", &tolerant(), "expected an operator");
    check_refused("emails[type pr].value[a pr]", &tolerant(), "expected an operator");
    for behind in ["urn:a:b:1c", "urn:a:b:value", "value.value"] {
        let text = format!("emails[type pr].{behind} eq \"x\"");
        check_refused(&text, &tolerant(), "expected the name of a sub-attribute");
    }
}

#[test]
fn limits_are_exact() {
    // R259
    let nested = |open: &str, depth| format!("{}a pr{}", open.repeat(depth), ")".repeat(depth));
    for open in ["(", "not (", "not("] {
        assert!(parse(&nested(open, MAX_DEPTH), &strict()).is_ok());
        check_refused(&nested(open, MAX_DEPTH + 1), &strict(), "deeper than 32 levels");
    }
    check_refused(&nested("(", MAX_DEPTH).replace("a pr", "a[b pr]"), &strict(), "deeper than 32");

    for word in [" and ", " or "] {
        let flat = |count| vec!["a pr"; count].join(word);
        assert!(parse(&flat(MAX_TERMS), &strict()).is_ok());
        check_refused(&flat(MAX_TERMS + 1), &strict(), "more than 200 terms");
        check_refused(&format!("a[{}]", flat(MAX_TERMS + 1)), &strict(), "more than 200 terms");
    }

    let long = |length: usize| format!("a eq \"{}\"", "x".repeat(length - 7));
    assert!(parse(&long(MAX_BYTES), &strict()).is_ok());
    check_refused(&long(MAX_BYTES + 1), &strict(), "longer than 8192 bytes");
}

#[test]
fn bombs_are_refused_at_once_on_a_small_stack() {
    // R259, A1, A2, A6
    let bombs = || {
        let started = Instant::now();
        for count in [2_000, 6_000, 100_000] {
            for piece in ["(", "not (", "not(", "a[", "(a pr or ", "((((a eq 1 or a eq 1)", "a."] {
                assert!(parse(&piece.repeat(count), &tolerant()).is_err());
                let fitting = piece.repeat(MAX_BYTES / piece.len());
                assert!(parse(&fitting, &tolerant()).is_err());
            }
        }
        // The deepest filter that is accepted, through every function.
        let deep = format!("{}a pr{}", "not (b pr or ".repeat(32), ")".repeat(32));
        let filter = parse(&deep, &tolerant()).unwrap();
        assert_eq!(parse(&filter.to_string(), &tolerant()), Ok(filter.clone()));
        started.elapsed()
    };
    let took = thread::Builder::new().stack_size(256 * 1024).spawn(bombs).unwrap().join().unwrap();
    assert!(took < Duration::from_millis(500), "{took:?}");

    let started = Instant::now();
    assert!(parse(&"(".repeat(100_000), &strict()).is_err());
    assert!(started.elapsed() < Duration::from_millis(50));
}

fn attribute_path() -> impl Strategy<Value = AttributePath> {
    let urn = prop_oneof![
        Just(None),
        Just(Some("urn:ietf:params:scim:schemas:core:2.0:User".to_owned())),
        Just(Some("urn:example:a-b_c$.d:3.1".to_owned())),
    ];
    let name = "[$]?[A-Za-z][A-Za-z0-9_$-]{0,6}";
    (urn, name, proptest::option::of(name)).prop_map(|(urn, name, sub)| AttributePath {
        urn,
        name,
        sub,
    })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        "[^\\x00]{0,12}".prop_map(Literal::String),
        r#"[ "\\()\[\]/\n\t\x01-\x1f%_'a-c]{0,8}"#.prop_map(Literal::String),
        any::<i64>().prop_map(|number| Literal::Number(number.into())),
        any::<u64>().prop_map(|number| Literal::Number(number.into())),
        any::<f64>()
            .prop_filter_map("finite", serde_json::Number::from_f64)
            .prop_map(Literal::Number),
        any::<bool>().prop_map(Literal::Boolean),
        Just(Literal::Null),
    ]
}

fn tree(leaf: BoxedStrategy<Filter>) -> BoxedStrategy<Filter> {
    leaf.prop_recursive(5, 24, 4, |inner| {
        let list = || proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            list().prop_map(|terms| join(terms, Logical::And)),
            list().prop_map(|terms| join(terms, Logical::Or)),
            inner.clone().prop_map(|term| Filter::Not(Box::new(term))),
        ]
    })
    .boxed()
}

fn filter() -> BoxedStrategy<Filter> {
    let op = proptest::sample::select(CompareOp::ALL.as_slice());
    let simple = prop_oneof![
        attribute_path().prop_map(Filter::Present),
        (attribute_path(), op, literal()).prop_map(|(path, op, value)| Filter::Compare {
            path,
            op,
            value
        }),
    ]
    .boxed();
    let value_path = (attribute_path(), tree(simple.clone()))
        .prop_map(|(path, filter)| Filter::ValuePath { path, filter: Box::new(filter) });
    tree(prop_oneof![3 => simple, 1 => value_path].boxed())
}

proptest! {
    #[test]
    fn a_printed_filter_parses_to_the_same(filter in filter()) {
        let printed = filter.to_string();
        prop_assert_eq!(parse(&printed, &strict()), Ok(filter.clone()), "{}", printed);
        prop_assert_eq!(parse(&printed, &tolerant()), Ok(filter), "{}", printed);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in r#"([ a.\[\]()"\\:0-9]|eq|pr|and|not|urn:|\PC){0,40}"#) {
        for leniency in [strict(), tolerant()] {
            if let Ok(filter) = parse(&text, &leniency) {
                prop_assert_eq!(parse(&filter.to_string(), &leniency), Ok(filter));
            }
        }
    }
}
