//! Checks the body of a POST or PUT (RFC 7644 §3.3, §3.5.1).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Document, Member, Reader, check_immutable, check_user_name, clip, finish, read_members,
};
use crate::scim::{
    ScimError,
    dialect::Leniency,
    notice::{Notice, NoticeKind},
    path::{self, AttributePath, AttributeRef, PatchPath, Resolved},
    schema::{Mutability, ResourceType, Schema},
};

/// What a client sent for a resource, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// The attributes.
    pub document: Document,
    /// The members of a group, if the body names any.
    pub members: Option<Vec<Member>>,
    /// What was overlooked.
    pub ignored: Vec<Notice>,
}

/// Checks `body` against the resource type.
///
/// `current` is the stored document of a PUT, and none for a POST. Read-only
/// attributes are ignored (RFC 7644 §3.3, §3.5.1), `null` and `[]` are
/// unassigned (RFC 7643 §2.5). `password` is checked, not kept and
/// named among what was overlooked: this server authenticates nobody.
///
/// # Errors
///
/// [`ScimError::InvalidSyntax`] if `schemas` is missing, not a list, or lacks the
/// base schema; [`ScimError::InvalidValue`] if it names other schemas, or an attribute is
/// unknown, of the wrong type, too long, or required and missing;
/// [`ScimError::Mutability`] if a PUT changes an immutable attribute.
pub fn validate(
    resource_type: &ResourceType,
    body: Map<String, Value>,
    current: Option<&Document>,
    leniency: &Leniency,
) -> Result<Incoming, ScimError> {
    let mut intake = Intake {
        resource_type,
        reader: Reader::new(leniency),
        document: Document::default(),
        members: None,
        aliases: false,
    };
    check_schemas(resource_type, &body, &mut intake.reader)?;
    // A client that also sends an alias means the attribute by its own name.
    let (own, aliases): (Vec<_>, Vec<_>) = body.into_iter().partition(|(name, _)| {
        resource_type.core_attribute(name).is_some() || resource_type.extension(name).is_some()
    });
    for (name, value) in own {
        intake.take(&name, value)?;
    }
    intake.aliases = true;
    for (name, value) in aliases {
        intake.take(&name, value)?;
    }
    let Intake { reader, mut document, members, .. } = intake;
    if let Some(current) = current {
        keep(resource_type, current, &mut document, leniency);
        check_immutable(resource_type, current, &document)?;
    }
    if resource_type.is_user() && !document.attributes().contains_key("active") {
        set_active(resource_type, &mut document, true);
    }
    let document = finish(resource_type, document, leniency)?;
    check_user_name(resource_type, current, &document, leniency)?;
    Ok(Incoming { document, members, ignored: reader.ignored })
}

/// What a PUT leaves as it was: immutable attributes that it does not name, those
/// whose values it could not have read, and
/// `active` if the dialect says so, because some directories never send it and
/// would enable whom another has disabled.
fn keep(
    resource_type: &ResourceType,
    current: &Document,
    document: &mut Document,
    leniency: &Leniency,
) {
    for at in resource_type.attributes() {
        let kept = at.attribute.mutability == Mutability::Immutable || at.attribute.is_secret();
        if kept && document.get(&at).is_none() {
            document.set(&at, current.get(&at).cloned());
        }
    }
    let silent = !document.attributes().contains_key("active");
    if resource_type.is_user() && leniency.keep_active_on_put && silent {
        set_active(resource_type, document, current.active());
    }
}

fn set_active(resource_type: &ResourceType, document: &mut Document, active: bool) {
    if let Some(attribute) = resource_type.schema.attribute("active") {
        let attribute = Arc::clone(attribute);
        let at = AttributeRef { extension: None, attribute, sub_attribute: None };
        document.set(&at, Some(Value::Bool(active)));
    }
}

/// `schemas` names the base schema, none that the type lacks, and every
/// extension that the body uses (RFC 7643 §3); a loose dialect needs none of it.
fn check_schemas(
    resource_type: &ResourceType,
    body: &Map<String, Value>,
    reader: &mut Reader<'_>,
) -> Result<(), ScimError> {
    let given = body.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas"));
    let base = &*resource_type.schema.id;
    let known = |given: &Value| {
        given.as_str().is_some_and(|urn| {
            urn.eq_ignore_ascii_case(base) || resource_type.extension(urn).is_some()
        })
    };
    if reader.leniency.loose_schemas {
        let given = given.and_then(|(_, given)| given.as_array());
        for urn in given.into_iter().flatten().filter(|urn| !known(urn)).filter_map(Value::as_str) {
            reader.note(NoticeKind::Schema, urn);
        }
        return Ok(());
    }
    let Some((_, Value::Array(given))) = given else {
        return Err(ScimError::InvalidSyntax("`schemas` must be an array of URNs".to_owned()));
    };
    let names = |urn: &str| {
        given.iter().filter_map(Value::as_str).any(|given| given.eq_ignore_ascii_case(urn))
    };
    if !given.iter().all(known) {
        let detail = format!("`schemas` names a schema that {} does not have", resource_type.name);
        return Err(ScimError::InvalidValue(detail));
    }
    if !names(base) {
        return Err(ScimError::InvalidSyntax(format!("`schemas` must contain `{base}`")));
    }
    let undeclared =
        body.keys().find(|name| resource_type.extension(name).is_some() && !names(name));
    match undeclared {
        Some(urn) => {
            Err(ScimError::InvalidValue(format!("`schemas` must contain `{}`", clip(urn))))
        }
        None => Ok(()),
    }
}

struct Intake<'a> {
    resource_type: &'a ResourceType,
    reader: Reader<'a>,
    document: Document,
    members: Option<Vec<Member>>,
    /// Whether what comes now does not overwrite.
    aliases: bool,
}

