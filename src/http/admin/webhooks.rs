//! `/tenants/{tenant}/webhooks`.

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json, types::Password};
use secrecy::ExposeSecret;

use super::{
    authenticate::OperatorToken,
    problem::{Failure, uuid},
    view::{List, list, view},
};
use crate::{
    event::webhook::WebhookKeyKind,
    provision::operator::{self, KeyedWebhook, Operator, WebhookFormat},
    store::StreamStatus,
};

pub(super) struct Webhooks;

/// A webhook: an endpoint that is told what happened.
#[derive(Debug, Object)]
struct Webhook {
    /// Its id.
    id: String,
    /// What it is for.
    description: String,
    /// Where messages go.
    endpoint_url: String,
    /// `standard` (Standard Webhooks), `cloudevents` or `cloudevents-binary`.
    format: String,
    /// Types of messages that it gets; all if there are none.
    types: Vec<String>,
    /// How messages are signed: `v1` (HMAC-SHA256) or `v1a` (Ed25519).
    signature: String,
    /// With which `v1a` is verified.
    public_key: Option<String>,
    /// The application that it is for.
    application: Option<String>,
    /// `enabled`, `paused` or `disabled`.
    status: String,
    /// Why it is not enabled.
    reason: Option<String>,
    /// How the last attempt at the first message that waits failed.
    last_error: Option<String>,
    /// When it was created (RFC 3339).
    created_at: String,
    /// Messages that wait.
    pending: i64,
}

/// A webhook whose key was made.
#[derive(Debug, Object)]
struct Keyed {
    /// The webhook.
    webhook: Webhook,
    /// The secret with which its receiver verifies `v1`, shown this once; none if it was
    /// given, or if the key is asymmetric.
    secret: Option<String>,
}

/// A webhook to be created.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewWebhook {
    /// What it is for.
    #[oai(default)]
    description: String,
    /// Where messages go.
    url: String,
    /// `standard` (Standard Webhooks, the default), `cloudevents` or `cloudevents-binary`.
    format: Option<String>,
    /// Types of messages; all of them unless given.
    #[oai(default)]
    types: Vec<String>,
    /// The key that signs: `whsec_…` with 24 to 64 bytes in base64, or `whsk_…` with an
    /// Ed25519 private key. One is made unless given.
    key: Option<Password>,
    /// How messages are signed if a key is made: `v1` (HMAC-SHA256, the default) or `v1a`
    /// (Ed25519).
    signature: Option<String>,
    /// The `Authorization` header that the endpoint asks for.
    authorization: Option<Password>,
    /// Whether an endpoint of CloudEvents is asked with OPTIONS before it is sent anything.
    #[oai(default = "yes")]
    handshake: bool,
    /// Name of the application that it is for.
    application: Option<String>,
}

fn yes() -> bool {
    true
}

/// A key to sign with.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewKey {
    /// `whsec_…` or `whsk_…`. One is made unless given.
    key: Option<Password>,
    /// `v1` or `v1a`, if a key is made; as before unless given.
    signature: Option<String>,
}

impl NewWebhook {
    fn check(self) -> Result<operator::NewWebhook, Failure> {
        let format = match self.format.as_deref() {
            None => WebhookFormat::default(),
            Some(name) => WebhookFormat::parse(name).ok_or_else(|| {
                Failure::bad_request(
                    "`format`: expected standard, cloudevents or cloudevents-binary",
                )
            })?,
        };
        Ok(operator::NewWebhook {
            description: self.description,
            endpoint_url: self.url,
            format,
            types: self.types,
            key: self.key.map(|secret| secret.0.into()),
            key_kind: key_kind(self.signature.as_deref())?.unwrap_or_default(),
            authorization: self.authorization.map(|secret| secret.0.into()),
            handshake: self.handshake,
            application: self.application,
        })
    }
}

