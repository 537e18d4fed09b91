//! Webhooks: endpoints that are told what happened, as Standard Webhooks or
//! CloudEvents.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Operator, OperatorError, applications::no_application, records::date_time, streams::is_header,
};
use crate::{
    event::{
        EventUri, SinkKind, Subject, SubjectFormat,
        webhook::{MAX_RETIRED, SigningKeys, WebhookKey, WebhookKeyKind, WebhookType},
    },
    scim::resource::ResourceId,
    store::{Audience, DeliveryMethod, NewStreamRow, OutboxEvent, StreamRow, StreamStatus},
    tenant::{StreamId, TenantId},
};

/// Receivers of one tenant, of all kinds.
const RECEIVERS: usize = 1_000;
/// After a rotation, messages are signed with the old key too for this long.
const OVERLAP: Duration = Duration::from_hours(24);

/// The form of what an endpoint is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebhookFormat {
    /// Standard Webhooks.
    #[default]
    Standard,
    /// CloudEvents in structured mode.
    CloudEvents,
    /// CloudEvents in binary mode.
    CloudEventsBinary,
}

impl WebhookFormat {
    /// The format of that name: `standard`, `cloudevents` or `cloudevents-binary`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Standard, Self::CloudEvents, Self::CloudEventsBinary]
            .into_iter()
            .find(|format| format.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::CloudEvents => "cloudevents",
            Self::CloudEventsBinary => "cloudevents-binary",
        }
    }

    fn kind(self) -> SinkKind {
        match self {
            Self::Standard => SinkKind::Webhook,
            Self::CloudEvents | Self::CloudEventsBinary => SinkKind::CloudEvents,
        }
    }
}

/// A webhook to be made.
#[derive(Debug, Clone, Default)]
pub struct NewWebhook {
    /// What people call it.
    pub description: String,
    /// Where messages go.
    pub endpoint_url: String,
    /// Their form.
    pub format: WebhookFormat,
    /// Names of the types that it is told; all if there are none.
    pub types: Vec<String>,
    /// The key that signs, `whsec_…` or `whsk_…`; a new one of `key_kind` if there is none.
    pub key: Option<SecretString>,
    /// How messages are signed.
    pub key_kind: WebhookKeyKind,
    /// The `Authorization` header that the endpoint wants.
    pub authorization: Option<SecretString>,
    /// Whether an endpoint of CloudEvents is asked before it is sent anything.
    pub handshake: bool,
    /// Name of the application that it is for.
    pub application: Option<String>,
}

/// A webhook.
#[derive(Debug, Clone, Serialize)]
pub struct WebhookRecord {
    /// Its id.
    pub id: Uuid,
    /// What people call it.
    pub description: String,
    /// Where messages go.
    pub endpoint_url: String,
    /// `standard`, `cloudevents` or `cloudevents-binary`.
    pub format: &'static str,
    /// Names of the types that it is told; all if there are none.
    pub types: Vec<String>,
    /// `v1` or `v1a`.
    pub signature: &'static str,
    /// `whpk_…`, with which `v1a` is verified.
    pub public_key: Option<String>,
    /// Name of the application that it is for.
    pub application: Option<String>,
    /// `enabled`, `paused` or `disabled`.
    pub status: &'static str,
    /// Why it is paused.
    pub reason: Option<String>,
    /// How the last attempt at the first message that waits failed.
    pub last_error: Option<String>,
    /// Messages that wait.
    pub pending: i64,
    /// When it was made, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
}

/// A webhook whose key was made or replaced.
#[derive(Debug, Clone)]
pub struct KeyedWebhook {
    /// The webhook.
    pub record: WebhookRecord,
    /// The secret that the receiver needs, if it shares one that it did not give.
    pub secret: Option<SecretString>,
}

