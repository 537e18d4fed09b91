//! The operations that an OpenAPI document describes, found by method and path.

use serde_json::Value;

/// The operations of an OpenAPI document.
pub(super) struct Operations(Vec<Place>);

/// A path and what can be done there.
struct Place {
    template: String,
    /// Method and `operationId`.
    operations: Vec<(String, String)>,
}

/// An operation that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Operation<'a> {
    /// Its `operationId`.
    pub(super) id: &'a str,
    /// The tenant in its path.
    pub(super) tenant: Option<&'a str>,
    /// The user in its path.
    pub(super) user: Option<&'a str>,
}

/// What a request asks for, as far as the document tells.
pub(super) enum Found<'a> {
    /// This.
    Operation(Operation<'a>),
    /// A method that is not allowed there.
    NoMethod,
    /// Nothing that is described.
    Nothing,
}

impl Operations {
    /// Reads them from the document.
    pub(super) fn of(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
        let place = |(template, operations): (&String, &Value)| Place {
            template: template.clone(),
            operations: operations.as_object().into_iter().flatten().map(named).collect(),
        };
        Self(paths.map(place).collect())
    }

    /// The methods that are allowed at `path`, for the header `Allow`.
    pub(super) fn methods_at(&self, path: &str) -> Option<String> {
        let place = self.place(path)?;
        let mut methods: Vec<_> = place.operations.iter().map(|(it, _)| it.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        Some(methods.join(", "))
    }

    /// What a request asks for.
    pub(super) fn find<'a>(&'a self, method: &str, path: &'a str) -> Found<'a> {
        let Some(place) = self.place(path) else { return Found::Nothing };
        let method = if method == "HEAD" { "GET" } else { method };
        let Some((_, id)) = place.operations.iter().find(|(known, _)| known == method) else {
            return Found::NoMethod;
        };
        Found::Operation(Operation {
            id,
            tenant: place.part_after("tenants", path),
            user: place.part_after("users", path),
        })
    }

    fn place(&self, path: &str) -> Option<&Place> {
        self.0.iter().find(|place| place.fits(path))
    }
}

impl Place {
    fn fits(&self, path: &str) -> bool {
        let mut pairs = self.template.split('/').zip(path.split('/'));
        self.template.split('/').count() == path.split('/').count()
            && pairs.all(|(name, part)| name.starts_with('{') || name == part)
    }

    /// The part of `path` where the template has a parameter behind `collection`.
    fn part_after<'p>(&self, collection: &str, path: &'p str) -> Option<&'p str> {
        let names = self.template.split('/');
        let before = std::iter::once("").chain(self.template.split('/'));
        let mut pairs = before.zip(names).zip(path.split('/'));
        pairs.find_map(|((before, name), part)| {
            (before == collection && name.starts_with('{')).then_some(part)
        })
    }
}

fn named((method, operation): (&String, &Value)) -> (String, String) {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    (method.to_ascii_uppercase(), id.to_owned())
}
