//! Errors: one JSON form for ours and for poem's own.

use std::error::Error;

use poem::{
    IntoResponse, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{ApiResponse, Object, payload::Json, types::ToJSON};
use tracing::error;
use uuid::Uuid;

use crate::provision::operator::OperatorError;

/// What went wrong.
#[derive(Debug, Object)]
pub(super) struct Problem {
    /// The HTTP status.
    pub(super) status: u16,
    /// What was wrong and what was expected, for people.
    pub(super) detail: String,
}

/// An error that a handler gives.
#[derive(ApiResponse)]
pub(super) enum Failure {
    /// The request is not what was expected.
    #[oai(status = 400)]
    BadRequest(Json<Problem>),
    /// There is no valid token.
    #[oai(status = 401)]
    #[expect(dead_code, reason = "made before a handler runs; here for the document")]
    Unauthorized(Json<Problem>),
    /// The token's role does not allow it.
    #[oai(status = 403)]
    Forbidden(Json<Problem>),
    /// The tenant, or what is asked for of it, does not exist.
    #[oai(status = 404)]
    NotFound(Json<Problem>),
    /// The name is taken, or the state does not allow it.
    #[oai(status = 409)]
    Conflict(Json<Problem>),
    /// Muster failed; its log says why.
    #[oai(status = 500)]
    Internal(Json<Problem>),
    /// The database does not answer; the request may be sent again.
    #[oai(status = 503)]
    Unavailable(Json<Problem>),
}

impl Failure {
    /// A value of the request is wrong.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::BadRequest(Json(Problem { status: 400, detail: detail.into() }))
    }

    /// Tells the log what happened, and the client only that it did.
    pub(super) fn internal(reason: &(dyn Error + 'static)) -> Self {
        error!(error = reason, "an administration request failed");
        let detail = "the request could not be served".to_owned();
        Self::Internal(Json(Problem { status: 500, detail }))
    }

    fn unavailable(reason: &(dyn Error + 'static)) -> Self {
        error!(error = reason, "the database does not answer");
        let detail = "the database does not answer; try again".to_owned();
        Self::Unavailable(Json(Problem { status: 503, detail }))
    }
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        let problem = |status| Json(Problem { status, detail: error.to_string() });
        match error.status() {
            403 => Self::Forbidden(problem(403)),
            404 => Self::NotFound(problem(404)),
            409 => Self::Conflict(problem(409)),
            400..=499 => Self::BadRequest(problem(400)),
            503 => Self::unavailable(&error),
            _ => Self::internal(&error),
        }
    }
}

/// The id in a path; text that is none names nothing.
pub(super) fn uuid(text: &str) -> Result<Uuid, Failure> {
    Uuid::try_parse(text).map_err(|_| {
        let detail = "there is nothing with this id".to_owned();
        Failure::NotFound(Json(Problem { status: 404, detail }))
    })
}

/// The answer to a problem.
pub(super) fn response(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = problem.to_json_string();
    Response::builder().status(status).content_type("application/json; charset=utf-8").body(body)
}

/// The answer to what poem refuses: unknown routes, methods, content types, bodies.
pub(super) async fn answer(error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    let status = error.status();
    let detail = match status.is_server_error() {
        true => {
            error!(%error, "an administration request failed");
            "the request could not be served".to_owned()
        }
        false => error.to_string(),
    };
    response(&Problem { status: status.as_u16(), detail })
}

/// Answers name people's employers and hold secrets: nothing may keep them.
pub(super) async fn no_store(answer: poem::Result<Response>) -> poem::Result<Response> {
    let mut answer = answer.unwrap_or_else(|error| error.into_response());
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer.into_response())
}
