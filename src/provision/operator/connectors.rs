//! Connectors: session stores that are told to end sessions, and buses that are
//! told what happened.

use std::{collections::BTreeMap, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Operator, OperatorError, Rehearsal,
    records::date_time,
    webhooks::{self, NewReceiver},
};
use crate::{
    event::{EventUri, SinkKind, Subject, SubjectFormat},
    store::{Claim, DeliveryMethod, Stream, StreamRow, StreamStatus},
    tenant::StreamId,
};

/// A connector to be made.
#[derive(Debug, Clone)]
pub struct NewConnector {
    /// What it speaks to.
    pub kind: SinkKind,
    /// What people call it.
    pub description: String,
    /// Where the target is.
    pub endpoint_url: String,
    /// What is set for it, by its kind; nothing secret.
    pub settings: Map<String, Value>,
    /// Its secrets by name.
    pub secrets: BTreeMap<String, SecretString>,
    /// How people are named, where the target takes subject identifiers.
    pub subject_format: SubjectFormat,
    /// Name of the application that it is for.
    pub application: Option<String>,
}

/// What a revocation ends at a target.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct KillsRecord {
    /// Sessions in browsers.
    pub cookies: bool,
    /// Refresh tokens.
    pub refresh: bool,
    /// Access tokens that were given out.
    pub access: bool,
}

/// A connector.
#[derive(Debug, Clone, Serialize)]
pub struct ConnectorRecord {
    /// Its id.
    pub id: Uuid,
    /// What it speaks to.
    pub kind: &'static str,
    /// What people call it.
    pub description: String,
    /// Where the target is.
    pub endpoint_url: String,
    /// What is set for it.
    pub settings: Value,
    /// How people are named, where the target takes subject identifiers.
    pub subject_format: &'static str,
    /// Name of the application that it is for.
    pub application: Option<String>,
    /// What a revocation ends.
    pub kills: KillsRecord,
    /// How long access may outlive a revocation, in seconds.
    pub residual_ttl_s: u32,
    /// `enabled`, `paused` or `disabled`.
    pub status: &'static str,
    /// Why it is paused.
    pub reason: Option<String>,
    /// How the last attempt at the first command that waits failed.
    pub last_error: Option<String>,
    /// Commands that wait.
    pub pending: i64,
    /// When it was made, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
}

/// What a connector would do on an event.
#[derive(Debug, Clone, Serialize)]
pub struct RehearsedEvent {
    /// Its type.
    pub event: EventUri,
    /// The requests, without what is secret, as far as they do not depend on answers.
    pub requests: Vec<Value>,
    /// Why there are no more, if something is wrong.
    pub fault: Option<String>,
}

impl ConnectorRecord {
    fn read(row: StreamRow) -> Option<Self> {
        let stream = row.stream;
        let DeliveryMethod::Sink { kind, endpoint_url } = stream.method else { return None };
        if kind.is_webhook() {
            return None;
        }
        let kills = kind.kills();
        Some(Self {
            id: stream.id.0,
            kind: kind.as_str(),
            description: row.description,
            endpoint_url,
            residual_ttl_s: kind.residual_ttl_s(&stream.settings),
            settings: Value::clone(&stream.settings),
            subject_format: stream.subject_format.as_str(),
            application: row.application,
            kills: KillsRecord {
                cookies: kills.cookies,
                refresh: kills.refresh,
                access: kills.access,
            },
            status: stream.status.as_str(),
            reason: row.reason,
            last_error: row.last_error,
            pending: row.pending,
            created_at: row.created_us,
        })
    }
}

impl Operator {
    /// Makes a connector. Whoever leaves from now on is logged out there.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or application;
    /// [`OperatorError::Invalid`] if its URL may not be used, or its settings or
    /// secrets are not what its kind asks for; [`OperatorError::InUse`] if the
    /// tenant has as many receivers as it may.
    pub async fn create_connector(
        &self,
        tenant: &str,
        new: NewConnector,
    ) -> Result<ConnectorRecord, OperatorError> {
        if new.kind.is_webhook() {
            let reason = format!("`kind`: {} is no connector", new.kind.as_str());
            return Err(OperatorError::Invalid(reason));
        }
        let settings = Value::Object(new.settings);
        let secrets = sealable(&new.secrets);
        self.speaking
            .check(new.kind, &new.endpoint_url, &settings, Some(&secrets))
            .map_err(OperatorError::Invalid)?;
        let receiver = NewReceiver {
            kind: new.kind,
            description: new.description,
            endpoint_url: new.endpoint_url,
            events: events_of(new.kind, &settings),
            settings,
            secrets,
            application: new.application,
            subject_format: new.subject_format,
        };
        let id = self.insert_receiver(tenant, receiver).await?;
        self.connector(tenant, id.0).await
    }

