//! The schemas and resource types a server knows.

use std::sync::{Arc, LazyLock};

use super::{
    Attribute, AttributeType, Limits, Mutability, ResourceType, Returned, Schema, SchemaError,
    SchemaExtension, TypeDefinition, Uniqueness, read,
};
use crate::scim::urn;

/// Names below the base that mean something else (RFC 7644 §3.2), in lower case.
const ENDPOINTS: [&str; 9] = [
    "/users",
    "/groups",
    "/me",
    "/bulk",
    "/schemas",
    "/resourcetypes",
    "/serviceproviderconfig",
    "/async",
    "/search",
];

/// Values of `meta.resourceType` that discovery has, in lower case.
const NAMES: [&str; 3] = ["schema", "resourcetype", "serviceproviderconfig"];

/// Schemas and resource types, found by name, endpoint or URN.
#[derive(Debug, Clone)]
pub struct Registry {
    version: i64,
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
        Ok(Self { version: 0, user: users, group: groups, resource_types, schemas })
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

    /// These schemas and types added to the built-in ones, as version `version` of
    /// what a tenant has.
    ///
    /// A type named `User` or `Group` adds its extensions to the built-in type. The
    /// number is the code under which rows of a type are stored.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] that names the place and the rule that they break together.
    pub fn with(
        version: i64,
        schemas: Vec<Arc<Schema>>,
        types: &[(i16, TypeDefinition)],
    ) -> Result<Self, SchemaError> {
        let mut registry = Self { version, ..Self::clone(&*Self::shared()) };
        if Limits::SCHEMAS < schemas.len() {
            let rule = format!("a tenant has at most {} schemas", Limits::SCHEMAS);
            return Err(SchemaError::new("schema", rule));
        }
        for schema in schemas {
            if registry.schema(&schema.id).is_some() {
                let rule = "a schema with this URN exists already; letter case does not count";
                return Err(SchemaError::new("id", rule));
            }
            registry.schemas.push(schema);
        }
        for (code, definition) in types {
            registry.add(*code, definition)?;
        }
        if Limits::RESOURCE_TYPES < types.len() {
            let rule = format!("a tenant has at most {} resource types", Limits::RESOURCE_TYPES);
            return Err(SchemaError::new("resourceType", rule));
        }
        registry.resource_types.iter_mut().for_each(|found| {
            *found = Arc::new(found.of_version(version));
        });
        registry.user = registry.by_code(ResourceType::USER).cloned().unwrap_or(registry.user);
        registry.group = registry.by_code(ResourceType::GROUP).cloned().unwrap_or(registry.group);
        Ok(registry)
    }

    fn add(&mut self, code: i16, definition: &TypeDefinition) -> Result<(), SchemaError> {
        let fault = |at: &str, rule: &str| Err(SchemaError::new(at, rule));
        let known = self.resource_types.iter().position(|known| known.name == definition.name);
        let builtin =
            known.filter(|at| *at < 2).and_then(|at| self.resource_types.get(at).cloned());
        let (schema, mut extensions) = match &builtin {
            Some(known) if !known.schema.id.eq_ignore_ascii_case(&definition.schema) => {
                return fault("schema", &format!("of {} is `{}`", known.name, known.schema.id));
            }
            Some(known) if known.endpoint != definition.endpoint => {
                return fault("endpoint", &format!("of {} is `{}`", known.name, known.endpoint));
            }
            Some(known) => (Arc::clone(&known.schema), known.extensions.clone()),
            None => (self.base_schema(definition)?, Vec::new()),
        };
        for (index, (urn, required)) in definition.extensions.iter().enumerate() {
            let at = format!("schemaExtensions[{index}]");
            let found = self.extension_schema(urn, &schema, &at)?;
            // The extensions that a built-in type has stay; they may become required.
            match extensions.iter_mut().find(|known| known.schema.id == found.id) {
                Some(known) if builtin.is_some() => known.required = *required,
                Some(_) => return fault(&at, "the same extension twice"),
                None => extensions.push(SchemaExtension { schema: found, required: *required }),
            }
        }
        check_paths(&schema, &extensions)?;
        let names = (&*definition.name, &*definition.endpoint, &*definition.description);
        let common = Arc::clone(&self.user.common);
        match known.and_then(|at| self.resource_types.get_mut(at)).filter(|_| builtin.is_some()) {
            Some(known) => {
                let names = (names.0, names.1, &*known.description);
                let made = ResourceType::new(known.code, names, schema, extensions, common);
                *known = Arc::new(made);
            }
            None => {
                let made = ResourceType::new(code, names, schema, extensions, common);
                self.resource_types.push(Arc::new(made));
            }
        }
        Ok(())
    }

