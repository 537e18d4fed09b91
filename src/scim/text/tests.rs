use precis_profiles::{UsernameCaseMapped, precis_core::profile::PrecisFastInvocation};
use proptest::{collection::vec, prelude::*, sample::select};

use super::{check_loose_user_name, check_user_name, fold, user_name_key, user_name_part};

#[test]
fn spellings_of_one_name_have_one_key() {
    for (left, right) in [
        ("BJensen", "bjensen"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("Straße", "STRASSE"),
        ("Ame\u{301}lie", "AMÉLIE"),
    ] {
        assert_eq!(fold(left), fold(right), "{left} and {right}");
    }
}

#[track_caller]
fn check_equal(left: &str, right: &str) {
    assert_eq!(user_name_key(left), user_name_key(right), "{left:?} and {right:?}");
}

#[test]
fn user_names_that_look_equal_have_one_key() {
    // A25, R84, R477
    for (left, right) in [
        ("BJensen@Example.com", "bjensen@example.com"),
        ("ｂｊｅｎｓｅｎ", "bjensen"),
        ("Ame\u{301}lie", "AMÉLIE"),
        ("oﬃce", "office"),
        ("bjensen ", "bjensen"),
        (" bjensen", "bjensen"),
        ("barbara  jensen", "Barbara Jensen"),
        ("barbara\u{a0}jensen", "barbara jensen"),
        ("barbara\tjensen", "barbara jensen"),
        ("bjen\u{200d}sen", "bjensen"),
        ("bjen\u{200b}sen", "bjensen"),
        ("bjen\u{ad}sen", "bjensen"),
        ("\u{202e}bjensen", "bjensen"),
        ("bjensen\u{feff}", "bjensen"),
        ("\u{212a}im", "kim"),
        ("ｶﾞ", "ガ"),
    ] {
        check_equal(left, right);
    }
}

#[test]
fn letters_that_differ_are_told_apart() {
    // A26, A27
    for (left, right) in [
        ("fußball", "fussball"),
        ("ı", "i"),
        ("İ", "i"),
        ("аdmin", "admin"),
        ("b.jensen", "bjensen"),
        ("barbara jensen", "barbarajensen"),
    ] {
        assert_ne!(user_name_key(left), user_name_key(right), "{left:?} and {right:?}");
    }
    check_equal("ΣΊΣΥΦΟΣ", "σίσυφος");
    check_equal("FUẞBALL", "fußball");
    check_equal("İ", "i\u{307}");
}

#[test]
fn spaces_at_the_ends_of_a_part_count() {
    assert_eq!(user_name_part("Barbara  "), "barbara ");
    assert_eq!(user_name_part(" ｊ"), " j");
    assert_eq!(user_name_key("  "), "");
    assert_eq!(user_name_key("\u{200d}"), "");
}

#[test]
fn what_the_profile_refuses_is_named() {
    // R84
    for (name, said) in [
        ("barbara jensen", "U+0020 at place 8"),
        ("bjensen ", "U+0020 at place 8"),
        ("bjen\u{200d}sen", "RFC 8264"),
        ("bjen\u{7}sen", "U+0007 at place 5"),
        ("ﬁsh", "U+FB01 at place 1"),
        ("", "empty"),
        ("aא", "directionality"),
    ] {
        let refused = check_user_name(name).expect_err(name);
        assert!(refused.contains(said), "{refused}");
        assert!(name.is_empty() || !refused.contains(name), "{refused}");
    }
    for name in
        ["bjensen@example.com", "DOMAIN\\bjensen", "ｂｊｅｎｓｅｎ", "Ame\u{301}lie", "a+b'c"]
    {
        assert_eq!(check_user_name(name), Ok(()), "{name}");
    }
}

#[test]
fn only_what_nobody_can_tell_apart_is_refused_everywhere() {
    for (name, said) in [("bjen\u{7}sen", "place 5"), ("\u{200d} ", "nothing"), ("a\nb", "control")]
    {
        let refused = check_loose_user_name(name).expect_err(name);
        assert!(refused.contains(said), "{refused}");
    }
    for name in ["barbara jensen", "bjensen ", "oﬃce", "aא"] {
        assert_eq!(check_loose_user_name(name), Ok(()), "{name}");
    }
}

const PARTS: [&str; 40] = [
    "a", "A", "b", "é", "É", "e\u{301}", "ß", "ẞ", "Σ", "σ", "ς", "İ", "I", "ı", "K", "ﬁ", "ｆ",
    "ｶ", "ﾞ", "ガ", "\u{345}", "\u{ad}", "\u{200d}", "\u{94d}", "क", " ", "  ", "\u{a0}", "¨", "²",
    "Ǆ", "ǅ", "א", "٣", "3", "ᾼ", "Å", "\u{3164}", "한", "ㄱ",
];

proptest! {
    /// R84: of a name that the profile takes, the key is what it makes of it.
    #[test]
    fn the_key_is_that_of_the_profile(parts in vec(select(PARTS.as_slice()), 0..6)) {
        let name = parts.concat();
        if let Ok(enforced) = UsernameCaseMapped::enforce(name.as_str()) {
            let seen: String = enforced.chars().filter(|char| *char != '\u{200d}').collect();
            prop_assert_eq!(user_name_key(&name), seen.replace('ς', "σ"));
        }
    }

    /// A key is its own key, in parts and whole.
    #[test]
    fn a_key_is_its_own_key(name in prop_oneof![
        vec(select(PARTS.as_slice()), 0..8).prop_map(|parts| parts.concat()),
        any::<String>(),
    ]) {
        let (key, part) = (user_name_key(&name), user_name_part(&name));
        prop_assert_eq!(user_name_key(&key), key.as_ref());
        prop_assert_eq!(user_name_part(&part), part.as_ref());
        prop_assert_eq!(user_name_key(&part), key.as_ref());
    }
}
