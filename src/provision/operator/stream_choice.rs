//! What a new stream is made from: a profile, and what is chosen beside it.

use serde_json::{Map, Value, json};

use super::OperatorError;
use crate::{
    event::{ComplexMember, EventUri, Profile, SubjectFormat, SubjectOptions},
    tenant::Settings,
};

/// What a stream is made from: what is not given is as the profile has it.
#[derive(Debug, Clone, Default)]
pub struct StreamChoice {
    /// The kind of receiver, if it is a known one.
    pub profile: Option<Profile>,
    /// Types of events.
    pub events: Option<Vec<EventUri>>,
    /// How people are named.
    pub subject_format: Option<SubjectFormat>,
    /// What else is set for that, by name; the rest is as the profile has it.
    pub subjects: Map<String, Value>,
    /// `aud` of the events.
    pub audience: Option<String>,
    /// Name of the application that it is for.
    pub application: Option<String>,
}

/// A [`StreamChoice`] when all is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenStream {
    /// Types of events.
    pub events: Vec<EventUri>,
    /// How people are named.
    pub subject_format: SubjectFormat,
    /// What else is set for that.
    pub subjects: SubjectOptions,
    /// `aud` of the events.
    pub audience: Option<String>,
}

impl StreamChoice {
    /// What the profile, or the default if there is none, makes of the choice.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Invalid`] if the choice is not of the profile.
    pub fn complete(mut self) -> Result<ChosenStream, OperatorError> {
        let profile = self.profile;
        let names_application = json!(ComplexMember::Application);
        let complex = self.subjects.get("complex").and_then(Value::as_array);
        if complex.is_some_and(|members| members.contains(&names_application)) {
            // A complex subject names the application that the stream is for.
            let application = self.application.take().map_or(Value::Null, Value::from);
            self.subjects.entry("application").or_insert(application);
        }
        let chosen = ChosenStream {
            events: self.events.unwrap_or_else(|| match profile {
                Some(profile) => profile.events(),
                None => vec![EventUri::SessionRevoked, EventUri::AccountDisabled],
            }),
            subject_format: self
                .subject_format
                .or(profile.map(Profile::subject_format))
                .unwrap_or(SubjectFormat::IssSub),
            subjects: profile.map(Profile::subjects).unwrap_or_default().merged(&self.subjects)?,
            audience: self.audience.or(profile.and_then(Profile::audience).map(str::to_owned)),
        };
        let ChosenStream { events, subject_format, subjects, .. } = &chosen;
        match profile.and_then(|profile| profile.fault(events, *subject_format, subjects)) {
            Some(fault) => Err(OperatorError::Invalid(fault)),
            None => Ok(chosen),
        }
    }
}
