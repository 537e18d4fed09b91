//! The receiver's side: is this Set genuine, and meant for me?

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

/// A longer token is no Set of ours.
const MAX_BYTES: usize = 64 * 1024;

/// Why a receiver refuses a Set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedSet {
    /// It is not three parts of base64url with JSON in the first two.
    #[error("not a compact signed token")]
    Malformed,
    /// `typ` is not exactly `secevent+jwt` (SSF 1.0 §4.1.1).
    #[error("`typ` is not `secevent+jwt`")]
    Type,
    /// `alg` is not RS256; `none` and the symmetric ones above all.
    #[error("`alg` is not `RS256`")]
    Algorithm,
    /// The key set has no such RSA key.
    #[error("`kid` is not in the key set")]
    Key,
    /// The signature is not the key's.
    #[error("the signature does not match")]
    Signature,
    /// `iss` is another issuer.
    #[error("`iss` is not the expected issuer")]
    Issuer,
    /// `aud` does not hold the receiver.
    #[error("`aud` does not name this receiver")]
    Audience,
    /// `iat` is missing, not a number, or in the future.
    #[error("`iat` is missing or in the future")]
    IssuedAt,
    /// A claim is there that a Set must not have, or one is missing.
    #[error("`{0}` must not be there, or is missing")]
    Claim(&'static str),
}

impl RefusedSet {
    /// The error code that a receiver answers with (RFC 8935 §2.4).
    pub fn code(self) -> &'static str {
        match self {
            Self::Key | Self::Signature => "invalid_key",
            Self::Issuer => "invalid_issuer",
            Self::Audience => "invalid_audience",
            Self::Malformed | Self::Type | Self::Algorithm | Self::IssuedAt | Self::Claim(_) => {
                "invalid_request"
            }
        }
    }
}

/// Checks a Set and gives its claims.
///
/// `now` is in whole seconds since 1970; no leeway is given, because the
/// transmitter rounds `iat` down. The signature is checked before any claim is
/// looked at (RFC 8417 §5).
///
/// # Errors
///
/// The first check that fails.
pub fn verify(
    compact: &str,
    jwks: &Value,
    issuer: &str,
    audience: &str,
    now: i64,
) -> Result<Value, RefusedSet> {
    if MAX_BYTES < compact.len() {
        return Err(RefusedSet::Malformed);
    }
    let (message, signature) = compact.rsplit_once('.').ok_or(RefusedSet::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(RefusedSet::Malformed)?;

    let key = key_of(&decode(header)?, jwks)?;
    let genuine = crypto::verify(signature, message.as_bytes(), &key, Algorithm::RS256)
        .map_err(|_| RefusedSet::Signature)?;
    if !genuine {
        return Err(RefusedSet::Signature);
    }

    let claims = decode(claims)?;
    check_claims(&claims, issuer, audience, now)?;
    Ok(claims)
}

fn decode(part: &str) -> Result<Value, RefusedSet> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| RefusedSet::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| RefusedSet::Malformed)
}

/// The key that the header names, if the header is a Set's.
fn key_of(header: &Value, jwks: &Value) -> Result<DecodingKey, RefusedSet> {
    let field = |name: &str| header.get(name).and_then(Value::as_str);
    if field("typ") != Some("secevent+jwt") {
        return Err(RefusedSet::Type);
    }
    if field("alg") != Some("RS256") {
        return Err(RefusedSet::Algorithm);
    }
    let kid = field("kid").ok_or(RefusedSet::Key)?;
    let keys = jwks.get("keys").and_then(Value::as_array).ok_or(RefusedSet::Key)?;
    let jwk = keys
        .iter()
        .find(|jwk| jwk.get("kid").and_then(Value::as_str) == Some(kid))
        .filter(|jwk| jwk.get("kty").and_then(Value::as_str) == Some("RSA"))
        .ok_or(RefusedSet::Key)?;
    let part = |name: &str| jwk.get(name).and_then(Value::as_str).ok_or(RefusedSet::Key);
    DecodingKey::from_rsa_components(part("n")?, part("e")?).map_err(|_| RefusedSet::Key)
}

fn check_claims(claims: &Value, issuer: &str, audience: &str, now: i64) -> Result<(), RefusedSet> {
    if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err(RefusedSet::Issuer);
    }
    let addressed = match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    };
    if !addressed {
        return Err(RefusedSet::Audience);
    }
    if claims.get("iat").and_then(Value::as_i64).is_none_or(|issued_at| now < issued_at) {
        return Err(RefusedSet::IssuedAt);
    }
    for forbidden in ["exp", "sub", "nbf"] {
        if claims.get(forbidden).is_some() {
            return Err(RefusedSet::Claim(forbidden));
        }
    }
    if claims.get("jti").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(RefusedSet::Claim("jti"));
    }
    if claims.get("sub_id").and_then(|it| it.get("format")).is_none() {
        return Err(RefusedSet::Claim("sub_id"));
    }
    match claims.get("events").and_then(Value::as_object) {
        Some(events) if events.len() == 1 && events.values().all(Value::is_object) => Ok(()),
        _ => Err(RefusedSet::Claim("events")),
    }
}
