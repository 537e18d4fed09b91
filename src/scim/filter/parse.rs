//! The grammar of filters, RFC 7644 §3.4.2.2, figure 1.
//!
//! The printed rules are left-recursive and give `and` and `or` one rank; the
//! rank the text asks for (grouping, not, and, or) is built into the functions
//! here. Each of them decides by what comes next and never goes back, so that a
//! filter costs no more than its length.

use std::cell::Cell;

use nom::{
    Parser,
    bytes::complete::{tag_no_case, take_till},
    character::complete::{alpha1, char, space0, space1},
    sequence::preceded,
};

use super::{CompareOp, Filter, Literal};
use crate::scim::{
    ScimError,
    dialect::Leniency,
    path::{AttributePath, Parsed, SyntaxError, attribute_path, describe, expect},
};

/// Bytes a filter may have.
pub const MAX_BYTES: usize = 8192;
/// How deep brackets may nest.
pub const MAX_DEPTH: usize = 32;
/// Comparisons and presence tests a filter may have.
pub const MAX_TERMS: usize = 200;

/// Parses a whole filter.
///
/// # Errors
///
/// [`ScimError::InvalidFilter`] if the text is not in the grammar or goes over a
/// limit; the detail says at which byte, and what was expected there.
pub fn parse(text: &str, leniency: &Leniency) -> Result<Filter, ScimError> {
    if MAX_BYTES < text.len() {
        return Err(ScimError::InvalidFilter(format!(
            "invalid filter: longer than {MAX_BYTES} bytes"
        )));
    }
    whole(text, false, 0, leniency)
}

/// Parses the filter between the brackets of a PATCH path, which begins
/// `offset` bytes into that path.
pub(in crate::scim) fn parse_value_filter(
    text: &str,
    offset: usize,
    leniency: &Leniency,
) -> Result<Filter, ScimError> {
    whole(text, true, offset, leniency)
}

fn whole(
    text: &str,
    in_brackets: bool,
    offset: usize,
    leniency: &Leniency,
) -> Result<Filter, ScimError> {
    let grammar = Grammar { leniency, terms: Cell::new(0) };
    let nest = Nest { depth: usize::from(in_brackets), in_brackets };
    let error = match grammar.expression(skip_spaces(text), nest) {
        Ok((rest, filter)) => match skip_spaces(rest) {
            "" => return Ok(filter),
            rest if rest.starts_with(')') => SyntaxError::at(rest, "a `)` without a `(`"),
            rest => SyntaxError::at(rest, "expected `and`, `or` or the end"),
        },
        Err(error) => error,
    };
    let fault = describe(error, text, offset);
    Err(ScimError::InvalidFilter(format!("invalid filter: {fault}")))
}

/// Joins terms to one filter; a list inside a list of its own kind is opened,
/// so that `a and (b and c)` is one list of three.
pub(super) fn join(mut terms: Vec<Filter>, word: Logical) -> Filter {
    if terms.len() == 1 {
        return terms.swap_remove(0);
    }
    let is_nested = |term: &Filter| {
        matches!((word, term), (Logical::And, Filter::And(_)) | (Logical::Or, Filter::Or(_)))
    };
    if terms.iter().any(is_nested) {
        let open = |term| match (word, term) {
            (Logical::And, Filter::And(inner)) | (Logical::Or, Filter::Or(inner)) => inner,
            (_, other) => vec![other],
        };
        terms = terms.into_iter().flat_map(open).collect();
    }
    match word {
        Logical::And => Filter::And(terms),
        Logical::Or => Filter::Or(terms),
    }
}

/// The two words that join terms.
#[derive(Clone, Copy)]
pub(super) enum Logical {
    And,
    Or,
}

/// How deep in brackets a place is, and whether square ones are among them.
#[derive(Clone, Copy)]
struct Nest {
    depth: usize,
    in_brackets: bool,
}

impl Nest {
    /// One level deeper; counted before the recursion, which thus is bounded.
    fn deeper(self, input: &str) -> Result<Self, nom::Err<SyntaxError<'_>>> {
        match self.depth < MAX_DEPTH {
            true => Ok(Self { depth: self.depth + 1, ..self }),
            false => Err(SyntaxError::at(input, "brackets nested deeper than 32 levels")),
        }
    }
}

struct Grammar<'l> {
    leniency: &'l Leniency,
    terms: Cell<usize>,
}

