//! Turns an operation on an attribute, or on its elements, into steps.

use serde_json::{Map, Value};

use super::{
    Change, NoMatch, Step, Verb,
    parse::{Parser, syntax},
};
use crate::scim::{
    ScimError,
    filter::{CompareOp, Filter, Literal, check_element},
    notice::NoticeKind,
    path::{AttributeRef, resolve_sub},
    resource::check_secret,
    schema::Mutability,
};

impl Parser<'_> {
    pub(super) fn at_attribute(
        &mut self,
        verb: Verb,
        at: AttributeRef,
        value: Option<Value>,
    ) -> Result<(), ScimError> {
        if at.extension.is_none() && at.attribute.name == "schemas" {
            return self.at_schemas(verb, value);
        }
        writable(&at)?;
        if at.sub_attribute.is_some() && at.attribute.multi_valued {
            return Err(ScimError::InvalidPath(format!(
                "`{at}` names no element; select one, as in `{}[type eq \"work\"]`",
                at.attribute.name
            )));
        }
        if self.is_members(&at) {
            return self.at_members(verb, value);
        }
        value.as_ref().map_or(Ok(()), |value| self.count(value))?;
        match (verb, value) {
            (Verb::Remove, _) if self.resource_type.discards(&at) => Ok(()),
            (Verb::Remove, value) => self.remove(at, value),
            (_, value) => {
                let value = value.unwrap_or(Value::Null);
                if self.resource_type.discards(&at) {
                    return check_secret(&mut self.reader, &at, value);
                }
                if at.leaf().is_secret() {
                    self.reader.note(NoticeKind::NotKept, &at.to_string());
                }
                self.assign(verb, at, value)
            }
        }
    }

    /// `schemas` follows from the attributes, so only what is true already can
    /// be said of it.
    fn at_schemas(&mut self, verb: Verb, value: Option<Value>) -> Result<(), ScimError> {
        let fixed = ScimError::Mutability { path: "schemas".to_owned(), mutability: "readOnly" };
        let (Some(Value::Array(urns)), Verb::Add | Verb::Replace) = (value, verb) else {
            return Err(fixed);
        };
        let base = &*self.resource_type.schema.id;
        let is_base = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(base));
        let known = |urn: &Value| {
            is_base(urn)
                || urn.as_str().is_some_and(|urn| self.resource_type.extension(urn).is_some())
        };
        match urns.iter().all(known) && (verb == Verb::Add || urns.iter().any(is_base)) {
            true => Ok(()),
            false => Err(fixed),
        }
    }

    fn assign(&mut self, verb: Verb, at: AttributeRef, value: Value) -> Result<(), ScimError> {
        let cleared = self.clears(verb, &value);
        let value = match at.leaf().multi_valued && verb == Verb::Add {
            true => one_or_more(value),
            false => value,
        };
        let is_single_complex = at.leaf().is_complex() && !at.leaf().multi_valued;
        if is_single_complex {
            let value = self.reader.unwrap(value);
            if self.is_clearing_text(&value) {
                return self.unassign(at);
            }
            if let Value::Object(object) = self.reader.wrap(&at.attribute, value.clone()) {
                return self.assign_parts(verb, &at, object);
            }
            return match self.reader.read(&at, value)? {
                None if cleared => self.unassign(at),
                _ => Ok(()),
            };
        }
        match self.reader.read(&at, value)? {
            None if cleared => self.unassign(at),
            None => Ok(()),
            Some(Value::Array(elements)) if verb == Verb::Add => {
                self.steps.push(Step::Append { at, elements });
                Ok(())
            }
            value => {
                self.steps.push(Step::Assign { at, value });
                Ok(())
            }
        }
    }

    /// Each part of a complex value is a step of its own, so that the others
    /// stay as they are (RFC 7644 §3.5.2.1, §3.5.2.3).
    fn assign_parts(
        &mut self,
        verb: Verb,
        at: &AttributeRef,
        object: Map<String, Value>,
    ) -> Result<(), ScimError> {
        let cleared =
            verb == Verb::Replace || object.values().any(|value| self.is_clearing_text(value));
        for (sub, value) in self.reader.read_parts(&at.attribute, &at.to_string(), object)? {
            let at = AttributeRef { sub_attribute: Some(sub), ..at.clone() };
            match value {
                None if cleared => self.unassign(at)?,
                None => (),
                value => self.steps.push(Step::Assign { at, value }),
            }
        }
        Ok(())
    }

    /// Whether an unassigned value unassigns: `add` of `null` adds nothing, but
    /// an empty string, where it means nothing, is a value that was given.
    fn clears(&self, verb: Verb, value: &Value) -> bool {
        verb == Verb::Replace || self.is_clearing_text(value)
    }

    fn is_clearing_text(&self, value: &Value) -> bool {
        self.reader.leniency.empty_string_clears && value == ""
    }

    fn unassign(&mut self, at: AttributeRef) -> Result<(), ScimError> {
        if at.leaf().required {
            return Err(ScimError::InvalidValue(format!("`{at}` is required")));
        }
        self.steps.push(Step::Assign { at, value: None });
        Ok(())
    }

    fn remove(&mut self, at: AttributeRef, value: Option<Value>) -> Result<(), ScimError> {
        let value = value.filter(|value| !value.is_null());
        if value.is_some() && !self.reader.leniency.remove_listed {
            return Err(syntax("`remove` takes no `value`; select elements by a filter"));
        }
        if at.leaf().required {
            return Err(ScimError::Mutability { path: at.to_string(), mutability: "required" });
        }
        let listed = match value {
            Some(Value::Array(listed)) if at.leaf().multi_valued => listed,
            Some(single) if at.leaf().multi_valued => vec![single],
            // What a single value was is of no use: it goes.
            _ => {
                self.steps.push(Step::Assign { at, value: None });
                return Ok(());
            }
        };
        let path = at.to_string();
        let mut read = Vec::with_capacity(listed.len());
        for element in listed {
            let element = self.reader.read_element(&at.attribute, &path, element)?;
            read.push(element.ok_or_else(|| {
                ScimError::InvalidValue(format!("an element of `{path}` to remove says nothing"))
            })?);
        }
        self.steps.push(Step::RemoveListed { at, listed: read });
        Ok(())
    }

    pub(super) fn at_elements(
        &mut self,
        verb: Verb,
        at: AttributeRef,
        (filter, sub): (Filter, Option<String>),
        value: Option<Value>,
    ) -> Result<(), ScimError> {
        writable(&at)?;
        let single = at.attribute.is_complex() && self.reader.leniency.single_for_array;
        if at.sub_attribute.is_some() || !(at.attribute.multi_valued || single) {
            return Err(ScimError::InvalidPath(format!("`{at}` has no elements to select")));
        }
        let checked = check_element(&filter, &at, self.reader.leniency)?;
        if self.is_members(&at) {
            return self.at_some_members(verb, &filter, checked, sub.as_deref());
        }
        let sub = match sub.map(|sub| self.part(&at, &sub)).transpose()? {
            Some(None) => return Ok(()),
            Some(Some(sub)) => Some(sub),
            None => None,
        };
        let listed = value.as_ref().is_some_and(|value| !value.is_null());
        if verb == Verb::Remove && listed && !self.reader.leniency.remove_listed {
            return Err(syntax("`remove` takes no `value`"));
        }
        let Some(change) = self.change(verb, &at, sub, value.unwrap_or(Value::Null))? else {
            return Ok(());
        };
        let no_match = match &change {
            Change::Remove => NoMatch::Keep,
            Change::Set(parts) if parts.iter().all(|(_, value)| value.is_none()) => NoMatch::Keep,
            Change::Set(_) | Change::Replace(_) => match self.seed(&at, &filter)? {
                Some(seed) if self.reader.leniency.create_on_no_match => NoMatch::Create(seed),
                _ => NoMatch::Fault,
            },
        };
        // Without tolerance a `replace` that selects nothing is a fault,
        // whatever it would have set.
        let strict = verb != Verb::Remove && !self.reader.leniency.create_on_no_match;
        let no_match = if strict { NoMatch::Fault } else { no_match };
        self.steps.push(Step::Elements { at, filter: checked, change, no_match });
        Ok(())
    }

    /// The sub-attribute behind the brackets; none if it is unknown and ignored.
    fn part(&mut self, at: &AttributeRef, name: &str) -> Result<Option<AttributeRef>, ScimError> {
        let leniency = self.reader.leniency;
        let name = match name.eq_ignore_ascii_case("displayName") && leniency.aliases {
            true if at.attribute.sub_attribute(name).is_none() => "display",
            _ => name,
        };
        match resolve_sub(at, name) {
            Ok(sub) => {
                writable(&sub)?;
                Ok(Some(sub))
            }
            Err(_) if leniency.ignore_unknown => {
                self.reader.note(NoticeKind::Unknown, &format!("{at}.{name}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn change(
        &mut self,
        verb: Verb,
        at: &AttributeRef,
        sub: Option<AttributeRef>,
        value: Value,
    ) -> Result<Option<Change>, ScimError> {
        let cleared = self.clears(verb, &value);
        if let Some(sub) = sub {
            let value = match verb {
                Verb::Remove if sub.leaf().required => {
                    let path = sub.to_string();
                    return Err(ScimError::Mutability { path, mutability: "required" });
                }
                Verb::Remove => None,
                Verb::Add | Verb::Replace => match self.reader.read(&sub, value)? {
                    None if !cleared => return Ok(None),
                    None if sub.leaf().required => {
                        return Err(ScimError::InvalidValue(format!("`{sub}` is required")));
                    }
                    value => value,
                },
            };
            return Ok(sub.sub_attribute.map(|sub| Change::Set(vec![(sub, value)])));
        }
        if verb == Verb::Remove {
            return Ok(Some(Change::Remove));
        }
        let value = self.reader.unwrap(value);
        let value = self.reader.wrap(&at.attribute, value);
        if let (Verb::Add, Value::Object(object)) = (verb, &value) {
            let parts = self.reader.read_parts(&at.attribute, &at.to_string(), object.clone())?;
            let given: Vec<_> = parts.into_iter().filter(|(_, value)| value.is_some()).collect();
            return Ok((!given.is_empty()).then_some(Change::Set(given)));
        }
        let read = match value.as_array() {
            Some(elements) if elements.is_empty() => None,
            _ => self.reader.read_element(&at.attribute, &at.to_string(), value)?,
        };
        Ok(match read {
            Some(element) => Some(Change::Replace(element)),
            None if verb == Verb::Add => None,
            None => Some(Change::Remove),
        })
    }

    /// The element that the filter describes, if it is made of `eq` alone.
    fn seed(
        &mut self,
        at: &AttributeRef,
        filter: &Filter,
    ) -> Result<Option<Map<String, Value>>, ScimError> {
        let terms = match filter {
            Filter::And(terms) => terms.as_slice(),
            term => std::slice::from_ref(term),
        };
        let mut object = Map::new();
        for term in terms {
            let Filter::Compare { path, op: CompareOp::Eq, value } = term else {
                return Ok(None);
            };
            let value = match value {
                Literal::String(text) => Value::String(text.clone()),
                Literal::Number(number) => Value::Number(number.clone()),
                Literal::Boolean(flag) => Value::Bool(*flag),
                Literal::Null => return Ok(None),
            };
            object.insert(path.name.clone(), value);
        }
        if !at.attribute.is_complex() {
            return Ok(None);
        }
        let parts = self.reader.read_parts(&at.attribute, &at.to_string(), object)?;
        let parts = parts.into_iter();
        Ok(Some(parts.filter_map(|(sub, value)| Some((sub.name.clone(), value?))).collect()))
    }

    pub(super) fn is_members(&self, at: &AttributeRef) -> bool {
        self.resource_type.is_group() && at.extension.is_none() && at.attribute.name == "members"
    }
}

/// The value of an `add` may be a single element (RFC 7644 §3.5.2.1).
pub(super) fn one_or_more(value: Value) -> Value {
    match value {
        Value::Null | Value::Array(_) => value,
        single => Value::Array(vec![single]),
    }
}

/// Read-only attributes change by no operation (RFC 7644 §3.5.2).
fn writable(at: &AttributeRef) -> Result<(), ScimError> {
    let parts = [Some(&at.attribute), at.sub_attribute.as_ref()];
    match parts.into_iter().flatten().any(|part| part.mutability == Mutability::ReadOnly) {
        true => Err(ScimError::Mutability { path: at.to_string(), mutability: "readOnly" }),
        false => Ok(()),
    }
}
