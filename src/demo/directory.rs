//! The partner's directory: a SCIM client that looks at every answer.

use std::time::Instant;

use http::{Method, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::story::Fault;

const SCIM_TYPE: &str = "application/scim+json";

/// A client of one tenant's SCIM base.
#[derive(Debug)]
pub(super) struct Directory {
    http: Client,
    pub(super) base_url: String,
    pub(super) token: SecretString,
}

/// An answer that had the expected status.
#[derive(Debug)]
pub(super) struct Answer {
    /// The body; null if there is none.
    pub(super) body: Value,
    /// When it began to arrive.
    pub(super) at: Instant,
}

impl Directory {
    pub(super) fn new(http: Client, base_url: String, token: SecretString) -> Self {
        Self { http, base_url, token }
    }

    /// How many resources there are of those that `filter` selects.
    pub(super) async fn count(&self, endpoint: &str, filter: &str) -> Result<u64, Fault> {
        let filter = utf8_percent_encode(filter, NON_ALPHANUMERIC);
        let list = self.get(&format!("{endpoint}?filter={filter}&count=1")).await?;
        let total = list.get("totalResults").and_then(Value::as_u64);
        total.ok_or_else(|| Fault::new("a list with totalResults", list.to_string()))
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Fault> {
        Ok(self.send(Method::GET, path, None, StatusCode::OK).await?.body)
    }

    /// Creates a resource and gives its id. What a directory would do first is
    /// done here, too: it asks whether there is one that `filter` selects.
    pub(super) async fn create(
        &self,
        endpoint: &str,
        filter: &str,
        resource: &Value,
    ) -> Result<String, Fault> {
        equal("resources of that name", 0, self.count(endpoint, filter).await?)?;
        let answer = self.send(Method::POST, endpoint, Some(resource), StatusCode::CREATED).await?;
        let id = answer.body.get("id").and_then(Value::as_str);
        let id = id.ok_or_else(|| Fault::new("a resource with id", answer.body.to_string()))?;
        Ok(id.to_owned())
    }

    /// Patches a resource; `expected` is what its dialect answers.
    pub(super) async fn patch(
        &self,
        path: &str,
        patch: &Value,
        expected: StatusCode,
    ) -> Result<Answer, Fault> {
        self.send(Method::PATCH, path, Some(patch), expected).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Answer, Fault> {
        self.send(Method::DELETE, path, None, StatusCode::NO_CONTENT).await
    }

    /// Checks that `path` leads nowhere.
    pub(super) async fn is_gone(&self, path: &str) -> Result<(), Fault> {
        self.send(Method::GET, path, None, StatusCode::NOT_FOUND).await.map(|_| ())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        expected: StatusCode,
    ) -> Result<Answer, Fault> {
        let asked = format!("status {expected} for {method} {path}");
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base_url))
            .bearer_auth(self.token.expose_secret())
            .header(header::ACCEPT, SCIM_TYPE);
        if let Some(body) = body {
            let of_type = format!("{SCIM_TYPE}; charset=utf-8");
            request = request.header(header::CONTENT_TYPE, of_type).body(body.to_string());
        }
        let response = request.send().await.map_err(|error| Fault::error(&asked, &error))?;
        let (at, status) = (Instant::now(), response.status());
        let text = response.text().await.map_err(|error| Fault::error(&asked, &error))?;
        if status != expected {
            return Err(Fault::new(asked, format!("status {status}: {text}")));
        }
        let body = match text.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(&text).map_err(|_| Fault::new("JSON", text))?,
        };
        Ok(Answer { body, at })
    }
}

/// Checks that `what` is as expected.
pub(super) fn equal(
    what: &str,
    expected: impl Into<Value>,
    came: impl Into<Value>,
) -> Result<(), Fault> {
    let (expected, came) = (expected.into(), came.into());
    match expected == came {
        true => Ok(()),
        false => Err(Fault::new(format!("{what}: {expected}"), came.to_string())),
    }
}