impl WebhookRecord {
    fn read(row: StreamRow) -> Option<Self> {
        let DeliveryMethod::Sink { kind, endpoint_url } = row.stream.method else { return None };
        let settings = &row.stream.settings;
        let format = match kind {
            SinkKind::Webhook => WebhookFormat::Standard,
            SinkKind::CloudEvents if settings.get("mode") == Some(&json!("binary")) => {
                WebhookFormat::CloudEventsBinary
            }
            SinkKind::CloudEvents => WebhookFormat::CloudEvents,
            _ => return None,
        };
        let types = settings.get("types").and_then(Value::as_array).into_iter().flatten();
        let public_key = settings.get("public_key").and_then(Value::as_str).map(str::to_owned);
        let key_kind = match public_key {
            Some(_) => WebhookKeyKind::Ed25519,
            None => WebhookKeyKind::Hmac,
        };
        Some(Self {
            id: row.stream.id.0,
            description: row.description,
            endpoint_url,
            format: format.as_str(),
            types: types.filter_map(Value::as_str).map(str::to_owned).collect(),
            signature: key_kind.as_str(),
            public_key,
            application: row.application,
            status: row.stream.status.as_str(),
            reason: row.reason,
            last_error: row.last_error,
            pending: row.pending,
            created_at: row.created_us,
        })
    }
}

impl Operator {
    /// Makes a webhook. What happens from now on goes there.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or application;
    /// [`OperatorError::Invalid`] if its URL may not be used, or a type, key or
    /// header is none; [`OperatorError::InUse`] if the tenant has as many receivers
    /// as it may.
    pub async fn create_webhook(
        &self,
        tenant: &str,
        new: NewWebhook,
    ) -> Result<KeyedWebhook, OperatorError> {
        let authorization = new.authorization.as_ref();
        if authorization.is_some_and(|text| !is_header(text.expose_secret())) {
            let reason = "`authorization` cannot be sent as the value of a header";
            return Err(OperatorError::Invalid(reason.to_owned()));
        }
        let (text, secret) = self.webhook_key(new.key, new.key_kind)?;
        let keys = SigningKeys::new(&text, authorization);
        let mut settings = Map::new();
        if !new.types.is_empty() {
            settings.insert("types".to_owned(), json!(new.types));
        }
        if new.format == WebhookFormat::CloudEventsBinary {
            settings.insert("mode".to_owned(), "binary".into());
        }
        if new.format.kind() == SinkKind::CloudEvents && !new.handshake {
            settings.insert("handshake".to_owned(), false.into());
        }
        let settings = with_public_key(Value::Object(settings), &keys)?;
        let receiver = NewReceiver {
            kind: new.format.kind(),
            description: new.description,
            endpoint_url: new.endpoint_url,
            settings,
            secrets: keys.write(),
            application: new.application,
            subject_format: SubjectFormat::Scim,
            events: events_of(&new.types),
        };
        let check = |settings: &Value| {
            self.speaking.check(receiver.kind, &receiver.endpoint_url, settings, None)
        };
        check(&receiver.settings).map_err(OperatorError::Invalid)?;
        let id = self.insert_receiver(tenant, receiver).await?;
        Ok(KeyedWebhook { record: self.webhook(tenant, id.0).await?, secret })
    }

