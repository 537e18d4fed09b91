//! Reads the message: envelope, operations, paths and keys of values.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{MAX_LISTED, MAX_OPERATIONS, PatchOp, Step, Verb};
use crate::scim::{
    ScimError,
    dialect::Leniency,
    notice::NoticeKind,
    path::{self, AttributeRef, PatchPath, Resolved},
    resource::{Reader, clip},
    schema::{Mutability, ResourceType, Schema},
    urn,
};

impl PatchOp {
    /// Reads a PATCH request and checks it against the resource type.
    ///
    /// # Errors
    ///
    /// [`ScimError::InvalidSyntax`] if the message or an operation is malformed;
    /// [`ScimError::InvalidPath`] and [`ScimError::InvalidFilter`] for paths;
    /// [`ScimError::InvalidValue`] for values that do not fit, and for more than
    /// [`MAX_OPERATIONS`] operations; [`ScimError::Mutability`] for what cannot
    /// change; [`ScimError::NoTarget`] for a `remove` without path;
    /// [`ScimError::TooMany`] for more than [`MAX_LISTED`] elements.
    pub fn parse(
        body: Map<String, Value>,
        resource_type: &ResourceType,
        leniency: &Leniency,
    ) -> Result<Self, ScimError> {
        let mut parser = Parser {
            resource_type,
            reader: Reader::new(leniency),
            steps: Vec::new(),
            listed: 0,
            surplus: None,
        };
        let operations = parser.read_envelope(body)?;
        if MAX_OPERATIONS < operations.len() {
            return Err(ScimError::InvalidValue(format!(
                "more than {MAX_OPERATIONS} operations, which is the limit"
            )));
        }
        for operation in operations {
            parser.read_operation(operation)?;
        }
        // What is wrong with an operation tells more than what is too much beside them.
        if let Some(surplus) = parser.surplus {
            return Err(unexpected(&surplus));
        }
        Ok(Self { steps: parser.steps, ignored: parser.reader.ignored })
    }
}

pub(super) struct Parser<'a> {
    pub(super) resource_type: &'a ResourceType,
    pub(super) reader: Reader<'a>,
    pub(super) steps: Vec<Step>,
    /// How many elements the operations have listed so far.
    listed: usize,
    /// A member that the message does not have.
    surplus: Option<String>,
}

