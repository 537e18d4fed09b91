//! The form of references (RFC 7643 §2.3.7, RFC 3986).

/// Whether `text` can be a URI or a relative reference: it has only the
/// characters of RFC 3986 §2, and what follows a `%` is two hexadecimal digits.
pub(super) fn is_reference(text: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            other => is_plain(other),
        };
        if !fits {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_reference;

    #[test]
    fn a_reference_has_the_characters_of_a_uri() {
        // R15
        for text in
            ["https://h/v2/Users/1?a=b#c", "Users/1", "../1", "", "urn:x:y", "a%2Fb", "[::1]"]
        {
            assert!(is_reference(text), "{text}");
        }
        for text in
            ["no uri", "<x>", "a\\b", "\"", "é", "%", "%2", "%zz", "a\n", "{x}", "a|b", "^", "`"]
        {
            assert!(!is_reference(text), "{text}");
        }
    }
}