impl Grammar<'_> {
    /// `and-expression *( "or" and-expression )`.
    fn expression<'a>(&self, input: &'a str, nest: Nest) -> Parsed<'a, Filter> {
        let (mut input, first) = self.conjunction(input, nest)?;
        let mut terms = vec![first];
        while let Some(rest) = logical(input, "or")? {
            let (rest, term) = self.conjunction(rest, nest)?;
            terms.push(term);
            input = rest;
        }
        Ok((input, join(terms, Logical::Or)))
    }

    /// `term *( "and" term )`.
    fn conjunction<'a>(&self, input: &'a str, nest: Nest) -> Parsed<'a, Filter> {
        let (mut input, first) = self.term(input, nest)?;
        let mut terms = vec![first];
        while let Some(rest) = logical(input, "and")? {
            let (rest, term) = self.term(rest, nest)?;
            terms.push(term);
            input = rest;
        }
        Ok((input, join(terms, Logical::And)))
    }

    /// A group, a negated group, a value path or a comparison.
    fn term<'a>(&self, input: &'a str, nest: Nest) -> Parsed<'a, Filter> {
        if input.starts_with('(') {
            return self.group(input, nest);
        }
        if let Some(group) = negated_group(input) {
            let (rest, filter) = self.group(group, nest)?;
            return Ok((rest, Filter::Not(Box::new(filter))));
        }
        let (rest, path) = attribute_path(input)?;
        if path.name.is_empty() {
            return Err(SyntaxError::at(rest, "expected `:` and an attribute behind the URN"));
        }
        match rest.starts_with('[') {
            true => self.value_path(rest, path, nest),
            false => self.comparison(rest, path),
        }
    }

    fn group<'a>(&self, input: &'a str, nest: Nest) -> Parsed<'a, Filter> {
        let nest = nest.deeper(input)?;
        let (inside, _) = char('(').parse(input)?;
        let (rest, filter) = self.expression(skip_spaces(inside), nest)?;
        let (rest, _) =
            expect(char(')'), "expected `and`, `or` or `)`").parse(skip_spaces(rest))?;
        Ok((rest, filter))
    }

    /// `path[filter]`, and `path[filter].sub op value` where that is read.
    fn value_path<'a>(
        &self,
        input: &'a str,
        path: AttributePath,
        nest: Nest,
    ) -> Parsed<'a, Filter> {
        if nest.in_brackets {
            return Err(SyntaxError::at(input, "square brackets inside square brackets"));
        }
        let nest = Nest { in_brackets: true, ..nest.deeper(input)? };
        let (inside, _) = char('[').parse(input)?;
        let (rest, filter) = self.expression(skip_spaces(inside), nest)?;
        let (rest, _) =
            expect(char(']'), "expected `and`, `or` or `]`").parse(skip_spaces(rest))?;
        let (rest, filter) = match rest.strip_prefix('.') {
            None => (rest, filter),
            Some(behind) => self.behind_brackets(rest, behind, filter)?,
        };
        Ok((rest, Filter::ValuePath { path, filter: Box::new(filter) }))
    }

    /// `.sub op value` behind a value path: Entra matches users that way, and
    /// means one element that satisfies both.
    fn behind_brackets<'a>(
        &self,
        input: &'a str,
        behind: &'a str,
        filter: Filter,
    ) -> Parsed<'a, Filter> {
        const HINT: &str =
            "a comparison behind `]` is not in the grammar; put it into the brackets with `and`,";
        if !self.leniency.value_path_comparison {
            return Err(SyntaxError::at(input, HINT));
        }
        let (rest, sub) = attribute_path(behind)?;
        if sub.urn.is_some() || sub.sub.is_some() {
            return Err(SyntaxError::at(behind, "expected the name of a sub-attribute"));
        }
        let (rest, comparison) = self.comparison(rest, sub)?;
        Ok((rest, join(vec![filter, comparison], Logical::And)))
    }

    /// What follows the path of `path pr` or `path op value`.
    fn comparison<'a>(&self, input: &'a str, path: AttributePath) -> Parsed<'a, Filter> {
        const OPERATOR: &str = "expected an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr)";
        if self.terms.get() == MAX_TERMS {
            return Err(SyntaxError::at(input, "more than 200 terms"));
        }
        self.terms.set(self.terms.get() + 1);

        let (at_operator, _) = expect(space1, OPERATOR).parse(input)?;
        let (rest, word) = expect(alpha1, OPERATOR).parse(at_operator)?;
        if word.eq_ignore_ascii_case("pr") {
            return Ok((rest, Filter::Present(path)));
        }
        let Some(op) = CompareOp::from_keyword(word) else {
            return Err(SyntaxError::at(at_operator, OPERATOR));
        };
        // An example of RFC 7644 §3.5.2.2 has `eq"…"` without a space.
        let (at_value, spaces) = space0.parse(rest)?;
        if spaces.is_empty() && !at_value.starts_with('"') {
            return Err(SyntaxError::at(at_value, "expected a space and a value"));
        }
        let (rest, value) = self.value(at_value)?;
        Ok((rest, Filter::Compare { path, op, value }))
    }

    /// Rule `compValue`: a JSON literal.
    fn value<'a>(&self, input: &'a str) -> Parsed<'a, Literal> {
        if input.starts_with('"') {
            return string(input);
        }
        let ends_word = |next: char| next.is_whitespace() || matches!(next, ')' | ']');
        let (rest, word) = take_till(ends_word).parse(input)?;
        let literal = match word {
            "" => return Err(SyntaxError::at(input, "expected a value")),
            "true" => Literal::Boolean(true),
            "false" => Literal::Boolean(false),
            "null" => Literal::Null,
            _ => match number(word) {
                // A long identifier of digits is text: as a number it would lose
                // its last ones.
                Some(number) if !self.leniency.unquoted_literals || number.to_string() == word => {
                    Literal::Number(number)
                }
                _ if self.leniency.unquoted_literals && is_bare_word(word) => {
                    Literal::String(word.to_owned())
                }
                _ => {
                    const QUOTE: &str = "expected a value: a string in double quotes, a number, true, false or null,";
                    return Err(SyntaxError::at(input, QUOTE));
                }
            },
        };
        Ok((rest, literal))
    }
}

