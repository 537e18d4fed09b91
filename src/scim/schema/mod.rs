//! Schemas: which attributes a resource has, and what may be done with them.
//!
//! RFC 7643 §2.2 (characteristics), §7 (schemas as data), §6 (resource types).
//! The schemas of RFC 7643 lie beside this file as JSON and are read once, by
//! [`Registry::builtin`]. A tenant's own are read from the same form
//! ([`read_custom`], [`TypeDefinition`]) and added by [`Registry::with`].
//!
//! What a schema says of an attribute is what the server does. Where RFC 7643 §7
//! leaves a choice:
//!
//! - `canonicalValues` of a tenant's own attribute are all there are, unless the
//!   definition says `"openValues": true`; those of the RFC's schemas are
//!   suggestions.
//! - `uniqueness` of `server` and of `global` both hold within the tenant and type.
//! - An attribute whose value nobody can read (`returned` is `never`, or
//!   `mutability` is `writeOnly`) is checked; that it has a value is kept, the value is not.
//! - `"indexed": true` in a definition makes filters on the attribute fast;
//!   unique attributes are indexed anyway.

mod read;
mod registry;
mod resource_type;
mod rules;
#[cfg(test)]
mod tests;
mod type_definition;
mod write;

use std::sync::Arc;

pub use read::{SchemaError, read, read_value};
pub use registry::Registry;
pub use resource_type::{IndexedAttribute, ResourceType};
pub use rules::{Limits, read_custom};
pub use type_definition::TypeDefinition;

/// Data type of an attribute, RFC 7643 §2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeType {
    /// Unicode text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A real number.
    Decimal,
    /// A whole number.
    Integer,
    /// An `xsd:dateTime`.
    DateTime,
    /// Base64.
    Binary,
    /// A URI.
    Reference,
    /// A set of sub-attributes.
    Complex,
}

/// Who may change an attribute, RFC 7643 §7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mutability {
    /// Only the server.
    ReadOnly,
    /// Anybody, at any time.
    #[default]
    ReadWrite,
    /// Anybody, once.
    Immutable,
    /// Anybody, but nobody can read it.
    WriteOnly,
}

/// When an attribute is in an answer, RFC 7643 §7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Returned {
    /// In every answer.
    Always,
    /// In none.
    Never,
    /// Unless the request excludes it or names others.
    #[default]
    Default,
    /// If the request names it.
    Request,
}

/// How far a value is unique, RFC 7643 §7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// Not at all.
    None,
    /// Within the tenant and resource type.
    Server,
    /// Everywhere; this server enforces it as [`Uniqueness::Server`].
    Global,
}

/// An attribute or sub-attribute with its characteristics, RFC 7643 §2.2.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Name in the schema's spelling.
    pub name: String,
    /// What it is for, for people.
    pub description: String,
    /// Data type.
    pub attribute_type: AttributeType,
    /// Whether the value is an array.
    pub multi_valued: bool,
    /// Whether a resource must have it.
    pub required: bool,
    /// Whether letter case counts in comparisons.
    pub case_exact: bool,
    /// Who may change it.
    pub mutability: Mutability,
    /// When it is in an answer.
    pub returned: Returned,
    /// How far its value is unique.
    pub uniqueness: Uniqueness,
    /// Values that the schema names.
    pub canonical_values: Vec<String>,
    /// Whether no value but the canonical ones is accepted.
    pub is_closed: bool,
    /// Whether its definition asks for an index.
    pub is_indexed: bool,
    /// What a reference may name.
    pub reference_types: Vec<String>,
    /// Sub-attributes of a complex attribute.
    pub sub_attributes: Vec<Arc<Attribute>>,
}

impl Attribute {
    /// The sub-attribute of that name, without regard to case (RFC 7643 §2.1).
    pub fn sub_attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.sub_attributes.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    /// Whether the attribute is [`AttributeType::Complex`].
    pub fn is_complex(&self) -> bool {
        self.attribute_type == AttributeType::Complex
    }

    /// Whether nobody can read its value.
    pub fn is_secret(&self) -> bool {
        self.returned == Returned::Never || self.mutability == Mutability::WriteOnly
    }

    /// Whether two resources of a type may not share a value.
    pub fn is_unique(&self) -> bool {
        self.uniqueness != Uniqueness::None
    }

    /// Whether letter case counts when values are compared.
    ///
    /// References and binaries always compare exactly (RFC 7643 §2.3.6, §2.3.7),
    /// although §8.7.1 prints `caseExact` as false for some of them.
    pub fn compares_exactly(&self) -> bool {
        self.case_exact
            || matches!(self.attribute_type, AttributeType::Reference | AttributeType::Binary)
    }
}

/// A schema, RFC 7643 §7.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// The schema's URN.
    pub id: Arc<str>,
    /// Name for people.
    pub name: String,
    /// What it is for, for people.
    pub description: String,
    /// Attributes in order.
    pub attributes: Vec<Arc<Attribute>>,
}

impl Schema {
    /// The attribute of that name, without regard to case.
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}

/// An extension of a resource type, RFC 7643 §6.
#[derive(Debug, Clone)]
pub struct SchemaExtension {
    /// The extension's schema.
    pub schema: Arc<Schema>,
    /// Whether every resource of the type must have it.
    pub required: bool,
}
