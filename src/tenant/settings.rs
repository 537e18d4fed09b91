//! What an operator sets for one connection, beside its dialect, and how settings
//! are kept.
//!
//! A setting that is not given has the default that stands here, so that what
//! is stored stays readable when a setting is added. Changes are merged as
//! RFC 7396 says: a member that is absent stays, `null` is the default again.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::event::{EventSettings, SubjectOptions};

/// Most results that may be set as the default of a page.
const MAX_DEFAULT_RESULTS: u32 = 1_000_000;

/// The settings of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionSettings {
    /// Whether members of a group that nobody has are kept as text that means
    /// nothing to the service (RFC 7643 §4.2 leaves it open); refused or skipped
    /// otherwise, as the dialect says.
    pub opaque_members: bool,
    /// Whether a PATCH is answered with the resource (RFC 7644 §3.5.2 allows both).
    pub patch_response: PatchResponse,
    /// The media type of answers.
    pub media_type: MediaType,
    /// Whether a group's `displayName` is unique, from the next change of the
    /// group on; as the dialect says if it is not set.
    pub unique_group_names: Option<bool>,
    /// Resources of a page whose request has no `count`, at most as many as the
    /// service gives in one page; the service's own default if it is not set. For
    /// directories that read one page and take it for the whole.
    pub default_results: Option<u32>,
    /// Whether what it changes is answered as if it were made, and is not; the record
    /// tells what would have changed.
    pub shadow: bool,
}

/// What a successful PATCH is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatchResponse {
    /// 200 with the resource, unless it is a large group.
    #[default]
    Resource,
    /// 204, unless the request names attributes.
    None,
}

/// The media type of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaType {
    /// As the request's `Accept` prefers (RFC 7644 §3.8).
    #[default]
    Auto,
    /// `application/scim+json`, whatever the request says.
    Scim,
    /// `application/json`, whatever the request says: OneLogin wants it.
    Json,
}

/// Settings that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("settings: {0}")]
pub struct SettingsError(String);

/// Settings that are kept as JSON text, and changed a member at a time.
pub trait Settings: Default + Serialize + DeserializeOwned {
    /// What cannot be, if something cannot.
    fn fault(&self) -> Option<String>;

    /// Reads stored settings.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if the text holds something else.
    fn from_json(text: &str) -> Result<Self, SettingsError> {
        serde_json::from_str(text).map_err(|error| SettingsError(error.to_string()))
    }

    /// The settings as they are stored: what differs from the defaults.
    fn to_json(&self) -> String {
        Value::Object(self.stated()).to_string()
    }

    /// What differs from the defaults.
    fn stated(&self) -> Map<String, Value> {
        let default = members(&Self::default());
        let mut members = members(self);
        members.retain(|name, value| default.get(name) != Some(value));
        members
    }

    /// These settings with the members of `change` in place of their own.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if a member is unknown or its value cannot be.
    fn merged(&self, change: &Map<String, Value>) -> Result<Self, SettingsError> {
        let mut members = members(self);
        for (name, value) in change {
            match value.is_null() && members.contains_key(name) {
                true => drop(members.remove(name)),
                false => drop(members.insert(name.clone(), value.clone())),
            }
        }
        let merged: Self = serde_json::from_value(Value::Object(members))
            .map_err(|error| SettingsError(error.to_string()))?;
        merged.fault().map_or(Ok(merged), |fault| Err(SettingsError(fault)))
    }
}

fn members(settings: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => members,
        // Plain fields always have a JSON form.
        _ => Map::new(),
    }
}

impl Settings for ConnectionSettings {
    fn fault(&self) -> Option<String> {
        let results = self.default_results?;
        let can_be = (1..=MAX_DEFAULT_RESULTS).contains(&results);
        (!can_be).then(|| format!("`default_results` is 1 to {MAX_DEFAULT_RESULTS}"))
    }
}

impl Settings for SubjectOptions {
    fn fault(&self) -> Option<String> {
        Self::fault(self).map(str::to_owned)
    }
}

impl Settings for EventSettings {
    fn fault(&self) -> Option<String> {
        Self::fault(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(settings: &ConnectionSettings, change: &Value) -> Result<ConnectionSettings, String> {
        settings.merged(change.as_object().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_absent_stays_and_null_is_the_default_again() {
        let first = merged(
            &ConnectionSettings::default(),
            &json!({ "opaque_members": true, "unique_group_names": false }),
        )
        .unwrap();
        let second =
            merged(&first, &json!({ "media_type": "json", "opaque_members": null })).unwrap();

        assert_eq!(second.unique_group_names, Some(false));
        assert_eq!(second.media_type, MediaType::Json);
        assert!(!second.opaque_members);
    }

    #[test]
    fn only_what_differs_from_the_defaults_is_stored() {
        let settings = ConnectionSettings { default_results: Some(500), ..Default::default() };

        assert_eq!(ConnectionSettings::default().to_json(), "{}");
        assert_eq!(settings.to_json(), r#"{"default_results":500}"#);
        assert_eq!(ConnectionSettings::from_json(&settings.to_json()), Ok(settings));
    }

    #[test]
    fn what_cannot_be_set_is_named() {
        for (change, named) in [
            (json!({ "colour": 1 }), "colour"),
            (json!({ "colour": null }), "colour"),
            (json!({ "patch_response": "204" }), "204"),
            (json!({ "opaque_members": "yes" }), "yes"),
            (json!({ "default_results": 0 }), "default_results"),
        ] {
            let refused = merged(&ConnectionSettings::default(), &change).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
    }
}
