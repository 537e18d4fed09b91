//! Bearer tokens: their form, and the hash that is kept of them.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

/// What a token opens; told by its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// One tenant's SCIM base and event streams.
    Tenant,
    /// The operator's API.
    Operator,
    /// A tenant's administration, to whoever signed in.
    Administrator,
    /// Signing in to a tenant's administration, once.
    SignInLink,
    /// Tokens for SCIM: a connection's OAuth client secret.
    Client,
    /// Access tokens: a receiver's OAuth client secret.
    Receiver,
    /// One tenant's event streams, as a receiver.
    Access,
}

impl TokenKind {
    /// The prefix that tells secret scanners what they found.
    fn prefix(self) -> &'static str {
        match self {
            Self::Tenant => "muster_scim_",
            Self::Operator => "muster_operator_",
            Self::Administrator => "muster_admin_",
            Self::SignInLink => "muster_link_",
            Self::Client => "muster_client_",
            Self::Receiver => "muster_receiver_",
            Self::Access => "muster_ssf_",
        }
    }
}

/// SHA-256 of a token: what the database keeps.
///
/// The token has 256 random bits, so its hash needs no salt, and looking it up
/// by hash tells nothing through time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of what a client presented.
    pub fn of(presented: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, presented.as_bytes()).as_ref());
        Self(bytes)
    }

    /// The hash with these bytes, if they are as many as it has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A new token, to be shown once.
#[derive(Debug, Clone)]
pub struct Token(SecretString);

impl Token {
    /// The token of that kind with these random bits.
    pub fn new(kind: TokenKind, random: [u8; 32]) -> Self {
        Self(format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(random)).into())
    }

    /// Its hash.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.0.expose_secret())
    }

    /// The token itself.
    pub fn into_secret(self) -> SecretString {
        self.0
    }
}
