//! Many at once; see also [`crate::concurrency`].

use futures_util::{StreamExt, stream};

use super::*;

on_both_databases! {
    /// Over as many connections as a directory opens; more would wait for the one group
    /// until they are told to come later.
    async fn a_thousand_members_come_from_many_sides(app: TestApp) {
        // A83
        let acme = app.new_tenant().await;
        let create = |number| acme.create("Users", json!({ "userName": format!("u{number}") }));
        let people: Vec<Resource> = stream::iter((0..1000).map(create)).buffered(32).collect().await;
        let group = acme.create("Groups", json!({ "displayName": "g" })).await;

        let add = |user: &Resource| {
            let value = json!([{ "value": user.id() }]);
            acme.patch(&group, json!({ "op": "add", "path": "members", "value": value })).send()
        };
        let answers: Vec<Answer> = stream::iter(people.iter().map(add)).buffered(32).collect().await;
        for answer in answers {
            assert!([200, 204].contains(&answer.status), "{answer}");
        }

        let after = acme.get(&group).await;
        assert_eq!(after["members"].as_array().unwrap().len(), 1000);
        assert_eq!(after["meta"]["version"], "W/\"1001\"");
    }

    async fn the_last_of_two_that_do_not_ask_for_a_version_wins(app: TestApp) {
        // A86
        let acme = app.new_tenant().await;
        let user = acme.create("Users", json!({ "userName": "u" })).await;
        let put = |title: &str| acme.put(&user).json(json!({ "userName": "u", "title": title }));

        let (first, second) = tokio::join!(put("first").send(), put("second").send());

        let (first, second) = (first.expect(200), second.expect(200));
        let versions = [&first["meta"]["version"], &second["meta"]["version"]].map(Value::to_string);
        assert_ne!(versions[0], versions[1], "each is a change of its own");
        let last = if versions[0] < versions[1] { &second } else { &first };
        let after = acme.get(&user).await;
        assert_eq!(after.body, last.body);
        let changes = acme.events().await;
        assert_eq!(changes.iter().filter(|event| event.starts_with("prov:put")).count(), 2);
    }

    async fn a_change_and_a_deletion_have_an_order(app: TestApp) {
        // A85
        let acme = app.new_tenant().await;
        for number in 0..20 {
            let user = acme.create("Users", json!({ "userName": format!("u{number}") })).await;
            let change = acme.patch(&user, crate::support::replace("title", "x"));
            let (change, gone) = tokio::join!(change.send(), acme.delete(&user).send());
            assert_eq!(gone.status, 204, "{gone}");
            assert!([200, 404].contains(&change.status), "{change}");
            acme.get(&user).await.expect(404);
        }
    }
}
