//! Signing Sets: RS256, as every CAEP receiver must understand it.

use std::fmt;

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    rsa,
    signature::{KeyPair, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretSlice;
use serde_json::{Value, json};

/// A private key of a tenant, parsed once.
///
/// The Set is put together here and not by the JWT library, because that parses
/// and checks the key again for every token.
pub struct SigningKey {
    kid: String,
    pair: rsa::KeyPair,
    /// The JOSE header never changes, so it is encoded once.
    header: String,
}

/// Why a Set could not be signed, or a key not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The bytes are no RSA private key in PKCS#8.
    #[error("not an RSA key in PKCS#8")]
    Key,
    /// The key has fewer than 2048 bits (CAEP interoperability profile §2.6).
    #[error("the RSA key has fewer than 2048 bits")]
    ShortKey,
    /// The cryptographic library refused.
    #[error("the token could not be signed")]
    Sign,
}

impl SigningKey {
    /// Reads a private key.
    ///
    /// # Errors
    ///
    /// [`SignError::Key`] if it is not RSA in PKCS#8, [`SignError::ShortKey`] if
    /// it has fewer than 2048 bits.
    pub fn from_pkcs8(kid: impl Into<String>, pkcs8: &[u8]) -> Result<Self, SignError> {
        let pair = rsa::KeyPair::from_pkcs8(pkcs8).map_err(|_| SignError::Key)?;
        Self::new(kid.into(), pair)
    }

    /// Takes a key pair under the name `kid`.
    ///
    /// # Errors
    ///
    /// [`SignError::ShortKey`] if it has fewer than 2048 bits.
    pub fn new(kid: String, pair: rsa::KeyPair) -> Result<Self, SignError> {
        if pair.public_modulus_len() < 256 {
            return Err(SignError::ShortKey);
        }
        let header = json!({ "alg": "RS256", "typ": "secevent+jwt", "kid": kid }).to_string();
        Ok(Self { kid, pair, header: URL_SAFE_NO_PAD.encode(header) })
    }

    /// The key's name in the tenant's key set.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs claims and gives the Set in compact form (RFC 7515 §7.1).
    ///
    /// The same key and claims give the same token.
    ///
    /// # Errors
    ///
    /// [`SignError::Sign`] if the library refuses.
    pub fn sign(&self, claims: &Value) -> Result<String, SignError> {
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        self.sign_message(format!("{}.{claims}", self.header))
    }

    /// Signs claims of a token that is no Set; `typ` says what it is.
    ///
    /// # Errors
    ///
    /// [`SignError::Sign`] if the library refuses.
    pub fn sign_as(&self, typ: &str, claims: &Value) -> Result<String, SignError> {
        let header = json!({ "alg": "RS256", "typ": typ, "kid": self.kid }).to_string();
        let header = URL_SAFE_NO_PAD.encode(header);
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        self.sign_message(format!("{header}.{claims}"))
    }

    /// Appends the signature of an encoded header and claims.
    pub(super) fn sign_message(&self, mut message: String) -> Result<String, SignError> {
        let digest = digest::digest(&digest::SHA256, message.as_bytes());
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign_digest(&RSA_PKCS1_SHA256, &digest, &mut signature)
            .map_err(|_| SignError::Sign)?;
        message.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut message);
        Ok(message)
    }

    /// The public half, as the tenant's key set shows it (RFC 7517).
    pub fn public_jwk(&self) -> Value {
        let public = self.pair.public_key();
        json!({
            "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
            "alg": "RS256",
            "use": "sig",
            "kid": self.kid,
        })
    }

    /// The private key in PKCS#8, to be sealed and stored.
    ///
    /// # Errors
    ///
    /// [`SignError::Key`] if the library cannot write it.
    pub fn to_pkcs8(&self) -> Result<SecretSlice<u8>, SignError> {
        let der: Pkcs8V1Der<'static> = self.pair.as_der().map_err(|_| SignError::Key)?;
        Ok(der.as_ref().to_vec().into())
    }
}

/// Shows the name and nothing of the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
