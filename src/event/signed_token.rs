//! Tokens that others sign to prove who they are: an identity provider that may end
//! sessions (draft-parecki-oauth-global-token-revocation, as Okta Universal Logout signs
//! it), or an OAuth client (RFC 7523 §3).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::Jwk};
use serde_json::{Map, Value};

/// A longer one is none.
const MAX_BYTES: usize = 16 * 1024;
/// The issuer's clock may be so many seconds ahead.
const LEEWAY_S: i64 = 60;
/// Longest `jti`, in bytes.
const LONGEST_JTI: usize = 256;

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub struct TokenTerms<'a> {
    /// The `typ` of its header: one of these, in any case.
    pub types: &'a [&'a str],
    /// Whether it may have no `typ`.
    pub untyped: bool,
    /// Its issuer.
    pub issuer: &'a str,
    /// Its subject, if it must have a certain one.
    pub subject: Option<&'a str>,
    /// What it is shown to: one of these.
    pub audiences: &'a [&'a str],
    /// Whole seconds since 1970.
    pub now: i64,
    /// For how many seconds it may be good yet; one that is used once must be remembered.
    pub longest_s: i64,
}

/// A genuine token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedToken {
    /// Its id, by which it is used once.
    pub jti: Option<String>,
    /// When it ends, in whole seconds since 1970.
    pub expires_at: i64,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedToken {
    /// It is not three parts of base64url with JSON in the first two.
    #[error("not a compact signed token")]
    Malformed,
    /// It is for something else.
    #[error("`typ` is another, or `crit` is there")]
    Type,
    /// It is signed in a way that is not accepted.
    #[error("`alg` is neither `RS256` nor `ES256`")]
    Algorithm,
    /// The key set has no such key for this algorithm.
    #[error("`kid` is not in the issuer's key set")]
    Key,
    /// The signature is not the key's, or `iss`, `aud` or `sub` is another.
    #[error("the signature does not match, or `iss`, `aud` or `sub` is another")]
    Signature,
    /// A claim is missing or says that it is not the time.
    #[error("`{0}` is missing or out of bounds")]
    Claim(&'static str),
}

/// Checks a token against a key set (RFC 7517) and gives what it is used by.
///
/// # Errors
///
/// The first check that fails.
pub fn verify_token(
    compact: &str,
    jwks: &Value,
    terms: TokenTerms<'_>,
) -> Result<SignedToken, RefusedToken> {
    if MAX_BYTES < compact.len() {
        return Err(RefusedToken::Malformed);
    }
    let (header, _) = compact.split_once('.').ok_or(RefusedToken::Malformed)?;
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| RefusedToken::Malformed)?;
    let header: Value = serde_json::from_slice(&header).map_err(|_| RefusedToken::Malformed)?;
    let (algorithm, key) = key_of(&header, jwks, &terms)?;
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[terms.issuer]);
    validation.set_audience(terms.audiences);
    validation.sub = terms.subject.map(str::to_owned);
    // The times are looked at below, by a clock that is an argument.
    validation.validate_exp = false;
    let mut required = vec!["iss", "aud"];
    required.extend(terms.subject.map(|_| "sub"));
    validation.set_required_spec_claims(&required);
    let token = decode::<Map<String, Value>>(compact, &key, &validation);
    let claims = token.map_err(|_| RefusedToken::Signature)?.claims;
    check_times(&claims, &terms)
}

/// The key that the header names, if the header is that of such a token.
fn key_of(
    header: &Value,
    jwks: &Value,
    terms: &TokenTerms<'_>,
) -> Result<(Algorithm, DecodingKey), RefusedToken> {
    let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
    let is_typed = match text(header, "typ") {
        Some(typ) => terms.types.iter().any(|it| it.eq_ignore_ascii_case(&typ)),
        None => terms.untyped && header.get("typ").is_none(),
    };
    if !is_typed || header.get("crit").is_some() {
        return Err(RefusedToken::Type);
    }
    let name = text(header, "alg").ok_or(RefusedToken::Algorithm)?;
    let (algorithm, family) = match name.as_str() {
        "RS256" => (Algorithm::RS256, "RSA"),
        "ES256" => (Algorithm::ES256, "EC"),
        _ => return Err(RefusedToken::Algorithm),
    };
    let kid = text(header, "kid").ok_or(RefusedToken::Key)?;
    let keys = jwks.get("keys").and_then(Value::as_array).ok_or(RefusedToken::Key)?;
    let fits = |key: &&Value| {
        text(key, "kid").as_ref() == Some(&kid)
            && text(key, "kty").as_deref() == Some(family)
            && text(key, "alg").is_none_or(|alg| alg == name)
            && text(key, "use").is_none_or(|usage| usage == "sig")
    };
    let key = keys.iter().find(fits).ok_or(RefusedToken::Key)?;
    let key: Jwk = serde_json::from_value(key.clone()).map_err(|_| RefusedToken::Key)?;
    Ok((algorithm, DecodingKey::from_jwk(&key).map_err(|_| RefusedToken::Key)?))
}

fn check_times(
    claims: &Map<String, Value>,
    terms: &TokenTerms<'_>,
) -> Result<SignedToken, RefusedToken> {
    let time = |name: &str| {
        let value = claims.get(name)?;
        value.as_i64().or_else(|| value.as_f64().and_then(whole))
    };
    let now = terms.now;
    let soon = now.saturating_add(LEEWAY_S);
    let within = |at: i64| now < at && at <= now.saturating_add(terms.longest_s);
    let expires_at = time("exp").filter(|at| within(*at)).ok_or(RefusedToken::Claim("exp"))?;
    if time("iat").is_none_or(|issued| soon < issued) {
        return Err(RefusedToken::Claim("iat"));
    }
    if claims.contains_key("nbf") && time("nbf").is_none_or(|begins| soon < begins) {
        return Err(RefusedToken::Claim("nbf"));
    }
    let jti = claims.get("jti").and_then(Value::as_str);
    let jti = jti.filter(|jti| (1..=LONGEST_JTI).contains(&jti.len())).map(str::to_owned);
    Ok(SignedToken { jti, expires_at })
}

/// A time with a fraction, without it.
#[expect(clippy::as_conversions, reason = "it is in bounds, and there is no other way")]
fn whole(seconds: f64) -> Option<i64> {
    (seconds.is_finite() && (0.0..1e15).contains(&seconds)).then_some(seconds as i64)
}
