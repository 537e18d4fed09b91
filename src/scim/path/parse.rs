//! The grammar of paths: RFC 7644 §3.4.2.2, rule `attrPath`, and §3.5.2, rule
//! `PATH`.

use nom::{Parser, bytes::complete::take_while1};

use super::{
    AttributePath, PatchPath,
    syntax::{Parsed, SyntaxError, describe, expect},
};
use crate::scim::{ScimError, dialect::Leniency, filter};

/// Parses a path such as `name.givenName`, or the URN of a schema.
///
/// # Errors
///
/// [`ScimError::InvalidPath`] if the text is no such path.
pub fn parse_attribute_path(text: &str) -> Result<AttributePath, ScimError> {
    within_limit(text)?;
    match attribute_path(text) {
        Ok(("", path)) => Ok(path),
        Ok((rest, _)) => Err(invalid(SyntaxError::at(rest, TRAILING), text)),
        Err(error) => Err(invalid(error, text)),
    }
}

/// Parses the path of a PATCH operation, RFC 7644 §3.5.2.
///
/// # Errors
///
/// [`ScimError::InvalidPath`] if the text is no such path;
/// [`ScimError::InvalidFilter`] if only the filter between its brackets is wrong.
pub fn parse_patch_path(text: &str, leniency: &Leniency) -> Result<PatchPath, ScimError> {
    within_limit(text)?;
    let (rest, path) = attribute_path(text).map_err(|error| invalid(error, text))?;
    if rest.is_empty() {
        return Ok(PatchPath::Attribute(path));
    }
    let Some(opened) = rest.strip_prefix('[') else {
        return Err(invalid(SyntaxError::at(rest, TRAILING), text));
    };
    if path.name.is_empty() {
        return Err(invalid(SyntaxError::at(rest, NO_ATTRIBUTE), text));
    }
    let (inner, behind) = split_at_bracket(opened).map_err(|error| invalid(error, text))?;
    if inner.trim().is_empty() || inner.trim().bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(SyntaxError::at(opened, NOT_A_FILTER), text));
    }
    let sub = match behind {
        "" => None,
        _ => Some(sub_attribute(behind).map_err(|error| invalid(error, text))?),
    };
    let offset = text.len() - opened.len();
    let filter = filter::parse_value_filter(inner, offset, leniency)?;
    Ok(PatchPath::Value { path, filter, sub })
}

const TRAILING: &str = "invalid path: unexpected text";
const NO_ATTRIBUTE: &str = "invalid path: expected the name of an attribute behind the URN";
const NOT_A_FILTER: &str =
    "invalid path: expected a filter in the brackets, such as `type eq \"work\"`, not an index,";
const NOT_CLOSED: &str = "invalid path: the bracket that opens here is not closed: expected `]`";
const SUB: &str = "invalid path: expected `.` and the name of a sub-attribute";

fn invalid(error: nom::Err<SyntaxError<'_>>, text: &str) -> ScimError {
    ScimError::InvalidPath(describe(error, text, 0))
}

fn within_limit(text: &str) -> Result<(), ScimError> {
    match text.len() <= filter::MAX_BYTES {
        true => Ok(()),
        false => Err(ScimError::InvalidPath(format!(
            "the path is longer than {} bytes",
            filter::MAX_BYTES
        ))),
    }
}

/// Splits `filter]rest` at the first bracket outside a string.
fn split_at_bracket(text: &str) -> Result<(&str, &str), nom::Err<SyntaxError<'_>>> {
    let (mut in_string, mut escaped) = (false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b']' if !in_string => {
                let (inner, behind) = text.split_at(index);
                return Ok((inner, behind.strip_prefix(']').unwrap_or(behind)));
            }
            _ => (),
        }
    }
    Err(SyntaxError::at(text, NOT_CLOSED))
}

fn sub_attribute(text: &str) -> Result<String, nom::Err<SyntaxError<'_>>> {
    match text.strip_prefix('.') {
        Some(name) if is_name(name) => Ok(name.to_owned()),
        _ => Err(SyntaxError::at(text, SUB)),
    }
}

/// Parses an attribute path and leaves what follows it.
///
/// URNs hold colons and dots (`…:2.0:User:name`), so the whole run of such
/// characters is taken first and then split at its last colon.
pub(in crate::scim) fn attribute_path(input: &str) -> Parsed<'_, AttributePath> {
    const EXPECTED: &str = "expected an attribute, such as `userName` or `name.familyName`,";
    let (rest, token) = expect(take_while1(is_path_character), EXPECTED).parse(input)?;
    match split(token) {
        Some(path) => Ok((rest, path)),
        None => Err(SyntaxError::at(input, EXPECTED)),
    }
}

fn is_path_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | ':' | '-' | '_' | '$')
}

fn split(token: &str) -> Option<AttributePath> {
    let Some((urn, names)) = token.rsplit_once(':') else {
        let (name, sub) = names(token)?;
        return Some(AttributePath { urn: None, name, sub });
    };
    if !is_urn(urn) {
        return None;
    }
    // What begins with a digit can be no attribute: it is the end of a URN such
    // as `urn:scim:schemas:extension:enterprise:1.0`.
    if names.starts_with(|first: char| first.is_ascii_digit()) {
        return Some(AttributePath { urn: Some(token.to_owned()), name: String::new(), sub: None });
    }
    let (name, sub) = self::names(names)?;
    Some(AttributePath { urn: Some(urn.to_owned()), name, sub })
}

/// `urn:` and what follows it, no part empty. The last part may be missing: it
/// is taken for an attribute until the schemas are known.
fn is_urn(text: &str) -> bool {
    let mut parts = text.split(':');
    parts.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn"))
        && text.contains(':')
        && parts.all(|part| !part.is_empty())
}

fn names(text: &str) -> Option<(String, Option<String>)> {
    match text.split_once('.') {
        None => is_name(text).then(|| (text.to_owned(), None)),
        Some((name, sub)) => {
            (is_name(name) && is_name(sub)).then(|| (name.to_owned(), Some(sub.to_owned())))
        }
    }
}

/// Rule `ATTRNAME` of RFC 7643 §2.1, with the leading `$` of `$ref`.
fn is_name(text: &str) -> bool {
    let letters = text.strip_prefix('$').unwrap_or(text);
    letters.starts_with(|first: char| first.is_ascii_alphabetic())
        && letters
            .chars()
            .all(|next| next.is_ascii_alphanumeric() || matches!(next, '-' | '_' | '$'))
}