    /// The connectors of a tenant, oldest first.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn connectors(&self, tenant: &str) -> Result<Vec<ConnectorRecord>, OperatorError> {
        let rows = self.tenant_store(tenant).await?.streams().await?;
        Ok(rows.into_iter().filter_map(ConnectorRecord::read).collect())
    }

    /// The requests that a connector would make for somebody who leaves. Nothing is
    /// sent, and nothing secret is shown.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such connector;
    /// [`OperatorError::Invalid`] if it is a bus, which is not asked by requests.
    pub async fn rehearse_connector(
        &self,
        tenant: &str,
        id: Uuid,
    ) -> Result<Vec<RehearsedEvent>, OperatorError> {
        if self.connector(tenant, id).await?.kind == SinkKind::Nats.as_str() {
            let reason = "a bus is sent messages and no requests, so there are none to show";
            return Err(OperatorError::Invalid(reason.to_owned()));
        }
        let owner = self.tenant_row(tenant).await?.id;
        let stream = self.store.stream(owner, StreamId(id)).await?;
        let stream = Arc::new(stream.ok_or_else(|| no_connector(id))?);
        let secrets = match self.store.stream_authorization(owner, stream.id).await? {
            Some(sealed) => Some(self.secret.open_authorization(owner, stream.id, &sealed)?),
            None => None,
        };
        let issuer = format!("{}/t/{tenant}", self.public_url);
        let mut rehearsed = Vec::new();
        for &event in &stream.events {
            let now_us = self.clock.now_us();
            let claim = self.sample(&stream, event, now_us);
            let attempt =
                Rehearsal { claim: &claim, secrets: secrets.as_ref(), issuer: &issuer, now_us };
            let (requests, fault) = self.speaking.rehearse(attempt).await;
            rehearsed.push(RehearsedEvent { event, requests, fault });
        }
        Ok(rehearsed)
    }

    /// Holds a connector's commands until it is resumed, or lets them go again.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such connector.
    pub async fn set_connector(
        &self,
        tenant: &str,
        id: Uuid,
        status: StreamStatus,
    ) -> Result<ConnectorRecord, OperatorError> {
        self.connector(tenant, id).await?;
        self.set_receiver(tenant, id, status).await?;
        self.connector(tenant, id).await
    }

    /// Deletes a connector with the commands that it did not carry out yet.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such connector.
    pub async fn delete_connector(&self, tenant: &str, id: Uuid) -> Result<(), OperatorError> {
        self.connector(tenant, id).await?;
        self.delete_stream(tenant, id).await
    }

    async fn connector(&self, tenant: &str, id: Uuid) -> Result<ConnectorRecord, OperatorError> {
        let connectors = self.connectors(tenant).await?;
        connectors.into_iter().find(|connector| connector.id == id).ok_or_else(|| no_connector(id))
    }

    /// An event about a person who does not exist and has every name.
    fn sample(&self, stream: &Arc<Stream>, uri: EventUri, now_us: i64) -> Claim {
        let subject = Subject {
            endpoint: "/Users".to_owned(),
            external_id: Some("sample-external-id".to_owned()),
            user_name: Some("sample.user".to_owned()),
            email: Some("sample.user@example.com".to_owned()),
            ..Subject::stream("sample-id".to_owned())
        };
        Claim {
            stream: Arc::clone(stream),
            seq: 0,
            event_id: self.clock.new_id(),
            txn: "tx_sample".to_owned(),
            subject_key: Uuid::nil(),
            uri,
            payload: json!({}),
            subject,
            occurred_us: now_us,
            attempt: 0,
            last_status: None,
            same_status: 0,
            is_again: false,
        }
    }
}

/// What a connector must hear of.
fn events_of(kind: SinkKind, settings: &Value) -> Vec<EventUri> {
    if kind == SinkKind::Nats {
        let types = settings.get("types").and_then(Value::as_array).into_iter().flatten();
        let types: Vec<String> = types.filter_map(Value::as_str).map(str::to_owned).collect();
        return webhooks::events_of(&types);
    }
    match settings.get("disable") {
        Some(Value::Bool(true)) => {
            vec![EventUri::AccountDisabled, EventUri::SessionRevoked, EventUri::AccountEnabled]
        }
        _ => vec![EventUri::SessionRevoked],
    }
}

/// Secrets as the text of an object, which is how they are sealed.
fn sealable(secrets: &BTreeMap<String, SecretString>) -> SecretString {
    let texts: Map<String, Value> = secrets
        .iter()
        .map(|(name, secret)| (name.clone(), secret.expose_secret().into()))
        .collect();
    Value::Object(texts).to_string().into()
}

fn no_connector(id: Uuid) -> OperatorError {
    OperatorError::NotFound(format!("connector `{id}`"))
}
