//! Whom an event is about, and how a stream's receiver knows them (RFC 9493).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What the outbox keeps of a resource, so that an event about it can be
/// addressed after the resource was renamed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// The resource type's endpoint, such as `/Users`; empty for a stream.
    pub endpoint: String,
    /// The resource's id; the stream's for an event about a stream; empty if there
    /// is no resource.
    pub id: String,
    /// The provisioning client's own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The primary e-mail address, else the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the user may log in.
    #[serde(default)]
    pub active: bool,
}

impl Subject {
    /// The subject of [`Verification`](super::EventUri::Verification) and
    /// [`StreamUpdated`](super::EventUri::StreamUpdated): the stream itself.
    pub fn stream(stream_id: String) -> Self {
        Self {
            endpoint: String::new(),
            id: stream_id,
            external_id: None,
            user_name: None,
            email: None,
            active: false,
        }
    }

    /// Whether it is a user, and so has sessions.
    pub fn is_user(&self) -> bool {
        self.endpoint == "/Users"
    }

    /// The subject under the names of `self`, and under those of `newer` where
    /// `self` has none.
    pub(super) fn or_known_as(&self, newer: Option<&Self>) -> Self {
        let newer_name = |name: fn(&Self) -> &Option<String>| newer.and_then(|it| name(it).clone());
        Self {
            external_id: self.external_id.clone().or_else(|| newer_name(|it| &it.external_id)),
            user_name: self.user_name.clone().or_else(|| newer_name(|it| &it.user_name)),
            email: self.email.clone().or_else(|| newer_name(|it| &it.email)),
            ..self.clone()
        }
    }
}

/// How a stream names the subjects of its CAEP and RISC events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectFormat {
    /// Issuer and subject of the partner's identity provider.
    IssSub,
    /// The e-mail address.
    Email,
    /// The resource's id, and nothing that tells the person.
    Opaque,
    /// The resource's place under the SCIM base (RFC 9967 §2.1).
    Scim,
}

impl SubjectFormat {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::IssSub, Self::Email, Self::Opaque, Self::Scim];

    /// The format's name (RFC 9493 §3.2, RFC 9967 §2.1).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IssSub => "iss_sub",
            Self::Email => "email",
            Self::Opaque => "opaque",
            Self::Scim => "scim",
        }
    }

    /// The format of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

pub(super) fn opaque(subject: &Subject) -> Value {
    json!({ "format": "opaque", "id": subject.id })
}

/// An e-mail address as it is sent and compared, if it is one.
///
/// The domain of an address ignores case, the local part need not
/// (RFC 9493 §3.2.2), so only the domain is folded.
pub(super) fn address(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let is_whole = !local.is_empty() && !domain.is_empty();
    is_whole.then(|| format!("{local}@{}", domain.to_lowercase()))
}

/// The domain of an e-mail address.
pub(super) fn domain(text: &str) -> Option<&str> {
    text.rsplit_once('@').map(|(_, domain)| domain)
}

pub(super) fn scim(subject: &Subject) -> Value {
    let mut sub_id = Map::new();
    sub_id.insert("format".to_owned(), "scim".into());
    // What was to be made and was not has no id: its endpoint is named.
    let slash = if subject.id.is_empty() { "" } else { "/" };
    let uri = format!("{}{slash}{}", subject.endpoint, subject.id);
    sub_id.insert("uri".to_owned(), uri.into());
    if let Some(external_id) = &subject.external_id {
        sub_id.insert("externalId".to_owned(), external_id.as_str().into());
    }
    if !subject.id.is_empty() {
        sub_id.insert("id".to_owned(), subject.id.as_str().into());
    }
    Value::Object(sub_id)
}
