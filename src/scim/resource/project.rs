//! `attributes` and `excludedAttributes` (RFC 7644 §3.9, RFC 7643 §7).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::scim::{
    ScimError,
    dialect::Leniency,
    path::{self, AttributeRef, PatchPath, Resolved},
    schema::{Attribute, ResourceType, Returned},
};

/// Most names in one parameter.
pub const MAX_NAMES: usize = 200;

/// Which attributes an answer has.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Projection {
    /// Those that are returned unless asked otherwise.
    #[default]
    Default,
    /// Those that are always returned, and these.
    Only(Vec<AttributeRef>),
    /// The default ones without these.
    Without(Vec<AttributeRef>),
    /// The default ones, and these, which the request has set.
    With(Vec<AttributeRef>),
}

impl Projection {
    /// Reads the two parameters; names are separated by commas.
    ///
    /// Names that no schema has are ignored, since a client may ask many servers
    /// for the same; naming only such gives the attributes that are always
    /// returned.
    ///
    /// # Errors
    ///
    /// [`ScimError::InvalidValue`] if both are given or one has more than
    /// [`MAX_NAMES`] names; [`ScimError::InvalidPath`] if a name has a filter in
    /// it and the dialect does not overlook that.
    pub fn parse(
        attributes: Option<&str>,
        excluded: Option<&str>,
        resource_type: &ResourceType,
        leniency: &Leniency,
    ) -> Result<Self, ScimError> {
        let given = |text: Option<&str>| text.is_some_and(|text| !text.trim().is_empty());
        match (attributes, excluded) {
            (Some(_), Some(_)) if given(attributes) && given(excluded) => {
                let detail = "`attributes` and `excludedAttributes` exclude each other";
                Err(ScimError::InvalidValue(detail.to_owned()))
            }
            (Some(text), _) if given(attributes) => {
                Ok(Self::Only(parse_names(text, resource_type, leniency)?))
            }
            (_, Some(text)) if given(excluded) => {
                Ok(Self::Without(parse_names(text, resource_type, leniency)?))
            }
            _ => Ok(Self::Default),
        }
    }

    /// The projection of the answer to a request that has set these attributes:
    /// what is returned on request alone is shown to who sets it (RFC 7643 §7),
    /// unless other attributes were asked for.
    pub fn showing<'a>(&self, set: impl IntoIterator<Item = &'a AttributeRef>) -> Self {
        let on_request = |at: &&AttributeRef| {
            let mut parts = std::iter::once(&at.attribute).chain(&at.attribute.sub_attributes);
            parts.any(|part| part.returned == Returned::Request)
        };
        match self {
            Self::Default => {
                let set: Vec<_> = set.into_iter().filter(on_request).cloned().collect();
                if set.is_empty() { Self::Default } else { Self::With(set) }
            }
            asked => asked.clone(),
        }
    }

    /// Whether nothing was asked.
    pub fn is_default(&self) -> bool {
        *self == Self::Default
    }

    /// Whether an answer has the core attribute of that name, so that `members`
    /// and `groups` need not be loaded in vain.
    pub fn wants(&self, name: &str) -> bool {
        let core = |at: &&AttributeRef| at.extension.is_none() && at.attribute.name == name;
        match self {
            Self::Default | Self::With(_) => true,
            Self::Only(named) => named.iter().any(|at| core(&at)),
            Self::Without(named) => !named.iter().any(|at| core(&at) && at.sub_attribute.is_none()),
        }
    }

    /// Takes from `full` what the answer does not have. `id` and `schemas` stay.
    pub fn apply(&self, resource_type: &ResourceType, full: &mut Map<String, Value>) {
        let names: Vec<String> = full.keys().cloned().collect();
        for name in names {
            if let Some(extension) = resource_type.extension(&name) {
                let schema = &extension.schema;
                let Some(Value::Object(object)) = full.get_mut(&name) else { continue };
                let inner: Vec<String> = object.keys().cloned().collect();
                for attribute in inner.iter().filter_map(|name| schema.attribute(name)) {
                    self.apply_to(Some(&schema.id), attribute, object);
                }
                if object.is_empty() {
                    full.shift_remove(&name);
                }
            } else if let Some(attribute) = resource_type.core_attribute(&name) {
                self.apply_to(None, attribute, full);
            }
        }
    }

    fn apply_to(
        &self,
        extension: Option<&Arc<str>>,
        attribute: &Arc<Attribute>,
        object: &mut Map<String, Value>,
    ) {
        let here = |at: &&AttributeRef| {
            at.extension.as_ref() == extension && at.attribute.name == attribute.name
        };
        let (named, keep_named): (Vec<&AttributeRef>, bool) = match self {
            Self::Default => (Vec::new(), false),
            Self::Only(named) => (named.iter().filter(here).collect(), true),
            Self::Without(named) => (named.iter().filter(here).collect(), false),
            Self::With(set) => {
                let was_set = set.iter().any(|at| here(&at));
                return show_set(object, attribute, was_set);
            }
        };
        let whole = named.iter().any(|at| at.sub_attribute.is_none());
        let sub_named = |sub: &Attribute| {
            named.iter().any(|at| at.sub_attribute.as_ref().is_some_and(|at| at.name == sub.name))
        };
        let stays = match attribute.returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Default if keep_named => !named.is_empty(),
            Returned::Default => !whole,
            Returned::Request => keep_named && !named.is_empty(),
        };
        if !stays {
            object.shift_remove(&attribute.name);
            return;
        }
        let keeps = |sub: &Attribute| match sub.returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Default if keep_named => whole || sub_named(sub),
            Returned::Default => !sub_named(sub),
            Returned::Request => keep_named && sub_named(sub),
        };
        if attribute.is_complex() && attribute.returned != Returned::Always {
            retain_parts(object, attribute, keeps);
        }
    }
}

