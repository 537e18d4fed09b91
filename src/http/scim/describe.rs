//! Bodies as the OpenAPI document tells them, made from the SCIM schemas
//! themselves, so that the two cannot disagree.

use std::{borrow::Cow, sync::LazyLock};

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry as OpenApiRegistry},
    types::Type,
};

use crate::scim::schema::{Attribute, AttributeType, Mutability, Registry, ResourceType};

static RESOURCES: LazyLock<Vec<(i16, MetaSchema)>> = LazyLock::new(|| {
    let registry = Registry::builtin();
    registry.resource_types().iter().map(|kind| (kind.code, resource(kind))).collect()
});

fn described(code: i16) -> MetaSchema {
    let found = RESOURCES.iter().find(|(known, _)| *known == code);
    found.map_or(MetaSchema::ANY, |(_, schema)| schema.clone())
}

fn resource(resource_type: &ResourceType) -> MetaSchema {
    let core = resource_type.common.iter().chain(&resource_type.schema.attributes);
    let mut properties: Vec<(&'static str, MetaSchemaRef)> =
        core.map(|attribute| (name(&attribute.name), attribute_schema(attribute))).collect();
    for extension in &resource_type.extensions {
        let schema = object(&extension.schema.attributes, &extension.schema.description);
        properties.push((name(&extension.schema.id), inline(schema)));
    }
    MetaSchema {
        description: Some(name(&resource_type.description)),
        properties,
        ..MetaSchema::new("object")
    }
}

/// What resources of every type have (RFC 7643 §3.1).
fn any_resource() -> MetaSchema {
    let registry = Registry::builtin();
    MetaSchema {
        additional_properties: Some(Box::new(inline(MetaSchema::ANY))),
        ..object(&registry.user().common, "A resource; `/Schemas` tells what its type has.")
    }
}

fn object(attributes: &[std::sync::Arc<Attribute>], description: &str) -> MetaSchema {
    MetaSchema {
        description: Some(name(description)),
        properties: attributes
            .iter()
            .map(|attribute| (name(&attribute.name), attribute_schema(attribute)))
            .collect(),
        ..MetaSchema::new("object")
    }
}

fn attribute_schema(attribute: &Attribute) -> MetaSchemaRef {
    let single = match attribute.attribute_type {
        AttributeType::Complex => object(&attribute.sub_attributes, &attribute.description),
        AttributeType::Boolean => MetaSchema::new("boolean"),
        AttributeType::Decimal => MetaSchema::new("number"),
        AttributeType::Integer => MetaSchema::new("integer"),
        AttributeType::DateTime => MetaSchema::new_with_format("string", "date-time"),
        AttributeType::Binary => MetaSchema::new_with_format("string", "byte"),
        AttributeType::Reference => MetaSchema::new_with_format("string", "uri-reference"),
        AttributeType::String => MetaSchema::new("string"),
    };
    let single = MetaSchema {
        description: Some(name(&attribute.description)),
        read_only: attribute.mutability == Mutability::ReadOnly,
        write_only: attribute.mutability == Mutability::WriteOnly,
        ..single
    };
    match attribute.multi_valued {
        true => inline(array(inline(single))),
        false => inline(single),
    }
}

fn array(items: MetaSchemaRef) -> MetaSchema {
    MetaSchema { items: Some(Box::new(items)), ..MetaSchema::new("array") }
}

fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

/// poem-openapi wants names that live for ever; these are made once a process.
fn name(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn list(item: &str) -> MetaSchema {
    MetaSchema {
        description: Some("A page of a list, RFC 7644 §3.4.2."),
        properties: vec![
            ("schemas", inline(array(inline(MetaSchema::new("string"))))),
            ("totalResults", inline(MetaSchema::new("integer"))),
            ("startIndex", inline(MetaSchema::new("integer"))),
            ("itemsPerPage", inline(MetaSchema::new("integer"))),
            ("Resources", inline(array(MetaSchemaRef::Reference(item.to_owned())))),
        ],
        ..MetaSchema::new("object")
    }
}

fn patch_op() -> MetaSchema {
    let operation = MetaSchema {
        properties: vec![
            ("op", inline(MetaSchema::new("string"))),
            ("path", inline(MetaSchema::new("string"))),
            ("value", inline(MetaSchema::ANY)),
        ],
        required: vec!["op"],
        ..MetaSchema::new("object")
    };
    MetaSchema {
        description: Some("Operations in order, RFC 7644 §3.5.2."),
        properties: vec![
            ("schemas", inline(array(inline(MetaSchema::new("string"))))),
            ("Operations", inline(array(inline(operation)))),
        ],
        required: vec!["schemas", "Operations"],
        ..MetaSchema::new("object")
    }
}

fn search_request() -> MetaSchema {
    let text = || inline(MetaSchema::new("string"));
    let texts = || inline(array(text()));
    let number = || inline(MetaSchema::new("integer"));
    MetaSchema {
        description: Some("A query in a body, RFC 7644 §3.4.3."),
        properties: vec![
            ("schemas", texts()),
            ("filter", text()),
            ("startIndex", number()),
            ("count", number()),
            ("sortBy", text()),
            ("sortOrder", text()),
            ("cursor", text()),
            ("attributes", texts()),
            ("excludedAttributes", texts()),
        ],
        required: vec!["schemas"],
        ..MetaSchema::new("object")
    }
}

fn bulk_operation() -> Vec<(&'static str, MetaSchemaRef)> {
    let text = || inline(MetaSchema::new("string"));
    vec![("method", text()), ("bulkId", text()), ("version", text())]
}

fn bulk_request() -> MetaSchema {
    let text = || inline(MetaSchema::new("string"));
    let mut properties = bulk_operation();
    properties.extend([("path", text()), ("data", inline(MetaSchema::new("object")))]);
    let operation =
        MetaSchema { properties, required: vec!["method", "path"], ..MetaSchema::new("object") };
    MetaSchema {
        description: Some("Operations to be done, RFC 7644 §3.7."),
        properties: vec![
            ("schemas", inline(array(text()))),
            ("failOnErrors", inline(MetaSchema::new("integer"))),
            ("Operations", inline(array(inline(operation)))),
        ],
        required: vec!["schemas", "Operations"],
        ..MetaSchema::new("object")
    }
}

fn bulk_response() -> MetaSchema {
    let text = || inline(MetaSchema::new("string"));
    let mut properties = bulk_operation();
    let response = MetaSchemaRef::Reference("Error".to_owned());
    properties.extend([("location", text()), ("status", text()), ("response", response)]);
    let operation =
        MetaSchema { properties, required: vec!["status"], ..MetaSchema::new("object") };
    MetaSchema {
        description: Some("What became of operations, RFC 7644 §3.7.3."),
        properties: vec![
            ("schemas", inline(array(text()))),
            ("Operations", inline(array(inline(operation)))),
        ],
        required: vec!["schemas", "Operations"],
        ..MetaSchema::new("object")
    }
}

macro_rules! body {
    ($(#[$doc:meta] $name:ident: $schema:expr, $needs:expr;)+) => {
        $(
            #[$doc]
            #[derive(Debug, Clone, Copy)]
            pub(super) enum $name {}

            impl Type for $name {
                const IS_REQUIRED: bool = true;
                type RawValueType = Self;
                type RawElementValueType = Self;

                fn name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn schema_ref() -> MetaSchemaRef {
                    MetaSchemaRef::Reference(stringify!($name).to_owned())
                }

                fn register(registry: &mut OpenApiRegistry) {
                    registry.schemas.insert(stringify!($name).to_owned(), $schema);
                    let needs: Option<fn(&mut OpenApiRegistry)> = $needs;
                    if let Some(register) = needs {
                        register(registry);
                    }
                }

                fn as_raw_value(&self) -> Option<&Self> {
                    Some(self)
                }

                fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                    Box::new(std::iter::once(self))
                }
            }
        )+
    };
}

body! {
    /// A user.
    User: described(ResourceType::USER), None;
    /// A group.
    Group: described(ResourceType::GROUP), None;
    /// A resource of a type that the tenant has added.
    Resource: any_resource(), None;
    /// A page of users.
    UserList: list("User"), Some(User::register);
    /// A page of groups.
    GroupList: list("Group"), Some(Group::register);
    /// A page of resources of every type.
    ResourceList: list("Resource"), Some(Resource::register);
    /// A PATCH request.
    PatchOp: patch_op(), None;
    /// A query in a body.
    SearchRequest: search_request(), None;
    /// A bulk request.
    BulkRequest: bulk_request(), None;
    /// The answer to a bulk request.
    BulkResponse: bulk_response(), None;
}