impl Parser<'_> {
    fn read_envelope(&mut self, body: Map<String, Value>) -> Result<Vec<Value>, ScimError> {
        let loose = self.reader.leniency.loose_patch;
        let (mut declared, mut operations) = (false, None);
        for (name, value) in body {
            match name.to_ascii_lowercase().as_str() {
                "schemas" => declared = is_patch_op(&value),
                "operations" => operations = Some(value),
                _ if loose => self.reader.note(NoticeKind::Unknown, &name),
                _ => self.surplus = Some(name),
            }
        }
        if !(declared || loose) {
            return Err(syntax(&format!("`schemas` must contain `{}`", urn::PATCH_OP)));
        }
        match operations {
            Some(Value::Array(list)) if list.is_empty() && !loose => {
                Err(syntax("`Operations` must hold at least one operation"))
            }
            Some(Value::Array(list)) => Ok(list),
            Some(single @ Value::Object(_)) if loose => Ok(vec![single]),
            _ => Err(syntax("`Operations` must be an array of operations")),
        }
    }

    fn read_operation(&mut self, operation: Value) -> Result<(), ScimError> {
        let Value::Object(operation) = operation else {
            return Err(syntax("an operation must be an object"));
        };
        let loose = self.reader.leniency.loose_patch;
        let (mut op, mut path, mut value) = (None, None, None);
        for (name, member) in operation {
            match name.to_ascii_lowercase().as_str() {
                "op" => op = Some(member),
                "path" => path = Some(member),
                "value" => value = Some(member),
                _ if loose => {
                    self.reader.note(NoticeKind::Unknown, &format!("Operations.{name}"));
                }
                _ => return Err(unexpected(&name)),
            }
        }
        let verb = op.as_ref().and_then(Value::as_str).and_then(Verb::from_word);
        let verb = verb.ok_or_else(|| syntax("`op` must be `add`, `remove` or `replace`"))?;
        let path = match path {
            None => None,
            Some(Value::Null) => None,
            Some(Value::String(path)) if path.is_empty() && loose => None,
            Some(Value::String(path)) => Some(path),
            Some(_) => return Err(ScimError::InvalidPath("`path` must be a string".to_owned())),
        };
        if verb != Verb::Remove && value.is_none() {
            return Err(ScimError::InvalidValue(
                format!("`{verb:?}` needs a `value`").to_lowercase(),
            ));
        }
        match path {
            Some(path) => self.at_path(verb, &path, value),
            None => self.without_path(verb, value),
        }
    }

    /// Counts the elements of a value that is to be read.
    pub(super) fn count(&mut self, value: &Value) -> Result<(), ScimError> {
        self.listed += value.as_array().map_or(0, Vec::len);
        match MAX_LISTED < self.listed {
            true => Err(ScimError::TooMany(format!(
                "the operations list more than {MAX_LISTED} elements, which is the limit"
            ))),
            false => Ok(()),
        }
    }

    fn without_path(&mut self, verb: Verb, value: Option<Value>) -> Result<(), ScimError> {
        if verb == Verb::Remove {
            return Err(ScimError::NoTarget("`remove` needs a `path`".to_owned()));
        }
        match value.map(|value| self.reader.unwrap(value)) {
            Some(Value::Object(object)) => object
                .into_iter()
                .try_for_each(|(name, value)| self.at_key(verb, None, &name, value)),
            _ => Err(ScimError::InvalidValue(
                "without a `path`, `value` must be an object of attributes".to_owned(),
            )),
        }
    }

    pub(super) fn at_path(
        &mut self,
        verb: Verb,
        text: &str,
        value: Option<Value>,
    ) -> Result<(), ScimError> {
        let leniency = self.reader.leniency;
        let (path, element) = match path::parse_patch_path(text, leniency)? {
            PatchPath::Attribute(path) => (path, None),
            PatchPath::Value { path, filter, sub } => (path, Some((filter, sub))),
        };
        let resolved = match path::resolve(&path, self.resource_type, leniency) {
            Ok(resolved) => resolved,
            Err(_) if leniency.ignore_unknown => {
                // Without the brackets, which hold values.
                self.reader.note(NoticeKind::Unknown, &path.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        match (resolved, element) {
            (Resolved::Attribute(at), None) => self.at_attribute(verb, at, value),
            (Resolved::Attribute(at), Some((filter, sub))) => {
                self.at_elements(verb, at, (filter, sub), value)
            }
            (Resolved::Extension(schema), None) => self.at_extension(verb, &schema, value),
            (Resolved::Core, None) => self.without_path(verb, value),
            (Resolved::Extension(_) | Resolved::Core, Some(_)) => Err(ScimError::InvalidPath(
                "a filter in brackets must follow an attribute and not a URN".to_owned(),
            )),
        }
    }

    /// A key of a value without path, or of a value at an extension.
    fn at_key(
        &mut self,
        verb: Verb,
        extension: Option<&Arc<Schema>>,
        name: &str,
        value: Value,
    ) -> Result<(), ScimError> {
        let leniency = self.reader.leniency;
        let attribute = match extension {
            Some(schema) => schema.attribute(name),
            None => self.resource_type.core_attribute(name),
        };
        if let Some(attribute) = attribute {
            let at = AttributeRef {
                extension: extension.map(|schema| Arc::clone(&schema.id)),
                attribute: Arc::clone(attribute),
                sub_attribute: None,
            };
            let fixed = attribute.mutability == Mutability::ReadOnly || attribute.name == "schemas";
            if fixed && leniency.loose_patch {
                self.reader.note(NoticeKind::ReadOnly, name);
                return Ok(());
            }
            return self.at_attribute(verb, at, Some(value));
        }
        if let (None, Some(found)) = (extension, self.resource_type.extension(name)) {
            let schema = Arc::clone(&found.schema);
            return self.at_extension(verb, &schema, Some(value));
        }
        if !leniency.dotted_keys && name.contains(['.', ':', '[']) {
            let detail = format!("`{}` is a path and not the name of an attribute", clip(name));
            return Err(ScimError::InvalidPath(detail));
        }
        let path = match extension {
            Some(schema) => format!("{}:{name}", schema.id),
            None => name.to_owned(),
        };
        // A key need not be a path: what cannot be one is an unknown name.
        let is_path = name.contains('[') || path::parse_patch_path(&path, leniency).is_ok();
        if !is_path && leniency.ignore_unknown {
            self.reader.note(NoticeKind::Unknown, name);
            return Ok(());
        }
        self.at_path(verb, &path, Some(value))
    }

    fn at_extension(
        &mut self,
        verb: Verb,
        schema: &Arc<Schema>,
        value: Option<Value>,
    ) -> Result<(), ScimError> {
        let value = value.filter(|value| !value.is_null());
        match (verb, value) {
            (Verb::Add, None) => Ok(()),
            (Verb::Remove | Verb::Replace, None) => self.remove_extension(schema),
            (Verb::Remove, Some(_)) if self.reader.leniency.remove_listed => {
                self.remove_extension(schema)
            }
            (Verb::Remove, Some(_)) => Err(syntax("`remove` takes no `value`")),
            (_, Some(Value::Object(object))) => {
                let mut members = object.into_iter();
                members.try_for_each(|(name, value)| self.at_key(verb, Some(schema), &name, value))
            }
            (_, Some(_)) => {
                Err(ScimError::InvalidValue(format!("`{}` must be an object", schema.id)))
            }
        }
    }

    fn remove_extension(&mut self, schema: &Arc<Schema>) -> Result<(), ScimError> {
        let extension = self.resource_type.extension(&schema.id);
        if extension.is_some_and(|extension| extension.required) {
            let path = schema.id.to_string();
            return Err(ScimError::Mutability { path, mutability: "required" });
        }
        self.steps.push(Step::RemoveExtension(Arc::clone(schema)));
        Ok(())
    }
}

impl Verb {
    fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "add" => Some(Self::Add),
            "remove" => Some(Self::Remove),
            "replace" => Some(Self::Replace),
            _ => None,
        }
    }
}

fn is_patch_op(schemas: &Value) -> bool {
    let named =
        |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(urn::PATCH_OP));
    schemas.as_array().is_some_and(|schemas| schemas.iter().any(named))
}

pub(super) fn syntax(detail: &str) -> ScimError {
    ScimError::InvalidSyntax(detail.to_owned())
}

fn unexpected(name: &str) -> ScimError {
    ScimError::InvalidSyntax(format!("`{}` is no member of a PATCH request", clip(name)))
}
