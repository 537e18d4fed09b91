//! The `Allow` header that an answer 405 must have (RFC 9110 §15.5.6) and poem leaves out.

use std::sync::Arc;

use poem::{
    Endpoint, Request, Response, Result,
    http::{StatusCode, header},
};
use serde_json::Value;

use super::problem::{self, Problem};

/// Which methods each path of an OpenAPI document has.
pub(super) struct Allowed(Vec<(String, String)>);

impl Allowed {
    /// Reads them from the document.
    pub(super) fn of(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
        Self(paths.map(|(path, methods)| (path.clone(), methods_of(methods))).collect())
    }

    fn at(&self, path: &str) -> Option<&str> {
        let found = self.0.iter().find(|(template, _)| fits(template, path));
        found.map(|(_, methods)| methods.as_str())
    }
}

fn methods_of(operations: &Value) -> String {
    let names = operations.as_object().into_iter().flat_map(|operations| operations.keys());
    let mut methods: Vec<String> = names.map(|name| name.to_ascii_uppercase()).collect();
    if methods.iter().any(|method| method == "GET") {
        methods.push("HEAD".to_owned());
    }
    methods.sort();
    methods.join(", ")
}

fn fits(template: &str, path: &str) -> bool {
    let mut pairs = template.split('/').zip(path.split('/'));
    template.split('/').count() == path.split('/').count()
        && pairs.all(|(name, part)| name.starts_with('{') || name == part)
}

/// Adds the header where `api` refuses the method.
pub(super) async fn add<E>(allowed: Arc<Allowed>, api: Arc<E>, request: Request) -> Result<Response>
where
    E: Endpoint<Output = Response>,
{
    let path = request.uri().path().to_owned();
    match api.call(request).await {
        Err(error) if error.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let detail = "the method is not allowed here".to_owned();
            let mut answer = problem::response(&Problem { status: 405, detail });
            if let Some(methods) = allowed.at(&path).and_then(|methods| methods.parse().ok()) {
                answer.headers_mut().insert(header::ALLOW, methods);
            }
            Ok(answer)
        }
        answered => answered,
    }
}
