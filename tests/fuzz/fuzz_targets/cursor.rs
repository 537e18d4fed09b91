//! Cursors: no text that the service has not sealed for a query opens, and what it
//! has sealed opens as it was.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use muster_fuzz::scim::query::{CURSOR_KEY_BYTES, CURSOR_SECONDS, Cursor, CursorKey, Place};

static KEY: LazyLock<CursorKey> =
    LazyLock::new(|| CursorKey::new(&[7; CURSOR_KEY_BYTES]).expect("a key"));

fuzz_target!(|given: (&str, &str, u64, i64, usize)| {
    let (text, query, count, now_us, place) = given;
    assert!(KEY.open(query, now_us, text).is_err(), "a cursor that nobody made");

    let cursor = Cursor { place: Place::After(None), count };
    let sealed = KEY.seal(query, now_us, &cursor).expect("sealed");
    assert_eq!(KEY.open(query, now_us, &sealed), Ok(cursor.clone()));
    assert!(KEY.open(&format!("{query}x"), now_us, &sealed).is_err(), "of another query");
    let late = now_us.saturating_add((CURSOR_SECONDS + 1) * 1_000_000);
    if now_us.abs_diff(late) > CURSOR_SECONDS.unsigned_abs() * 1_000_000 {
        assert!(KEY.open(query, late, &sealed).is_err(), "of an hour ago");
    }
    // A letter in its place changed, and everything that was given put there.
    let place = place % sealed.len();
    let (head, tail) = sealed.split_at(place);
    for changed in [format!("{head}{text}{}", &tail[1..]), format!("{head}{text}"), tail.to_owned()]
    {
        assert!(changed == sealed || KEY.open(query, now_us, &changed).is_err(), "{changed}");
    }
});
