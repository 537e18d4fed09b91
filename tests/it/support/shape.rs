//! The shape of Sets: every rule of RFC 8417, SSF 1.0, CAEP 1.0, RISC 1.0 and RFC 9967 that a
//! single token can break.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use muster::event::EventUri;
use serde_json::{Map, Value};

/// A longer token is refused by common servers.
const MAX_BYTES: usize = 64 * 1024;
/// Later than any second of this century, and earlier than any of its milliseconds.
const MILLISECONDS: i64 = 10_000_000_000;

const CLAIMS: [&str; 8] = ["iss", "aud", "jti", "iat", "toe", "txn", "sub_id", "events"];
const CREDENTIALS: [&str; 10] = [
    "password",
    "pin",
    "x509",
    "fido2-platform",
    "fido2-roaming",
    "fido-u2f",
    "verifiable-credential",
    "phone-voice",
    "phone-sms",
    "app",
];

type Checked = Result<(), String>;

/// Demands that `compact` is a Set as the standards have it, whoever signed it.
#[track_caller]
pub(crate) fn check_set(compact: &str) {
    if let Err(fault) = set(compact) {
        panic!("no well-formed Set: {fault}: {compact}");
    }
}

fn set(compact: &str) -> Checked {
    demand(compact.len() <= MAX_BYTES, "it is too long")?;
    let parts: Vec<&str> = compact.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return Err("it has not three parts".to_owned());
    };
    demand(!signature.is_empty(), "it is not signed")?;
    check_header(&object(&decode(header)?, "the header")?)?;
    check_claims(&object(&decode(claims)?, "the claims")?)
}

fn decode(part: &str) -> Result<Value, String> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

fn demand(holds: bool, fault: &str) -> Checked {
    if holds { Ok(()) } else { Err(fault.to_owned()) }
}

fn object(value: &Value, what: &str) -> Result<Map<String, Value>, String> {
    value.as_object().cloned().ok_or_else(|| format!("{what}: no object"))
}

fn text<'v>(members: &'v Map<String, Value>, name: &str) -> Result<&'v str, String> {
    let text = members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| format!("`{name}` is no text"))
}

fn only(members: &Map<String, Value>, names: &[&str], what: &str) -> Checked {
    match members.keys().find(|name| !names.contains(&name.as_str())) {
        Some(other) => Err(format!("{what} has `{other}`")),
        None => Ok(()),
    }
}

fn check_header(header: &Map<String, Value>) -> Checked {
    only(header, &["alg", "typ", "kid"], "the header")?;
    demand(text(header, "typ")? == "secevent+jwt", "`typ` (SSF 1.0 §4.1.1)")?;
    demand(text(header, "alg")? == "RS256", "`alg` (CAEP Interoperability Profile §2.6)")?;
    text(header, "kid").map(drop)
}

fn check_claims(claims: &Map<String, Value>) -> Checked {
    only(claims, &CLAIMS, "the Set")?;
    let issuer = text(claims, "iss")?;
    demand(issuer.contains("://") && !issuer.contains(['?', '#']), "`iss` (SSF 1.0 §7.1)")?;
    match &claims.get("aud") {
        Some(Value::String(one)) => demand(!one.is_empty(), "`aud` is empty")?,
        Some(Value::Array(many)) => {
            demand(!many.is_empty() && many.iter().all(Value::is_string), "`aud`")?;
        }
        _ => return Err("`aud` is missing".to_owned()),
    }
    demand(text(claims, "jti")?.len() <= 64, "`jti` is too long")?;
    let issued = claims.get("iat").and_then(Value::as_i64).ok_or("`iat` is no whole number")?;
    demand(issued <= now() && issued < MILLISECONDS, "`iat` is in the future")?;
    let events = object(claims.get("events").unwrap_or(&Value::Null), "`events`")?;
    demand(events.len() == 1, "a Set has one event (RFC 8417 §2.2)")?;
    let (uri, payload) = events.iter().next().ok_or("no event")?;
    let kind = EventUri::parse(uri).ok_or_else(|| format!("`{uri}` is unknown"))?;
    demand(kind.as_str() == uri, "an event has the spelling of a draft")?;
    if !kind.is_operational() {
        text(claims, "txn")?;
    }
    let sub_id = object(claims.get("sub_id").unwrap_or(&Value::Null), "`sub_id`")?;
    check_subject_of(kind, &sub_id)?;
    check_payload(kind, &object(payload, "the event")?, issued)
        .map_err(|fault| format!("{}: {fault}", kind.as_str()))
}

fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a receiver has a clock of its own")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// The format that a type of event prescribes.
fn check_subject_of(kind: EventUri, sub_id: &Map<String, Value>) -> Checked {
    check_subject(sub_id)?;
    let format = text(sub_id, "format")?;
    let fits = match kind {
        EventUri::IdentifierChanged | EventUri::IdentifierRecycled => {
            matches!(format, "email" | "phone_number")
        }
        _ if kind.is_operational() => format == "opaque",
        _ if kind.is_provisioning() => format == "scim",
        _ => true,
    };
    demand(fits, &format!("{kind} with a subject of the format `{format}`"))
}

/// RFC 9493 §3.2, RFC 9967 §2.1, SSF 1.0 §3.3.
fn check_subject(sub_id: &Map<String, Value>) -> Checked {
    let format = text(sub_id, "format")?;
    match format {
        "iss_sub" => {
            only(sub_id, &["format", "iss", "sub"], "iss_sub")?;
            text(sub_id, "iss").and(text(sub_id, "sub")).map(drop)
        }
        "email" => {
            only(sub_id, &["format", "email"], "email")?;
            let (local, domain) = text(sub_id, "email")?.rsplit_once('@').ok_or("no `@`")?;
            demand(!local.is_empty() && !domain.is_empty(), "half an address")?;
            demand(domain == domain.to_lowercase(), "a domain with capitals")
        }
        "opaque" => {
            only(sub_id, &["format", "id"], "opaque")?;
            text(sub_id, "id").map(drop)
        }
        "scim" => {
            let names = ["format", "uri", "externalId", "id", "userName", "emails"];
            only(sub_id, &names, "scim")?;
            demand(text(sub_id, "uri")?.starts_with('/'), "`uri` is not below the SCIM base")
        }
        "aliases" => {
            only(sub_id, &["format", "identifiers"], "aliases")?;
            let all = sub_id.get("identifiers").and_then(Value::as_array).ok_or("no aliases")?;
            demand(!all.is_empty(), "no aliases")?;
            for one in all {
                let one = object(one, "an alias")?;
                demand(text(&one, "format")? != "aliases", "aliases in aliases")?;
                check_subject(&one)?;
            }
            Ok(())
        }
        "complex" => {
            let names = ["user", "device", "session", "application", "tenant", "org_unit", "group"];
            let parts = sub_id.iter().filter(|(name, _)| *name != "format");
            demand(1 < sub_id.len(), "a complex subject of nothing")?;
            for (name, part) in parts {
                demand(names.contains(&name.as_str()), &format!("complex has `{name}`"))?;
                check_subject(&object(part, name)?)?;
            }
            Ok(())
        }
        other => Err(format!("the format `{other}`")),
    }
}