impl Intake<'_> {
    /// One member of the body.
    fn take(&mut self, name: &str, value: Value) -> Result<(), ScimError> {
        if name.eq_ignore_ascii_case("schemas") {
            return Ok(());
        }
        match self.resolve(name) {
            Some(Resolved::Attribute(at)) => self.take_attribute(at, value),
            Some(Resolved::Extension(schema)) => self.take_extension(&schema, value),
            Some(Resolved::Core) => self.take_core(name, value),
            None => self.reader.unknown(name, &value),
        }
    }

    fn resolve(&self, name: &str) -> Option<Resolved> {
        if let Some(attribute) = self.resource_type.core_attribute(name) {
            return Some(Resolved::Attribute(AttributeRef {
                extension: None,
                attribute: Arc::clone(attribute),
                sub_attribute: None,
            }));
        }
        if let Some(extension) = self.resource_type.extension(name) {
            return Some(Resolved::Extension(Arc::clone(&extension.schema)));
        }
        if !self.reader.leniency.aliases {
            return None;
        }
        let leniency = self.reader.leniency;
        let path = match name.contains(':') {
            false => AttributePath { urn: None, name: name.to_owned(), sub: None },
            true => match path::parse_patch_path(name, leniency) {
                Ok(PatchPath::Attribute(path)) => path,
                Ok(PatchPath::Value { .. }) | Err(_) => return None,
            },
        };
        path::resolve(&path, self.resource_type, leniency).ok()
    }

    fn take_attribute(&mut self, at: AttributeRef, value: Value) -> Result<(), ScimError> {
        if at.leaf().mutability == Mutability::ReadOnly {
            return Ok(());
        }
        if self.resource_type.is_group() && at.attribute.name == "members" {
            if !value.is_null() {
                self.members = Some(read_members(&mut self.reader, value)?);
            }
            return Ok(());
        }
        // An alias may name one part of each element: `email` is `emails.value`.
        let (at, value) = match &at.sub_attribute {
            Some(sub) if at.attribute.multi_valued => {
                let whole = AttributeRef { sub_attribute: None, ..at.clone() };
                (whole, json!([{ sub.name.as_str(): value }]))
            }
            _ => (at, value),
        };
        if self.resource_type.discards(&at) {
            return check_secret(&mut self.reader, &at, value);
        }
        let read = self.reader.read(&at, value)?;
        if read.is_some() && at.leaf().is_secret() {
            self.reader.note(NoticeKind::NotKept, &at.to_string());
        }
        if read.is_some() && !(self.aliases && self.document.get(&at).is_some()) {
            self.document.set(&at, read);
        }
        Ok(())
    }

    fn take_extension(&mut self, schema: &Arc<Schema>, value: Value) -> Result<(), ScimError> {
        let object = match value {
            Value::Null => return Ok(()),
            Value::Object(object) => object,
            _ => {
                let detail = format!("`{}` must be an object", schema.id);
                return Err(ScimError::InvalidValue(detail));
            }
        };
        for (name, value) in object {
            match schema.attribute(&name) {
                None => self.reader.unknown(&format!("{}:{name}", schema.id), &value)?,
                Some(attribute) => {
                    let at = AttributeRef {
                        extension: Some(Arc::clone(&schema.id)),
                        attribute: Arc::clone(attribute),
                        sub_attribute: None,
                    };
                    self.take_attribute(at, value)?;
                }
            }
        }
        Ok(())
    }

    /// Core attributes in an object under the URN of the core schema.
    fn take_core(&mut self, name: &str, value: Value) -> Result<(), ScimError> {
        let Value::Object(object) = value else {
            return self.reader.unknown(name, &value);
        };
        for (name, value) in object {
            match self.resource_type.core_attribute(&name).cloned() {
                None => self.reader.unknown(&name, &value)?,
                Some(attribute) => {
                    let at = AttributeRef { extension: None, attribute, sub_attribute: None };
                    self.take_attribute(at, value)?;
                }
            }
        }
        Ok(())
    }
}

/// Checks a value that is not kept, such as `password`, and remembers to say so.
pub(in crate::scim) fn check_secret(
    reader: &mut Reader<'_>,
    at: &AttributeRef,
    value: Value,
) -> Result<(), ScimError> {
    let is_blank = value == "";
    match reader.read(at, value)? {
        None if is_blank && !reader.leniency.empty_string_clears => {
            Err(ScimError::InvalidValue(format!("`{at}` must not be empty")))
        }
        Some(_) => {
            reader.note(NoticeKind::NotKept, &at.to_string());
            Ok(())
        }
        None => Ok(()),
    }
}

/// The attributes that a body names, `null` or not.
pub fn given(resource_type: &ResourceType, body: &Map<String, Value>) -> Vec<AttributeRef> {
    let names = |object: &Map<String, Value>, at: &AttributeRef| {
        object.keys().any(|name| name.eq_ignore_ascii_case(&at.attribute.name))
    };
    let is_given = |at: &AttributeRef| match &at.extension {
        None => names(body, at),
        Some(urn) => body.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case(urn) && value.as_object().is_some_and(|all| names(all, at))
        }),
    };
    match resource_type.hides_parts() {
        true => resource_type.attributes().filter(is_given).collect(),
        false => Vec::new(),
    }
}

/// Canonical paths of the attributes that differ: `active`, `name`,
/// `urn:…:User:department`.
pub fn changes(resource_type: &ResourceType, before: &Document, after: &Document) -> Vec<String> {
    let all = resource_type.attributes();
    all.filter(|at| before.get(at) != after.get(at)).map(|at| at.to_string()).collect()
}
