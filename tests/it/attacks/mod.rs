//! Attacks on the protocol, by number (`// A12`), each with the answer that it gets.
//!
//! Everywhere the same is demanded: a SCIM error or a harmless answer, no failure
//! of the service, an answer in bounded time, and nothing changed. Attacks that
//! the tests of a subject prove are annotated there; [`table`] knows that none
//! was forgotten.

mod change;
mod concurrency;
mod http2;
mod identity;
mod parsing;
mod query;
mod table;
mod tenancy;
mod wire;

use std::time::{Duration, Instant};

use muster::scim::dialect::Dialect;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Request, Resource, TestApp, TestTenant};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// An id that nobody has.
const UNKNOWN: &str = "01900000-0000-7000-8000-000000000000";

/// No request may take longer, even on a machine that does much else.
const BOUND: Duration = Duration::from_secs(15);

/// A tenant with a user and a group, which an attack must leave as they are.
struct Target {
    tenant: TestTenant,
    user: Resource,
    group: Resource,
    before: (Value, Value, Vec<String>),
}

impl Target {
    async fn new(app: &TestApp, dialect: Dialect) -> Self {
        let tenant = app.new_tenant_with(dialect).await;
        let user = json!({
            "schemas": [USER, ENTERPRISE],
            "userName": "bjensen",
            "externalId": "e1",
            "displayName": "Barbara",
            "emails": [{ "value": "bjensen@example.com", "type": "work" }],
            ENTERPRISE: { "department": "Tours" },
        });
        let user = tenant.create("Users", user).await;
        let members = json!([{ "value": user.id() }]);
        let group = json!({ "schemas": [GROUP], "displayName": "Staff", "members": members });
        let group = tenant.create("Groups", group).await;
        let before = (Value::Null, Value::Null, Vec::new());
        let mut target = Self { tenant, user, group, before };
        target.before = target.state().await;
        target
    }

    async fn state(&self) -> (Value, Value, Vec<String>) {
        let list = |endpoint: &'static str| async move {
            self.tenant.request(Method::GET, endpoint).await.expect(200).body
        };
        (list("/Users").await, list("/Groups").await, self.tenant.events().await)
    }

    /// Demands that nothing has changed and that the service still answers.
    async fn is_unharmed(&self) {
        assert_eq!(self.state().await, self.before);
    }

    /// A PATCH of the user with these operations.
    fn patch(&self, resource: &Resource, operations: Value) -> Request {
        let body = json!({ "schemas": [PATCH_OP], "Operations": operations });
        self.tenant.request(Method::PATCH, &resource.path()).json(body)
    }

    /// A search among users for what matches `filter`.
    fn search(&self, filter: &str) -> Request {
        let body = json!({ "schemas": [SEARCH], "filter": filter });
        self.tenant.request(Method::POST, "/Users/.search").json(body)
    }
}

/// Sends a request, which must be answered in time and without a failure.
async fn attack(request: Request) -> Answer {
    let started = Instant::now();
    let answer = request.await;
    assert!(started.elapsed() < BOUND, "{:?}: {answer}", started.elapsed());
    assert!(answer.status < 500 || answer.status == 501, "{answer}");
    if 400 <= answer.status {
        assert_eq!(answer["status"], answer.status.to_string(), "a SCIM error: {answer}");
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty() && detail.len() < 2000, "a short detail: {answer}");
    }
    answer
}

/// Demands an error of that status and kind.
async fn refused(request: Request, status: u16, scim_type: Option<&str>) {
    attack(request).await.expect_error(status, scim_type);
}
