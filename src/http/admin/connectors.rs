//! `/tenants/{tenant}/connectors`.

use std::collections::HashMap;

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::Path,
    payload::Json,
    types::{Any, Password},
};
use serde_json::{Map, Value};

use super::{
    authenticate::OperatorToken,
    problem::{Failure, uuid},
    view::{List, list, view},
};
use crate::{
    event::{SinkKind, SubjectFormat},
    provision::operator::{self, Operator},
    store::StreamStatus,
};

pub(super) struct Connectors;

/// A connector: a session store that is told to end sessions.
#[derive(Debug, Object)]
struct Connector {
    /// Its id.
    id: String,
    /// What it speaks to.
    kind: String,
    /// What it is for.
    description: String,
    /// Where the target is.
    endpoint_url: String,
    /// What is set for it.
    settings: Any<Value>,
    /// How people are named, where the target takes subject identifiers.
    subject_format: String,
    /// The application that it is for.
    application: Option<String>,
    /// What a revocation ends at once.
    kills: Kills,
    /// How long access may outlive a revocation, in seconds.
    residual_ttl_s: u32,
    /// `enabled`, `paused` or `disabled`.
    status: String,
    /// Why it is not enabled.
    reason: Option<String>,
    /// How the last attempt at the first command that waits failed.
    last_error: Option<String>,
    /// When it was created (RFC 3339).
    created_at: String,
    /// Commands that wait.
    pending: i64,
}

/// What a revocation ends at a target.
#[derive(Debug, Object)]
struct Kills {
    /// Sessions in browsers.
    cookies: bool,
    /// Refresh tokens.
    refresh: bool,
    /// Access tokens that were given out.
    access: bool,
}

/// A connector to be created.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewConnector {
    /// What it speaks to: `global_token_revocation`, `back_channel_logout`, `nats` (a bus that is
    /// told what happened), or the name of a product.
    kind: String,
    /// What it is for.
    #[oai(default)]
    description: String,
    /// Where the target is.
    endpoint_url: String,
    /// What is set for it, by its kind. Every kind has `user_id_source` (`externalId`, the
    /// default, `id`, `userName` or `email`), `disable` (whether it also blocks login, where
    /// the target can) and `residual_ttl_s`.
    settings: Option<Any<Value>>,
    /// Its secrets by name. They are never shown.
    #[oai(default)]
    secrets: HashMap<String, Password>,
    /// How people are named, where the target takes subject identifiers: `iss_sub` (the
    /// default), `email`, `opaque` or `scim`.
    subject_format: Option<String>,
    /// Name of the application that it is for.
    application: Option<String>,
}

/// What a connector would do on an event.
#[derive(Debug, Object)]
struct Rehearsed {
    /// URI of the event.
    event: String,
    /// The requests: `method`, `url`, `headers` and `body`, with `(secret)` in place of what is
    /// secret, as far as they do not depend on answers.
    requests: Vec<Any<Value>>,
    /// Why there are no more, if something is wrong.
    fault: Option<String>,
}

impl NewConnector {
    fn check(self) -> Result<operator::NewConnector, Failure> {
        let kind = SinkKind::parse(&self.kind).filter(|kind| !kind.is_webhook());
        let kind = kind.ok_or_else(|| {
            let kinds = SinkKind::ALL.into_iter().filter(|kind| !kind.is_webhook());
            let names: Vec<&str> = kinds.map(SinkKind::as_str).collect();
            Failure::bad_request(format!("`kind`: expected one of {}", names.join(", ")))
        })?;
        let settings = match self.settings {
            None => Map::new(),
            Some(Any(Value::Object(settings))) => settings,
            Some(_) => return Err(Failure::bad_request("`settings`: expected an object")),
        };
        let subject_format = match self.subject_format.as_deref() {
            None => SubjectFormat::IssSub,
            Some(name) => SubjectFormat::parse(name).ok_or_else(|| {
                Failure::bad_request("`subject_format`: expected iss_sub, email, opaque or scim")
            })?,
        };
        Ok(operator::NewConnector {
            kind,
            description: self.description,
            endpoint_url: self.endpoint_url,
            settings,
            secrets: self.secrets.into_iter().map(|(name, it)| (name, it.0.into())).collect(),
            subject_format,
            application: self.application,
        })
    }
}

#[derive(ApiResponse)]
enum Created {
    /// The connector was created.
    #[oai(status = 201)]
    Connector(Json<Connector>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The connector is gone, with the commands that it did not carry out yet.
    #[oai(status = 204)]
    Connector,
}

#[OpenApi]
impl Connectors {
    /// Creates a connector: a session store that is told to end the sessions of who leaves.
    #[oai(
        path = "/tenants/:tenant/connectors",
        method = "post",
        operation_id = "connectors.create"
    )]
    async fn create(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<NewConnector>,
        operator: Data<&Operator>,
    ) -> Result<Created, Failure> {
        let connector = operator.create_connector(&tenant, body.0.check()?).await?;
        Ok(Created::Connector(Json(view(&connector)?)))
    }

    /// Lists the connectors of a tenant.
    #[oai(path = "/tenants/:tenant/connectors", method = "get", operation_id = "connectors.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Connector>>, Failure> {
        Ok(Json(list(&operator.connectors(&tenant).await?)?))
    }

    /// Shows the requests that the connector would make for somebody who leaves.
    ///
    /// Nothing is sent.
    #[oai(
        path = "/tenants/:tenant/connectors/:id/test",
        method = "post",
        operation_id = "connectors.test"
    )]
    async fn test(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Rehearsed>>, Failure> {
        Ok(Json(list(&operator.rehearse_connector(&tenant, uuid(&id)?).await?)?))
    }

    /// Keeps commands back until the connector is resumed.
    #[oai(
        path = "/tenants/:tenant/connectors/:id/pause",
        method = "post",
        operation_id = "connectors.pause"
    )]
    async fn pause(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Connector>, Failure> {
        let paused = operator.set_connector(&tenant, uuid(&id)?, StreamStatus::Paused).await?;
        Ok(Json(view(&paused)?))
    }

    /// Commands again, beginning with what was kept.
    #[oai(
        path = "/tenants/:tenant/connectors/:id/resume",
        method = "post",
        operation_id = "connectors.resume"
    )]
    async fn resume(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Connector>, Failure> {
        let resumed = operator.set_connector(&tenant, uuid(&id)?, StreamStatus::Enabled).await?;
        Ok(Json(view(&resumed)?))
    }

    /// Deletes a connector and the commands that it did not carry out yet.
    #[oai(
        path = "/tenants/:tenant/connectors/:id",
        method = "delete",
        operation_id = "connectors.delete"
    )]
    async fn delete(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Deleted, Failure> {
        operator.delete_connector(&tenant, uuid(&id)?).await?;
        Ok(Deleted::Connector)
    }
}
