//! Forms as OAuth clients send them (RFC 6749 appendix B).

use std::{borrow::Cow, collections::HashMap};

use percent_encoding::percent_decode_str;

/// The parameters of a form; none if one stands there twice, which RFC 6749 §3.2
/// forbids, or is not UTF-8. One without a value counts as absent.
pub(super) fn parse(form: &str) -> Option<HashMap<String, String>> {
    let mut parameters = HashMap::new();
    for pair in form.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if parameters.insert(decode(name)?, decode(value)?).is_some() {
            return None;
        }
    }
    parameters.retain(|_, value| !value.is_empty());
    Some(parameters)
}

/// A name or value without its encoding.
pub(super) fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_each_parameter_once() {
        let form = parse("grant_type=client_credentials&scope=a+b%2Fc&empty=&bare").unwrap();

        assert_eq!(form.len(), 2);
        assert_eq!(form["scope"], "a b/c");
        assert!(parse("").unwrap().is_empty());
        for refused in ["a=1&a=2", "a=1&%61=2", "a=%ff", "scope=&scope="] {
            assert!(parse(refused).is_none(), "{refused}");
        }
    }
}
