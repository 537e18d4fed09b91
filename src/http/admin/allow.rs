//! The `Allow` header that an answer 405 must have (RFC 9110 §15.5.6) and poem leaves out.

use std::sync::Arc;

use poem::{
    Endpoint, Request, Response, Result,
    http::{StatusCode, header},
};

use super::{
    operations::Operations,
    problem::{self, Problem},
};

/// Adds the header where `api` refuses the method.
pub(super) async fn add<E>(
    operations: Arc<Operations>,
    api: Arc<E>,
    request: Request,
) -> Result<Response>
where
    E: Endpoint<Output = Response>,
{
    let path = request.uri().path().to_owned();
    match api.call(request).await {
        Err(error) if error.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let detail = "the method is not allowed here".to_owned();
            let mut answer = problem::response(&Problem { status: 405, detail });
            let methods = operations.methods_at(&path);
            if let Some(methods) = methods.and_then(|methods| methods.parse().ok()) {
                answer.headers_mut().insert(header::ALLOW, methods);
            }
            Ok(answer)
        }
        answered => answered,
    }
}
