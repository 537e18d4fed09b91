//! `/t/{tenant}/access`: may this person sign in, and with which roles?

use percent_encoding::percent_decode_str;
use poem::{
    Request, Response,
    http::{Method, StatusCode},
};
use serde_json::json;

use super::{
    Events,
    answer::{Failure, method_not_allowed, respond},
};
use crate::{http::auth::require_any, provision::person_named, store::PersonName, tenant::Scope};

impl Events {
    /// Answers a login.
    pub(super) async fn access(&self, request: &Request, tenant: &str) -> Response {
        match *request.method() {
            Method::GET | Method::HEAD => {
                self.check_access(request, tenant).await.unwrap_or_else(Failure::into_response)
            }
            _ => method_not_allowed("GET, HEAD"),
        }
    }

    async fn check_access(&self, request: &Request, tenant: &str) -> Result<Response, Failure> {
        let caller = self.authenticator.event_caller(request, tenant).await?;
        require_any(&caller, &[Scope::Access])?;
        let person = person(request.uri().query().unwrap_or_default())?;
        let answer = self.sign_in.check(caller.tenant, &person).await?;
        Ok(respond(StatusCode::OK, &json!(answer)))
    }
}

/// Whom the query names, by one name.
fn person(query: &str) -> Result<PersonName, Failure> {
    let mut pairs = query.split('&').filter(|pair| !pair.is_empty());
    let (Some(pair), None) = (pairs.next(), pairs.next()) else {
        return Err(Failure::invalid("expected one name, such as `?user_name=ann`"));
    };
    let (kind, name) = pair.split_once('=').unwrap_or((pair, ""));
    let name = name.replace('+', " ");
    let name = percent_decode_str(&name).decode_utf8();
    let name = name.map_err(|_| Failure::invalid("the name is not UTF-8"))?;
    if name.is_empty() {
        return Err(Failure::invalid("the name is empty"));
    }
    person_named(kind, &name).map_err(|rule| Failure::invalid(&rule))
}
