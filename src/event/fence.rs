//! The fence: which tokens a service must not take any more, although they are
//! signed and not expired.
//!
//! A service that checks tokens by itself keeps, for each person, the latest
//! `not_before` it was told. That the person may log in again lifts nothing: a new
//! login gets a new token.

use serde_json::{Value, json};

use super::{
    Subject,
    subject::{address, opaque},
};

/// The second up to which a revocation ends what was issued before it.
pub fn not_before(occurred_us: i64) -> i64 {
    occurred_us.div_euclid(1_000_000)
}

/// Whether a token must be refused, by when it was issued (`iat`) and its
/// subject's latest `not_before`, both in whole seconds since 1970.
///
/// One that was issued in the same second is refused too: it may be the older
/// one, and nobody can tell.
pub fn is_fenced(issued_at: i64, not_before: i64) -> bool {
    issued_at <= not_before
}

/// Every name that a service may know the person by (RFC 9493 §3.2.8).
pub fn every_name(subject: &Subject, subject_issuer: &str) -> Value {
    let by_issuer = subject
        .external_id
        .as_ref()
        .map(|sub| json!({ "format": "iss_sub", "iss": subject_issuer, "sub": sub }));
    let email = subject.email.as_deref().and_then(address);
    let by_email = email.map(|email| json!({ "format": "email", "email": email }));
    let names: Vec<Value> =
        by_issuer.into_iter().chain(by_email).chain([opaque(subject)]).collect();
    json!({ "format": "aliases", "identifiers": names })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(issued_at: i64, fenced: bool) {
        // Revoked in the middle of second 1000.
        assert_eq!(is_fenced(issued_at, not_before(1_000_500_000)), fenced, "{issued_at}");
    }

    #[test]
    fn tokens_up_to_the_second_of_the_revocation_are_refused() {
        check(999, true);
        check(1000, true);
        check(1001, false);
    }

    #[test]
    fn a_person_goes_by_every_name_there_is() {
        let mut person = Subject {
            endpoint: "/Users".to_owned(),
            external_id: Some("00u7".to_owned()),
            email: Some("Jo@ACME.test".to_owned()),
            ..Subject::stream("7b0d".to_owned())
        };

        let all = every_name(&person, "https://idp.test");
        person.external_id = None;
        person.email = None;
        let least = every_name(&person, "https://idp.test");

        let by_issuer = json!({ "format": "iss_sub", "iss": "https://idp.test", "sub": "00u7" });
        let by_email = json!({ "format": "email", "email": "Jo@acme.test" });
        let by_id = json!({ "format": "opaque", "id": "7b0d" });
        assert_eq!(all["format"], "aliases");
        assert_eq!(all["identifiers"], json!([by_issuer, by_email, by_id]));
        assert_eq!(least["identifiers"], json!([by_id]));
    }
}