fn check_payload(kind: EventUri, payload: &Map<String, Value>, issued: i64) -> Checked {
    demand(!payload.contains_key("sub_id"), "`sub_id` inside the event (RFC 9967 §2.1)")?;
    if let Some(subject) = payload.get("subject") {
        demand(kind.is_security(), "`subject` inside a new event (SSF 1.0 §3.1)")?;
        check_subject(&object(subject, "`subject`")?)?;
    }
    if kind.is_caep() {
        check_common(payload, issued)?;
    }
    let is = |name: &str, of: &[&str]| match of.contains(&text(payload, name)?) {
        true => Ok(()),
        false => Err(format!("`{name}` is none of {of:?}")),
    };
    match kind {
        EventUri::CredentialChange => {
            is("credential_type", &CREDENTIALS)?;
            is("change_type", &["create", "revoke", "update", "delete"])
        }
        EventUri::TokenClaimsChange => {
            let claims = object(payload.get("claims").unwrap_or(&Value::Null), "`claims`")?;
            demand(!claims.is_empty(), "no claims")
        }
        EventUri::CredentialCompromise => is("credential_type", &CREDENTIALS),
        EventUri::RevocationOverdue => {
            let receivers = payload.get("receivers").and_then(Value::as_array).ok_or("nobody")?;
            demand(!receivers.is_empty() && receivers.iter().all(Value::is_string), "receivers")?;
            text(payload, "deprovisioning").map(drop)
        }
        EventUri::DeprovisioningHeld => {
            let count = |name: &str| payload.get(name).is_some_and(Value::is_u64);
            demand(count("deprovisioned") && count("limit") && count("window_s"), "counts")?;
            text(payload, "actor").map(drop)
        }
        EventUri::Verification => only(payload, &["state"], "the event"),
        EventUri::StreamUpdated => is("status", &["enabled", "paused", "disabled"]),
        EventUri::AsyncResponse => text(payload, "method").and(text(payload, "status")).map(drop),
        EventUri::ProvDelete
        | EventUri::ProvActivate
        | EventUri::ProvDeactivate
        | EventUri::FeedAdd
        | EventUri::FeedRemove => demand(payload.is_empty(), "a payload"),
        EventUri::ProvCreateNotice | EventUri::ProvPatchNotice | EventUri::ProvPutNotice => {
            let names = payload.get("attributes").and_then(Value::as_array).ok_or("no names")?;
            demand(names.iter().all(Value::is_string), "names that are no text")?;
            demand(!payload.contains_key("data"), "both names and values (RFC 9967 §2.4)")
        }
        _ if kind.is_full() => {
            let data = payload.get("data").ok_or("no data")?;
            demand(!payload.contains_key("attributes"), "both names and values")?;
            demand(!data.to_string().contains("password"), "a password")
        }
        _ => Ok(()),
    }
}

/// CAEP 1.0 §2.
fn check_common(payload: &Map<String, Value>, issued: i64) -> Checked {
    if let Some(at) = payload.get("event_timestamp") {
        let at = at.as_i64().ok_or("`event_timestamp` is no whole number")?;
        demand(at <= issued, "`event_timestamp` is behind `iat`, or in milliseconds")?;
    }
    if let Some(initiator) = payload.get("initiating_entity") {
        let known = ["admin", "user", "policy", "system"];
        demand(initiator.as_str().is_some_and(|it| known.contains(&it)), "`initiating_entity`")?;
    }
    demand(payload.contains_key("reason_admin"), "no `reason_admin` (Interop Profile §3)")?;
    for name in ["reason_admin", "reason_user"] {
        if let Some(reason) = payload.get(name) {
            let said = object(reason, name)?;
            demand(!said.is_empty(), name)?;
            demand(said.values().all(|it| it.as_str().is_some_and(|it| !it.is_empty())), name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn broken_sets_are_found() {
        // E12
        let good = json!({
            "iss": "https://roll.example/t/acme", "aud": "r", "jti": "j", "iat": 1_700_000_000,
            "txn": "tx_1", "sub_id": { "format": "email", "email": "jo@acme.test" },
            "events": { EventUri::SessionRevoked.as_str(): {
                "event_timestamp": 1_700_000_000, "reason_admin": { "en": "gone" },
            } },
        });
        let compact = |claims: &Value| {
            let header = json!({ "alg": "RS256", "typ": "secevent+jwt", "kid": "k" });
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            format!("{}.{}.c2ln", part(&header), part(claims))
        };
        assert_eq!(set(&compact(&good)), Ok(()));

        let uri = EventUri::SessionRevoked.as_str();
        let scim = json!({ "format": "scim", "uri": "/Users/1" });
        for (name, value) in [
            ("exp", json!(1)),
            ("sub", json!("jo")),
            ("aud", Value::Null),
            ("iat", json!(1_700_000_000.5)),
            ("iat", json!(1_700_000_000_000_i64)),
            ("txn", json!("")),
            ("sub_id", json!({ "format": "email", "email": "jo@ACME.test" })),
            ("sub_id", json!({ "format": "aliases", "identifiers": [] })),
            ("events", json!({ uri: {}, "urn:b": {} })),
            ("events", json!({ uri: { "reason_admin": { "en": "" } } })),
            ("events", json!({ uri: { "reason_admin": { "en": "x" }, "sub_id": scim } })),
            ("events", json!({ EventUri::ProvDelete.as_str(): {} })),
            ("events", json!({ EventUri::IdentifierChanged.as_str(): { "new-value": 1 }, "x": 1 })),
        ] {
            let mut bad = good.clone();
            bad[name] = value.clone();
            assert!(set(&compact(&bad)).is_err(), "{name}: {value}");
        }
    }
}