    /// The webhooks of a tenant, oldest first.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn webhooks(&self, tenant: &str) -> Result<Vec<WebhookRecord>, OperatorError> {
        let rows = self.tenant_store(tenant).await?.streams().await?;
        Ok(rows.into_iter().filter_map(WebhookRecord::read).collect())
    }

    /// Signs with another key: `key`, or a new one of `key_kind`. The one before
    /// signs too for a day.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such webhook;
    /// [`OperatorError::Invalid`] if the key is none; [`OperatorError::InUse`] if
    /// it was rotated too often, or by somebody else at the same time.
    pub async fn rotate_webhook(
        &self,
        tenant: &str,
        id: Uuid,
        key: Option<SecretString>,
        key_kind: Option<WebhookKeyKind>,
    ) -> Result<KeyedWebhook, OperatorError> {
        let record = self.webhook(tenant, id).await?;
        let tenant_id = self.tenant_row(tenant).await?.id;
        let stream = StreamId(id);
        let (Some(stored), Some(sealed)) = (
            self.store.stream(tenant_id, stream).await?,
            self.store.stream_authorization(tenant_id, stream).await?,
        ) else {
            return Err(no_webhook(id));
        };
        let opened = self.secret.open_authorization(tenant_id, stream, &sealed)?;
        let mut keys = SigningKeys::read(&opened).ok_or_else(|| no_webhook(id))?;
        let same = WebhookKeyKind::parse(record.signature).unwrap_or_default();
        let (text, secret) = self.webhook_key(key, key_kind.unwrap_or(same))?;
        let now_us = self.clock.now_us();
        let overlap_us = i64::try_from(OVERLAP.as_micros()).unwrap_or(i64::MAX);
        if !keys.rotate(&text, now_us, now_us.saturating_add(overlap_us)) {
            return Err(OperatorError::InUse(format!(
                "{MAX_RETIRED} old keys of this webhook still sign, which is the limit; each ends \
                 a day after it was replaced"
            )));
        }
        let settings = with_public_key(stored.settings.as_ref().clone(), &keys)?;
        let resealed = self.secret.seal_authorization(tenant_id, stream, &keys.write())?;
        let store = self.store.tenant(tenant_id);
        match store.replace_stream_secrets(stream, &sealed, resealed, &settings).await? {
            true => Ok(KeyedWebhook { record: self.webhook(tenant, id).await?, secret }),
            false => Err(OperatorError::InUse(
                "the webhook was changed at the same time; look at it and try again".to_owned(),
            )),
        }
    }

    /// Sends an `endpoint.ping` as soon as the webhook is enabled.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such webhook.
    pub async fn ping_webhook(
        &self,
        tenant: &str,
        id: Uuid,
    ) -> Result<WebhookRecord, OperatorError> {
        self.webhook(tenant, id).await?;
        let ping = Arc::new(OutboxEvent {
            id: self.clock.new_id(),
            audience: Audience::Stream(StreamId(id)),
            uri: EventUri::Verification,
            payload: json!({}).to_string(),
            subject_key: ResourceId::new(id),
            subject: serde_json::to_string(&Subject::stream(id.to_string())).unwrap_or_default(),
        });
        let (txn, at_us) = (format!("tx_{}", self.clock.new_id()), self.clock.now_us());
        let store = self.tenant_store(tenant).await?;
        let appended = store.write(move |tx| {
            let (txn, ping) = (txn.clone(), Arc::clone(&ping));
            Box::pin(async move {
                tx.append(&txn, at_us, std::slice::from_ref(&*ping)).await?;
                Ok::<_, OperatorError>(())
            })
        });
        appended.await?;
        self.webhook(tenant, id).await
    }

    /// Holds what a webhook would be told until it is resumed, or lets it go again.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such webhook.
    pub async fn set_webhook(
        &self,
        tenant: &str,
        id: Uuid,
        status: StreamStatus,
    ) -> Result<WebhookRecord, OperatorError> {
        self.webhook(tenant, id).await?;
        self.set_receiver(tenant, id, status).await?;
        self.webhook(tenant, id).await
    }

    /// Deletes a webhook with what it was not told yet.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such webhook.
    pub async fn delete_webhook(&self, tenant: &str, id: Uuid) -> Result<(), OperatorError> {
        self.webhook(tenant, id).await?;
        self.delete_stream(tenant, id).await
    }

    async fn webhook(&self, tenant: &str, id: Uuid) -> Result<WebhookRecord, OperatorError> {
        let webhooks = self.webhooks(tenant).await?;
        webhooks.into_iter().find(|webhook| webhook.id == id).ok_or_else(|| no_webhook(id))
    }

    /// A key and, if it was made here and is shared, the text that is shown once.
    fn webhook_key(
        &self,
        given: Option<SecretString>,
        kind: WebhookKeyKind,
    ) -> Result<(SecretString, Option<SecretString>), OperatorError> {
        match given {
            Some(text) => match WebhookKey::parse(text.expose_secret()) {
                Ok(_) => Ok((text, None)),
                Err(fault) => Err(OperatorError::Invalid(format!("`key`: {fault}"))),
            },
            None => {
                let text = WebhookKey::write(kind, self.clock.random());
                let shown = (kind == WebhookKeyKind::Hmac).then(|| text.clone());
                Ok((text, shown))
            }
        }
    }
}

