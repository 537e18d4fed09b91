//! A tenant's SCIM client: short words for requests, and answers that can be judged in a line.

use std::{fmt, ops::Index, pin::Pin, time::Duration};

use muster::{provision::operator::NewToken, tenant::Scope};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_MATCH},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::{CONNECTION, TestApp};

const SCIM_JSON: &str = "application/scim+json";
const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

const HOUR: Duration = Duration::from_secs(3600);

/// Characters of a request that are shown when a test fails.
const SHOWN: usize = 4000;

/// More events than any test makes.
const ALL_EVENTS: u32 = 1000;

/// A tenant, with a token that may read and write.
#[derive(Clone)]
pub(crate) struct TestTenant {
    app: TestApp,
    name: String,
    token: String,
}

impl TestTenant {
    pub(super) fn new(app: TestApp, name: String, token: String) -> Self {
        Self { app, name, token }
    }

    /// The tenant's name, as it stands in URLs.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Issues another token; gives it and its id.
    pub(crate) async fn issue(&self, scopes: &[Scope], expires_in: Duration) -> (String, Uuid) {
        self.issue_to(None, scopes, expires_in).await
    }

    /// The tenant, asked with a token that speaks for that user.
    pub(crate) async fn as_user(&self, user: &Resource, scopes: &[Scope]) -> Self {
        let (token, _) = self.issue_to(Some(user), scopes, HOUR).await;
        self.with_token(&token)
    }

    async fn issue_to(
        &self,
        user: Option<&Resource>,
        scopes: &[Scope],
        expires_in: Duration,
    ) -> (String, Uuid) {
        let new = NewToken {
            connection: CONNECTION.to_owned(),
            user: user.map(|user| user.id().to_owned()),
            scopes: scopes.to_vec(),
            networks: Default::default(),
            expires_in,
            label: "test".to_owned(),
        };
        let issued = self.app.operator().issue_token(&self.name, new).await.unwrap();
        (issued.token.expose_secret().to_owned(), issued.record.id)
    }

    /// The same tenant's URLs, asked with `token`.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self::new(self.app.clone(), self.name.clone(), token.to_owned())
    }

    /// The tenant's SCIM base at the address that is listened on.
    pub(crate) fn base(&self) -> String {
        format!("{}/t/{}/scim/v2", self.app.address(), self.name)
    }

    /// The bearer token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Makes a resource, which must succeed.
    pub(crate) async fn create(&self, endpoint: &str, document: Value) -> Resource {
        let answer = self.request(Method::POST, &format!("/{endpoint}")).json(document).await;
        Resource::new(endpoint, answer.expect(201))
    }

    pub(crate) fn get(&self, resource: &Resource) -> Request {
        self.request(Method::GET, &resource.path())
    }

    pub(crate) fn put(&self, resource: &Resource) -> Request {
        self.request(Method::PUT, &resource.path())
    }

    /// A PATCH with one operation, such as that of [`replace`].
    pub(crate) fn patch(&self, resource: &Resource, operation: Value) -> Request {
        let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": [operation] });
        self.request(Method::PATCH, &resource.path()).json(body)
    }

    pub(crate) fn delete(&self, resource: &Resource) -> Request {
        self.request(Method::DELETE, &resource.path())
    }

    /// The resources of `endpoint` that match `filter`.
    pub(crate) fn list(&self, endpoint: &str, filter: &str) -> Request {
        let filter = utf8_percent_encode(filter, NON_ALPHANUMERIC);
        self.request(Method::GET, &format!("/{endpoint}?filter={filter}"))
    }

    /// Everything that can be asked of a single resource.
    pub(crate) fn every_request_on(&self, resource: &Resource) -> Vec<Request> {
        vec![
            self.get(resource),
            self.put(resource).json(resource.document.clone()),
            self.patch(resource, replace("displayName", "x")),
            self.delete(resource),
        ]
    }

    /// A request to `path`, which is relative to the SCIM base and sent as it is.
    pub(crate) fn request(&self, method: Method, path: &str) -> Request {
        self.tenant_request(method, &format!("/scim/v2{path}"))
    }

    /// A request to `path`, which is relative to `/t/{tenant}`.
    pub(crate) fn tenant_request(&self, method: Method, path: &str) -> Request {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer.parse().unwrap());
        let http = self.app.http().clone();
        let url = format!("{}/t/{}{path}", self.app.address(), self.name);
        Request { http, method, url, headers, body: None }
    }

    /// The names of the tenant's events in the order in which they happened,
    /// such as `prov:create:notice` and `session-revoked`.
    pub(crate) async fn events(&self) -> Vec<String> {
        let operator = self.app.operator();
        let events = operator.events(Some(&self.name), 0, ALL_EVENTS).await.unwrap();
        events.iter().map(|event| short_name(event.event.as_str()).to_owned()).collect()
    }
}

