//! The claims of a security event token, a Set (RFC 8417).

use aws_lc_rs::digest;
use serde_json::{Map, Value};
use uuid::{Builder, Uuid};

use super::EventUri;

/// Keeps our ids apart from whatever else is made by hashing two ids.
const JTI_DOMAIN: &[u8] = b"muster set 1";

/// The claims of one Set: one event, for one receiver.
///
/// It has no place for `sub`, `exp` or `nbf`, which a Set must not carry
/// (SSF 1.0 §4.1.2, §4.1.7; RFC 9967 §2.1).
#[derive(Debug, Clone, Copy)]
pub struct SetClaims<'a> {
    /// The tenant's issuer; equal to the one in the transmitter's metadata.
    pub issuer: &'a str,
    /// The receiver of the stream.
    pub audience: &'a str,
    /// The Set's id; see [`jti`].
    pub jti: &'a str,
    /// When the Set was issued, in whole seconds since 1970.
    pub issued_at: i64,
    /// Names the change that caused the event; the same in all its Sets
    /// (RFC 9967 §2.2).
    pub txn: &'a str,
    /// Whom the event is about; see [`Naming::sub_id`](super::Naming::sub_id).
    pub sub_id: &'a Value,
    /// The event's type.
    pub uri: EventUri,
    /// What the type says beyond its subject; an object.
    pub payload: &'a Value,
}

impl SetClaims<'_> {
    /// The claims as they are signed.
    pub fn to_json(&self) -> Value {
        let mut events = Map::new();
        events.insert(self.uri.as_str().to_owned(), self.payload.clone());

        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("iss", self.issuer.into());
        put("aud", self.audience.into());
        put("jti", self.jti.into());
        put("iat", self.issued_at.into());
        put("txn", self.txn.into());
        put("sub_id", self.sub_id.clone());
        put("events", Value::Object(events));
        Value::Object(claims)
    }
}

/// The id of the Set that carries an event over a stream.
///
/// A function of the two, so that a retry, a redelivery and a replay carry the
/// same id, by which receivers tell copies (RFC 8417 §2.2), and two streams
/// never share one. It is a UUID of version 8 (RFC 9562 §5.8).
pub fn jti(event_id: Uuid, stream_id: Uuid) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(JTI_DOMAIN);
    context.update(event_id.as_bytes());
    context.update(stream_id.as_bytes());
    let hash = context.finish();

    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash.as_ref()) {
        *byte = *hashed;
    }
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
