//! Filters against the schemas of a resource type.

use std::sync::Arc;

use serde_json::Number;

use super::{CheckedFilter, CompareOp, Filter, Literal, Operand};
use crate::scim::{
    ScimError,
    date_time::parse_date_time,
    dialect::Leniency,
    path::{AttributePath, AttributeRef, Resolved, resolve, resolve_sub},
    schema::{AttributeType, ResourceType},
};

/// Checks a filter over resources of a type.
///
/// # Errors
///
/// [`ScimError::InvalidFilter`] if an attribute is unknown or may not be
/// filtered on, or if an operator or literal does not fit its attribute's type.
pub fn check(
    filter: &Filter,
    resource_type: &ResourceType,
    leniency: &Leniency,
) -> Result<CheckedFilter, ScimError> {
    Checker { scope: Scope::Resource(resource_type, &[]), leniency }.check(filter)
}

/// As [`check`], for a query over several types: what `resource_type` lacks and
/// another of `all` has counts as having no value (RFC 7644 §3.4.2.1).
///
/// # Errors
///
/// As [`check`]; an attribute is unknown if no type has it.
pub fn check_across(
    filter: &Filter,
    resource_type: &ResourceType,
    all: &[Arc<ResourceType>],
    leniency: &Leniency,
) -> Result<CheckedFilter, ScimError> {
    Checker { scope: Scope::Resource(resource_type, all), leniency }.check(filter)
}

/// Checks a filter over the elements of an attribute: what stands between the
/// brackets of a value path.
///
/// # Errors
///
/// As [`check`]; also if the attribute has no elements.
pub fn check_element(
    filter: &Filter,
    attribute: &AttributeRef,
    leniency: &Leniency,
) -> Result<CheckedFilter, ScimError> {
    let has_elements = attribute.attribute.multi_valued || attribute.attribute.is_complex();
    if attribute.sub_attribute.is_some() || !has_elements {
        return invalid(format!(
            "`{attribute}` has no elements to select in brackets: it is neither multi-valued nor complex"
        ));
    }
    Checker { scope: Scope::Element(attribute), leniency }.check(filter)
}

/// Whose attributes the paths name.
#[derive(Clone, Copy)]
enum Scope<'a> {
    /// Of a type, and the types that are queried together with it.
    Resource(&'a ResourceType, &'a [Arc<ResourceType>]),
    Element(&'a AttributeRef),
}

struct Checker<'a> {
    scope: Scope<'a>,
    leniency: &'a Leniency,
}

impl Checker<'_> {
    fn check(&self, filter: &Filter) -> Result<CheckedFilter, ScimError> {
        if let Some(answer) = self.without_value(filter) {
            return Ok(answer);
        }
        Ok(match filter {
            Filter::And(terms) => CheckedFilter::And(self.check_all(terms)?),
            Filter::Or(terms) => CheckedFilter::Or(self.check_all(terms)?),
            Filter::Not(term) => CheckedFilter::Not(Box::new(self.check(term)?)),
            Filter::Present(path) => CheckedFilter::Present(self.attribute(path)?),
            Filter::Compare { path, op, value } => {
                self.comparison(self.attribute(path)?, *op, value)?
            }
            Filter::ValuePath { path, filter } => {
                let attribute = self.attribute(path)?;
                if let Scope::Element(_) = self.scope {
                    return invalid("square brackets cannot stand inside square brackets");
                }
                let filter = Box::new(check_element(filter, &attribute, self.leniency)?);
                CheckedFilter::Element { attribute, filter }
            }
        })
    }

    /// The answer to a comparison with an attribute that only other types have.
    fn without_value(&self, filter: &Filter) -> Option<CheckedFilter> {
        let Scope::Resource(resource_type, all) = self.scope else { return None };
        let (path, holds) = match filter {
            Filter::Compare { path, op, value } => {
                let differs = matches!(op, CompareOp::Ne);
                (path, differs != matches!(value, Literal::Null))
            }
            Filter::Present(path) | Filter::ValuePath { path, .. } => (path, false),
            Filter::And(_) | Filter::Or(_) | Filter::Not(_) => return None,
        };
        let has = |kind: &ResourceType| resolve(path, kind, self.leniency).is_ok();
        (!has(resource_type) && all.iter().any(|kind| has(kind))).then(|| match holds {
            true => CheckedFilter::And(Vec::new()),
            false => CheckedFilter::Or(Vec::new()),
        })
    }

    fn check_all(&self, terms: &[Filter]) -> Result<Vec<CheckedFilter>, ScimError> {
        terms.iter().map(|term| self.check(term)).collect()
    }

    fn attribute(&self, path: &AttributePath) -> Result<AttributeRef, ScimError> {
        let attribute = match self.scope {
            Scope::Resource(resource_type, _) => {
                match resolve(path, resource_type, self.leniency).map_err(as_filter_error)? {
                    Resolved::Attribute(attribute) => attribute,
                    Resolved::Extension(_) | Resolved::Core => {
                        return invalid(format!("`{path}` is a schema and not an attribute"));
                    }
                }
            }
            Scope::Element(attribute) => sub_attribute(attribute, path)?,
        };
        if attribute.attribute.is_secret() || attribute.leaf().is_secret() {
            return invalid(format!("`{attribute}` is never returned and cannot be filtered on"));
        }
        Ok(attribute)
    }

    fn comparison(
        &self,
        attribute: AttributeRef,
        op: CompareOp,
        value: &Literal,
    ) -> Result<CheckedFilter, ScimError> {
        match (value, op) {
            (Literal::Null, CompareOp::Eq) => {
                return Ok(CheckedFilter::Not(Box::new(CheckedFilter::Present(attribute))));
            }
            (Literal::Null, CompareOp::Ne) => return Ok(CheckedFilter::Present(attribute)),
            (Literal::Null, _) => return invalid(format!("`{op}` cannot compare with null")),
            _ => (),
        }
        let attribute = default_value(attribute)?;
        fits_operator(&attribute, op)?;
        let operand = self.operand(&attribute, op, value)?;
        Ok(CheckedFilter::Compare { attribute, op, operand })
    }

    /// Gives the literal the attribute's type.
    fn operand(
        &self,
        attribute: &AttributeRef,
        op: CompareOp,
        value: &Literal,
    ) -> Result<Operand, ScimError> {
        let (operand, expected) = match attribute.leaf().attribute_type {
            AttributeType::String | AttributeType::Reference | AttributeType::Binary => {
                (self.text(attribute, op, value), "a string in double quotes")
            }
            AttributeType::Boolean => (self.boolean(value), "true or false, without quotes"),
            AttributeType::Integer => (
                self.number(value).and_then(|number| whole_number(&number)).map(Operand::Integer),
                "a whole number",
            ),
            AttributeType::Decimal => (
                self.number(value).and_then(|number| number.as_f64()).map(Operand::Decimal),
                "a number",
            ),
            AttributeType::DateTime => {
                (instant(value), "a date with time, such as \"2011-05-13T04:42:34Z\"")
            }
            AttributeType::Complex => (None, "a sub-attribute in its stead"),
        };
        operand.ok_or_else(|| {
            ScimError::InvalidFilter(format!("the value for `{attribute}` must be {expected}"))
        })
    }

    fn text(&self, attribute: &AttributeRef, op: CompareOp, value: &Literal) -> Option<Operand> {
        let text = match value {
            Literal::String(text) => text.clone(),
            Literal::Number(_) | Literal::Boolean(_) if self.leniency.unquoted_literals => {
                value.to_string()
            }
            Literal::Number(_) | Literal::Boolean(_) | Literal::Null => return None,
        };
        let key = match op.is_substring() {
            true => attribute.part_key(&text),
            false => attribute.key(&text),
        };
        Some(Operand::Text(key.into_owned()))
    }

    fn boolean(&self, value: &Literal) -> Option<Operand> {
        match value {
            Literal::Boolean(boolean) => Some(Operand::Boolean(*boolean)),
            Literal::String(text) if self.leniency.string_booleans => {
                let is = |word: &str| text.eq_ignore_ascii_case(word);
                (is("true") || is("false")).then(|| Operand::Boolean(is("true")))
            }
            Literal::String(_) | Literal::Number(_) | Literal::Null => None,
        }
    }

    fn number(&self, value: &Literal) -> Option<Number> {
        match value {
            Literal::Number(number) => Some(number.clone()),
            // Bare words are read as strings where the spelling of a number
            // would be lost otherwise.
            Literal::String(text) if self.leniency.unquoted_literals => {
                serde_json::from_str(text).ok()
            }
            Literal::String(_) | Literal::Boolean(_) | Literal::Null => None,
        }
    }
}

