//! The service's secret key, under which secrets lie in the database, and the
//! making of tenants' signing keys.

use std::{fmt, fs, io, path::Path, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf, rsa,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::{ExposeSecret, SecretSlice, SecretString, zeroize::Zeroizing};
use serde::{Serialize, de::DeserializeOwned};
use time::OffsetDateTime;

use super::{NewSigningKey, SealedKey, StoreError};
use crate::{
    clock::Clock,
    event::{SignError, SigningKey},
    scim::query::{CURSOR_KEY_BYTES, CursorKey},
    tenant::{StreamId, TenantId},
};

/// The first byte of what is sealed: how it is sealed.
const FORMAT: u8 = 1;
/// What the key for cursors is derived for.
const CURSORS: &[u8] = b"muster cursors 1";
/// What the key for checkpoints of the record is derived for.
const RECORD: &[u8] = b"muster record 1";
/// The type of a checkpoint in its JOSE header.
const CHECKPOINT: &str = "muster-checkpoint+jwt";

/// What can go wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The secret key is not 32 bytes.
    #[error("the secret key is not 32 bytes, raw or in base64")]
    Secret,
    /// The file with the secret key cannot be read.
    #[error("the secret key cannot be read")]
    File(#[source] io::Error),
    /// The library refused to seal.
    #[error("could not seal")]
    Seal,
    /// What is stored was sealed with another secret key, for another place, or
    /// was changed.
    #[error("could not open what is stored under this secret key")]
    Open,
    /// No key could be made.
    #[error("could not make a key")]
    Generate,
    /// The signing key is not usable.
    #[error("the signing key is not usable")]
    Signing(#[source] SignError),
    /// The store did not give the key.
    #[error("could not read the signing key")]
    Store(#[source] StoreError),
}

/// The key of the configuration, under which secrets lie in the database
/// (AES-256-GCM).
pub struct SecretKey {
    sealing: RandomizedNonceKey,
    cursors: Arc<CursorKey>,
    record: (EncodingKey, DecodingKey),
}

impl SecretKey {
    /// Takes 32 bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::Secret`] if there are more or fewer.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, bytes).map_err(|_| KeyError::Secret)?;
        let cursors = derive(bytes, CURSORS).and_then(|key| CursorKey::new(&key));
        let record = derive(bytes, RECORD).ok_or(KeyError::Secret)?;
        let record = Ed25519KeyPair::from_seed_unchecked(record.as_slice());
        let record = record.map_err(|_| KeyError::Secret)?;
        let private = record.to_pkcs8v1().map_err(|_| KeyError::Secret)?;
        let record = (
            EncodingKey::from_ed_der(private.as_ref()),
            DecodingKey::from_ed_der(record.public_key().as_ref()),
        );
        Ok(Self { sealing, cursors: Arc::new(cursors.ok_or(KeyError::Secret)?), record })
    }

    /// Signs where a record ends: a JWT (RFC 7519) with `EdDSA` (RFC 8037).
    ///
    /// # Errors
    ///
    /// [`KeyError::Seal`] if the library refuses.
    pub fn sign_checkpoint(&self, checkpoint: &impl Serialize) -> Result<String, KeyError> {
        let header = Header { typ: Some(CHECKPOINT.to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, checkpoint, &self.record.0).map_err(|_| KeyError::Seal)
    }

    /// What was signed by [`SecretKey::sign_checkpoint`]; none if it was not.
    pub fn open_checkpoint<C: DeserializeOwned + Clone>(&self, signed: &str) -> Option<C> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.validate_exp = false;
        rules.required_spec_claims.clear();
        let opened = decode::<C>(signed, &self.record.1, &rules).ok()?;
        (opened.header.typ.as_deref() == Some(CHECKPOINT)).then_some(opened.claims)
    }

    /// The key for cursors, made of this one: every replica opens what any sealed.
    pub fn cursors(&self) -> Arc<CursorKey> {
        Arc::clone(&self.cursors)
    }

    /// Takes 32 bytes in base64.
    ///
    /// # Errors
    ///
    /// [`KeyError::Secret`] if it is something else.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| KeyError::Secret)?;
        Self::new(&Zeroizing::new(bytes))
    }

    /// Reads a file with 32 bytes, raw or in base64.
    ///
    /// # Errors
    ///
    /// [`KeyError::File`] if it cannot be read, [`KeyError::Secret`] if it holds
    /// something else.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(fs::read(path).map_err(KeyError::File)?);
        if let Ok(key) = Self::new(&bytes) {
            return Ok(key);
        }
        Self::from_base64(str::from_utf8(&bytes).map_err(|_| KeyError::Secret)?)
    }

    /// Seals `secret` for a place: it opens only under the same `place`.
    ///
    /// # Errors
    ///
    /// [`KeyError::Seal`] if the library refuses.
    pub fn seal(&self, place: &str, secret: &[u8]) -> Result<Vec<u8>, KeyError> {
        // Encrypted where it lies, so that no copy of the secret is left behind.
        let mut text = Zeroizing::new(Vec::with_capacity(secret.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(secret);
        let nonce = self
            .sealing
            .seal_in_place_append_tag(Aad::from(place), &mut *text)
            .map_err(|_| KeyError::Seal)?;
        let mut sealed = vec![FORMAT];
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Opens what [`SecretKey::seal`] made for `place`.
    ///
    /// # Errors
    ///
    /// [`KeyError::Open`] if key or place differ, or it was changed.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<SecretSlice<u8>, KeyError> {
        let (format, sealed) = sealed.split_first().ok_or(KeyError::Open)?;
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(KeyError::Open)?;
        if *format != FORMAT {
            return Err(KeyError::Open);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::Open)?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self
            .sealing
            .open_in_place(nonce, Aad::from(place), &mut text)
            .map_err(|_| KeyError::Open)?;
        Ok(opened.to_vec().into())
    }

    /// Seals a tenant's signing key for the database.
    ///
    /// # Errors
    ///
    /// [`KeyError::Signing`] or [`KeyError::Seal`] if the library refuses.
    pub fn seal_signing_key(
        &self,
        tenant: TenantId,
        key: &SigningKey,
    ) -> Result<SealedKey, KeyError> {
        let pkcs8 = key.to_pkcs8().map_err(KeyError::Signing)?;
        let sealed = self.seal(&place(tenant, key.kid()), pkcs8.expose_secret())?;
        Ok(SealedKey { kid: key.kid().to_owned(), sealed })
    }

    /// Opens a tenant's signing key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Open`] if it is another tenant's or was changed,
    /// [`KeyError::Signing`] if it is no signing key.
    pub fn open_signing_key(
        &self,
        tenant: TenantId,
        key: &SealedKey,
    ) -> Result<SigningKey, KeyError> {
        let pkcs8 = self.open(&place(tenant, &key.kid), &key.sealed)?;
        SigningKey::from_pkcs8(key.kid.as_str(), pkcs8.expose_secret()).map_err(KeyError::Signing)
    }

    /// Seals the `Authorization` value of a stream's receiver for the database.
    ///
    /// # Errors
    ///
    /// [`KeyError::Seal`] if the library refuses.
    pub fn seal_authorization(
        &self,
        tenant: TenantId,
        stream: StreamId,
        authorization: &SecretString,
    ) -> Result<Vec<u8>, KeyError> {
        self.seal(&receiver(tenant, stream), authorization.expose_secret().as_bytes())
    }

    /// Opens the `Authorization` value of a stream's receiver.
    ///
    /// # Errors
    ///
    /// [`KeyError::Open`] if it is another stream's or was changed.
    pub fn open_authorization(
        &self,
        tenant: TenantId,
        stream: StreamId,
        sealed: &[u8],
    ) -> Result<SecretString, KeyError> {
        let opened = self.open(&receiver(tenant, stream), sealed)?;
        let text = str::from_utf8(opened.expose_secret()).map_err(|_| KeyError::Open)?;
        Ok(text.into())
    }
}

/// Shows nothing of the key.
impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").finish_non_exhaustive()
    }
}

