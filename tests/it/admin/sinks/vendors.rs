//! Session stores of each maker, from the SCIM request to what the store is told.
//!
//! What each request looks like in every case is tested beside the connectors; here
//! it is that a PATCH of a directory leads there, in order and in spite of failures.

use futures_util::future::join_all;

use super::*;

/// A session store, and what it hears when somebody leaves.
struct Maker {
    kind: &'static str,
    settings: Value,
    secrets: Value,
    /// A header that proves who we are, and how its value begins.
    proof: (&'static str, &'static str),
    steps: Vec<Step>,
    /// What the receipt says of it.
    state: &'static str,
}

/// A request and its body, and what it is answered.
struct Step(&'static str, &'static str, Answer);

const BEARER: (&str, &str) = ("authorization", "Bearer s3cret");

fn token() -> Value {
    json!({ "token": "s3cret" })
}

/// All of them; those that can block a login are told to.
#[expect(clippy::too_many_lines, reason = "a table")]
fn makers() -> Vec<Maker> {
    let ok = |body: Value| Answer::json(200, &body);
    let done = || Answer::status(204);
    let maker = |kind, settings, secrets, proof, steps| {
        let state = "confirmed";
        Maker { kind, settings, secrets, proof, steps, state }
    };
    let users = "GET /api/v3/core/users/?uuid=x-barbara&include_groups=false&page_size=2";
    let found = || ok(json!({ "results": [{ "pk": 17, "username": "barbara" }] }));
    let none = || ok(json!({ "results": [] }));
    vec![
        maker(
            "supertokens",
            json!({}),
            json!({ "api_key": "s3cret" }),
            ("api-key", "s3cret"),
            vec![Step(
                "POST /appid-public/public/recipe/session/remove",
                r#"{"userId":"x-barbara","revokeAcrossAllTenants":false,"revokeSessionsForLinkedAccounts":true}"#,
                ok(json!({ "status": "OK", "sessionHandlesRevoked": ["h1"] })),
            )],
        ),
        maker(
            "keycloak",
            json!({ "realm": "acme", "disable": true }),
            token(),
            BEARER,
            vec![
                Step("PUT /admin/realms/acme/users/x-barbara", r#"{"enabled":false}"#, done()),
                Step("POST /admin/realms/acme/users/x-barbara/logout", "", done()),
                Step("GET /admin/realms/acme/users/x-barbara/consents", "", ok(json!([]))),
            ],
        ),
        Maker {
            // It takes the order, and carries it out later.
            state: "accepted",
            ..maker(
                "auth0",
                json!({ "disable": true }),
                token(),
                BEARER,
                vec![
                    Step("PATCH /api/v2/users/x-barbara", r#"{"blocked":true}"#, ok(json!({}))),
                    Step("DELETE /api/v2/users/x-barbara/sessions", "", Answer::status(202)),
                    Step("DELETE /api/v2/users/x-barbara/refresh-tokens", "", Answer::status(202)),
                ],
            )
        },
        maker(
            "ory",
            json!({ "disable": true }),
            token(),
            BEARER,
            vec![
                Step(
                    "PATCH /admin/identities/x-barbara",
                    r#"[{"op":"replace","path":"/state","value":"inactive"}]"#,
                    ok(json!({})),
                ),
                Step("DELETE /admin/identities/x-barbara/sessions", "", done()),
                Step("DELETE /admin/oauth2/auth/sessions/login?subject=x-barbara", "", done()),
                Step(
                    "DELETE /admin/oauth2/auth/sessions/consent?subject=x-barbara&all=true",
                    "",
                    done(),
                ),
            ],
        ),
        maker(
            "cognito",
            json!({ "region": "eu-west-1", "user_pool_id": "eu-west-1_a", "disable": true }),
            json!({ "access_key_id": "AKID", "secret_access_key": "s3cret" }),
            ("authorization", "AWS4-HMAC-SHA256 Credential=AKID/"),
            vec![
                // Disabled, then signed out: the operation is in a header.
                Step(
                    "POST /",
                    r#"{"UserPoolId":"eu-west-1_a","Username":"x-barbara"}"#,
                    ok(json!({})),
                ),
                Step(
                    "POST /",
                    r#"{"UserPoolId":"eu-west-1_a","Username":"x-barbara"}"#,
                    ok(json!({})),
                ),
            ],
        ),
        maker(
            "fusionauth",
            json!({ "disable": true }),
            json!({ "api_key": "s3cret" }),
            ("authorization", "s3cret"),
            vec![
                Step("DELETE /api/user/x-barbara", "", Answer::status(200)),
                Step("DELETE /api/jwt/refresh?userId=x-barbara", "", Answer::status(200)),
            ],
        ),
        maker(
            "zitadel",
            json!({ "disable": true }),
            token(),
            BEARER,
            vec![
                Step("POST /v2/users/x-barbara/deactivate", "{}", ok(json!({ "details": {} }))),
                Step(
                    "POST /v2/sessions/search",
                    r#"{"query":{"limit":20},"queries":[{"userIdQuery":{"id":"x-barbara"}}]}"#,
                    ok(json!({ "details": {} })),
                ),
            ],
        ),
        maker(
            "authentik",
            json!({ "disable": true }),
            token(),
            BEARER,
            vec![
                Step(users, "", found()),
                Step("PATCH /api/v3/core/users/17/", r#"{"is_active":false}"#, ok(json!({}))),
                Step(users, "", found()),
                Step(
                    "GET /api/v3/core/authenticated_sessions/?user__username=barbara&page_size=20",
                    "",
                    none(),
                ),
                Step("GET /api/v3/oauth2/refresh_tokens/?user=17&page_size=5", "", none()),
                Step("GET /api/v3/oauth2/access_tokens/?user=17&page_size=5", "", none()),
            ],
        ),
        maker(
            "pingam",
            json!({ "realm": "/alpha" }),
            token(),
            BEARER,
            vec![
                Step(
                    "POST /json/realms/root/realms/alpha/sessions/?_action=logoutByUser",
                    r#"{"username":"x-barbara"}"#,
                    ok(json!({ "result": true })),
                ),
                Step(
                    "GET /json/realms/root/realms/alpha/users/x-barbara/oauth2/applications?_queryFilter=true",
                    "",
                    ok(json!({ "result": [], "resultCount": 0 })),
                ),
            ],
        ),
        maker(
            "okta",
            json!({ "disable": true }),
            json!({ "api_token": "s3cret" }),
            ("authorization", "SSWS s3cret"),
            vec![
                Step("GET /api/v1/users/x-barbara", "", ok(json!({ "status": "ACTIVE" }))),
                Step("POST /api/v1/users/x-barbara/lifecycle/suspend", "", ok(json!({}))),
                Step("DELETE /api/v1/users/x-barbara/sessions?oauthTokens=true", "", done()),
            ],
        ),
    ]
}

impl Maker {
    /// Somebody leaves while the store answers `failure` once.
    async fn is_told(&self, app: &TestApp, failure: Answer) {
        let house = House::new(app).await;
        let answers = self.steps.iter().map(|Step(.., answer)| answer.clone());
        let store = StandIn::script([failure].into_iter().chain(answers)).await;
        let made = house
            .create(
                "connectors",
                json!({ "kind": self.kind, "endpoint_url": store.url(),
                    "settings": self.settings, "secrets": self.secrets }),
            )
            .await;
        assert!(!made.to_string().contains("s3cret"), "{made}");

        house.leaver("barbara").await;
        let heard = store.wait_for(1 + self.steps.len()).await;

        // The request that failed, and then all of them.
        let expected: Vec<(&str, &str)> = self.steps[..1]
            .iter()
            .chain(&self.steps)
            .map(|Step(line, body, _)| (*line, *body))
            .collect();
        let lines: Vec<String> = heard.iter().map(Heard::line).collect();
        let found: Vec<(&str, &str)> =
            lines.iter().zip(&heard).map(|(line, it)| (line.as_str(), it.body.as_str())).collect();
        assert_eq!(found, expected, "{}", self.kind);
        let (name, value) = self.proof;
        assert!(heard.iter().all(|it| it.header(name).starts_with(value)), "{}", self.kind);
        let at_rest = house.wait_for("connectors", |it| it["pending"] == json!(0)).await;
        assert_eq!(at_rest["status"], "enabled", "{}", self.kind);
        let receipts = house.admin.get(&house.path("deprovisionings")).await;
        assert_eq!(receipts["items"][0]["targets"][0]["state"], self.state, "{receipts}");
        assert_eq!(store.heard().len(), expected.len(), "{}: nothing more", self.kind);
    }
}

on_both_databases! {
    async fn a_leaver_is_ended_at_every_maker_in_spite_of_a_failure(app: TestApp) {
        // E25
        let failures = [
            Answer::status(503),
            Answer::status(429).with("retry-after", "1"),
            // A proxy's page is no word about the user.
            Answer::status(404).body("<h1>Not Found</h1>"),
        ];
        let makers = makers();
        let told = makers.iter().zip(failures.iter().cycle());
        join_all(told.map(|(maker, failure)| maker.is_told(&app, failure.clone()))).await;
    }
}
