//! The schemas and resource types a server knows.

use std::sync::{Arc, LazyLock};

use super::{
    Attribute, AttributeType, Mutability, ResourceType, Returned, Schema, SchemaError,
    SchemaExtension, Uniqueness, read,
};

/// Schemas and resource types, found by name, endpoint or URN.
#[derive(Debug, Clone)]
pub struct Registry {
    user: Arc<ResourceType>,
    group: Arc<ResourceType>,
    resource_types: Vec<Arc<ResourceType>>,
    schemas: Vec<Arc<Schema>>,
}

impl Registry {
    /// Users with the enterprise extension, and groups.
    ///
    /// The schemas are compiled in and a test reads them, so this cannot fail in
    /// a built server; the error is for whoever edits the JSON files, and stops
    /// the server at its start.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] if a compiled-in schema breaks a rule of RFC 7643 §7.
    pub fn read_builtin() -> Result<Self, SchemaError> {
        let user = Arc::new(read::read(include_str!("user.json"))?);
        let group = Arc::new(read::read(include_str!("group.json"))?);
        let enterprise = Arc::new(read::read(include_str!("enterprise_user.json"))?);
        let common: Arc<[Arc<Attribute>]> = common().into();
        let users = Arc::new(ResourceType::new(
            ResourceType::USER,
            ("User", "/Users", "People who sign in"),
            Arc::clone(&user),
            vec![SchemaExtension { schema: Arc::clone(&enterprise), required: false }],
            Arc::clone(&common),
        ));
        let groups = Arc::new(ResourceType::new(
            ResourceType::GROUP,
            ("Group", "/Groups", "Groups of users and of groups"),
            Arc::clone(&group),
            Vec::new(),
            common,
        ));
        let schemas = vec![
            user,
            group,
            enterprise,
            Arc::new(read::read(include_str!("service_provider_config.json"))?),
            Arc::new(read::read(include_str!("resource_type.json"))?),
            Arc::new(read::read(include_str!("schema.json"))?),
        ];
        let resource_types = vec![Arc::clone(&users), Arc::clone(&groups)];
        Ok(Self { user: users, group: groups, resource_types, schemas })
    }

    /// [`Registry::read_builtin`], for the many places that need no error.
    ///
    /// # Panics
    ///
    /// If a compiled-in schema is broken, which the tests of this module rule out.
    #[expect(clippy::panic, reason = "compiled-in text that a test reads")]
    pub fn builtin() -> Self {
        match Self::read_builtin() {
            Ok(registry) => registry,
            Err(error) => panic!("a compiled-in schema is broken: {error}"),
        }
    }

    /// [`Registry::builtin`], read once a process.
    pub fn shared() -> Arc<Self> {
        static BUILTIN: LazyLock<Arc<Registry>> = LazyLock::new(|| Arc::new(Registry::builtin()));
        Arc::clone(&BUILTIN)
    }

    /// The type of users.
    pub fn user(&self) -> Arc<ResourceType> {
        Arc::clone(&self.user)
    }

    /// The type of groups.
    pub fn group(&self) -> Arc<ResourceType> {
        Arc::clone(&self.group)
    }

    /// Resource types in order.
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.resource_types
    }

    /// The type whose resources are at `endpoint`, such as `/Users`; case counts.
    pub fn by_endpoint(&self, endpoint: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.endpoint == endpoint)
    }

    /// The type of that name, such as `User`; case counts.
    pub fn by_name(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.name == name)
    }

    /// The type stored under that code.
    pub fn by_code(&self, code: i16) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.code == code)
    }

    /// Every schema, those of discovery included.
    pub fn schemas(&self) -> Vec<Arc<Schema>> {
        self.schemas.clone()
    }

    /// The schema with that URN, without regard to case.
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }
}

/// `schemas`, `id`, `externalId` and `meta`, RFC 7643 §3 and §3.1.
fn common() -> Vec<Arc<Attribute>> {
    let read_only = |name: &str, attribute_type| Attribute {
        mutability: Mutability::ReadOnly,
        case_exact: true,
        ..plain(name, attribute_type)
    };
    let schemas = Attribute {
        multi_valued: true,
        required: true,
        case_exact: true,
        returned: Returned::Always,
        reference_types: vec!["uri".to_owned()],
        ..plain("schemas", AttributeType::Reference)
    };
    let id = Attribute {
        returned: Returned::Always,
        uniqueness: Uniqueness::Server,
        ..read_only("id", AttributeType::String)
    };
    let external_id = Attribute { case_exact: true, ..plain("externalId", AttributeType::String) };
    let meta = Attribute {
        sub_attributes: vec![
            Arc::new(read_only("resourceType", AttributeType::String)),
            Arc::new(read_only("created", AttributeType::DateTime)),
            Arc::new(read_only("lastModified", AttributeType::DateTime)),
            Arc::new(read_only("location", AttributeType::Reference)),
            Arc::new(read_only("version", AttributeType::String)),
        ],
        ..read_only("meta", AttributeType::Complex)
    };
    [schemas, id, external_id, meta].into_iter().map(Arc::new).collect()
}

/// An attribute with the defaults of RFC 7643 §2.2.
fn plain(name: &str, attribute_type: AttributeType) -> Attribute {
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
        reference_types: Vec::new(),
        sub_attributes: Vec::new(),
    }
}