/// The sub-attribute that a path between brackets names.
fn sub_attribute(
    attribute: &AttributeRef,
    path: &AttributePath,
) -> Result<AttributeRef, ScimError> {
    if path.urn.is_some() || path.sub.is_some() {
        return invalid(format!(
            "inside the brackets of `{attribute}` only names of its sub-attributes can stand"
        ));
    }
    match attribute.attribute.is_complex() {
        true => resolve_sub(attribute, &path.name).map_err(as_filter_error),
        false if path.name.eq_ignore_ascii_case("value") => Ok(attribute.clone()),
        false => invalid(format!("inside the brackets of `{attribute}` only `value` can stand")),
    }
}

/// Of a complex attribute, its `value` (RFC 7644 §3.4.2.2).
fn default_value(attribute: AttributeRef) -> Result<AttributeRef, ScimError> {
    if !attribute.leaf().is_complex() {
        return Ok(attribute);
    }
    resolve_sub(&attribute, "value").or_else(|_| {
        invalid(format!("`{attribute}` is complex and has no `value`: name a sub-attribute"))
    })
}

/// RFC 7644 §3.4.2.2, table 3.
fn fits_operator(attribute: &AttributeRef, op: CompareOp) -> Result<(), ScimError> {
    let (kind, fits) = match attribute.leaf().attribute_type {
        AttributeType::String => ("a string", true),
        AttributeType::Reference => ("a reference", true),
        AttributeType::Binary => ("binary", !op.is_ordering()),
        AttributeType::Boolean => ("a boolean", !op.is_ordering() && !op.is_substring()),
        AttributeType::Decimal => ("a decimal", !op.is_substring()),
        AttributeType::Integer => ("an integer", !op.is_substring()),
        AttributeType::DateTime => ("a date with time", !op.is_substring()),
        AttributeType::Complex => ("complex", false),
    };
    match fits {
        true => Ok(()),
        false => invalid(format!("`{op}` does not apply to `{attribute}`, which is {kind}")),
    }
}

/// The number, if it is whole: `5` and `5.0` are.
fn whole_number(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
        // Beyond 2^53 neighbours cannot be told apart.
        (number.abs() < 9_007_199_254_740_992.0).then(|| format!("{number:.0}").parse().ok())?
    })
}

fn instant(value: &Literal) -> Option<Operand> {
    match value {
        Literal::String(text) => parse_date_time(text).map(Operand::Instant),
        Literal::Number(_) | Literal::Boolean(_) | Literal::Null => None,
    }
}

fn as_filter_error(error: ScimError) -> ScimError {
    ScimError::InvalidFilter(error.to_string())
}

fn invalid<T>(detail: impl Into<String>) -> Result<T, ScimError> {
    Err(ScimError::InvalidFilter(detail.into()))
}
