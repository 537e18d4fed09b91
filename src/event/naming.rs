//! How a stream's receiver knows people: the format of its subjects and what
//! fills it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    EventUri, Subject, SubjectFormat,
    subject::{address, opaque, scim},
};

/// What a stream's settings say of its subjects; others than CAEP and RISC events
/// have the format that their standards give them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectOptions {
    /// What is the `sub` of `iss_sub`.
    pub sub_source: SubSource,
    /// `iss` of `iss_sub`, if it is not the tenant's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// What is the address of `email`.
    pub email_source: EmailSource,
    /// Whether all names are sent, and not only one (RFC 9493 §3.2.8).
    pub aliases: bool,
    /// What stands beside the user in a complex subject (SSF 1.0 §3.3); the
    /// subject is simple if this is empty.
    pub complex: Vec<ComplexMember>,
    /// The application that a complex subject names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Whether the subject also stands inside the event, as receivers of before
    /// SSF 1.0 §3.1.1 want it.
    pub legacy_events_subject: bool,
}

/// What is the `sub` of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SubSource {
    /// The directory's own key.
    #[default]
    ExternalId,
    /// The `userName`.
    UserName,
    /// The resource's id.
    Id,
    /// The address.
    Email,
}

/// What is the address of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum EmailSource {
    /// The primary address, else the first.
    #[default]
    #[serde(rename = "emails.primary")]
    Emails,
    /// The `userName`, if it is an address; the primary address otherwise.
    #[serde(rename = "userName")]
    UserName,
}

/// What a complex subject may name beside the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComplexMember {
    /// The tenant, by its name.
    Tenant,
    /// The application, as it is set.
    Application,
}

impl SubjectOptions {
    /// What a stream's settings say of its subjects.
    pub fn of(settings: &Value) -> Self {
        Self::deserialize(settings).unwrap_or_default()
    }

    /// What cannot be, if something cannot.
    pub fn fault(&self) -> Option<&'static str> {
        let names_application = self.complex.contains(&ComplexMember::Application);
        if self.aliases && !self.complex.is_empty() {
            return Some("`aliases` and `complex` are two formats, of which a subject has one");
        }
        if names_application != self.application.is_some() {
            return Some(
                "`application` belongs to `complex` with `application`, and is needed there",
            );
        }
        let is_empty = |text: &Option<String>| text.as_ref().is_some_and(|text| text.is_empty());
        (is_empty(&self.iss) || is_empty(&self.application))
            .then_some("`iss` and `application` must not be empty")
    }
}

/// How a stream names the subjects of its events.
#[derive(Debug, Clone)]
pub struct Naming<'a> {
    format: SubjectFormat,
    options: SubjectOptions,
    issuer: &'a str,
    tenant: &'a str,
}

impl<'a> Naming<'a> {
    /// The naming of a stream of `tenant` with these settings; `issuer` is where
    /// the tenant's people log in.
    pub fn new(format: SubjectFormat, settings: &Value, issuer: &'a str, tenant: &'a str) -> Self {
        Self { format, options: SubjectOptions::of(settings), issuer, tenant }
    }

    /// The `sub_id` claim.
    ///
    /// RFC 9967 §2.1 fixes the format of its own events, SSF 1.0 §8.1.4 that of
    /// events about the stream, and RISC 1.0 that of events about an address. A
    /// person without the attribute that a format needs is named by the next best
    /// one, at last by our own id: an event that is not sent ends no session. A
    /// `userName` never stands in for `sub` unasked, since it could be somebody
    /// else's.
    pub fn sub_id(&self, uri: EventUri, subject: &Subject) -> Value {
        if uri.is_operational() {
            return opaque(subject);
        }
        if uri.is_provisioning() {
            return scim(subject);
        }
        if matches!(uri, EventUri::IdentifierChanged | EventUri::IdentifierRecycled) {
            return email(subject.email.as_deref()).unwrap_or_else(|| opaque(subject));
        }
        let user = self.user(subject);
        if self.options.aliases {
            return self.aliases(subject, user);
        }
        if self.options.complex.is_empty() {
            return user;
        }
        let mut complex = Map::new();
        complex.insert("format".to_owned(), "complex".into());
        complex.insert("user".to_owned(), user);
        for member in &self.options.complex {
            let (name, id) = match (member, &self.options.application) {
                (ComplexMember::Tenant, _) => ("tenant", self.tenant),
                (ComplexMember::Application, Some(id)) => ("application", id.as_str()),
                (ComplexMember::Application, None) => continue,
            };
            complex.insert(name.to_owned(), json!({ "format": "opaque", "id": id }));
        }
        Value::Object(complex)
    }

    /// What the Set says beyond its subject; for receivers that look for the
    /// subject there, with a copy of it (SSF 1.0 §3.1.1).
    pub fn payload(&self, uri: EventUri, payload: &Value, sub_id: &Value) -> Value {
        let mut payload = payload.clone();
        if let Value::Object(members) = &mut payload
            && self.options.legacy_events_subject
            && uri.is_security()
        {
            members.insert("subject".to_owned(), sub_id.clone());
        }
        payload
    }

    /// Every simple name by which the stream's receiver may know whom an event is
    /// about.
    pub(super) fn names(&self, subject: &Subject) -> Vec<Value> {
        let mut names = vec![self.user(subject), opaque(subject), scim(subject)];
        names.extend(self.iss_sub(subject));
        names.extend(email(subject.email.as_deref()));
        names
    }

    pub(super) fn tenant(&self) -> &str {
        self.tenant
    }

    fn user(&self, subject: &Subject) -> Value {
        let next_best = || email(subject.email.as_deref()).unwrap_or_else(|| opaque(subject));
        match self.format {
            SubjectFormat::IssSub => self.iss_sub(subject).unwrap_or_else(next_best),
            SubjectFormat::Email => match self.options.email_source {
                EmailSource::Emails => next_best(),
                EmailSource::UserName => {
                    email(subject.user_name.as_deref()).unwrap_or_else(next_best)
                }
            },
            SubjectFormat::Opaque => opaque(subject),
            SubjectFormat::Scim => scim(subject),
        }
    }

    fn iss_sub(&self, subject: &Subject) -> Option<Value> {
        let sub = match self.options.sub_source {
            SubSource::ExternalId => subject.external_id.as_deref(),
            SubSource::UserName => subject.user_name.as_deref(),
            SubSource::Id => Some(subject.id.as_str()),
            SubSource::Email => subject.email.as_deref(),
        };
        let iss = self.options.iss.as_deref().unwrap_or(self.issuer);
        Some(json!({ "format": "iss_sub", "iss": iss, "sub": sub? }))
    }

    /// The subject's names, the stream's own first.
    fn aliases(&self, subject: &Subject, first: Value) -> Value {
        let others =
            [self.iss_sub(subject), email(subject.email.as_deref()), Some(opaque(subject))];
        let mut identifiers = vec![first];
        for other in others.into_iter().flatten() {
            if !identifiers.contains(&other) {
                identifiers.push(other);
            }
        }
        json!({ "format": "aliases", "identifiers": identifiers })
    }
}

fn email(text: Option<&str>) -> Option<Value> {
    Some(json!({ "format": "email", "email": address(text?)? }))
}
