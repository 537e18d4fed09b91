//! What an administrator sets for a receiver, read with errors that help them.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::event::Subject;

/// What a receiver is configured with, to be checked.
#[derive(Debug)]
pub(in crate::delivery) struct Target<'a> {
    pub(in crate::delivery) endpoint_url: &'a str,
    /// An object; for a connector without what all connectors have.
    pub(in crate::delivery) settings: &'a Value,
    pub(in crate::delivery) secrets: &'a Secrets,
}

/// Which of a user's names a target knows them by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(super) enum UserIdSource {
    #[default]
    #[serde(rename = "externalId")]
    ExternalId,
    #[serde(rename = "id")]
    Id,
    #[serde(rename = "userName")]
    UserName,
    #[serde(rename = "email")]
    Email,
}

impl UserIdSource {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ExternalId => "externalId",
            Self::Id => "id",
            Self::UserName => "userName",
            Self::Email => "email",
        }
    }

    pub(super) fn of(self, subject: &Subject) -> Option<&str> {
        let name = match self {
            Self::ExternalId => subject.external_id.as_deref(),
            Self::Id => Some(subject.id.as_str()),
            Self::UserName => subject.user_name.as_deref(),
            Self::Email => subject.email.as_deref(),
        };
        name.filter(|name| !name.is_empty())
    }
}

/// Settings that every connector has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Common {
    /// How the target knows people.
    pub(super) user_id_source: UserIdSource,
    /// Whether it is also told to let people log in no more, or again.
    pub(super) disable: bool,
    /// How long access may outlive a revocation, if the kind's own answer is not true here.
    residual_ttl_s: Option<u32>,
}

/// The names of [`Common`].
const COMMON: [&str; 3] = ["user_id_source", "disable", "residual_ttl_s"];
/// A year: longer would be a mistake.
const MAX_RESIDUAL_TTL_S: u32 = 366 * 86_400;

impl Common {
    /// The settings that every connector has, and the rest.
    pub(super) fn split(settings: &Value) -> Result<(Self, Value), String> {
        let all = settings.as_object().ok_or("`settings`: expected an object")?;
        let is_common = |name: &String| COMMON.contains(&name.as_str());
        let (common, rest): (Map<String, Value>, Map<String, Value>) =
            all.clone().into_iter().partition(|(name, _)| is_common(name));
        let common: Self = read(&Value::Object(common))?;
        if common.residual_ttl_s.is_some_and(|seconds| MAX_RESIDUAL_TTL_S < seconds) {
            return Err(format!(
                "`settings.residual_ttl_s`: expected at most {MAX_RESIDUAL_TTL_S} seconds"
            ));
        }
        Ok((common, Value::Object(rest)))
    }
}

/// Reads settings into `T`, which should refuse unknown fields.
pub(in crate::delivery) fn read<T: DeserializeOwned>(settings: &Value) -> Result<T, String> {
    T::deserialize(settings).map_err(|error| format!("`settings`: {error}"))
}

/// The secrets of a receiver, by name.
#[derive(Debug, Default)]
pub(in crate::delivery) struct Secrets(BTreeMap<String, SecretString>);

impl Secrets {
    /// Reads an object of texts. An error never repeats what it read.
    pub(super) fn parse(text: Option<&SecretString>) -> Result<Self, String> {
        let Some(text) = text else { return Ok(Self::default()) };
        let expected = "`secrets`: expected an object whose values are texts";
        let secrets: BTreeMap<String, String> =
            serde_json::from_str(text.expose_secret()).map_err(|_| expected)?;
        Ok(Self(secrets.into_iter().map(|(name, secret)| (name, secret.into())).collect()))
    }

    /// The secret of that name, unless it is empty.
    pub(in crate::delivery) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty())
    }

    /// Refuses what is missing of `required`, and what is neither that nor one of `optional`.
    pub(in crate::delivery) fn check(
        &self,
        required: &[&str],
        optional: &[&str],
    ) -> Result<(), String> {
        if let Some(missing) = required.iter().find(|name| self.get(name).is_none()) {
            return Err(format!("`secrets.{missing}` is missing"));
        }
        let known =
            |name: &String| required.contains(&name.as_str()) || optional.contains(&name.as_str());
        match self.0.keys().find(|name| !known(name)) {
            Some(unknown) => {
                let names = [required, optional].concat().join(", ");
                Err(format!("`secrets.{unknown}` is not known; expected: {names}"))
            }
            None => Ok(()),
        }
    }

    /// Every secret.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(ExposeSecret::expose_secret)
    }
}
