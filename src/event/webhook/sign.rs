//! The signatures of Standard Webhooks: `v1` with a shared secret
//! (HMAC-SHA256), `v1a` with a private key (Ed25519).

use std::fmt;

use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use serde::{Deserialize, Serialize};

const SECRET_PREFIX: &str = "whsec_";
const PRIVATE_PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";
const SEED: usize = 32;

/// Old keys that may still sign beside the current one.
pub const MAX_RETIRED: usize = 10;

/// How messages are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebhookKeyKind {
    /// With a secret that the receiver has too.
    #[default]
    Hmac,
    /// With a private key whose public half the receiver has.
    Ed25519,
}

impl WebhookKeyKind {
    /// The name of its signatures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hmac => "v1",
            Self::Ed25519 => "v1a",
        }
    }

    /// The kind whose signatures have that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Hmac, Self::Ed25519].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It has neither prefix.
    #[error("expected `whsec_` or `whsk_` in front")]
    Prefix,
    /// What follows the prefix is no base64.
    #[error("expected base64 behind the prefix")]
    Base64,
    /// The secret is too short or too long.
    #[error("expected a secret of 24 to 64 bytes")]
    SecretLength,
    /// The private key is none.
    #[error("expected an Ed25519 private key: a seed of 32 bytes, or seed and public key")]
    Private,
}

/// A key that signs messages.
pub struct WebhookKey(Inner);

enum Inner {
    Hmac(Box<hmac::Key>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl WebhookKey {
    /// Reads `whsec_…` or `whsk_…`.
    ///
    /// # Errors
    ///
    /// [`KeyFault`], which repeats nothing of the text.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let decoded = |text: &str| STANDARD.decode(text).map(Zeroizing::new);
        if let Some(text) = text.strip_prefix(SECRET_PREFIX) {
            let secret = decoded(text).map_err(|_| KeyFault::Base64)?;
            return match secret.len() {
                24..=64 => {
                    Ok(Self(Inner::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &secret)))))
                }
                _ => Err(KeyFault::SecretLength),
            };
        }
        let text = text.strip_prefix(PRIVATE_PREFIX).ok_or(KeyFault::Prefix)?;
        let private = decoded(text).map_err(|_| KeyFault::Base64)?;
        let pair = match private.split_at_checked(SEED) {
            Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
            Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => return Err(KeyFault::Private),
        };
        Ok(Self(Inner::Ed25519(Box::new(pair.map_err(|_| KeyFault::Private)?))))
    }

    /// The text of a new key, made of random bytes.
    pub fn write(kind: WebhookKeyKind, random: [u8; 32]) -> SecretString {
        let random = Zeroizing::new(random);
        match kind {
            WebhookKeyKind::Hmac => format!("{SECRET_PREFIX}{}", STANDARD.encode(*random)).into(),
            WebhookKeyKind::Ed25519 => {
                format!("{PRIVATE_PREFIX}{}", STANDARD.encode(*random)).into()
            }
        }
    }

    /// How it signs.
    pub fn kind(&self) -> WebhookKeyKind {
        match self.0 {
            Inner::Hmac(_) => WebhookKeyKind::Hmac,
            Inner::Ed25519(_) => WebhookKeyKind::Ed25519,
        }
    }

    /// `whpk_…`, with which a receiver verifies; none if the secret is shared.
    pub fn public(&self) -> Option<String> {
        match &self.0 {
            Inner::Hmac(_) => None,
            Inner::Ed25519(pair) => {
                Some(format!("{PUBLIC_PREFIX}{}", STANDARD.encode(pair.public_key())))
            }
        }
    }

    /// The signature of a message, with its version in front.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let signature = match &self.0 {
            Inner::Hmac(key) => STANDARD.encode(hmac::sign(key, signed.as_bytes())),
            Inner::Ed25519(pair) => STANDARD.encode(pair.sign(signed.as_bytes())),
        };
        format!("{},{signature}", self.kind().as_str())
    }
}

/// Shows how it signs and nothing of the key.
impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebhookKey").field(&self.kind()).finish()
    }
}

/// The keys of one endpoint as they are sealed, and what else it is sent in secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct SigningKeys {
    current: String,
    #[serde(default)]
    retired: Vec<Retired>,
    /// The `Authorization` header that the endpoint asks for.
    #[serde(default)]
    authorization: Option<String>,
}

/// A key that signs until its receiver has the new one.
#[derive(Clone, Serialize, Deserialize)]
struct Retired {
    key: String,
    /// In microseconds since 1970.
    until_us: i64,
}

impl SigningKeys {
    /// One key, and an `Authorization` header if there is one.
    pub fn new(key: &SecretString, authorization: Option<&SecretString>) -> Self {
        Self {
            current: key.expose_secret().to_owned(),
            retired: Vec::new(),
            authorization: authorization.map(|it| it.expose_secret().to_owned()),
        }
    }

    /// Reads what [`SigningKeys::write`] wrote.
    pub fn read(text: &SecretString) -> Option<Self> {
        serde_json::from_str(text.expose_secret()).ok()
    }

    /// The text to be sealed.
    pub fn write(&self) -> SecretString {
        // Texts and numbers always have a JSON form.
        serde_json::to_string(self).unwrap_or_default().into()
    }

    /// The `Authorization` header that the endpoint asks for.
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The key that signs from now on.
    ///
    /// # Errors
    ///
    /// [`KeyFault`] if what is kept is none.
    pub fn current(&self) -> Result<WebhookKey, KeyFault> {
        WebhookKey::parse(&self.current)
    }

    /// Signs with a new key, and with the ones before until `until_us`; whether
    /// there are not too many of them already.
    #[must_use]
    pub fn rotate(&mut self, key: &SecretString, now_us: i64, until_us: i64) -> bool {
        self.retired.retain(|retired| now_us < retired.until_us);
        if MAX_RETIRED <= self.retired.len() {
            return false;
        }
        let key = std::mem::replace(&mut self.current, key.expose_secret().to_owned());
        self.retired.push(Retired { key, until_us });
        true
    }

    /// The signatures of a message, the newest key's first, as they are sent.
    ///
    /// # Errors
    ///
    /// [`KeyFault`] if what is kept is no key.
    pub fn sign(&self, id: &str, now_us: i64, body: &str) -> Result<String, KeyFault> {
        let timestamp = now_us.div_euclid(1_000_000);
        let mut signatures = vec![self.current()?.sign(id, timestamp, body)];
        for retired in self.retired.iter().rev().filter(|it| now_us < it.until_us) {
            signatures.push(WebhookKey::parse(&retired.key)?.sign(id, timestamp, body));
        }
        Ok(signatures.join(" "))
    }
}

/// Shows nothing of the keys.
impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retired = self.retired.len();
        f.debug_struct("SigningKeys").field("retired", &retired).finish_non_exhaustive()
    }
}