/// A receiver that is no SSF stream, to be made.
pub(super) struct NewReceiver {
    pub(super) kind: SinkKind,
    pub(super) description: String,
    pub(super) endpoint_url: String,
    pub(super) settings: Value,
    /// To be sealed.
    pub(super) secrets: SecretString,
    pub(super) application: Option<String>,
    pub(super) subject_format: SubjectFormat,
    pub(super) events: Vec<EventUri>,
}

impl Operator {
    pub(super) async fn insert_receiver(
        &self,
        tenant: &str,
        new: NewReceiver,
    ) -> Result<StreamId, OperatorError> {
        match new.kind {
            SinkKind::Nats => self.check_bus_url(&new.endpoint_url)?,
            kind if kind.is_connector() => self.check_store_url(&new.endpoint_url)?,
            _ => self.check_receiver_url(&new.endpoint_url)?,
        }
        let owner: TenantId = self.tenant_row(tenant).await?.id;
        let store = self.store.tenant(owner);
        if RECEIVERS <= store.streams().await?.len() {
            return Err(OperatorError::InUse(format!(
                "the tenant has {RECEIVERS} receivers of events, which is the limit"
            )));
        }
        let application = match &new.application {
            Some(name) => Some(self.application_id(tenant, name).await?),
            None => None,
        };
        let id = StreamId(self.clock.new_id());
        let stream = NewStreamRow {
            id,
            description: new.description,
            sink: Some(new.kind),
            application,
            settings: new.settings,
            audience: new.endpoint_url.clone(),
            endpoint_url: Some(new.endpoint_url),
            authorization: Some(self.secret.seal_authorization(owner, id, &new.secrets)?),
            subject_format: new.subject_format,
            events: new.events,
            created_us: self.clock.now_us(),
        };
        match store.insert_stream(&stream).await? {
            true => Ok(id),
            false => Err(no_application(new.application.as_deref().unwrap_or_default())),
        }
    }

    pub(super) async fn set_receiver(
        &self,
        tenant: &str,
        id: Uuid,
        status: StreamStatus,
    ) -> Result<(), OperatorError> {
        match status {
            StreamStatus::Paused => self.pause_stream(tenant, id).await.map(|_| ()),
            StreamStatus::Enabled | StreamStatus::Disabled => {
                self.resume_stream(tenant, id).await.map(|_| ())
            }
        }
    }
}

/// The events that an endpoint needs to be told of these types.
pub(super) fn events_of(types: &[String]) -> Vec<EventUri> {
    let named: Vec<WebhookType> = match types {
        [] => WebhookType::ALL.to_vec(),
        types => types.iter().filter_map(|name| WebhookType::parse(name)).collect(),
    };
    let events: BTreeSet<EventUri> =
        named.into_iter().flat_map(WebhookType::events).copied().collect();
    events.into_iter().collect()
}

/// Settings with the public half of the key that signs, if it has one.
fn with_public_key(mut settings: Value, keys: &SigningKeys) -> Result<Value, OperatorError> {
    let key = keys.current().map_err(|fault| OperatorError::Invalid(format!("`key`: {fault}")))?;
    if let Some(settings) = settings.as_object_mut() {
        match key.public() {
            Some(public) => settings.insert("public_key".to_owned(), public.into()),
            None => settings.remove("public_key"),
        };
    }
    Ok(settings)
}

fn no_webhook(id: Uuid) -> OperatorError {
    OperatorError::NotFound(format!("webhook `{id}`"))
}
