//! Somebody with a key who signs tokens.

use std::sync::Arc;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::BoxFuture;
use muster::{
    clock::Clock,
    provision::{IssuerKeys, KeySource},
};
use serde_json::{Value, json};

/// A key on P-256 with the name `one`.
pub(crate) struct Signer {
    key: EcdsaKeyPair,
    jwk: Value,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate(algorithm).unwrap();
        let point = key.public_key().as_ref();
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        });
        Self { key, jwk }
    }

    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk] })
    }

    /// A token of these two with the members of the changes in place of their own; null
    /// leaves one out.
    pub(crate) fn sign(&self, mut full: [Value; 2], changes: [&Value; 2]) -> String {
        for (part, changes) in full.iter_mut().zip(changes) {
            for (name, value) in changes.as_object().unwrap() {
                part[name] = value.clone();
            }
            part.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        }
        let message = full.map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Keys of issuers where nobody asks for any that lie elsewhere.
pub(crate) fn no_issuer_keys() -> IssuerKeys {
    IssuerKeys::new(Clock::system(), Arc::new(NoKeys))
}

struct NoKeys;

impl KeySource for NoKeys {
    fn fetch(&self, _: String) -> BoxFuture<'_, Result<Value, String>> {
        Box::pin(async { Err("nobody asks".to_owned()) })
    }
}
