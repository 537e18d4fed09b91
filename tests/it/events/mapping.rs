//! What a directory's changes of names, credentials and rights tell receivers, end to end.

use std::time::Duration;

use muster::{
    event::Profile,
    provision::operator::{ChosenStream, NameKind, StreamChoice},
};
use serde_json::Map;

use super::*;
use crate::support::{Delivery, SetReceiver};

const CLAIMS: &str = "token-claims-change";
const CREDENTIAL: &str = "credential-change";
const CHANGED: &str = "identifier-changed";
const RECYCLED: &str = "identifier-recycled";
const RECOVERY: &str = "recovery-information-changed";

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Sets what an operator sets for the tenant's events, and waits until all act on it.
async fn set(app: &TestApp, tenant: &TestTenant, change: Value) {
    let change = change.as_object().unwrap().clone();
    app.operator().change_event_settings(tenant.name(), change).await.unwrap();
    // Callers are believed for a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

/// The payload of a delivery's event.
fn payload(delivery: &Delivery) -> Map<String, Value> {
    let claims = delivery.claims();
    claims["events"].as_object().unwrap().values().next().unwrap().as_object().unwrap().clone()
}

fn names(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(Delivery::event).collect()
}

/// A receiver of every type of event, which knows people as `format` says.
async fn receiver(app: &TestApp, tenant: &TestTenant, format: SubjectFormat) -> SetReceiver {
    let receiver = SetReceiver::start().await;
    let new = NewStream { subject_format: format, ..stream_of_all(Some(receiver.url())) };
    open(app, tenant, new).await;
    receiver
}

on_both_databases! {
    async fn a_deactivation_in_every_spelling_is_the_same(app: TestApp) {
        // E5, E6
        let acme = app.new_tenant().await;
        let mut log = Log::of(&acme);
        for (number, value) in [json!(false), json!("False"), json!("false")].into_iter().enumerate() {
            let user = user(&acme, &format!("user-{number}")).await;
            log.expect("created", &[CREATE, ACTIVATE]).await;
            let patch = || json!({ "op": "replace", "path": "active", "value": value });
            acme.patch(&user, patch()).await.expect(200);
            log.expect("deactivated", &[DISABLED, REVOKED, DEACTIVATE, PATCH]).await;
            acme.patch(&user, patch()).await.expect(200);
            log.expect("deactivated again", &[]).await;
        }
    }

    async fn a_put_without_active_deactivates_nobody(app: TestApp) {
        // E4
        let acme = app.new_tenant().await;
        let user = user(&acme, "barbara").await;
        let mut log = Log::of(&acme);
        log.expect("created", &[CREATE, ACTIVATE]).await;
        let put = json!({ "userName": "barbara", "externalId": "x-barbara", "title": "Guide" });
        acme.put(&user).json(put).await.expect(200);
        log.expect("put", &[PUT]).await;
    }

    async fn a_deleted_user_is_purged_under_the_names_they_had(app: TestApp) {
        // E7
        let acme = app.new_tenant().await;
        let user = user(&acme, "barbara").await;
        let receiver = receiver(&app, &acme, SubjectFormat::IssSub).await;

        acme.delete(&user).await.expect(204);

        let deliveries = receiver.wait_for(4).await;
        assert_eq!(names(&deliveries), [DISABLED, REVOKED, PURGED, DELETE]);
        let txn = deliveries[0].claims()["txn"].clone();
        for delivery in &deliveries {
            let claims = delivery.claims();
            assert_eq!(claims["txn"], txn);
            let known = if delivery.event() == DELETE { "externalId" } else { "sub" };
            assert_eq!(claims["sub_id"][known], "x-barbara");
        }
    }

    async fn a_slow_and_flaky_receiver_ends_with_the_last_state(app: TestApp) {
        // E3
        let acme = app.new_tenant().await;
        let user = user(&acme, "barbara").await;
        let calls = std::sync::atomic::AtomicU32::new(0);
        let receiver = SetReceiver::answering(move |_| {
            std::thread::sleep(Duration::from_millis(20));
            match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 3 {
                1 => (503, ""),
                _ => (202, ""),
            }
        })
        .await;
        open(&app, &acme, stream_of_all(Some(receiver.url()))).await;
        acme.patch(&user, replace("active", false)).await.expect(200);
        acme.patch(&user, replace("active", true)).await.expect(200);
        acme.patch(&user, replace("active", false)).await.expect(200);

        let taken = |deliveries: &[Delivery]| -> Vec<String> {
            deliveries.iter().filter(|it| it.status == 202).map(Delivery::event).collect()
        };
        let deliveries = receiver.wait_until(|all| taken(all).len() == 11).await;
        let off = [DISABLED, REVOKED, DEACTIVATE, PATCH];
        let on = [ENABLED, ACTIVATE, PATCH];
        let txn_of = |delivery: &Delivery| delivery.claims()["txn"].as_str().unwrap().to_owned();
        let mut txns: Vec<String> = Vec::new();
        for txn in deliveries.iter().filter(|it| it.status == 202).map(txn_of) {
            if txns.last() != Some(&txn) {
                txns.push(txn);
            }
        }
        assert_eq!(txns.len(), 3, "one change after the other");
        let of = |txn: &String| -> std::collections::BTreeSet<String> {
            let accepted = deliveries.iter().filter(|it| it.status == 202);
            accepted.filter(|it| txn_of(it) == *txn).map(Delivery::event).collect()
        };
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!([of(&txns[0]), of(&txns[1]), of(&txns[2])], [set(&off), set(&on), set(&off)]);
    }

    async fn an_address_goes_from_one_to_another(app: TestApp) {
        // E10
        let acme = app.new_tenant().await;
        set(&app, &acme, json!({ "authoritative_domains": ["acme.test"] })).await;
        let make = async |name: &str, email: &str| {
            let emails = json!([{ "value": email, "primary": true }]);
            acme.create("Users", json!({ "userName": name, "externalId": name, "emails": emails })).await
        };
        let (one, two) = (make("one", "one@acme.test").await, make("two", "two@acme.test").await);
        let receiver = receiver(&app, &acme, SubjectFormat::IssSub).await;
        let email = |value: &str| replace("emails", json!([{ "value": value, "primary": true }]));

        acme.patch(&one, email("was-one@acme.test")).await.expect(200);
        acme.patch(&two, email("one@acme.test")).await.expect(200);
        acme.patch(&one, email("two@acme.test")).await.expect(200);

        let deliveries = receiver.wait_for(11).await;
        let about = |user: &Resource, name: &str| -> Vec<(String, String)> {
            let mut found = Vec::new();
            for delivery in &deliveries {
                let claims = delivery.claims();
                let address = claims["sub_id"]["email"].as_str().unwrap_or_default().to_owned();
                let owner = match delivery.event().as_str() {
                    CHANGED | RECYCLED => deliveries.iter().any(|it| {
                        it.claims()["txn"] == claims["txn"] && it.claims()["sub_id"]["id"] == user.id()
                    }),
                    _ => claims["sub_id"]["id"] == user.id() || claims["sub_id"]["sub"] == name,
                };
                if owner {
                    found.push((delivery.event(), address));
                }
            }
            found
        };
        let pair = |name: &str, address: &str| (name.to_owned(), address.to_owned());
        let mut ones = about(&one, "one");
        // Those of an address have one place, whatever their order among each other.
        ones[3..5].sort();
        assert_eq!(ones, [
            pair(CHANGED, "one@acme.test"), pair(PATCH, ""), pair(CLAIMS, ""),
            pair(CHANGED, "was-one@acme.test"), pair(RECYCLED, "two@acme.test"),
            pair(PATCH, ""), pair(CLAIMS, ""),
        ]);
        let mut twos = about(&two, "two");
        twos[0..2].sort();
        assert_eq!(twos, [
            pair(CHANGED, "two@acme.test"), pair(RECYCLED, "one@acme.test"),
            pair(PATCH, ""), pair(CLAIMS, ""),
        ]);
    }

    async fn a_newcomer_gets_the_address_of_who_left(app: TestApp) {
        let acme = app.new_tenant().await;
        set(&app, &acme, json!({ "authoritative_domains": ["acme.test"] })).await;
        let user = |name: &str| json!({ "userName": name, "emails": [{ "value": "Desk@acme.test" }] });
        let first = acme.create("Users", user("first")).await;
        acme.delete(&first).await.expect(204);
        let mut log = Log::of(&acme);
        log.expect("first", &[CREATE, ACTIVATE, DISABLED, REVOKED, PURGED, DELETE]).await;

        let second = acme.create("Users", user("second")).await;
        log.expect("second", &[RECYCLED, CREATE, ACTIVATE]).await;
        acme.patch(&second, json!({ "op": "remove", "path": "emails" })).await.expect(200);
        log.expect("given up", &[RECOVERY, PATCH, CLAIMS]).await;
        acme.patch(&second, replace("emails", user("x")["emails"].clone())).await.expect(200);
        log.expect("had again by the same", &[PATCH, CLAIMS]).await;
    }

    async fn who_is_known_by_a_name_is_logged_out_under_the_old_one(app: TestApp) {
        let acme = app.new_tenant().await;
        let emails = json!([{ "value": "jo@acme.test", "primary": true }]);
        let document = json!({ "userName": "jo", "externalId": "E-1", "emails": emails });
        let user = acme.create("Users", document).await;
        let by_key = receiver(&app, &acme, SubjectFormat::IssSub).await;
        let by_mail = receiver(&app, &acme, SubjectFormat::Email).await;

        acme.patch(&user, replace("externalId", "E-2")).await.expect(200);
        let first = by_key.wait_for(2).await;
        assert_eq!(names(&first), [REVOKED, PATCH]);
        assert_eq!(first[0].claims()["sub_id"]["sub"], "E-1");
        assert_eq!(names(&by_mail.wait_for(1).await), [PATCH]);

        let new = json!([{ "value": "jo@other.test", "primary": true }]);
        acme.patch(&user, replace("emails", new)).await.expect(200);
        let second = by_mail.wait_for(5).await;
        assert_eq!(names(&second[1..]), [REVOKED, RECOVERY, PATCH, CLAIMS]);
        assert_eq!(second[1].claims()["sub_id"]["email"], "jo@acme.test");
        assert_eq!(names(&by_key.wait_for(5).await[2..]), [RECOVERY, PATCH, CLAIMS]);
    }

    async fn a_password_is_told_of_and_kept_by_nobody(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = user(&acme, "barbara").await;
        let receiver = receiver(&app, &acme, SubjectFormat::Opaque).await;
        let mut log = Log::of(&acme);
        log.expect("created", &[CREATE, ACTIVATE]).await;

        let answer = acme.patch(&user, replace("password", "t0p-s3cret")).await.expect(200);
        assert_eq!(answer["meta"]["version"], "W/\"1\"", "nothing that is kept changed");
        log.expect("patched", &[CREDENTIAL]).await;
        set(&app, &acme, json!({ "revoke_on_password_change": true })).await;
        let put = json!({ "userName": "barbara", "externalId": "x-barbara", "password": "t0p-s3cret" });
        acme.put(&user).json(put).await.expect(200);
        log.expect("put", &[REVOKED, CREDENTIAL]).await;

        let deliveries = receiver.wait_for(3).await;
        let told = payload(&deliveries[0]);
        assert_eq!((&told["credential_type"], &told["change_type"]), (&json!("password"), &json!("update")));
        assert!(deliveries.iter().all(|it| !it.claims().to_string().contains("s3cret")));
    }

    async fn rights_are_claims(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = user(&acme, "barbara").await;
        let receiver = receiver(&app, &acme, SubjectFormat::IssSub).await;
        let roles = |all: &[&str]| -> Value { all.iter().map(|it| json!({ "value": it })).collect() };
        acme.patch(&user, replace("roles", roles(&["viewer", "editor"]))).await.expect(200);
        acme.patch(&user, replace("roles", roles(&["viewer"]))).await.expect(200);
        set(&app, &acme, json!({
            "revoke_on_privilege_loss": true, "claims": [format!("{ENTERPRISE}:department")],
        })).await;
        acme.patch(&user, json!({ "op": "remove", "path": "roles" })).await.expect(200);
        acme.patch(&user, replace(&format!("{ENTERPRISE}:department"), "Tours")).await.expect(200);

        let deliveries = receiver.wait_for(9).await;
        let expected = [PATCH, CLAIMS, PATCH, CLAIMS, REVOKED, PATCH, CLAIMS, PATCH, CLAIMS];
        assert_eq!(names(&deliveries), expected);
        let claims = |number: usize| payload(&deliveries[number])["claims"].clone();
        assert_eq!(claims(1), json!({ "roles": ["viewer", "editor"] }));
        assert_eq!(claims(3), json!({ "roles": ["viewer"] }));
        assert_eq!(claims(6), json!({ "roles": [] }));
        assert_eq!(claims(8), json!({ "department": "Tours" }));
    }

    async fn certificates_are_credentials(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = user(&acme, "barbara").await;
        let receiver = receiver(&app, &acme, SubjectFormat::IssSub).await;
        // A certificate whose signed part holds the number 7.
        let certificates = json!([{ "value": "MAwwAwIBBzAAAwMAAQI=" }]);
        acme.patch(&user, replace("x509Certificates", certificates)).await.expect(200);
        acme.patch(&user, json!({ "op": "remove", "path": "x509Certificates" })).await.expect(200);

        let deliveries = receiver.wait_for(4).await;
        assert_eq!(names(&deliveries), [CREDENTIAL, PATCH, CREDENTIAL, PATCH]);
        for (number, change) in [(0, "create"), (2, "revoke")] {
            let told = payload(&deliveries[number]);
            assert_eq!((&told["change_type"], &told["x509_serial"]), (&json!(change), &json!("07")));
        }
    }

    async fn an_attribute_locks_and_another_suspends(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = user(&acme, "barbara").await;
        set(&app, &acme, json!({ "locked_by": "title", "suspended_by": "nickName" })).await;
        let mut log = Log::of(&acme);
        log.expect("created", &[CREATE, ACTIVATE]).await;
        acme.patch(&user, replace("title", "true")).await.expect(200);
        log.expect("locked", &[REVOKED, PATCH]).await;
        acme.patch(&user, replace("title", "false")).await.expect(200);
        log.expect("unlocked", &[PATCH]).await;
        acme.patch(&user, replace("nickName", "True")).await.expect(200);
        log.expect("suspended", &[DISABLED, REVOKED, DEACTIVATE, PATCH]).await;
        acme.patch(&user, replace("active", false)).await.expect(200);
        log.expect("deactivated too", &[PATCH]).await;
        acme.patch(&user, replace("active", true)).await.expect(200);
        acme.patch(&user, json!({ "op": "remove", "path": "nickName" })).await.expect(200);
        log.expect("back", &[PATCH, ENABLED, ACTIVATE, PATCH]).await;
    }

    async fn values_are_sent_where_the_tenant_wants_it(app: TestApp) {
        // R491, R493, R494
        let acme = app.new_tenant().await;
        let receiver = receiver(&app, &acme, SubjectFormat::IssSub).await;
        let mut log = Log::of(&acme);
        user(&acme, "first").await;
        log.expect("names alone", &[CREATE, ACTIVATE]).await;
        set(&app, &acme, json!({ "full_events": true })).await;

        let second = acme.create("Users", json!({ "userName": "second", "password": "t0p-s3cret" })).await;
        acme.patch(&second, replace("title", "Guide")).await.expect(200);
        acme.patch(&second, json!({ "op": "remove", "path": "title" })).await.expect(200);
        acme.put(&second).json(json!({ "userName": "second", "title": "Tours" })).await.expect(200);
        log.expect("values too", &[
            CREATE, "prov:create:full", ACTIVATE, PATCH, "prov:patch:full", PATCH,
            "prov:patch:full", PUT, "prov:put:full",
        ]).await;

        let deliveries = receiver.wait_for(11).await;
        let data: Vec<Value> = deliveries
            .iter()
            .filter(|it| it.event().ends_with(":full"))
            .map(|it| payload(it)["data"].clone())
            .collect();
        assert_eq!(data[0]["id"], second.id());
        assert_eq!(data[0]["meta"]["version"], "W/\"1\"");
        assert_eq!(data[1]["Operations"], json!([replace("title", "Guide")]));
        assert_eq!(data[2]["Operations"], json!([{ "op": "remove", "path": "title" }]));
        assert_eq!(data[3]["title"], "Tours");
        assert!(deliveries.iter().all(|it| !it.claims().to_string().contains("s3cret")));
    }

    async fn an_operator_reports_a_credential(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = user(&acme, "barbara").await;
        let receiver = receiver(&app, &acme, SubjectFormat::IssSub).await;
        let person = (NameKind::Id, user.id());
        let operator = app.operator();
        operator.report_credential(acme.name(), person, "password", (None, "operator:x")).await.unwrap();
        operator.require_credential_change(acme.name(), person, "operator:x").await.unwrap();
        let refused = operator.report_credential(acme.name(), person, "key", (None, "operator:x")).await;
        assert!(refused.unwrap_err().to_string().contains("fido-u2f"));

        let deliveries = receiver.wait_for(2).await;
        assert_eq!(names(&deliveries), ["credential-compromise", "account-credential-change-required"]);
        assert_eq!(payload(&deliveries[0])["credential_type"], "password");
    }

    async fn settings_that_cannot_be_are_refused_by_name(app: TestApp) {
        let acme = app.new_tenant().await;
        for (change, named) in [
            (json!({ "authoritative_domains": ["jo@acme.test"] }), "jo@acme.test"),
            (json!({ "claims": ["shoeSize"] }), "shoeSize"),
            (json!({ "locked_by": "urn:x:locked" }), "urn:x:locked"),
            (json!({ "colour": 1 }), "colour"),
            (json!({ "revoke_on_rename": "maybe" }), "maybe"),
        ] {
            let change = change.as_object().unwrap().clone();
            let refused = app.operator().change_event_settings(acme.name(), change).await;
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains(named), "{refused}");
        }
        let kept = app.operator().event_settings(acme.name()).await.unwrap();
        assert_eq!(kept, Default::default());
    }
}

