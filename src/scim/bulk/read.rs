//! Reads the message.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Map, Value, json};

use super::{BulkRequest, MAX_BULK_ID, MAX_OPERATIONS, Method, Operation, Refused, references};
use crate::scim::{
    ScimError,
    dialect::Leniency,
    resource::{Precondition, Preconditions, clip},
    schema::{Registry, ResourceType},
    urn,
};

impl BulkRequest {
    /// Reads a bulk request. What is wrong with one operation is found with it, and
    /// does not stop the others.
    ///
    /// # Errors
    ///
    /// [`ScimError::InvalidSyntax`] if it is no such message;
    /// [`ScimError::InvalidValue`] if `failOnErrors` is not a whole number from 1 on;
    /// [`ScimError::TooManyOperations`] past [`MAX_OPERATIONS`].
    pub fn parse(
        body: Map<String, Value>,
        registry: &Registry,
        leniency: &Leniency,
    ) -> Result<Self, ScimError> {
        let (mut declared, mut fail_on_errors, mut operations) = (false, None, None);
        for (name, value) in body {
            match name.to_ascii_lowercase().as_str() {
                "schemas" => declared = declares(&value),
                "failonerrors" => fail_on_errors = count(&value)?,
                "operations" => operations = Some(value),
                // RFC 7644 §3.7 knows no others; nothing depends on them.
                _ => {}
            }
        }
        if !declared {
            return Err(syntax(format!("`schemas` must contain `{}`", urn::BULK_REQUEST)));
        }
        let Some(Value::Array(operations)) = operations else {
            return Err(syntax("`Operations` must be an array of operations".to_owned()));
        };
        if MAX_OPERATIONS < operations.len() {
            return Err(ScimError::TooManyOperations { limit: MAX_OPERATIONS });
        }
        let mut intake = Intake { registry, leniency, given: HashSet::new() };
        let operations = operations.into_iter().map(|value| intake.read(value)).collect();
        Ok(Self { fail_on_errors, operations })
    }
}

fn declares(schemas: &Value) -> bool {
    let named =
        |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(urn::BULK_REQUEST));
    schemas.as_array().is_some_and(|schemas| schemas.iter().any(named))
}

fn count(value: &Value) -> Result<Option<u64>, ScimError> {
    match (value, value.as_u64()) {
        (Value::Null, _) => Ok(None),
        (_, Some(count)) if 0 < count => Ok(Some(count)),
        _ => Err(ScimError::InvalidValue(
            "`failOnErrors` must be a whole number and at least 1".to_owned(),
        )),
    }
}

fn syntax(detail: String) -> ScimError {
    ScimError::InvalidSyntax(detail)
}

/// The members of an operation.
#[derive(Default)]
struct Members {
    method: Option<Value>,
    path: Option<Value>,
    bulk_id: Option<Value>,
    version: Option<Value>,
    data: Option<Value>,
}

struct Intake<'a> {
    registry: &'a Registry,
    leniency: &'a Leniency,
    /// Each `bulkId` of a POST so far.
    given: HashSet<String>,
}