/// Keeps an attribute that is returned by default or was set by the request.
fn show_set(object: &mut Map<String, Value>, attribute: &Attribute, was_set: bool) {
    let shown = |returned| match returned {
        Returned::Always | Returned::Default => true,
        Returned::Request => was_set,
        Returned::Never => false,
    };
    if !shown(attribute.returned) {
        object.shift_remove(&attribute.name);
    } else if attribute.is_complex() {
        retain_parts(object, attribute, |sub| shown(sub.returned));
    }
}

/// Keeps some parts of a complex attribute; one without parts goes.
fn retain_parts(
    object: &mut Map<String, Value>,
    attribute: &Attribute,
    keeps: impl Fn(&Attribute) -> bool,
) {
    let keep = |value: &mut Value| {
        if let Value::Object(parts) = value {
            parts.retain(|name, _| attribute.sub_attribute(name).is_none_or(|sub| keeps(sub)));
        }
        value.as_object().is_none_or(|parts| !parts.is_empty())
    };
    let emptied = match object.get_mut(&attribute.name) {
        Some(Value::Array(elements)) => {
            let had = !elements.is_empty();
            elements.retain_mut(keep);
            had && elements.is_empty()
        }
        Some(value) => !keep(value),
        None => false,
    };
    if emptied {
        object.shift_remove(&attribute.name);
    }
}

fn parse_names(
    text: &str,
    resource_type: &ResourceType,
    leniency: &Leniency,
) -> Result<Vec<AttributeRef>, ScimError> {
    let mut named = Vec::new();
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    for (number, name) in names.enumerate() {
        if MAX_NAMES <= number {
            return Err(ScimError::InvalidValue(format!(
                "more than {MAX_NAMES} names of attributes, which is the limit"
            )));
        }
        let name = match name.split_once('[') {
            None => name,
            Some((attribute, _)) if leniency.value_path_comparison => attribute,
            Some(_) => {
                let detail = "a name in `attributes` or `excludedAttributes` has no filter";
                return Err(ScimError::InvalidPath(detail.to_owned()));
            }
        };
        let Ok(PatchPath::Attribute(path)) = path::parse_patch_path(name, leniency) else {
            continue;
        };
        match path::resolve(&path, resource_type, leniency) {
            Ok(Resolved::Attribute(at)) => named.push(at),
            Ok(Resolved::Extension(schema)) => {
                named.extend(whole(Some(&schema.id), &schema.attributes));
            }
            Ok(Resolved::Core) => named.extend(whole(None, &resource_type.schema.attributes)),
            Err(_) => (),
        }
    }
    Ok(named)
}

fn whole(extension: Option<&Arc<str>>, attributes: &[Arc<Attribute>]) -> Vec<AttributeRef> {
    let refer = |attribute: &Arc<Attribute>| AttributeRef {
        extension: extension.cloned(),
        attribute: Arc::clone(attribute),
        sub_attribute: None,
    };
    attributes.iter().map(refer).collect()
}
