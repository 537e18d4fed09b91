//! How text is compared where letter case does not count.
//!
//! One function makes keys for memory and for the database, so that both give
//! the same answer for `İ`, `ß`, final sigma and composed or decomposed forms.
//! `userName` has rules of its own: PRECIS, as RFC 7644 §5 says.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};
use precis_profiles::{
    UsernameCaseMapped,
    precis_core::{Error, profile::PrecisFastInvocation},
};

/// The key under which `text` compares without regard to case: full Unicode
/// case folding between two canonical compositions (NFC).
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return lower_ascii(text);
    }
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let composed = nfc.normalize(text);
    let folded = CaseMapper::new().fold_string(&composed);
    Cow::Owned(nfc.normalize(&folded).into_owned())
}

/// The key under which a `userName` compares, is unique and is sorted.
///
/// Of a name that the profile `UsernameCaseMapped` of RFC 8265 §3.3 takes, it is
/// what the profile makes of it, but for two things that nobody sees: a final
/// sigma is a sigma, and joiners are left out. Directories also send what the
/// profile refuses: names with spaces, ligatures, zero-width characters. Those
/// have a key as well, under which names that look equal are equal:
/// compatibility forms are what they stand for, what has no width is left out,
/// and spaces count once between words and not around the name.
pub fn user_name_key(text: &str) -> Cow<'_, str> {
    match user_name_part(text) {
        Cow::Borrowed(part) => Cow::Borrowed(part.trim_matches(' ')),
        Cow::Owned(part) if part.starts_with(' ') || part.ends_with(' ') => {
            Cow::Owned(part.trim_matches(' ').to_owned())
        }
        whole => whole,
    }
}

/// As [`user_name_key`], of a part of a name: spaces at its ends count.
pub fn user_name_part(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.contains("  ") && !text.bytes().any(is_odd_space) {
        return lower_ascii(text);
    }
    let plain = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    let unseen = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let seen = plain.chars().filter(|char| !unseen.contains(*char));
    let lower: String = seen.flat_map(char::to_lowercase).map(sigma).collect();
    let composed = ComposingNormalizerBorrowed::new_nfkc().normalize(&lower);
    let mut part = String::with_capacity(composed.len());
    for char in composed.chars() {
        match char.is_whitespace() {
            true if part.ends_with(' ') => {}
            true => part.push(' '),
            false => part.push(char),
        }
    }
    Cow::Owned(part)
}

/// Whether a `userName` can be told from others by people: what no directory
/// sends on purpose is refused everywhere.
///
/// # Errors
///
/// What is wrong with the name, without the name.
pub fn check_loose_user_name(text: &str) -> Result<(), String> {
    match text.chars().position(char::is_control) {
        Some(place) => Err(format!("the character at place {} is a control character", place + 1)),
        None if user_name_key(text).is_empty() => {
            Err("there is nothing to be seen of it".to_owned())
        }
        None => Ok(()),
    }
}

/// Whether the profile `UsernameCaseMapped` takes a `userName`.
///
/// # Errors
///
/// Which rule of RFC 8265 §3.3 the name breaks, without the name.
pub fn check_user_name(text: &str) -> Result<(), String> {
    match UsernameCaseMapped::enforce(text) {
        Ok(_) => Ok(()),
        Err(Error::BadCodepoint(info)) => Err(format!(
            "the character U+{:04X} at place {} is not allowed in a name ({}; the \
             IdentifierClass of RFC 8264 §4.2)",
            info.cp,
            info.position.saturating_add(1),
            info.property
        )),
        Err(Error::Invalid) => {
            Err("it is empty, or breaks the directionality rule (RFC 8265 §3.3.1)".to_owned())
        }
        Err(Error::Unexpected(_)) => {
            Err("a character stands where its context does not allow it (RFC 8264 §4.2.2)"
                .to_owned())
        }
    }
}

fn lower_ascii(text: &str) -> Cow<'_, str> {
    match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => Cow::Borrowed(text),
    }
}

/// White space that is not the plain one.
fn is_odd_space(byte: u8) -> bool {
    byte != b' ' && char::from(byte).is_whitespace()
}

/// Where a sigma stands in a word says nothing of who is meant.
fn sigma(char: char) -> char {
    match char {
        'ς' => 'σ',
        other => other,
    }
}