/// A stream made with these words of the admin API, and the first Set about the user.
async fn first_set(app: &TestApp, tenant: &TestTenant, choice: StreamChoice) -> Value {
    let receiver = SetReceiver::start().await;
    let ChosenStream { events, subject_format, subjects, audience } = choice.complete().unwrap();
    let base = stream_of_all(Some(receiver.url()));
    open(app, tenant, NewStream { events, subject_format, subjects, audience, ..base }).await;
    let emails = json!([{ "value": "Jo@ACME.test", "primary": true }]);
    let document = json!({ "userName": "jo", "externalId": "E-1", "emails": emails });
    let user = tenant.create("Users", document).await;
    tenant.delete(&user).await.expect(204);
    let revoked =
        |all: &[Delivery]| all.iter().any(|it| [REVOKED, DELETE].contains(&it.event().as_str()));
    let deliveries = receiver.wait_until(revoked).await;
    let is_it = |it: &&Delivery| [REVOKED, DELETE].contains(&it.event().as_str());
    deliveries.iter().find(is_it).unwrap().claims()
}

on_both_databases! {
    async fn a_profile_names_people_as_its_receivers_want_it(app: TestApp) {
        let mail = json!({ "format": "email", "email": "Jo@acme.test" });
        for profile in Profile::ALL {
            let acme = app.new_tenant().await;
            let choice = StreamChoice { profile: Some(profile), ..StreamChoice::default() };
            let claims = first_set(&app, &acme, choice).await;
            let event = claims["events"].as_object().unwrap().values().next().unwrap();
            match profile {
                Profile::Google | Profile::Okta => {
                    assert_eq!(claims["sub_id"], mail);
                    assert_eq!(event["subject"], mail, "as before SSF 1.0");
                }
                Profile::CaepInterop | Profile::Apple => {
                    assert_eq!(claims["sub_id"]["sub"], "E-1");
                    assert!(event.get("subject").is_none());
                }
                Profile::Rfc9967 => assert_eq!(claims["sub_id"]["format"], "scim"),
            }
            let is_google = claims["aud"] == "https://sharedsignals.googleapis.com";
            assert_eq!(is_google, profile == Profile::Google);
        }
    }

    async fn a_stream_names_people_as_it_is_set(app: TestApp) {
        let set = |subjects: Value| StreamChoice {
            subjects: subjects.as_object().unwrap().clone(),
            application: Some("crm".to_owned()),
            ..StreamChoice::default()
        };
        for (subjects, member, expected) in [
            (json!({ "sub_source": "userName", "iss": "https://idp.test" }), "sub", json!("jo")),
            (json!({ "sub_source": "email" }), "sub", json!("Jo@ACME.test")),
            (json!({ "complex": ["tenant", "application"] }), "application", json!({ "format": "opaque", "id": "crm" })),
            (json!({ "complex": ["tenant"] }), "format", json!("complex")),
            (json!({ "aliases": true }), "format", json!("aliases")),
        ] {
            let acme = app.new_tenant().await;
            let claims = first_set(&app, &acme, set(subjects.clone())).await;
            assert_eq!(claims["sub_id"][member], expected, "{subjects}");
        }
        for wrong in [
            json!({ "aliases": true, "complex": ["tenant"] }),
            json!({ "sub_source": "shoe" }),
            json!({ "iss": "" }),
            json!({ "application": "crm" }),
        ] {
            assert!(set(wrong.clone()).complete().is_err(), "{wrong}");
        }
        let interop = |events| StreamChoice {
            profile: Some(Profile::CaepInterop),
            events: Some(events),
            ..StreamChoice::default()
        };
        let refused = interop(vec![EventUri::ProvDelete]).complete().unwrap_err().to_string();
        assert!(refused.contains("caep-interop"), "{refused}");
        assert!(interop(vec![EventUri::SessionRevoked]).complete().is_ok());
    }
}
