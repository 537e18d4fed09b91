//! Tests of cursors.

use uuid::Uuid;

use crate::scim::{
    ScimError,
    query::{CURSOR_SECONDS, Cursor, CursorKey, Place, Position, SortKey, walk_count},
    resource::ResourceId,
};

const QUERY: &str = r#"[1,"/Users","userName pr"]"#;
const NOW_US: i64 = 1_795_453_200_123_456;

fn key(byte: u8) -> CursorKey {
    CursorKey::new(&[byte; 32]).unwrap()
}

fn cursor(place: fn(Option<Position>) -> Place, key: Option<SortKey>) -> Cursor {
    let id = ResourceId::new(Uuid::from_u128(7));
    Cursor { place: place(Some(Position { key, id })), count: 10 }
}

fn sample() -> (Cursor, String) {
    let cursor = cursor(Place::After, Some(SortKey::Text("bjensen".to_owned())));
    let sealed = key(1).seal(QUERY, NOW_US, &cursor).unwrap();
    (cursor, sealed)
}

#[track_caller]
fn check(query: &str, now_us: i64, text: &str, expected: ScimError) {
    assert_eq!(key(1).open(query, now_us, text), Err(expected), "{text}");
}

#[test]
fn a_cursor_opens_to_what_was_sealed() {
    let keys = [
        None,
        Some(SortKey::Boolean(true)),
        Some(SortKey::Integer(i64::MIN)),
        Some(SortKey::Decimal(u64::MAX)),
        Some(SortKey::Text("\u{0}\"\\é".repeat(250))),
    ];
    let mut cursors: Vec<Cursor> = keys
        .iter()
        .flat_map(|key| [Place::After, Place::Before].map(|place| cursor(place, key.clone())))
        .collect();
    cursors.push(Cursor { place: Place::Before(None), count: 0 });
    for cursor in cursors {
        let sealed = key(1).seal(QUERY, NOW_US, &cursor).unwrap();

        assert_eq!(key(1).open(QUERY, NOW_US, &sealed), Ok(cursor));
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        assert!(sealed.bytes().all(unreserved), "{sealed}"); // R278
    }
}

#[test]
fn a_cursor_cannot_be_read() {
    let (_, sealed) = sample();
    // R294
    for known in ["bjensen", "YmplbnNlb", "Ympl", "JqZW5z", "iamVuc2Vu"] {
        assert!(!sealed.contains(known), "{sealed}");
    }
}

#[test]
fn whatever_is_changed_is_the_same_error() {
    let (_, sealed) = sample();
    // R283, R295, A36, A37
    for (position, letter) in sealed.char_indices() {
        for other in ['A', 'b', '7', '-', '_', '=', '.'] {
            if other != letter {
                let mut changed = sealed.clone();
                changed.replace_range(position..=position, &other.to_string());
                check(QUERY, NOW_US, &changed, ScimError::InvalidCursor);
            }
        }
        check(QUERY, NOW_US, &sealed[..position], ScimError::InvalidCursor);
        check(QUERY, NOW_US, &sealed[position + 1..], ScimError::InvalidCursor);
    }
    let long = "A".repeat(1_000_000);
    let doubled = format!("{sealed}{sealed}");
    for text in [" ", "abc", "' or 1=1 --", "=", "é", &long, &doubled, &format!("{sealed}A")] {
        check(QUERY, NOW_US, text, ScimError::InvalidCursor);
    }
    for query in ["", r#"[2,"/Users","userName pr"]"#, r#"[1,"/Groups","userName pr"]"#] {
        check(query, NOW_US, &sealed, ScimError::InvalidCursor);
    }
    assert_eq!(key(2).open(QUERY, NOW_US, &sealed), Err(ScimError::InvalidCursor));
}

#[test]
fn a_cursor_expires_and_an_expired_one_that_was_forged_is_still_forged() {
    let (cursor, sealed) = sample();
    let lifetime = CURSOR_SECONDS * 1_000_000;

    assert_eq!(key(1).open(QUERY, NOW_US + lifetime, &sealed), Ok(cursor.clone()));
    assert_eq!(key(1).open(QUERY, NOW_US - lifetime, &sealed), Ok(cursor));
    // R284
    for now_us in [NOW_US + lifetime + 1, NOW_US - lifetime - 1, i64::MIN, i64::MAX] {
        check(QUERY, now_us, &sealed, ScimError::ExpiredCursor);
        check(QUERY, now_us, &sealed[1..], ScimError::InvalidCursor);
    }
}

#[test]
fn a_walk_keeps_its_count() {
    let count = |given, began| walk_count(given, began, 1_000, 100).ok();
    // R281
    assert_eq!(count(None, None), Some(100));
    assert_eq!(count(Some("7"), None), Some(7));
    assert_eq!(count(Some("0"), None), Some(0));
    assert_eq!(count(Some("-3"), None), Some(0));
    assert_eq!(count(Some("1000"), None), Some(1_000));
    assert_eq!(count(Some("7"), Some(7)), Some(7));
    assert_eq!(count(None, Some(7)), Some(7));
    // R274, R285
    for (given, began) in [("1001", None), ("8", Some(7)), ("x", None), ("1.5", None), ("", None)] {
        let error = walk_count(Some(given), began, 1_000, 100).unwrap_err();
        assert!(matches!(error, ScimError::InvalidCount(_)), "{given}");
    }
}