/// A key of its own for one `purpose` (HKDF, RFC 5869).
fn derive(secret: &[u8], purpose: &[u8]) -> Option<Zeroizing<[u8; CURSOR_KEY_BYTES]>> {
    let root = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(secret);
    let mut key = Zeroizing::new([0; CURSOR_KEY_BYTES]);
    root.expand(&[purpose], &AES_256_GCM).ok()?.fill(key.as_mut_slice()).ok()?;
    Some(key)
}

/// Where a signing key lies; a row copied to another tenant does not open.
fn place(tenant: TenantId, kid: &str) -> String {
    format!("{tenant}/{kid}")
}

/// Where a receiver's credential lies.
fn receiver(tenant: TenantId, stream: StreamId) -> String {
    format!("{tenant}/{stream}/authorization")
}

/// The name of a tenant's key: the month it was made in, and four random letters,
/// so that no key is ever taken for another of the same tenant's name.
pub fn kid(tenant_name: &str, now_us: i64, random: [u8; 4]) -> String {
    let now = OffsetDateTime::from_unix_timestamp(now_us.div_euclid(1_000_000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let letters: String = random.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    format!("{tenant_name}-{:04}{:02}-{letters}", now.year(), u8::from(now.month()))
}

/// Makes a signing key: RSA of 2048 bits (CAEP interoperability profile §2.6).
///
/// It takes some tenths of a second of computing; not for an async task.
///
/// # Errors
///
/// [`KeyError::Generate`] if the library refuses.
pub fn generate(kid: String) -> Result<SigningKey, KeyError> {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map_err(|_| KeyError::Generate)?;
    SigningKey::new(kid, pair).map_err(KeyError::Signing)
}

/// Makes and seals a signing key for a tenant.
///
/// # Errors
///
/// [`KeyError`] if the library refuses.
pub async fn make_signing_key(
    secret: Arc<SecretKey>,
    clock: &Clock,
    tenant: TenantId,
    tenant_name: &str,
) -> Result<NewSigningKey, KeyError> {
    let created_us = clock.now_us();
    let kid = kid(tenant_name, created_us, clock.random());
    let made = tokio::task::spawn_blocking(move || {
        let key = generate(kid)?;
        let public_jwk = key.public_jwk();
        Ok(NewSigningKey { key: secret.seal_signing_key(tenant, &key)?, public_jwk, created_us })
    });
    made.await.map_err(|_| KeyError::Generate)?
}
