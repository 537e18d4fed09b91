//! Schemas: which attributes a resource has, and what may be done with them.
//!
//! RFC 7643 §2.2 (characteristics), §7 (schemas as data), §6 (resource types).
//! The schemas of RFC 7643 lie beside this file as JSON and are read once, by
//! [`Registry::builtin`].

mod read;
mod registry;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use crate::scim::{path::AttributeRef, urn};

pub use read::{SchemaError, read, read_value};
pub use registry::Registry;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// Only the server.
    ReadOnly,
    /// Anybody, at any time.
    ReadWrite,
    /// Anybody, once.
    Immutable,
    /// Anybody, but nobody can read it.
    WriteOnly,
}

/// When an attribute is in an answer, RFC 7643 §7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// In every answer.
    Always,
    /// In none.
    Never,
    /// Unless the request excludes it or names others.
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
    /// Values suggested by the schema; others are accepted too.
    pub canonical_values: Vec<String>,
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

/// A resource type with its schemas, RFC 7643 §6.
#[derive(Debug, Clone)]
pub struct ResourceType {
    /// Number under which rows of this type are stored; never reused.
    pub code: i16,
    /// Name, such as `User`.
    pub name: String,
    /// Path relative to the SCIM base, with a leading slash, such as `/Users`.
    pub endpoint: String,
    /// What it is for, for people.
    pub description: String,
    /// Base schema.
    pub schema: Arc<Schema>,
    /// Extensions in order.
    pub extensions: Vec<SchemaExtension>,
    /// `schemas`, `id`, `externalId` and `meta` (RFC 7643 §3.1), which every
    /// type has and no schema lists.
    pub common: Arc<[Arc<Attribute>]>,
}

/// Users are the one type with such attributes, and their schema is compiled in.
static USER_INDEX: LazyLock<Vec<IndexedAttribute>> = LazyLock::new(|| {
    let registry = Registry::shared();
    let user = registry.by_code(ResourceType::USER);
    user.map_or_else(Vec::new, |user| {
        INDEXED.iter().filter_map(|entry| user.indexed(*entry)).collect()
    })
});

/// An attribute whose values have rows in the value index, so that filters on
/// it need not look at every resource.
#[derive(Debug, Clone)]
pub struct IndexedAttribute {
    /// The path as [`AttributeRef`] prints it.
    pub path: String,
    /// The attribute.
    pub attribute: AttributeRef,
    /// Whether values may be longer than an index key; such keys are a prefix.
    pub long: bool,
}

/// What directories look users up by: extension, attribute, sub-attribute, long.
const INDEXED: [(Option<&str>, &str, Option<&str>, bool); 9] = [
    (None, "emails", Some("value"), false),
    (None, "phoneNumbers", Some("value"), false),
    (None, "name", Some("familyName"), false),
    (None, "name", Some("givenName"), false),
    (None, "roles", Some("value"), true),
    (None, "entitlements", Some("value"), true),
    (Some(urn::ENTERPRISE_USER), "employeeNumber", None, false),
    (Some(urn::ENTERPRISE_USER), "department", None, false),
    (Some(urn::ENTERPRISE_USER), "manager", Some("value"), false),
];

impl ResourceType {
    /// Code of users.
    pub const USER: i16 = 1;
    /// Code of groups.
    pub const GROUP: i16 = 2;

    /// A resource type; `names` are its name, endpoint and description.
    pub fn new(
        code: i16,
        names: (&str, &str, &str),
        schema: Arc<Schema>,
        extensions: Vec<SchemaExtension>,
        common: Arc<[Arc<Attribute>]>,
    ) -> Self {
        let (name, endpoint, description) = names;
        Self {
            code,
            name: name.to_owned(),
            endpoint: endpoint.to_owned(),
            description: description.to_owned(),
            schema,
            extensions,
            common,
        }
    }

    fn indexed(
        &self,
        (urn, name, sub, long): (Option<&str>, &str, Option<&str>, bool),
    ) -> Option<IndexedAttribute> {
        let (extension, attribute) = match urn {
            None => (None, self.schema.attribute(name)?),
            Some(urn) => {
                let schema = &self.extension(urn)?.schema;
                (Some(Arc::clone(&schema.id)), schema.attribute(name)?)
            }
        };
        let sub_attribute = match sub {
            None => None,
            Some(sub) => Some(Arc::clone(attribute.sub_attribute(sub)?)),
        };
        let attribute = AttributeRef { extension, attribute: Arc::clone(attribute), sub_attribute };
        Some(IndexedAttribute { path: attribute.to_string(), attribute, long })
    }

    /// Every attribute a client may set, in the order of documents: `externalId`,
    /// those of the base schema, those of the extensions.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeRef> {
        let refer = |extension: Option<&Arc<str>>, attribute: &Arc<Attribute>| AttributeRef {
            extension: extension.cloned(),
            attribute: Arc::clone(attribute),
            sub_attribute: None,
        };
        let common = self.common.iter().filter(|attribute| attribute.name == "externalId");
        let core = common.chain(&self.schema.attributes).map(move |found| refer(None, found));
        let extensions = self.extensions.iter().flat_map(move |extension| {
            let urn = &extension.schema.id;
            extension.schema.attributes.iter().map(move |found| refer(Some(urn), found))
        });
        core.chain(extensions)
    }

    /// The attributes whose values have rows in the value index.
    pub fn indexed_attributes(&self) -> &'static [IndexedAttribute] {
        if self.is_user() { &USER_INDEX } else { &[] }
    }

    /// Whether this is the core Group type.
    pub fn is_group(&self) -> bool {
        self.code == Self::GROUP
    }

    /// Whether this is the core User type.
    pub fn is_user(&self) -> bool {
        self.code == Self::USER
    }

    /// The common or core attribute of that name, without regard to case.
    pub fn core_attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.common
            .iter()
            .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
            .or_else(|| self.schema.attribute(name))
    }

    /// The extension with that URN, without regard to case.
    pub fn extension(&self, urn: &str) -> Option<&SchemaExtension> {
        self.extensions.iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(urn))
    }
}