    /// The base schema of a new type, whose name and endpoint are free.
    fn base_schema(&self, definition: &TypeDefinition) -> Result<Arc<Schema>, SchemaError> {
        let fault = |at: &str, rule: &str| Err(SchemaError::new(at, rule));
        let taken = |same: &dyn Fn(&ResourceType) -> bool| {
            self.resource_types.iter().any(|known| same(known))
        };
        let name = definition.name.to_ascii_lowercase();
        if NAMES.contains(&&*name) || taken(&|known| known.name.eq_ignore_ascii_case(&name)) {
            return fault("name", "is taken; letter case does not count");
        }
        let endpoint = definition.endpoint.to_ascii_lowercase();
        let used = taken(&|known| known.endpoint.eq_ignore_ascii_case(&endpoint));
        if used || ENDPOINTS.contains(&&*endpoint) {
            return fault("endpoint", "is taken; letter case does not count");
        }
        match self.schema(&definition.schema) {
            None => fault("schema", "there is no schema with this URN: register it first"),
            Some(schema) if Self::shared().schema(&schema.id).is_some() => {
                fault("schema", "is one of the RFC's: the base of a type is a schema of your own")
            }
            Some(schema) => Ok(Arc::clone(schema)),
        }
    }

    fn extension_schema(
        &self,
        urn: &str,
        base: &Schema,
        at: &str,
    ) -> Result<Arc<Schema>, SchemaError> {
        let fault = |rule: String| Err(SchemaError::new(format!("{at}.schema"), rule));
        let Some(schema) = self.schema(urn) else {
            return fault("there is no schema with this URN: register it first".to_owned());
        };
        let is_own = Self::shared().schema(urn).is_none();
        if !is_own && *schema.id != *urn::ENTERPRISE_USER {
            return fault("is no extension, but a schema that a type is based on".to_owned());
        }
        if schema.id == base.id {
            return fault("is the type's base schema".to_owned());
        }
        let common = self.user.common.iter();
        let mut core = common.chain(&base.attributes);
        match core.find(|attribute| schema.attribute(&attribute.name).is_some()) {
            Some(attribute) => fault(format!(
                "defines `{}`, which is an attribute of the type already (RFC 7643 §3.3)",
                attribute.name
            )),
            None => Ok(Arc::clone(schema)),
        }
    }

    /// Which version of what the tenant has this is; 0 if it has nothing of its own.
    pub fn version(&self) -> i64 {
        self.version
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

/// No URN of the type is that of another with an attribute behind it: a path of
/// both would mean either.
fn check_paths(base: &Schema, extensions: &[SchemaExtension]) -> Result<(), SchemaError> {
    let all = || extensions.iter().map(|extension| &*extension.schema).chain([base]);
    for schema in all() {
        let Some((rest, last)) = schema.id.rsplit_once(':') else { continue };
        if all().any(|other| other.id.eq_ignore_ascii_case(rest) && other.attribute(last).is_some())
        {
            let rule = format!("`{}` is also the path of an attribute of `{rest}`", schema.id);
            return Err(SchemaError::new("schemaExtensions", rule));
        }
    }
    Ok(())
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
        is_closed: false,
        is_indexed: false,
        reference_types: Vec::new(),
        sub_attributes: Vec::new(),
    }
}