fn key_kind(name: Option<&str>) -> Result<Option<WebhookKeyKind>, Failure> {
    let parsed = name.map(|name| {
        WebhookKeyKind::parse(name)
            .ok_or_else(|| Failure::bad_request("`signature`: expected v1 or v1a"))
    });
    parsed.transpose()
}

fn keyed(webhook: &KeyedWebhook) -> Result<Keyed, Failure> {
    let secret = webhook.secret.as_ref().map(|secret| secret.expose_secret().to_owned());
    Ok(Keyed { webhook: view(&webhook.record)?, secret })
}

#[derive(ApiResponse)]
enum Created {
    /// The webhook was created.
    #[oai(status = 201)]
    Webhook(Json<Keyed>),
}

#[derive(ApiResponse)]
enum Pinged {
    /// A message `endpoint.ping` is on its way.
    #[oai(status = 202)]
    Webhook(Json<Webhook>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The webhook is gone, with what it was not told yet.
    #[oai(status = 204)]
    Webhook,
}

#[OpenApi]
impl Webhooks {
    /// Creates a webhook: an endpoint that is told what happened, signed as Standard
    /// Webhooks has it.
    #[oai(path = "/tenants/:tenant/webhooks", method = "post", operation_id = "webhooks.create")]
    async fn create(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<NewWebhook>,
        operator: Data<&Operator>,
    ) -> Result<Created, Failure> {
        let webhook = operator.create_webhook(&tenant, body.0.check()?).await?;
        Ok(Created::Webhook(Json(keyed(&webhook)?)))
    }

    /// Lists the webhooks of a tenant.
    #[oai(path = "/tenants/:tenant/webhooks", method = "get", operation_id = "webhooks.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Webhook>>, Failure> {
        Ok(Json(list(&operator.webhooks(&tenant).await?)?))
    }

    /// Signs with another key; the one before signs too for a day.
    #[oai(
        path = "/tenants/:tenant/webhooks/:id/rotate",
        method = "post",
        operation_id = "webhooks.rotate"
    )]
    async fn rotate(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        body: Json<NewKey>,
        operator: Data<&Operator>,
    ) -> Result<Json<Keyed>, Failure> {
        let kind = key_kind(body.0.signature.as_deref())?;
        let key = body.0.key.map(|secret| secret.0.into());
        let webhook = operator.rotate_webhook(&tenant, uuid(&id)?, key, kind).await?;
        Ok(Json(keyed(&webhook)?))
    }

    /// Sends the message `endpoint.ping`.
    #[oai(
        path = "/tenants/:tenant/webhooks/:id/test",
        method = "post",
        operation_id = "webhooks.test"
    )]
    async fn test(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Pinged, Failure> {
        let webhook = operator.ping_webhook(&tenant, uuid(&id)?).await?;
        Ok(Pinged::Webhook(Json(view(&webhook)?)))
    }

    /// Keeps messages back until the webhook is resumed.
    #[oai(
        path = "/tenants/:tenant/webhooks/:id/pause",
        method = "post",
        operation_id = "webhooks.pause"
    )]
    async fn pause(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Webhook>, Failure> {
        let paused = operator.set_webhook(&tenant, uuid(&id)?, StreamStatus::Paused).await?;
        Ok(Json(view(&paused)?))
    }

    /// Sends again, beginning with what was kept.
    #[oai(
        path = "/tenants/:tenant/webhooks/:id/resume",
        method = "post",
        operation_id = "webhooks.resume"
    )]
    async fn resume(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Webhook>, Failure> {
        let resumed = operator.set_webhook(&tenant, uuid(&id)?, StreamStatus::Enabled).await?;
        Ok(Json(view(&resumed)?))
    }

    /// Deletes a webhook and what it was not told yet.
    #[oai(
        path = "/tenants/:tenant/webhooks/:id",
        method = "delete",
        operation_id = "webhooks.delete"
    )]
    async fn delete(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Deleted, Failure> {
        operator.delete_webhook(&tenant, uuid(&id)?).await?;
        Ok(Deleted::Webhook)
    }
}
