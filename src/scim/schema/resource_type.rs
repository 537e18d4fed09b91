//! Resource types: schemas together, and what follows from them (RFC 7643 §6).

use std::sync::Arc;

use super::{Attribute, AttributeType, Returned, Schema, SchemaExtension};
use crate::scim::{path::AttributeRef, urn};

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
    /// Version of the tenant's schemas that this type is of: what is judged by it
    /// is written only while that version holds.
    pub schema_version: i64,
    indexed: Vec<IndexedAttribute>,
    hides_parts: bool,
}

/// An attribute whose values have rows in the value index, so that filters on
/// it need not look at every resource.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexedAttribute {
    /// The path as [`AttributeRef`] prints it.
    pub path: String,
    /// The attribute.
    pub attribute: AttributeRef,
    /// Whether values may be longer than an index key; such keys are a prefix.
    pub long: bool,
    /// Whether no two resources of the type share a value.
    pub unique: bool,
}

impl IndexedAttribute {
    /// Whether a value has the same key in both.
    pub fn has_keys_of(&self, other: &Self) -> bool {
        let (leaf, others) = (self.attribute.leaf(), other.attribute.leaf());
        self.path == other.path
            && (self.long, self.unique) == (other.long, other.unique)
            && leaf.attribute_type == others.attribute_type
            && leaf.compares_exactly() == others.compares_exactly()
    }
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
        let mut resource_type = Self {
            code,
            name: name.to_owned(),
            endpoint: endpoint.to_owned(),
            description: description.to_owned(),
            schema,
            extensions,
            common,
            schema_version: 0,
            indexed: Vec::new(),
            hides_parts: false,
        };
        resource_type.indexed = resource_type.find_indexed();
        resource_type.hides_parts = resource_type.find_hidden();
        resource_type
    }

    /// The same type as a part of version `version` of the tenant's schemas.
    pub(super) fn of_version(&self, version: i64) -> Self {
        Self { schema_version: version, ..self.clone() }
    }

    fn find_hidden(&self) -> bool {
        let hidden = |attribute: &Attribute| {
            attribute.is_secret() || attribute.returned == Returned::Request
        };
        self.attributes().filter(|at| !self.discards(at)).any(|at| {
            hidden(&at.attribute) || at.attribute.sub_attributes.iter().any(|sub| hidden(sub))
        })
    }

    fn find_indexed(&self) -> Vec<IndexedAttribute> {
        let mut indexed = Vec::new();
        if self.is_user() {
            indexed.extend(INDEXED.iter().filter_map(|entry| self.indexed(*entry)));
        }
        // What users and groups have by the RFC has an index by the table above,
        // or a column of its own.
        let builtin = self.is_user() || self.is_group();
        for at in self.attributes().filter(|at| !(builtin && at.extension.is_none())) {
            let parts = at
                .attribute
                .sub_attributes
                .iter()
                .map(|sub| AttributeRef { sub_attribute: Some(Arc::clone(sub)), ..at.clone() });
            let found = std::iter::once(at.clone()).chain(parts).filter(|at| {
                let leaf = at.leaf();
                leaf.is_indexed || leaf.is_unique()
            });
            indexed.extend(found.map(|attribute| IndexedAttribute {
                path: attribute.to_string(),
                long: !attribute.leaf().is_unique(),
                unique: attribute.leaf().is_unique(),
                attribute,
            }));
        }
        indexed
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
        Some(IndexedAttribute { path: attribute.to_string(), attribute, long, unique: false })
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
    pub fn indexed_attributes(&self) -> &[IndexedAttribute] {
        &self.indexed
    }

    /// Whether documents hold what an answer does not show unasked.
    pub fn hides_parts(&self) -> bool {
        self.hides_parts
    }

    /// Whether not even that the attribute has a value is kept: the password of a
    /// user, since this server authenticates nobody.
    pub fn discards(&self, at: &AttributeRef) -> bool {
        self.is_user() && at.extension.is_none() && at.attribute.returned == Returned::Never
    }

    /// Whether this is the core Group type.
    pub fn is_group(&self) -> bool {
        self.code == Self::GROUP
    }

    /// Whether this is the core User type.
    pub fn is_user(&self) -> bool {
        self.code == Self::USER
    }

    /// Whether the server tells the groups of its resources: `groups` is in the
    /// base schema as users have it (RFC 7643 §4.1.2).
    pub fn shows_groups(&self) -> bool {
        self.schema.attribute("groups").is_some_and(|groups| {
            groups.name == "groups"
                && groups.multi_valued
                && groups.attribute_type == AttributeType::Complex
                && groups.mutability == super::Mutability::ReadOnly
                && groups.sub_attribute("value").is_some_and(|value| value.name == "value")
        })
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
