//! Receivers that are known: what their streams carry, and how they name people.
//!
//! A profile is where a new stream begins; what an operator sets beside it holds.

use super::{EventUri, SubjectFormat, SubjectOptions};

/// A kind of receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The CAEP Interoperability Profile 1.0.
    CaepInterop,
    /// Google Workspace.
    Google,
    /// Okta.
    Okta,
    /// Apple Business Manager and Apple School Manager.
    Apple,
    /// Another SCIM server, or whoever keeps a copy (RFC 9967).
    Rfc9967,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 5] =
        [Self::CaepInterop, Self::Google, Self::Okta, Self::Apple, Self::Rfc9967];

    /// The profile's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CaepInterop => "caep-interop",
            Self::Google => "google",
            Self::Okta => "okta",
            Self::Apple => "apple",
            Self::Rfc9967 => "rfc9967",
        }
    }

    /// The profile of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == name)
    }

    /// Names of all, for people.
    pub fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    /// The types of events of its streams.
    pub fn events(self) -> Vec<EventUri> {
        use EventUri as E;
        let accounts = [E::SessionRevoked, E::AccountDisabled, E::AccountEnabled, E::AccountPurged];
        let more: &[EventUri] = match self {
            Self::CaepInterop => {
                return vec![E::SessionRevoked, E::CredentialChange, E::TokenClaimsChange];
            }
            Self::Rfc9967 => {
                return E::offered(false).filter(|uri| uri.is_provisioning()).collect();
            }
            Self::Google => {
                &[E::CredentialChange, E::CredentialCompromise, E::CredentialChangeRequired]
            }
            Self::Okta => &[
                E::CredentialChange,
                E::CredentialCompromise,
                E::IdentifierChanged,
                E::IdentifierRecycled,
            ],
            Self::Apple => &[E::CredentialChange],
        };
        accounts.iter().chain(more).copied().collect()
    }

    /// How its streams name people.
    pub fn subject_format(self) -> SubjectFormat {
        match self {
            Self::CaepInterop | Self::Apple => SubjectFormat::IssSub,
            Self::Google | Self::Okta => SubjectFormat::Email,
            Self::Rfc9967 => SubjectFormat::Scim,
        }
    }

    /// What else is set for its subjects.
    pub fn subjects(self) -> SubjectOptions {
        let legacy_events_subject = matches!(self, Self::Google | Self::Okta);
        SubjectOptions { legacy_events_subject, ..SubjectOptions::default() }
    }

    /// The `aud` of its events, if the receiver has one for everybody.
    pub fn audience(self) -> Option<&'static str> {
        (self == Self::Google).then_some("https://sharedsignals.googleapis.com")
    }

    /// Why a stream with these types of events and this format is none of the
    /// profile, if it is not.
    pub fn fault(
        self,
        events: &[EventUri],
        format: SubjectFormat,
        subjects: &SubjectOptions,
    ) -> Option<String> {
        let other = |may: fn(EventUri) -> bool| events.iter().find(|uri| !may(**uri));
        let is_simple = !subjects.aliases && subjects.complex.is_empty();
        let name = self.as_str();
        match self {
            // The profile of the OpenID Foundation's tests refuses any other event.
            Self::CaepInterop => match other(EventUri::is_caep) {
                Some(uri) => Some(format!(
                    "a stream of the profile `{name}` has CAEP events only, not {uri}"
                )),
                None if !is_simple
                    || !matches!(format, SubjectFormat::IssSub | SubjectFormat::Email) =>
                {
                    Some(format!(
                        "a stream of the profile `{name}` names people by `iss_sub` or `email`"
                    ))
                }
                None => None,
            },
            Self::Google if format != SubjectFormat::Email || !is_simple => {
                Some(format!("a stream of the profile `{name}` names people by `email`"))
            }
            Self::Rfc9967 => other(EventUri::is_provisioning).map(|uri| {
                format!("a stream of the profile `{name}` has events of RFC 9967 only, not {uri}")
            }),
            Self::Google | Self::Okta | Self::Apple => None,
        }
    }
}
