//! Paths against the schemas of a resource type (RFC 7644 §3.10).

use std::sync::Arc;

use super::{AttributePath, AttributeRef};
use crate::scim::{
    ScimError,
    dialect::Leniency,
    schema::{Attribute, ResourceType, Schema},
    urn,
};

/// Old spellings of the URN of the enterprise extension: of drafts, and one
/// with a colon left out that Microsoft's samples have spread.
const LEGACY_ENTERPRISE: [&str; 3] = [
    "urn:scim:schemas:extension:enterprise:1.0",
    "urn:scim:schemas:extension:enterprise:2.0",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0User",
];

/// How much of a name an error repeats.
const SHOWN: usize = 128;

/// What a path names.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    /// An attribute, or a sub-attribute.
    Attribute(AttributeRef),
    /// All of an extension: the path is its URN.
    Extension(Arc<Schema>),
    /// All of the core schema: the path is its URN.
    Core,
}

/// Finds what `path` names in a resource type.
///
/// URN, attribute and sub-attribute ignore case. A name without URN is common
/// or core; with [`Leniency::aliases`] it may also be that of an extension
/// (the first that has it), and `email` means `emails.value`.
///
/// The grammar cannot tell `urn:…:2.0:User` from attribute `User` of
/// `urn:…:2.0`. The whole text is tried as a URN first.
///
/// # Errors
///
/// [`ScimError::InvalidPath`] if the path names nothing.
pub fn resolve(
    path: &AttributePath,
    resource_type: &ResourceType,
    leniency: &Leniency,
) -> Result<Resolved, ScimError> {
    if path.urn.is_none() {
        return unprefixed(path, resource_type, leniency)
            .ok_or_else(|| unknown(path, resource_type))?;
    }
    let whole = path.to_string();
    match known_urn(&whole, resource_type, leniency) {
        Some(KnownUrn::Core) => return Ok(Resolved::Core),
        Some(KnownUrn::Extension(schema)) => return Ok(Resolved::Extension(Arc::clone(schema))),
        None => (),
    }
    let prefix = path.urn.as_deref().unwrap_or_default();
    let (extension, attribute) = match known_urn(prefix, resource_type, leniency) {
        Some(KnownUrn::Core) => (None, resource_type.core_attribute(&path.name)),
        Some(KnownUrn::Extension(schema)) => {
            (Some(Arc::clone(&schema.id)), schema.attribute(&path.name))
        }
        None => (None, None),
    };
    let attribute = attribute.ok_or_else(|| unknown(path, resource_type))?;
    with_sub(extension, attribute, path)
}

/// Finds a sub-attribute, without regard to case.
///
/// # Errors
///
/// [`ScimError::InvalidPath`] if the attribute has no such sub-attribute, or
/// names a sub-attribute already.
pub fn resolve_sub(attribute: &AttributeRef, sub: &str) -> Result<AttributeRef, ScimError> {
    match attribute.attribute.sub_attribute(sub) {
        Some(found) if attribute.sub_attribute.is_none() => {
            Ok(AttributeRef { sub_attribute: Some(Arc::clone(found)), ..attribute.clone() })
        }
        _ => Err(ScimError::InvalidPath(format!(
            "`{}` is not a sub-attribute of `{attribute}`",
            shown(sub)
        ))),
    }
}

enum KnownUrn<'a> {
    Core,
    Extension(&'a Arc<Schema>),
}

fn known_urn<'a>(
    text: &str,
    resource_type: &'a ResourceType,
    leniency: &Leniency,
) -> Option<KnownUrn<'a>> {
    if resource_type.schema.id.eq_ignore_ascii_case(text) {
        return Some(KnownUrn::Core);
    }
    let is_legacy =
        leniency.aliases && LEGACY_ENTERPRISE.iter().any(|old| old.eq_ignore_ascii_case(text));
    let text = if is_legacy { urn::ENTERPRISE_USER } else { text };
    resource_type.extension(text).map(|extension| KnownUrn::Extension(&extension.schema))
}

fn unprefixed(
    path: &AttributePath,
    resource_type: &ResourceType,
    leniency: &Leniency,
) -> Option<Result<Resolved, ScimError>> {
    if let Some(attribute) = resource_type.core_attribute(&path.name) {
        return Some(with_sub(None, attribute, path));
    }
    if !leniency.aliases {
        return None;
    }
    for extension in &resource_type.extensions {
        if let Some(attribute) = extension.schema.attribute(&path.name) {
            return Some(with_sub(Some(Arc::clone(&extension.schema.id)), attribute, path));
        }
    }
    if path.sub.is_some() || !path.name.eq_ignore_ascii_case("email") {
        return None;
    }
    let emails = Arc::clone(resource_type.core_attribute("emails")?);
    let emails = AttributeRef { extension: None, attribute: emails, sub_attribute: None };
    Some(resolve_sub(&emails, "value").map(Resolved::Attribute))
}

fn with_sub(
    extension: Option<Arc<str>>,
    attribute: &Arc<Attribute>,
    path: &AttributePath,
) -> Result<Resolved, ScimError> {
    let attribute =
        AttributeRef { extension, attribute: Arc::clone(attribute), sub_attribute: None };
    match &path.sub {
        None => Ok(Resolved::Attribute(attribute)),
        Some(sub) => resolve_sub(&attribute, sub).map(Resolved::Attribute),
    }
}

fn unknown(path: &AttributePath, resource_type: &ResourceType) -> ScimError {
    ScimError::InvalidPath(format!(
        "`{}` is not an attribute of {}",
        shown(&path.to_string()),
        resource_type.name
    ))
}

fn shown(name: &str) -> String {
    name.chars().take(SHOWN).collect()
}
