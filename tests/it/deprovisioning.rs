//! Sessions that must end: by an operator's order, and what can be known of it afterwards.

mod fence;
mod inbound;
mod receipts;
mod revoke;

use std::time::Duration;

use muster::{
    event::{EventUri, GroupClaim, SubjectFormat},
    provision::operator::{NewStream, StreamRecord},
};
use reqwest::{Method, header::HeaderMap};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{Resource, SetReceiver, TestApp, TestTenant, replace};

const NO_ID: &str = "0198c2a0-0000-7000-8000-000000000001";

/// An operator with a token.
struct Admin {
    app: TestApp,
    token: String,
}

/// What the operator's API answered.
struct Reply {
    asked: String,
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    #[track_caller]
    fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} -> {}", self.asked, self.body);
        self.body
    }
}

impl Admin {
    async fn new(app: &TestApp) -> Self {
        let hour = Duration::from_secs(3600);
        let issued = app.operator().issue_operator_token("test", hour).await.unwrap();
        Self { app: app.clone(), token: issued.token.expose_secret().to_owned() }
    }

    /// Asks at `path`, which is below the tenant's, or a whole URL's path.
    async fn send(&self, method: Method, tenant: &TestTenant, path: &str) -> Reply {
        self.send_with(method, tenant, path, Value::Null).await
    }

    /// With the body, unless it is null.
    async fn send_with(
        &self,
        method: Method,
        tenant: &TestTenant,
        path: &str,
        body: Value,
    ) -> Reply {
        let url = format!("{}/admin/v1/tenants/{}{path}", self.app.address(), tenant.name());
        let asked = format!("{method} {path} {body}");
        let mut request = self.app.http().request(method, url).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Reply { asked, status, headers, body: serde_json::from_str(&text).unwrap_or_default() }
    }

    /// Ends a user's sessions; gives the transaction.
    async fn revoke(&self, tenant: &TestTenant, user: &Resource) -> String {
        let path = format!("/users/{}/revoke-sessions", user.id());
        let body = self.send(Method::POST, tenant, &path).await.expect(202);
        body["txn"].as_str().unwrap().to_owned()
    }
}

/// A stream of the events that take access away, pushed to `push_url` or polled.
async fn stream(app: &TestApp, tenant: &TestTenant, push_url: Option<&str>) -> StreamRecord {
    let stream = NewStream {
        description: "app".to_owned(),
        push_url: push_url.map(str::to_owned),
        authorization: None,
        events: vec![EventUri::SessionRevoked, EventUri::AccountDisabled],
        subject_format: SubjectFormat::Opaque,
        audience: None,
        application: None,
        group_claim: GroupClaim::default(),
        subjects: Default::default(),
    };
    app.operator().create_stream(tenant.name(), stream).await.unwrap()
}

async fn user(tenant: &TestTenant, name: &str) -> Resource {
    let document = json!({
        "userName": name,
        "externalId": format!("x-{name}"),
        "emails": [{ "value": format!("{name}@Example.COM"), "primary": true }],
    });
    tenant.create("Users", document).await
}