fn skip_spaces(input: &str) -> &str {
    input.trim_start_matches([' ', '\t'])
}

/// What follows `word` and the spaces around it, if it comes next.
fn logical<'a>(
    input: &'a str,
    word: &'static str,
) -> Result<Option<&'a str>, nom::Err<SyntaxError<'a>>> {
    let found: Parsed<'a, &str> = preceded(space1, tag_no_case(word)).parse(input);
    match found {
        Ok((rest, _)) if !rest.starts_with(|next: char| next.is_ascii_alphanumeric()) => {
            let (rest, _) = expect(space1, "expected a space and a further term").parse(rest)?;
            Ok(Some(rest))
        }
        _ => Ok(None),
    }
}

/// The group behind a `not`. The grammar prints no space between them, its
/// examples do (erratum 7319).
fn negated_group(input: &str) -> Option<&str> {
    let found: Parsed<'_, &str> = tag_no_case("not").parse(input);
    let (rest, _) = found.ok()?;
    let group = skip_spaces(rest);
    group.starts_with('(').then_some(group)
}

/// A JSON string. Only the quoted slice goes to the JSON parser, which would
/// otherwise trip over what follows it.
fn string(input: &str) -> Parsed<'_, Literal> {
    let mut escaped = false;
    for (index, byte) in input.bytes().enumerate().skip(1) {
        match byte {
            0..0x20 => {
                let (_, rest) = input.split_at(index);
                return Err(SyntaxError::at(rest, "a control character that is not escaped"));
            }
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let (quoted, rest) = input.split_at(index + 1);
                return match serde_json::from_str::<String>(quoted) {
                    Ok(text) if !text.contains('\0') => Ok((rest, Literal::String(text))),
                    Ok(_) => Err(SyntaxError::at(input, "a string with a NUL character")),
                    Err(_) => Err(SyntaxError::at(input, "a string with an invalid escape")),
                };
            }
            _ => (),
        }
    }
    Err(SyntaxError::at(input, "a string that is not closed"))
}

fn number(word: &str) -> Option<serde_json::Number> {
    let number: serde_json::Number = serde_json::from_str(word).ok()?;
    match number.is_f64() {
        // The standard library rounds to the nearest, so that printing and
        // parsing again gives the same number.
        true => serde_json::Number::from_f64(word.parse().ok()?),
        false => Some(number),
    }
}

fn is_bare_word(word: &str) -> bool {
    !word.starts_with('\'') && !word.contains(|next: char| next.is_control() || next == '"')
}
