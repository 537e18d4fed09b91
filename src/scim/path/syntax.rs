//! Where and why a path or filter is not in the grammar.
//!
//! Both parsers decide by the next character and never go back, so every fault
//! is a [`nom::Err::Failure`] at the byte where reading stopped.

use nom::{
    IResult, Parser,
    error::{ErrorKind, ParseError},
};

/// What a parser of this grammar gives.
pub(in crate::scim) type Parsed<'a, T> = IResult<&'a str, T, SyntaxError<'a>>;

/// A fault in the text, without the text itself: it may hold personal data.
#[derive(Debug)]
pub(in crate::scim) struct SyntaxError<'a> {
    rest: &'a str,
    message: &'static str,
}

impl<'a> SyntaxError<'a> {
    /// A fault at the beginning of `rest`.
    pub(in crate::scim) fn at(rest: &'a str, message: &'static str) -> nom::Err<Self> {
        nom::Err::Failure(Self { rest, message })
    }
}

impl<'a> ParseError<&'a str> for SyntaxError<'a> {
    fn from_error_kind(rest: &'a str, _: ErrorKind) -> Self {
        Self { rest, message: "unexpected text" }
    }

    fn append(_: &'a str, _: ErrorKind, inner: Self) -> Self {
        inner
    }
}

/// Runs `parser`, with `message` as its fault.
pub(in crate::scim) fn expect<'a, O>(
    mut parser: impl Parser<&'a str, Output = O, Error = SyntaxError<'a>>,
    message: &'static str,
) -> impl FnMut(&'a str) -> Parsed<'a, O> {
    move |input| parser.parse(input).map_err(|_| SyntaxError::at(input, message))
}

/// The message and place of a fault in `text`, which begins `offset` bytes into
/// what the client sent.
pub(in crate::scim) fn describe(
    error: nom::Err<SyntaxError<'_>>,
    text: &str,
    offset: usize,
) -> String {
    let (rest, message) = match error {
        nom::Err::Error(error) | nom::Err::Failure(error) => (error.rest, error.message),
        nom::Err::Incomplete(_) => ("", "unexpected text"),
    };
    let byte = offset + text.len().saturating_sub(rest.len()) + 1;
    match rest.is_empty() && offset == 0 {
        true => format!("{message} at byte {byte}, where the text ends"),
        false => format!("{message} at byte {byte}"),
    }
}