impl Intake<'_> {
    fn read(&mut self, value: Value) -> Result<Operation, Refused> {
        let Value::Object(object) = value else {
            let error = syntax("an operation must be an object".to_owned());
            return Err(Refused { method: None, bulk_id: None, error });
        };
        let mut members = Members::default();
        for (name, value) in object {
            match name.to_ascii_lowercase().as_str() {
                "method" => members.method = Some(value),
                "path" => members.path = Some(value),
                "bulkid" => members.bulk_id = Some(value),
                "version" => members.version = Some(value),
                "data" => members.data = Some(value),
                _ => {}
            }
        }
        let short = |value: &Option<Value>, most: usize| {
            let text = value.as_ref().and_then(Value::as_str);
            text.filter(|text| !text.is_empty() && text.len() <= most).map(str::to_owned)
        };
        let method = short(&members.method, 16);
        let bulk_id = short(&members.bulk_id, MAX_BULK_ID);
        self.operation(members, bulk_id.clone()).map_err(|error| Refused { method, bulk_id, error })
    }

    fn operation(
        &mut self,
        members: Members,
        bulk_id: Option<String>,
    ) -> Result<Operation, ScimError> {
        let method = members.method.as_ref().and_then(Value::as_str);
        let method = method
            .and_then(Method::parse)
            .ok_or_else(|| syntax("`method` must be POST, PUT, PATCH or DELETE".to_owned()))?;
        if method == Method::Post {
            self.take_bulk_id(bulk_id.as_deref())?;
        }
        let path = members.path.as_ref().and_then(Value::as_str);
        let path = path.ok_or_else(|| syntax("an operation needs a `path`".to_owned()))?;
        let (resource_type, id) = self.target(method, path)?;
        let if_match = match members.version {
            None | Some(Value::Null) => None,
            Some(Value::String(version)) if method != Method::Post => {
                Some(Precondition::parse(&version)?)
            }
            Some(Value::String(_)) => None,
            Some(_) => return Err(ScimError::InvalidValue("`version` must be text".to_owned())),
        };
        let data = match method {
            Method::Delete => Map::new(),
            _ => self.data(method, members.data)?,
        };
        let preconditions = Preconditions { if_match, if_none_match: None };
        Ok(Operation::new(method, (resource_type, id), bulk_id, preconditions, data)
            .referring(self.leniency))
    }

    fn take_bulk_id(&mut self, bulk_id: Option<&str>) -> Result<(), ScimError> {
        let Some(bulk_id) = bulk_id else {
            return Err(syntax(format!(
                "a POST needs a `bulkId`, text of 1 to {MAX_BULK_ID} bytes"
            )));
        };
        match self.given.insert(bulk_id.to_owned()) {
            true => Ok(()),
            false => Err(ScimError::InvalidValue(format!(
                "`bulkId` `{}` is that of an operation before",
                clip(bulk_id)
            ))),
        }
    }

    /// The type and the resource that a path names.
    fn target(
        &self,
        method: Method,
        path: &str,
    ) -> Result<(Arc<ResourceType>, Option<String>), ScimError> {
        let loose = self.leniency.loose_paths;
        let wrong = || {
            ScimError::InvalidValue(
                "`path` must be the endpoint of a resource type for a POST, such as /Users, and \
                 a resource for the other methods, such as /Users/{id}"
                    .to_owned(),
            )
        };
        let rest = match path.strip_prefix('/') {
            Some(rest) => rest,
            None if loose => path,
            None => return Err(wrong()),
        };
        let rest = if loose { rest.trim_end_matches('/') } else { rest };
        let (endpoint, id) = match rest.split_once('/') {
            Some((endpoint, id)) => (endpoint, Some(id)),
            None => (rest, None),
        };
        let known = |kind: &&Arc<ResourceType>| {
            let name = kind.endpoint.trim_start_matches('/');
            name == endpoint || (loose && name.eq_ignore_ascii_case(endpoint))
        };
        let found = self.registry.resource_types().iter().find(known).ok_or_else(wrong)?;
        let names_one = id.is_some_and(|id| {
            super::bulk_id(id).is_some() || !(id.is_empty() || id.contains(['/', '?', '#', '%']))
        });
        match (method, id) {
            (Method::Post, None) => Ok((Arc::clone(found), None)),
            (Method::Put | Method::Patch | Method::Delete, Some(id)) if names_one => {
                Ok((Arc::clone(found), Some(id.to_owned())))
            }
            _ => Err(wrong()),
        }
    }

    fn data(&self, method: Method, data: Option<Value>) -> Result<Map<String, Value>, ScimError> {
        match data {
            Some(Value::Object(data)) => Ok(data),
            // So the example of RFC 7644 §3.7.3 has it, without the message around.
            Some(Value::Array(list)) if method == Method::Patch && self.leniency.loose_patch => {
                let schemas = json!([urn::PATCH_OP]);
                let members = [("schemas", schemas), ("Operations", Value::Array(list))];
                Ok(members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
            }
            _ => Err(syntax(format!("a {} needs an object as its `data`", method.as_str()))),
        }
    }
}

impl Operation {
    /// An operation on a resource of a type; see [`Operation::referring`].
    pub fn new(
        method: Method,
        (resource_type, id): (Arc<ResourceType>, Option<String>),
        bulk_id: Option<String>,
        preconditions: Preconditions,
        data: Map<String, Value>,
    ) -> Self {
        let refers_to = Vec::new();
        Self { method, resource_type, id, bulk_id, preconditions, data, refers_to }
    }

    /// The operation, knowing what its body refers to.
    fn referring(mut self, leniency: &Leniency) -> Self {
        let mut data = std::mem::take(&mut self.data);
        self.refers_to = references::named(&self, leniency, &mut data);
        self.data = data;
        self
    }
}
