//! Text and identity: what looks alike is one account, and what is stored is what was sent.

use super::*;

/// Spellings that some rule of some language takes for each other.
const SPELLINGS: [&str; 22] = [
    "a", "A", "а", "ａ", "ß", "ss", "ẞ", "SS", "i", "I", "İ", "ı", "i\u{307}", "σ", "Σ", "ς", "é",
    "e\u{301}", "ﬁ", "fi", "K", "k",
];

on_both_databases! {
    /// One reader of names decides for the service and for both databases.
    async fn a_name_is_taken_exactly_when_a_filter_finds_it(app: TestApp) {
        // A25, A27
        let acme = app.new_tenant().await;
        let name = |spelling: &str| format!("x{spelling}y");
        for taken in SPELLINGS {
            let user = json!({ "userName": name(taken) });
            let first = attack(acme.request(Method::POST, "/Users").json(user)).await;
            if first.status == 400 {
                continue;
            }
            let first = Resource::new("Users", first.expect(201));
            for other in SPELLINGS {
                let filter = format!("userName eq \"{}\"", name(other));
                let found = attack(acme.list("Users", &filter)).await.expect(200);
                let found = found["totalResults"] == 1;
                let user = json!({ "userName": name(other) });
                let second = attack(acme.request(Method::POST, "/Users").json(user)).await;
                match second.status {
                    201 => acme.delete(&Resource::new("Users", second.clone())).await.expect(204),
                    400 | 409 => second.clone(),
                    _ => panic!("{second}"),
                };
                assert_eq!(found, second.status == 409, "{taken} is there, {second}");
            }
            acme.delete(&first).await.expect(204);
        }
    }

    async fn names_that_look_the_same_are_one(app: TestApp) {
        // A25
        let acme = app.new_tenant().await;
        acme.create("Users", json!({ "userName": "josé@example.com" })).await;
        for alike in [
            "JOSÉ@example.com",
            "jose\u{301}@example.com",
            "ｊｏｓé@example.com",
            "josé@example.com ",
            "jo\u{200d}sé@example.com",
            "josé@exam\u{200b}ple.com",
            "\u{feff}josé@example.com",
        ] {
            let user = json!({ "userName": alike });
            let answer = attack(acme.request(Method::POST, "/Users").json(user)).await;
            assert!([400, 409].contains(&answer.status), "{alike:?}: {answer}");
        }
        assert_eq!(acme.request(Method::GET, "/Users").await["totalResults"], 1);
    }

    async fn letters_of_another_alphabet_are_other_letters(app: TestApp) {
        // A26
        let acme = app.new_tenant().await;
        acme.create("Users", json!({ "userName": "admin" })).await;
        let other = acme.create("Users", json!({ "userName": "аdmin" })).await;
        assert_eq!(acme.get(&other).await["userName"], "аdmin");
        assert_eq!(acme.list("Users", "userName eq \"admin\"").await["totalResults"], 1);
    }

    async fn signs_that_change_how_text_is_shown_stay_in_the_text(app: TestApp) {
        // A28, A75
        let acme = app.new_tenant().await;
        for text in ["a\u{202e}b\u{2066}", "a\r\nInjected: b", "\u{1b}[31ma", "a\tb", "\u{7f}\u{85}"] {
            let user = json!({ "userName": "u", "displayName": text, "externalId": text, "x\r\ny": text });
            let answer = attack(acme.request(Method::POST, "/Users").json(user)).await.expect(201);
            assert!(answer.headers.get("injected").is_none(), "{answer}");
            let user = Resource::new("Users", answer);
            let got = acme.get(&user).await.expect(200);
            assert_eq!((&got["displayName"], &got["externalId"]), (&json!(text), &json!(text)));
            let found = acme.list("Users", &format!("externalId eq {}", Value::from(text))).await;
            assert_eq!(found["totalResults"], 1, "{found}");
            acme.delete(&user).await.expect(204);
        }
    }

    async fn an_address_is_no_identity(app: TestApp) {
        // A29
        let acme = app.new_tenant().await;
        let mut ids = Vec::new();
        for (number, address) in
            ["bob@x.test", "Bob@x.test", "bob+a@x.test", "b.ob@x.test", "bob@x.test"].iter().enumerate()
        {
            let user = json!({
                "userName": format!("u{number}"), "emails": [{ "value": address, "primary": true }],
            });
            let user = acme.create("Users", user).await;
            assert_eq!(acme.get(&user).await["emails"][0]["value"], *address);
            ids.push(user.id().to_owned());
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 5);
    }
}
