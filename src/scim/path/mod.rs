//! Attribute paths: `userName`, `name.givenName`,
//! `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value`.
//!
//! RFC 7644 §3.10 (notation), §3.5.2 (paths of PATCH, rule `PATH`). A path is
//! parsed as it was written ([`AttributePath`], [`PatchPath`]), then resolved
//! against a resource type ([`resolve()`]), which gives an [`AttributeRef`].

mod parse;
mod resolve;
#[cfg(test)]
pub(in crate::scim) mod sample;
mod syntax;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt, sync::Arc};

use crate::scim::{filter::Filter, schema::Attribute, text};

pub(in crate::scim) use parse::attribute_path;
pub use parse::{parse_attribute_path, parse_patch_path};
pub use resolve::{Resolved, resolve, resolve_sub};
pub(in crate::scim) use syntax::{Parsed, SyntaxError, describe, expect};

/// A path as it was written, not yet checked against a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    /// The URN in front, without the colon that ends it.
    pub urn: Option<String>,
    /// Name of the attribute; empty if the path is a bare URN.
    pub name: String,
    /// Name of the sub-attribute.
    pub sub: Option<String>,
}

/// As it was written: `urn:…:User:name.familyName`.
impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.urn {
            Some(urn) if self.name.is_empty() => return f.write_str(urn),
            Some(urn) => write!(f, "{urn}:")?,
            None => (),
        }
        f.write_str(&self.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// The path of a PATCH operation, RFC 7644 §3.5.2.
#[derive(Debug, Clone, PartialEq)]
pub enum PatchPath {
    /// `attrPath`, or the URN of an extension.
    Attribute(AttributePath),
    /// `attr[filter]`, with or without `.sub` behind.
    Value {
        /// The multi-valued attribute.
        path: AttributePath,
        /// Which of its elements.
        filter: Filter,
        /// Sub-attribute of those elements.
        sub: Option<String>,
    },
}

/// An attribute of a resource type that a path names.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeRef {
    /// URN of the extension that has it; none for core and common attributes.
    pub extension: Option<Arc<str>>,
    /// The attribute.
    pub attribute: Arc<Attribute>,
    /// The sub-attribute, if the path names one.
    pub sub_attribute: Option<Arc<Attribute>>,
}

impl AttributeRef {
    /// The attribute whose type and case rules apply: the sub-attribute if there is one.
    pub fn leaf(&self) -> &Attribute {
        self.sub_attribute.as_deref().unwrap_or(&self.attribute)
    }

    /// Whether letter case counts when values are compared.
    pub fn is_case_exact(&self) -> bool {
        self.leaf().compares_exactly()
    }
}

/// How a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// As it is.
    Exact,
    /// Without regard to case.
    Folded,
    /// As a `userName` (RFC 7644 §5).
    UserName,
}

impl AttributeRef {
    fn comparison(&self) -> Comparison {
        let is_user_name = self.extension.is_none()
            && self.sub_attribute.is_none()
            && self.attribute.name == "userName";
        match self.is_case_exact() {
            true => Comparison::Exact,
            false if is_user_name => Comparison::UserName,
            false => Comparison::Folded,
        }
    }

    /// The key under which a value of the attribute is compared, in memory as in
    /// the database.
    pub fn key<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.comparison() {
            Comparison::Exact => Cow::Borrowed(text),
            Comparison::Folded => text::fold(text),
            Comparison::UserName => text::user_name_key(text),
        }
    }

    /// As [`AttributeRef::key`], of a part that is looked for in values.
    pub fn part_key<'t>(&self, part: &'t str) -> Cow<'t, str> {
        match self.comparison() {
            Comparison::Exact => Cow::Borrowed(part),
            Comparison::Folded => text::fold(part),
            Comparison::UserName => text::user_name_part(part),
        }
    }
}

/// The canonical spelling: `emails.value`, `urn:…:User:department`.
impl fmt::Display for AttributeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.extension {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.attribute.name)?;
        match &self.sub_attribute {
            Some(sub) => write!(f, ".{}", sub.name),
            None => Ok(()),
        }
    }
}
