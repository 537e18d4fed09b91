//! The token endpoint of a tenant (RFC 6749 §3.2, §4.4, §5).

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use poem::{
    IntoResponse, Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{
    Events,
    answer::{method_not_allowed, respond},
    form,
};
use crate::{
    http::{error::Refusal, payload::read_body},
    provision::ssf::{Authentication, Grant, OauthError, TokenRequest},
    tenant::Scope,
};

/// Largest form.
const FORM_BYTES: usize = 24 * 1024;
/// The type of an assertion (RFC 7523 §2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const FORM: &str = "application/x-www-form-urlencoded";

impl Events {
    /// Gives a receiver or a directory a token.
    pub(super) async fn token(&self, mut request: Request, tenant: &str) -> Response {
        if *request.method() != Method::POST {
            return method_not_allowed("POST");
        }
        let body = match read_body(request.take_body(), FORM_BYTES).await {
            Ok(body) => body,
            Err(refusal) => return refused_body(&refusal),
        };
        let granted = async {
            let asked = asked(&request, &body)?;
            self.transmitter.grant(tenant, &asked).await
        };
        match granted.await {
            Ok(grant) => token_answer(&grant),
            Err(error) => failed(error),
        }
    }
}

fn asked(request: &Request, body: &[u8]) -> Result<TokenRequest, OauthError> {
    let invalid = |what: &str| OauthError::InvalidRequest(what.to_owned());
    if request.uri().query().is_some() {
        return Err(invalid("the parameters stand in the body, not in the URL"));
    }
    let essence = request.content_type().and_then(|it| it.split(';').next()).unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case(FORM) {
        return Err(invalid("the body is a form, application/x-www-form-urlencoded"));
    }
    let mut parameters = str::from_utf8(body)
        .ok()
        .and_then(form::parse)
        .ok_or_else(|| invalid("the body is not a form in which each parameter stands once"))?;
    let (client_id, authentication) = client(request, &mut parameters)?;
    Ok(TokenRequest {
        client_id,
        authentication,
        grant_type: parameters.remove("grant_type"),
        scope: parameters.remove("scope"),
    })
}

/// The client as it authenticates: by the header or by the form, not by both
/// (RFC 6749 §2.3).
fn client(
    request: &Request,
    parameters: &mut HashMap<String, String>,
) -> Result<(Option<String>, Authentication), OauthError> {
    let assertion = assertion(parameters)?;
    let posted = (parameters.remove("client_id"), parameters.remove("client_secret"));
    let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
    if let Some(assertion) = assertion {
        return match (headers.next(), posted) {
            (None, (id, None)) => Ok((id, Authentication::Assertion(assertion))),
            _ => Err(twice()),
        };
    }
    match (headers.next(), headers.next(), posted) {
        (None, _, (Some(id), Some(secret))) => {
            Ok((Some(id), Authentication::Secret(secret.into())))
        }
        (None, _, _) => Err(OauthError::InvalidClient),
        (Some(value), None, (named, None)) => {
            let (id, secret) =
                value.to_str().ok().and_then(basic).ok_or(OauthError::InvalidClient)?;
            match named.is_none_or(|named| named == id) {
                true => Ok((Some(id), Authentication::Secret(secret))),
                false => Err(OauthError::InvalidClient),
            }
        }
        (Some(_), _, _) => Err(twice()),
    }
}

fn twice() -> OauthError {
    OauthError::InvalidRequest(
        "the client authenticates once: by the Authorization header or by the form".to_owned(),
    )
}

/// The signed token in a form (RFC 7523 §2.2).
fn assertion(parameters: &mut HashMap<String, String>) -> Result<Option<SecretString>, OauthError> {
    let kind = parameters.remove("client_assertion_type");
    match (kind.as_deref(), parameters.remove("client_assertion")) {
        (None, None) => Ok(None),
        (Some(JWT_BEARER), Some(assertion)) => Ok(Some(assertion.into())),
        _ => Err(OauthError::InvalidRequest(format!(
            "`client_assertion` comes with `client_assertion_type`, which is {JWT_BEARER}"
        ))),
    }
}

/// The two halves of `Basic` credentials, each of them form-encoded.
fn basic(value: &str) -> Option<(String, SecretString)> {
    let (scheme, encoded) = value.split_once(' ')?;
    let text =
        STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (id, secret) = str::from_utf8(&text).ok()?.split_once(':')?;
    Some((form::decode(id)?, form::decode(secret)?.into()))
}

fn token_answer(grant: &Grant) -> Response {
    secret(
        StatusCode::OK,
        &json!({
            "access_token": grant.token.expose_secret(),
            "token_type": "Bearer",
            "expires_in": grant.expires_in,
            "scope": Scope::list(&grant.scopes),
        }),
    )
}

fn failed(error: OauthError) -> Response {
    let body = json!({ "error": error.code(), "error_description": error.to_string() });
    match error {
        OauthError::InvalidClient => {
            let mut response = secret(StatusCode::UNAUTHORIZED, &body);
            let challenge = HeaderValue::from_static("Basic realm=\"muster\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        OauthError::Store(error) => Refusal::from(error).into_response(),
        OauthError::Unavailable => secret(StatusCode::SERVICE_UNAVAILABLE, &body),
        _ => secret(StatusCode::BAD_REQUEST, &body),
    }
}

fn refused_body(refusal: &Refusal) -> Response {
    let body = json!({ "error": "invalid_request", "error_description": refusal.detail() });
    secret(refusal.status(), &body)
}

/// RFC 6749 §5.1 wants `Pragma` beside `Cache-Control`.
fn secret(status: StatusCode, body: &Value) -> Response {
    let mut response = respond(status, body);
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