/// The operation that replaces `path` with `value`.
pub(crate) fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!({ "op": "replace", "path": path, "value": value.into() })
}

/// What tells an event's URI from the others of its standard.
pub(crate) fn short_name(uri: &str) -> &str {
    match uri.split_once(":event:") {
        Some((_, name)) => name,
        None => uri.rsplit('/').next().unwrap_or(uri),
    }
}

/// A resource as the service answered when it was made.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    endpoint: String,
    document: Value,
}

impl Resource {
    /// Reads the answer to a request for a single resource of `endpoint`.
    pub(crate) fn new(endpoint: &str, answer: Answer) -> Self {
        Self { endpoint: endpoint.to_owned(), document: answer.body }
    }

    pub(crate) fn id(&self) -> &str {
        self.document["id"].as_str().expect("a resource has an id")
    }

    /// The version as it was then.
    pub(crate) fn etag(&self) -> &str {
        self.document["meta"]["version"].as_str().expect("a resource has a version")
    }

    /// The same resource, as if it had that id.
    pub(crate) fn with_id(&self, id: &str) -> Self {
        let mut other = self.clone();
        other.document["id"] = id.into();
        other
    }

    /// The path below the SCIM base.
    pub(crate) fn path(&self) -> String {
        format!("/{}/{}", self.endpoint, self.id())
    }
}

/// A request that is sent when it is awaited.
#[must_use = "a request is sent when it is awaited"]
pub(crate) struct Request {
    http: reqwest::Client,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Request {
    /// Sends `body` as SCIM JSON, unless the request names another type.
    pub(crate) fn json(mut self, body: Value) -> Self {
        self.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(SCIM_JSON));
        self.body = Some(body.to_string().into_bytes());
        self
    }

    /// Sends these bytes and says that they are SCIM JSON, unless the request names another type.
    pub(crate) fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(SCIM_JSON));
        self.body = Some(body.into());
        self
    }

    /// Asks that the resource still have the version `etag`.
    pub(crate) fn if_match(self, etag: &str) -> Self {
        self.header(IF_MATCH, etag)
    }

    /// Sets a header in place of the one that would be sent.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    /// Adds one more line of a header.
    pub(crate) fn another(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    /// Sends the request.
    pub(crate) async fn send(self) -> Answer {
        let body = String::from_utf8_lossy(self.body.as_deref().unwrap_or_default());
        let asked = format!("{} {} {body}", self.method, self.url);
        let asked = asked.chars().take(SHOWN).collect::<String>();
        let request = self.http.request(self.method, self.url).headers(self.headers);
        let request = match self.body {
            Some(body) => request.body(body),
            None => request,
        };
        let response = request.send().await.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let body = match text.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        };
        Answer { asked, status, headers, body }
    }
}

impl IntoFuture for Request {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    asked: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body: null if it was empty, a string if it was no JSON.
    pub(crate) body: Value,
}

impl Answer {
    /// Demands a status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Demands a SCIM error with `status` and, where there is one, `scim_type`
    /// (RFC 7644 §3.12).
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, scim_type: Option<&str>) {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.headers[CONTENT_TYPE], SCIM_JSON, "{self}");
        assert_eq!(self.body["schemas"], json!([ERROR_SCHEMA]), "{self}");
        assert_eq!(self.body["status"], status.to_string(), "{self}");
        assert_eq!(self.body["scimType"].as_str(), scim_type, "{self}");
        assert!(self.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{self}");
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, attribute: &str) -> &Value {
        &self.body[attribute]
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} {}", self.asked, self.status, self.body)
    }
}
