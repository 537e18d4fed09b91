//! A small user type for tests, with an attribute of every kind.

use std::sync::Arc;

use crate::scim::{
    dialect::{Dialect, Leniency},
    schema::{
        Attribute, AttributeType, Mutability, ResourceType, Returned, Schema, SchemaExtension,
        Uniqueness,
    },
    urn,
};

/// URN of an extension with numbers and a simple multi-valued attribute.
pub(in crate::scim) const BADGE: &str = "urn:example:schemas:extension:badge:1.5:User";

/// No deviation is read.
pub(in crate::scim) fn strict() -> Leniency {
    *Dialect::Strict.leniency()
}

/// Every deviation of filters and paths is read.
pub(in crate::scim) fn tolerant() -> Leniency {
    Leniency {
        string_booleans: true,
        aliases: true,
        unquoted_literals: true,
        value_path_comparison: true,
        ..strict()
    }
}

pub(in crate::scim) fn user() -> ResourceType {
    use AttributeType::{Binary, Boolean, DateTime, Decimal, Integer, Reference, String};
    let values = || {
        vec![of("value", String), of("type", String), of("primary", Boolean), of("$ref", Reference)]
    };
    let name = complex("name", vec![of("familyName", String), of("givenName", String)]);
    let manager = complex("manager", vec![of("value", String), of("displayName", String)]);
    let meta = vec![
        exact("resourceType"),
        of("created", DateTime),
        of("lastModified", DateTime),
        exact("version"),
    ];
    let core = vec![
        of("userName", String),
        name,
        of("displayName", String),
        of("title", String),
        of("profileUrl", Reference),
        of("active", Boolean),
        Attribute { returned: Returned::Never, ..of("password", String) },
        many(complex("emails", values())),
        many(complex("x509Certificates", vec![of("value", Binary)])),
        many(complex("groups", values())),
    ];
    let enterprise = vec![exact("employeeNumber"), of("department", String), manager];
    let badge = vec![
        of("level", Integer),
        of("weight", Decimal),
        many(of("tags", String)),
        // The core has one of that name too.
        of("title", String),
    ];
    let extensions = [(urn::ENTERPRISE_USER, enterprise), (BADGE, badge)]
        .map(|(id, list)| SchemaExtension { schema: schema(id, list), required: false });
    let common = [
        many(Attribute { case_exact: true, ..of("schemas", Reference) }),
        exact("id"),
        exact("externalId"),
        complex("meta", meta),
    ];
    ResourceType::new(
        ResourceType::USER,
        ("User", "/Users", "A user"),
        schema(urn::USER, core),
        extensions.into(),
        common.map(Arc::new).into(),
    )
}

fn schema(id: &str, attributes: Vec<Attribute>) -> Arc<Schema> {
    Arc::new(Schema {
        id: id.into(),
        name: id.to_owned(),
        description: String::new(),
        attributes: attributes.into_iter().map(Arc::new).collect(),
    })
}

fn of(name: &str, attribute_type: AttributeType) -> Attribute {
    Attribute {
        name: name.to_owned(),
        description: String::new(),
        attribute_type,
        multi_valued: false,
        required: false,
        case_exact: false,
        mutability: Mutability::ReadWrite,
        returned: Returned::Default,
        uniqueness: Uniqueness::None,
        canonical_values: Vec::new(),
        is_closed: false,
        is_indexed: false,
        reference_types: Vec::new(),
        sub_attributes: Vec::new(),
    }
}

fn exact(name: &str) -> Attribute {
    Attribute { case_exact: true, ..of(name, AttributeType::String) }
}

fn many(attribute: Attribute) -> Attribute {
    Attribute { multi_valued: true, ..attribute }
}

fn complex(name: &str, sub_attributes: Vec<Attribute>) -> Attribute {
    let sub_attributes = sub_attributes.into_iter().map(Arc::new).collect();
    Attribute { sub_attributes, ..of(name, AttributeType::Complex) }
}
