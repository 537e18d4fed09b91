//! Sealing: what opens, and what does not.

use std::fs;

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::{
    store::SealedKey,
    store::{KeyError, SecretKey, generate, kid},
    tenant::{StreamId, TenantId},
};

fn secret(byte: u8) -> SecretKey {
    SecretKey::new(&[byte; 32]).unwrap()
}

#[test]
fn what_is_sealed_opens_with_the_same_key_at_the_same_place() {
    let sealed = secret(1).seal("7/a", b"hidden").unwrap();

    assert_eq!(secret(1).open("7/a", &sealed).unwrap().expose_secret(), b"hidden");
    assert!(!sealed.windows(6).any(|it| it == b"hidden"));
    assert_ne!(secret(1).seal("7/a", b"hidden").unwrap(), sealed, "each has its own nonce");
}

#[test]
fn nothing_else_opens() {
    let sealed = secret(1).seal("7/a", b"hidden").unwrap();
    let mut changed = sealed.clone();
    *changed.last_mut().unwrap() ^= 1;
    let mut other_format = sealed.clone();
    other_format[0] = 2;

    for (key, place, sealed) in [
        (secret(2), "7/a", sealed.as_slice()),
        (secret(1), "8/a", &sealed),
        (secret(1), "7/a", &changed),
        (secret(1), "7/a", &other_format),
        (secret(1), "7/a", &sealed[..12]),
        (secret(1), "7/a", &[]),
    ] {
        assert!(matches!(key.open(place, sealed), Err(KeyError::Open)));
    }
}

#[test]
fn a_secret_key_is_32_bytes_raw_or_in_base64() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
    let sealed = secret(1).seal("p", b"x").unwrap();

    for content in [text.as_bytes(), &[1; 32]] {
        fs::write(file.path(), content).unwrap();
        assert!(SecretKey::read(file.path()).unwrap().open("p", &sealed).is_ok());
    }
    for content in ["AQEB", "", "not base64 at all, but long enough!!!!!!!!!"] {
        fs::write(file.path(), content).unwrap();
        assert!(matches!(SecretKey::read(file.path()), Err(KeyError::Secret)));
    }
    assert_eq!(format!("{:?}", secret(1)), "SecretKey { .. }");
}

#[test]
fn a_signing_key_opens_for_its_tenant_only() {
    let key = generate(kid("acme", 1_790_000_000_000_000, [0, 1, 25, 26])).unwrap();
    assert_eq!(key.kid(), "acme-202609-abza");

    let sealed = secret(1).seal_signing_key(TenantId::new(7), &key).unwrap();
    let opened = secret(1).open_signing_key(TenantId::new(7), &sealed).unwrap();

    assert_eq!(opened.public_jwk(), key.public_jwk());
    assert!(secret(1).open_signing_key(TenantId::new(8), &sealed).is_err());
    let renamed = SealedKey { kid: "acme-202609b".to_owned(), ..sealed };
    assert!(secret(1).open_signing_key(TenantId::new(7), &renamed).is_err());
}

#[test]
fn a_credential_opens_for_its_stream_only() {
    let (tenant, stream) = (TenantId::new(7), StreamId(Uuid::from_u128(1)));
    let credential = SecretString::from("Bearer abc");

    let sealed = secret(1).seal_authorization(tenant, stream, &credential).unwrap();

    let opened = secret(1).open_authorization(tenant, stream, &sealed).unwrap();
    assert_eq!(opened.expose_secret(), "Bearer abc");
    let other = StreamId(Uuid::from_u128(2));
    assert!(secret(1).open_authorization(tenant, other, &sealed).is_err());
    assert!(secret(1).open_authorization(TenantId::new(8), stream, &sealed).is_err());
}
