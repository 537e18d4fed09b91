//! Queries in the form that the handlers know.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::{http::error::Refusal, scim::ScimError};

/// Query parameters that mean something.
const PARAMETERS: [&str; 8] = [
    "filter",
    "startIndex",
    "count",
    "attributes",
    "excludedAttributes",
    "sortBy",
    "sortOrder",
    "cursor",
];

/// What must be encoded in a query.
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The parameters that mean something, under the RFC's spelling of their names,
/// each once.
///
/// `+` is a space, as HTML forms and Entra write it, unless the same query also
/// writes `%20`: then it was meant literally.
///
/// # Errors
///
/// `InvalidValue` if one is given twice or is not UTF-8.
pub(super) fn canonical_query(query: &str) -> Result<String, Refusal> {
    if query.is_empty() {
        return Ok(String::new());
    }
    let plus_is_space = !query.contains("%20");
    let mut given: Vec<(&str, String)> = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name, plus_is_space)?;
        let known = PARAMETERS.into_iter().find(|known| known.eq_ignore_ascii_case(&name));
        let Some(known) = known else { continue };
        if given.iter().any(|(name, _)| *name == known) {
            return Err(
                ScimError::InvalidValue(format!("`{known}` is given more than once")).into()
            );
        }
        given.push((known, decode(value, plus_is_space)?));
    }
    let pairs = given
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)))
        .collect::<Vec<_>>();
    Ok(pairs.join("&"))
}

/// Whether a query asks to change nothing: `dryRun`.
///
/// # Errors
///
/// `InvalidValue` if it says neither `true` nor `false`, or both.
pub(super) fn dry_run(query: &str) -> Result<bool, Refusal> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut given = pairs.by_ref().filter(|(name, _)| name.eq_ignore_ascii_case("dryRun"));
    match (given.next().map(|(_, value)| value), given.next()) {
        (None, _) | (Some("false"), None) => Ok(false),
        (Some("true"), None) => Ok(true),
        _ => {
            let rule = "`dryRun` is `true` or `false`, once";
            Err(ScimError::InvalidValue(rule.to_owned()).into())
        }
    }
}

fn decode(text: &str, plus_is_space: bool) -> Result<String, Refusal> {
    let text = if plus_is_space { text.replace('+', " ") } else { text.to_owned() };
    match percent_decode_str(&text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(ScimError::InvalidValue("the query is not UTF-8".to_owned()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_what_means_something() {
        for (query, canonical) in [
            ("aadOptscim062020&filter=a+eq+%22b%22", "filter=a%20eq%20%22b%22"),
            ("filter=userName%20eq%20%22a+b%22", "filter=userName%20eq%20%22a%2Bb%22"),
            ("filter=a%2Bb", "filter=a%2Bb"),
            ("startindex=1&COUNT=2&", "startIndex=1&count=2"),
        ] {
            assert_eq!(canonical_query(query).unwrap(), canonical, "{query}");
        }
        assert!(canonical_query("count=1&Count=2").is_err());
        assert!(canonical_query("filter=%ff").is_err());
    }
}
