//! What whoever administers a tenant may do.

use serde::{Deserialize, Serialize};

/// What an operation of the administration needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// The service's own affairs, across tenants.
    Operate,
    /// To decide about the tenant: its administrators, its brake, what is erased.
    Own,
    /// To set up directories, receivers, keys, schemas and rules.
    Administer,
    /// To act on people: end their sessions, let them leave, bring them back.
    Help,
    /// To read what is set up, and the record.
    Read,
    /// To read what is known of people.
    ReadPeople,
    /// None but to be somebody.
    SignedIn,
}

/// What an administrator of a tenant is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Decides about the tenant and who administers it.
    Owner,
    /// Sets it up.
    Admin,
    /// Helps its people.
    HelpDesk,
    /// Reads, and changes nothing.
    Auditor,
}

impl Role {
    /// Every role, the one with most rights first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::HelpDesk, Self::Auditor];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::HelpDesk => "help-desk",
            Self::Auditor => "auditor",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether it comes with `right` in its tenant.
    pub fn may(self, right: Right) -> bool {
        match right {
            Right::Operate => false,
            Right::Own => self == Self::Owner,
            Right::Administer => matches!(self, Self::Owner | Self::Admin),
            Right::Help => matches!(self, Self::Owner | Self::Admin | Self::HelpDesk),
            Right::Read => matches!(self, Self::Owner | Self::Admin | Self::Auditor),
            Right::ReadPeople | Right::SignedIn => true,
        }
    }
}
