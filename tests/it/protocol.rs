//! The protocol as clients meet it (RFC 7644): resources, lists, versions, errors.

mod credentials;
mod discovery;
mod me;
mod messages;
mod places;
mod resources;
mod wrong;

use std::collections::BTreeSet;

use muster::scim::dialect::Dialect;
use reqwest::{
    Method,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use serde_json::{Value, json};

use crate::support::{Answer, PUBLIC_URL, Request, Resource, TestApp, TestTenant, replace};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn barbara() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "bjensen@example.com",
        "externalId": "bjensen",
        "name": { "givenName": "Barbara", "familyName": "Jensen" },
        "displayName": "Barbara Jensen",
        "active": true,
        "emails": [
            { "value": "bjensen@example.com", "type": "work", "primary": true },
            { "value": "babs@example.org", "type": "home" },
        ],
        ENTERPRISE: { "employeeNumber": "701984", "department": "Tours" },
    })
}

async fn get(tenant: &TestTenant, path: &str) -> Answer {
    tenant.request(Method::GET, path).await
}

fn members(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn ids(list: &Answer) -> Vec<String> {
    let rows = list["Resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// The places where an answer tells where a resource is, and in which version, agree.
#[track_caller]
fn check_told(tenant: &TestTenant, endpoint: &str, answer: &Answer) {
    let id = answer["id"].as_str().unwrap();
    let location = format!("{PUBLIC_URL}/t/{}/scim/v2/{endpoint}/{id}", tenant.name());
    assert_eq!(answer.headers["location"], location, "{answer}");
    assert_eq!(answer["meta"]["location"], location, "{answer}");
    assert_eq!(answer.headers["etag"], answer["meta"]["version"].as_str().unwrap(), "{answer}");
    assert_eq!(answer.headers["content-type"], "application/scim+json", "{answer}");
    let kind = endpoint.trim_end_matches('s');
    assert_eq!(answer["meta"]["resourceType"], kind, "{answer}");
}

on_both_databases! {
    async fn every_answer_tells_place_and_version(app: TestApp) {
        // R71, R76, R77, R188, R190, R191, R200, R202, R204, R348
        for dialect in Dialect::ALL {
            let acme = app.new_tenant_with(dialect).await;
            let created = acme.request(Method::POST, "/Users").json(barbara()).await.expect(201);
            check_told(&acme, "Users", &created);
            let user = Resource::new("Users", created.clone());
            check_told(&acme, "Users", &acme.get(&user).await.expect(200));
            let patched = acme.patch(&user, replace("title", "Guide")).await.expect(200);
            check_told(&acme, "Users", &patched);
            assert_ne!(patched["meta"]["version"], created["meta"]["version"]);
            let mut document = barbara();
            document["title"] = "Tour guide".into();
            check_told(&acme, "Users", &acme.put(&user).json(document).await.expect(200));

            let group = json!({ "schemas": [GROUP], "displayName": "Guides" });
            let group = acme.request(Method::POST, "/Groups").json(group).await.expect(201);
            check_told(&acme, "Groups", &group);
        }
    }

    async fn a_put_of_what_was_got_changes_nothing(app: TestApp) {
        // R325
        for dialect in Dialect::ALL {
            let acme = app.new_tenant_with(dialect).await;
            let user = acme.create("Users", barbara()).await;
            let members = json!([{ "value": user.id() }]);
            let group = json!({ "schemas": [GROUP], "displayName": "G", "members": members });
            let group = acme.create("Groups", group).await;
            let events = acme.events().await;

            for resource in [&user, &group] {
                let got = acme.get(resource).await.expect(200);
                let put = acme.put(resource).json(got.body.clone()).await.expect(200);
                assert_eq!(put.body, got.body, "{dialect:?}"); // R325
                assert_eq!(acme.get(resource).await.body, got.body, "{dialect:?}");
            }
            assert_eq!(acme.events().await, events);
        }
    }

    async fn a_patch_to_what_is_keeps_version_and_time(app: TestApp) {
        // R350, R361
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let before = acme.get(&user).await;
        for operation in [
            replace("displayName", "Barbara Jensen"),
            replace("active", true),
            replace("name.familyName", "Jensen"),
            json!({ "op": "add", "path": "emails", "value": [{ "value": "babs@example.org", "type": "home" }] }),
            json!({ "op": "remove", "path": "title" }),
        ] {
            let after = acme.patch(&user, operation).await.expect(200);
            assert_eq!(after["meta"], before["meta"], "{after}");
            assert_eq!(after.headers["etag"], before.headers["etag"], "{after}");
        }
    }

    async fn a_change_moves_the_time_forward_alone(app: TestApp) {
        // R72, R157, R218
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let before = acme.get(&user).await;
        let after = acme.patch(&user, replace("title", "Guide")).await.expect(200);
        assert_eq!(after["meta"]["created"], before["meta"]["created"]);
        let time = |answer: &Answer| answer["meta"]["lastModified"].as_str().unwrap().to_owned();
        assert!(time(&before) <= time(&after));
        assert_eq!(acme.get(&user).await.body, after.body);
    }

    async fn a_known_version_is_not_sent_again(app: TestApp) {
        // R458
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let with = |tag: &str| acme.get(&user).header(reqwest::header::IF_NONE_MATCH, tag); // R458

        for tag in [user.etag().to_owned(), "*".to_owned(), format!("\"x\", {}", user.etag())] {
            let answer = with(&tag).await.expect(304);
            assert_eq!(answer.body, Value::Null);
            assert_eq!(answer.headers["etag"], user.etag());
        }
        with("W/\"other\"").await.expect(200);
        acme.patch(&user, replace("title", "Guide")).await.expect(200);
        with(user.etag()).await.expect(200);
    }

    async fn a_known_version_is_not_changed(app: TestApp) {
        // R459
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let title = || acme.patch(&user, replace("title", "Guide"));
        let version = user.etag().to_owned();
        for tag in ["*", &version, &format!("\"x\", {version}")] {
            for request in [title(), acme.put(&user).json(barbara()), acme.delete(&user)] {
                request.header(IF_NONE_MATCH, tag).await.expect_error(412, None); // R459
            }
        }
        assert_eq!(acme.get(&user).await["meta"]["version"], version);
        title().header(IF_NONE_MATCH, "W/\"other\"").await.expect(200);
    }

    async fn several_lines_of_versions_are_one_list(app: TestApp) {
        // R457
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let delete = |second: &str| {
            let request = acme.delete(&user).header(IF_MATCH, "\"x\"");
            request.another(IF_MATCH, second)
        };
        delete("\"y\"").await.expect_error(412, None);
        delete("not a tag").await.expect_error(400, Some("invalidValue")); // R457
        delete(user.etag()).await.expect(204);
    }

    async fn taking_active_away_gives_nobody_access(app: TestApp) {
        for dialect in Dialect::ALL {
            let acme = app.new_tenant_with(dialect).await;
            let mut document = barbara();
            document["active"] = false.into();
            let user = acme.create("Users", document).await;
            let remove = json!({ "op": "remove", "path": "active" });

            let answer = acme.patch(&user, remove).await.expect(200);

            assert_eq!(answer["active"], Value::Null, "{answer}");
            let enabled = acme.list("Users", "active eq true").await.expect(200);
            assert_eq!(enabled["totalResults"], 0, "{dialect:?}");
            if dialect != Dialect::Strict {
                let mut silent = barbara();
                silent["active"] = Value::Null;
                let answer = acme.put(&user).json(silent).await.expect(200);
                assert_eq!(answer["active"], false, "{answer}");
            }
            let events = acme.events().await;
            assert!(!events.iter().any(|event| event.contains("enabled")), "{events:?}");
        }
    }

    async fn taking_active_away_from_who_has_access_ends_it(app: TestApp) {
        // R91
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;

        acme.patch(&user, replace("active", Value::Null)).await.expect(200);

        let events = acme.events().await;
        assert!(events.iter().any(|event| event.contains("session-revoked")), "{events:?}");
    }

    async fn an_answer_shows_the_attributes_asked_for(app: TestApp) {
        // R41, R43, R201, R298, R299, R300, R302, R303, R305
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let always = BTreeSet::from(["schemas", "id"]);
        let and = |more: &[&'static str]| -> BTreeSet<&str> {
            always.iter().chain(more).copied().collect()
        };
        let all = members(&acme.get(&user).await.body).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        for (query, expected) in [
            ("attributes=userName", and(&["userName"])),
            ("attributes=USERNAME,displayname", and(&["userName", "displayName"])),
            ("attributes=emails.value", and(&["emails"])),
            ("attributes=urn:ietf:params:scim:schemas:core:2.0:User:userName", and(&["userName"])),
            ("attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", and(&[ENTERPRISE])),
            ("attributes=password", always.clone()),
            ("attributes=meta.version", and(&["meta"])),
        ] {
            let body = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [replace("title", query)],
            });
            let one = format!("{}?{query}", user.path());
            assert_eq!(members(&get(&acme, &one).await.expect(200).body), expected, "{query}");
            let patched = acme.request(Method::PATCH, &one).json(body).await.expect(200);
            assert_eq!(members(&patched.body), expected, "PATCH {query}");
            let list = get(&acme, &format!("/Users?{query}")).await.expect(200);
            assert_eq!(members(&list["Resources"][0]), expected, "list {query}");
        }
        let emails = get(&acme, &format!("{}?attributes=emails.value", user.path())).await;
        let expected = json!([{ "value": "bjensen@example.com" }, { "value": "babs@example.org" }]);
        assert_eq!(emails["emails"], expected);

        let without = get(&acme, &format!("{}?excludedAttributes=emails,name,id", user.path())).await;
        let shown: BTreeSet<String> = members(&without.body).into_iter().map(str::to_owned).collect();
        let mut expected: BTreeSet<String> = all.clone();
        expected.insert("title".to_owned());
        expected.remove("emails");
        expected.remove("name");
        assert_eq!(shown, expected, "`id` is always shown");

        let mut other = barbara();
        other["userName"] = "other".into();
        let created = acme.request(Method::POST, "/Users?attributes=userName").json(other).await;
        assert_eq!(members(&created.expect(201).body), and(&["userName"]));
    }

    async fn a_walk_over_the_pages_meets_each_once(app: TestApp) {
        // R208, R211, R212, R216, R270, R271, R272, R273, R275, R276
        let acme = app.new_tenant().await;
        let mut created = Vec::new();
        for number in 0..7 {
            let user = json!({ "userName": format!("u{number}"), "nickName": "n" });
            created.push(acme.create("Users", user).await.id().to_owned());
        }
        // The second has no index to answer it, so its pages are made elsewhere.
        for filter in ["", "&filter=nickName%20eq%20%22n%22"] {
            for count in 1..=8 {
                let mut seen = Vec::new();
                let mut start = 1;
                loop {
                    let path = format!("/Users?startIndex={start}&count={count}{filter}");
                    let page = get(&acme, &path).await.expect(200);
                    let found = ids(&page);
                    assert_eq!(page["totalResults"], 7, "{page}");
                    assert_eq!(page["itemsPerPage"], found.len(), "{page}");
                    assert_eq!(page["startIndex"], start, "{page}");
                    if found.is_empty() {
                        break;
                    }
                    start += found.len();
                    seen.extend(found);
                }
                assert_eq!(seen, created, "count {count} {filter}");
            }
            for (query, found) in [
                ("startIndex=8", 0),
                ("startIndex=1000000", 0),
                ("count=0", 0),
                ("count=-5", 0),
                ("startIndex=0", 7),
                ("startIndex=-3", 7),
                ("startIndex=7&count=1000", 1),
                ("count=100000000", 7),
            ] {
                let page = get(&acme, &format!("/Users?{query}{filter}")).await.expect(200);
                assert_eq!((ids(&page).len(), &page["totalResults"]), (found, &json!(7)), "{page}");
            }
        }
    }

    async fn users_know_their_groups_and_leave_them_when_deleted(app: TestApp) {
        // R105, R107, R115, R121, R122, R196, R402, R405
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let other = acme.create("Users", json!({ "userName": "other", "displayName": "O" })).await;
        let value = json!([{ "value": user.id() }, { "value": other.id() }]);
        let group =
            acme.create("Groups", json!({ "displayName": "Guides", "members": value })).await;

        let shown = acme.get(&user).await.expect(200);
        let base = format!("{PUBLIC_URL}/t/{}/scim/v2", acme.name());
        let groups = json!([{
            "value": group.id(),
            "$ref": format!("{base}/Groups/{}", group.id()),
            "display": "Guides",
            "type": "direct",
        }]);
        assert_eq!(shown["groups"], groups);
        let before = acme.get(&group).await.expect(200);
        let member = before["members"].as_array().unwrap();
        let member = member.iter().find(|member| member["value"] == user.id()).unwrap();
        assert_eq!(member["display"], "Barbara Jensen");
        assert_eq!(member["type"], "User");
        assert_eq!(member["$ref"], format!("{base}/Users/{}", user.id()));

        acme.delete(&user).await.expect(204);

        let after = acme.get(&group).await.expect(200);
        let left = after["members"].as_array().unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0]["value"], other.id());
        assert_ne!(after["meta"]["version"], before["meta"]["version"]);
        acme.get(&user).await.expect_error(404, None);

        let again = acme.create("Users", barbara()).await;
        assert_ne!(again.id(), user.id(), "an id is never given twice");
        assert_eq!(acme.get(&again).await["groups"], Value::Null);
        acme.delete(&group).await.expect(204);
        assert_eq!(acme.get(&other).await["groups"], Value::Null);
    }

    async fn a_password_never_comes_back(app: TestApp) {
        // R40, R94, R98, R258, R305
        let acme = app.new_tenant().await;
        let secret = "correct horse 7391";
        let mut document = barbara();
        document["password"] = secret.into();
        let created = acme.request(Method::POST, "/Users").json(document.clone()).await.expect(201);
        let user = Resource::new("Users", created.clone());
        let mut answers = vec![created];
        answers.push(acme.get(&user).await);
        answers.push(get(&acme, &format!("{}?attributes=password,userName", user.path())).await);
        answers.push(acme.patch(&user, replace("password", secret)).await);
        answers.push(acme.put(&user).json(document).await);
        answers.push(get(&acme, "/Users").await);
        answers.push(acme.list("Users", r#"password pr"#).await);
        answers.push(acme.list("Users", &format!(r#"password eq "{secret}""#)).await);
        for changed in [&answers[0], &answers[3], &answers[4]] {
            assert_eq!(changed.headers["muster-notice"], "notKept: password", "{changed}");
        }
        for answer in &answers {
            let text = answer.body.to_string();
            assert!(!text.contains(secret) && !text.contains("\"password\""), "{answer}");
        }
        let events = app.operator().events(Some(acme.name()), 0, 100).await.unwrap();
        assert!(!events.is_empty() && !format!("{events:?}").contains(secret));
        for refused in &answers[6..] {
            refused.expect_error(400, Some("invalidFilter"));
        }
    }
}
