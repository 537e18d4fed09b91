//! One row a connector and command: what is sent, and what it is answered.

use super::*;

/// A command to a connector.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) case: Case,
    pub(super) uri: EventUri,
    pub(super) steps: Vec<Step>,
    pub(super) outcome: Commanded,
    /// The request that tells of an unknown user, and the answer to it.
    pub(super) unknown: Option<(usize, Reply)>,
    /// Whether a request has the user's name in its path.
    pub(super) names_in_path: bool,
}

/// A request, and its answer.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) line: &'static str,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: &'static str,
    pub(super) reply: Reply,
}

impl Row {
    fn new(name: &'static str, case: Case, steps: Vec<Step>) -> Self {
        Self {
            name,
            case,
            uri: EventUri::SessionRevoked,
            steps,
            outcome: Commanded::Confirmed { sessions: None },
            unknown: None,
            names_in_path: true,
        }
    }

    /// Another command to the same target, which `disable` is set for.
    fn on(mut self, uri: EventUri) -> Self {
        self.case.settings["disable"] = true.into();
        Self { uri, ..self }
    }

    fn outcome(self, outcome: Commanded) -> Self {
        Self { outcome, ..self }
    }

    fn unknown(self, at: usize, reply: Reply) -> Self {
        Self { unknown: Some((at, reply)), ..self }
    }

    fn names_elsewhere(self) -> Self {
        Self { names_in_path: false, ..self }
    }
}

/// A request without a body, which shows `authorization`, answered by `reply`.
fn plain(line: &'static str, authorization: &'static str, reply: Reply) -> Step {
    Step { line, headers: vec![("authorization", authorization)], body: "", reply }
}

