//! What an operator sets for the events of one tenant.

use serde::{Deserialize, Serialize};

use super::subject::{address, domain};

/// The settings of a tenant's events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventSettings {
    /// Domains whose addresses the tenant gives out. RISC 1.0 has only such a
    /// party say that an address was changed or given to somebody else.
    pub authoritative_domains: Vec<String>,
    /// Whether a person whose address or `userName` changes is logged out:
    /// everywhere or nowhere; if it is not set, by the receivers that know people
    /// by what changed, because they could not be told of the old name later.
    pub revoke_on_rename: Option<bool>,
    /// Whether who loses a role or an entitlement is logged out.
    pub revoke_on_privilege_loss: bool,
    /// Whether who gets another password is logged out.
    pub revoke_on_password_change: bool,
    /// Attributes whose new values are told as claims, beside `roles`,
    /// `entitlements`, the address and the `userName`: `title`, or
    /// `urn:…:User:department`.
    pub claims: Vec<String>,
    /// The attribute of users that locks who has it `true`: they are logged out.
    pub locked_by: Option<String>,
    /// The attribute of users that suspends who has it `true`: for receivers they
    /// are not active.
    pub suspended_by: Option<String>,
    /// Whether events with the values of a resource are sent to streams that ask
    /// for them (RFC 9967 §2.4), and not only names of attributes.
    pub full_events: bool,
}

impl EventSettings {
    /// Whether the tenant gives out addresses of the domain of this one.
    pub(super) fn is_authoritative_for(&self, text: &str) -> bool {
        domain(text).is_some_and(|of| {
            self.authoritative_domains.iter().any(|domain| domain.eq_ignore_ascii_case(of))
        })
    }

    /// The address as it is compared, if the tenant gives out addresses of its domain.
    pub fn own_address(&self, text: Option<&str>) -> Option<String> {
        text.filter(|text| self.is_authoritative_for(text)).and_then(address)
    }

    /// What cannot be, if something cannot.
    pub fn fault(&self) -> Option<String> {
        let is_domain = |domain: &&String| {
            !domain.is_empty()
                && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        };
        if let Some(other) = self.authoritative_domains.iter().find(|domain| !is_domain(domain)) {
            return Some(format!(
                "`authoritative_domains`: `{other}` is no domain, such as `acme.example`; others \
                 than ASCII letters are written as punycode"
            ));
        }
        let lists =
            [("authoritative_domains", &self.authoritative_domains), ("claims", &self.claims)];
        let long = lists.into_iter().find(|(_, list)| MOST < list.len());
        long.map(|(name, _)| format!("`{name}` has more than {MOST} elements"))
    }
}

/// Most elements of a list.
const MOST: usize = 100;
