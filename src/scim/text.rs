//! How text is compared where letter case does not count.
//!
//! One function makes keys for memory and for the database, so that both give
//! the same answer for `İ`, `ß`, final sigma and composed or decomposed forms.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;

/// The key under which `text` compares without regard to case: full Unicode
/// case folding between two canonical compositions (NFC).
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let composed = nfc.normalize(text);
    let folded = CaseMapper::new().fold_string(&composed);
    Cow::Owned(nfc.normalize(&folded).into_owned())
}

#[cfg(test)]
mod tests {
    use super::fold;

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
}