impl Step {
    fn json(mut self, body: &'static str) -> Self {
        self.headers.push(("content-type", "application/json"));
        Self { body, ..self }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The row's token, as a bearer token.
const BEARER: &str = "Bearer s3cret";

fn token() -> Value {
    json!({ "token": "s3cret" })
}

/// Every row. In the order of `SinkKind`.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![supertokens()];
    rows.extend(keycloak());
    rows.extend(auth0());
    rows.extend(ory());
    rows.extend(fusionauth());
    rows.extend(zitadel());
    rows.extend(authentik());
    rows.push(pingam());
    rows.extend(okta());
    rows
}

fn supertokens() -> Row {
    let settings = json!({ "app_id": "shop", "tenant_id": "acme" });
    let case = Case::new(SinkKind::SuperTokens, "/core", settings, json!({ "api_key": "s3cret" }));
    let handles = json!({ "status": "OK", "sessionHandlesRevoked": ["h1", "h2"] });
    let step = Step {
        line: "POST /core/appid-shop/acme/recipe/session/remove",
        headers: vec![
            ("api-key", "s3cret"),
            ("cdi-version", "5.0"),
            ("content-type", "application/json"),
            ("rid", "session"),
        ],
        body: r#"{"userId":"00u7k2mZ","revokeAcrossAllTenants":false,"revokeSessionsForLinkedAccounts":true}"#,
        reply: Reply::json(200, &handles),
    };
    Row::new("SuperTokens", case, vec![step])
        .outcome(Commanded::Confirmed { sessions: Some(2) })
        .names_elsewhere()
}

fn keycloak() -> Vec<Row> {
    let unknown = || Reply::json(404, &json!({ "error": "User not found" }));
    let case = |settings| Case::new(SinkKind::Keycloak, "/auth/", settings, token());
    let consents = json!([
        { "clientId": "web", "additionalGrants": [] },
        { "clientId": "app 1", "additionalGrants": [{ "client": "c1", "key": "Offline Token" }] },
    ]);
    let revoke = vec![
        plain("POST /auth/admin/realms/acme/users/00u7k2mZ/logout", BEARER, Reply::status(204)),
        plain(
            "GET /auth/admin/realms/acme/users/00u7k2mZ/consents",
            BEARER,
            Reply::json(200, &consents),
        ),
        plain(
            "DELETE /auth/admin/realms/acme/users/00u7k2mZ/consents/app%201",
            BEARER,
            Reply::status(204),
        ),
    ];
    let put = |body| {
        let line = "PUT /auth/admin/realms/acme/users/00u7k2mZ";
        vec![plain(line, BEARER, Reply::status(204)).json(body)]
    };
    let found = plain(
        "GET /auth/admin/realms/acme/users?username=barbara&exact=true&briefRepresentation=true",
        BEARER,
        Reply::json(200, &json!([{ "id": "k1", "username": "barbara" }])),
    );
    let by_name = vec![
        found,
        plain("POST /auth/admin/realms/acme/users/k1/logout", BEARER, Reply::status(204)),
        plain(
            "GET /auth/admin/realms/acme/users/k1/consents",
            BEARER,
            Reply::json(200, &json!([])),
        ),
    ];
    let acme = || case(json!({ "realm": "acme" }));
    let user_name = case(json!({ "realm": "acme", "user_id_source": "userName" }));
    vec![
        Row::new("Keycloak", acme(), revoke).unknown(0, unknown()),
        Row::new("Keycloak, disable", acme(), put(r#"{"enabled":false}"#))
            .on(EventUri::AccountDisabled)
            .unknown(0, unknown()),
        Row::new("Keycloak, enable", acme(), put(r#"{"enabled":true}"#))
            .on(EventUri::AccountEnabled)
            .unknown(0, unknown()),
        Row::new("Keycloak, by name", user_name, by_name)
            .unknown(0, Reply::json(200, &json!([])))
            .names_elsewhere(),
    ]
}

fn auth0() -> Vec<Row> {
    let unknown =
        || Reply::json(404, &json!({ "statusCode": 404, "errorCode": "inexistent_user" }));
    let case = || Case::new(SinkKind::Auth0, "", json!({}), token());
    let user = "PATCH /api/v2/users/00u7k2mZ";
    vec![
        Row::new(
            "Auth0",
            case(),
            vec![
                plain("DELETE /api/v2/users/00u7k2mZ/sessions", BEARER, Reply::status(202)),
                plain("DELETE /api/v2/users/00u7k2mZ/refresh-tokens", BEARER, Reply::status(202)),
            ],
        )
        .outcome(Commanded::Accepted)
        .unknown(0, unknown()),
        Row::new(
            "Auth0, disable",
            case(),
            vec![plain(user, BEARER, Reply::status(200)).json(r#"{"blocked":true}"#)],
        )
        .on(EventUri::AccountDisabled)
        .unknown(0, unknown()),
        Row::new(
            "Auth0, enable",
            case(),
            vec![plain(user, BEARER, Reply::status(200)).json(r#"{"blocked":false}"#)],
        )
        .on(EventUri::AccountEnabled)
        .unknown(0, unknown()),
    ]
}

fn ory() -> Vec<Row> {
    let unknown = || Reply::json(404, &json!({ "error": { "code": 404, "status": "Not Found" } }));
    let case = |settings| Case::new(SinkKind::Ory, "", settings, token());
    let kratos = plain("DELETE /admin/identities/00u7k2mZ/sessions", BEARER, Reply::status(204));
    let login = plain(
        "DELETE /admin/oauth2/auth/sessions/login?subject=00u7k2mZ",
        BEARER,
        Reply::status(204),
    );
    let consent = plain(
        "DELETE /admin/oauth2/auth/sessions/consent?subject=00u7k2mZ&all=true",
        BEARER,
        Reply::status(204),
    );
    let state = |body| {
        vec![plain("PATCH /admin/identities/00u7k2mZ", BEARER, Reply::status(200)).json(body)]
    };
    vec![
        Row::new("Ory", case(json!({})), vec![kratos, login.clone(), consent.clone()]),
        Row::new("Hydra", case(json!({ "apis": ["hydra"] })), vec![login, consent])
            .names_elsewhere(),
        Row::new(
            "Ory, disable",
            case(json!({})),
            state(r#"[{"op":"replace","path":"/state","value":"inactive"}]"#),
        )
        .on(EventUri::AccountDisabled)
        .unknown(0, unknown()),
        Row::new(
            "Ory, enable",
            case(json!({})),
            state(r#"[{"op":"replace","path":"/state","value":"active"}]"#),
        )
        .on(EventUri::AccountEnabled)
        .unknown(0, unknown()),
    ]
}

fn fusionauth() -> Vec<Row> {
    let case = || {
        let settings = json!({ "tenant_id": "t-1" });
        Case::new(SinkKind::FusionAuth, "", settings, json!({ "api_key": "s3cret" }))
    };
    let step =
        |line| vec![plain(line, "s3cret", Reply::status(200)).with("x-fusionauth-tenantid", "t-1")];
    let mut one_application = case();
    one_application.settings["application_id"] = "a 1".into();
    let unknown = || Reply::status(404);
    vec![
        Row::new("FusionAuth", case(), step("DELETE /api/jwt/refresh?userId=00u7k2mZ"))
            .unknown(0, unknown())
            .names_elsewhere(),
        Row::new(
            "FusionAuth, one application",
            one_application,
            step("DELETE /api/jwt/refresh?userId=00u7k2mZ&applicationId=a%201"),
        )
        .names_elsewhere(),
        Row::new("FusionAuth, disable", case(), step("DELETE /api/user/00u7k2mZ"))
            .on(EventUri::AccountDisabled)
            .unknown(0, unknown()),
        Row::new("FusionAuth, enable", case(), step("PUT /api/user/00u7k2mZ?reactivate=true"))
            .on(EventUri::AccountEnabled)
            .unknown(0, unknown()),
    ]
}

fn zitadel() -> Vec<Row> {
    let unknown = || Reply::json(404, &json!({ "code": 5, "message": "User could not be found" }));
    let case = || Case::new(SinkKind::Zitadel, "", json!({}), token());
    let search = |reply: &Value| {
        plain("POST /v2/sessions/search", BEARER, Reply::json(200, reply))
            .json(r#"{"query":{"limit":20},"queries":[{"userIdQuery":{"id":"00u7k2mZ"}}]}"#)
    };
    let two = json!({ "details": {}, "sessions": [{ "id": "s1" }, { "id": "s2" }] });
    let state =
        |line| vec![plain(line, BEARER, Reply::json(200, &json!({ "details": {} }))).json("{}")];
    vec![
        Row::new(
            "Zitadel",
            case(),
            vec![
                search(&two),
                plain("DELETE /v2/sessions/s1", BEARER, Reply::status(200)).json("{}"),
                plain("DELETE /v2/sessions/s2", BEARER, Reply::status(200)).json("{}"),
                search(&json!({ "details": {} })),
            ],
        )
        .outcome(Commanded::Confirmed { sessions: Some(2) })
        .names_elsewhere(),
        Row::new("Zitadel, disable", case(), state("POST /v2/users/00u7k2mZ/deactivate"))
            .on(EventUri::AccountDisabled)
            .unknown(0, unknown()),
        Row::new("Zitadel, enable", case(), state("POST /v2/users/00u7k2mZ/reactivate"))
            .on(EventUri::AccountEnabled)
            .unknown(0, unknown()),
    ]
}

fn authentik() -> Vec<Row> {
    let case = |source| {
        let settings = json!({ "user_id_source": source });
        Case::new(SinkKind::Authentik, "", settings, token())
    };
    let list = |results: Value| Reply::json(200, &json!({ "pagination": {}, "results": results }));
    let get = |line, results| plain(line, BEARER, list(results));
    let delete = |line| plain(line, BEARER, Reply::status(204));
    let found = || json!([{ "pk": 17, "username": "barbara j" }]);
    let by_name = "GET /api/v3/core/users/?username=barbara&include_groups=false&page_size=2";
    let by_uuid = "GET /api/v3/core/users/?uuid=00u7k2mZ&include_groups=false&page_size=2";
    let sessions =
        "GET /api/v3/core/authenticated_sessions/?user__username=barbara%20j&page_size=20";
    let refresh = "GET /api/v3/oauth2/refresh_tokens/?user=17&page_size=5";
    let access = "GET /api/v3/oauth2/access_tokens/?user=17&page_size=5";
    let revoke = vec![
        get(by_name, found()),
        get(sessions, json!([{ "uuid": "s1" }])),
        delete("DELETE /api/v3/core/authenticated_sessions/s1/"),
        get(sessions, json!([])),
        get(refresh, json!([{ "pk": 4 }])),
        delete("DELETE /api/v3/oauth2/refresh_tokens/4/"),
        get(refresh, json!([])),
        get(access, json!([{ "pk": 5 }])),
        delete("DELETE /api/v3/oauth2/access_tokens/5/"),
        get(access, json!([])),
    ];
    let is_active = |body| {
        let patch = plain("PATCH /api/v3/core/users/17/", BEARER, Reply::status(200));
        vec![get(by_uuid, found()), patch.json(body)]
    };
    let unknown = || list(json!([]));
    vec![
        Row::new("authentik", case("userName"), revoke)
            .outcome(Commanded::Confirmed { sessions: Some(1) })
            .unknown(0, unknown())
            .names_elsewhere(),
        Row::new("authentik, disable", case("externalId"), is_active(r#"{"is_active":false}"#))
            .on(EventUri::AccountDisabled)
            .unknown(0, unknown())
            .names_elsewhere(),
        Row::new("authentik, enable", case("externalId"), is_active(r#"{"is_active":true}"#))
            .on(EventUri::AccountEnabled)
            .unknown(0, unknown())
            .names_elsewhere(),
    ]
}

fn pingam() -> Row {
    let settings = json!({ "realm": "/alpha/beta", "user_id_source": "userName" });
    let case = Case::new(SinkKind::PingAm, "/am", settings, json!({ "sso_token": "s3cret" }));
    let step = |line, version, reply| Step {
        line,
        headers: vec![("iplanetdirectorypro", "s3cret"), ("accept-api-version", version)],
        body: "",
        reply,
    };
    let logout = step(
        "POST /am/json/realms/root/realms/alpha/realms/beta/sessions/?_action=logoutByUser",
        "resource=5.1, protocol=1.0",
        Reply::json(200, &json!({ "result": true })),
    );
    let list = step(
        "GET /am/json/realms/root/realms/alpha/realms/beta/users/barbara/oauth2/applications?_queryFilter=true",
        "resource=1.1",
        Reply::json(200, &json!({ "result": [{ "_id": "myClient" }], "resultCount": 1 })),
    );
    let delete = step(
        "DELETE /am/json/realms/root/realms/alpha/realms/beta/users/barbara/oauth2/applications/myClient",
        "resource=1.1",
        Reply::status(200),
    );
    Row::new("PingAM", case, vec![logout.json(r#"{"username":"barbara"}"#), list, delete])
}

fn okta() -> Vec<Row> {
    let unknown = || Reply::json(404, &json!({ "errorCode": "E0000007" }));
    let case = || Case::new(SinkKind::Okta, "", json!({}), json!({ "api_token": "s3cret" }));
    let step = |line, reply| plain(line, "SSWS s3cret", reply);
    let status =
        |name| step("GET /api/v1/users/00u7k2mZ", Reply::json(200, &json!({ "status": name })));
    let suspend = step("POST /api/v1/users/00u7k2mZ/lifecycle/suspend", Reply::status(200));
    let unsuspend = step("POST /api/v1/users/00u7k2mZ/lifecycle/unsuspend", Reply::status(200));
    let revoke =
        step("DELETE /api/v1/users/00u7k2mZ/sessions?oauthTokens=true", Reply::status(204));
    let disable = |name, steps| {
        Row::new(name, case(), steps).on(EventUri::AccountDisabled).unknown(0, unknown())
    };
    let enable = |name, steps| {
        Row::new(name, case(), steps).on(EventUri::AccountEnabled).unknown(0, unknown())
    };
    vec![
        Row::new("Okta", case(), vec![revoke]).unknown(0, unknown()),
        disable("Okta, disable", vec![status("ACTIVE"), suspend]),
        disable("Okta, disable again", vec![status("SUSPENDED")]),
        enable("Okta, enable", vec![status("SUSPENDED"), unsuspend]),
        enable("Okta, enable again", vec![status("ACTIVE")]),
    ]
}
