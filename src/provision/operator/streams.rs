//! Streams: where a tenant's events go.

use secrecy::ExposeSecret;
use serde_json::Value;
use uuid::Uuid;

use super::{
    EventRecord, NewStream, Operator, OperatorError, StreamRecord, applications::no_application,
};
use crate::{
    event::{GroupClaim, SubjectOptions},
    store::{ChangedBy, NewStreamRow, StatusChange, StreamStatus},
    tenant::{Settings, StreamId},
};

impl Operator {
    /// Makes a stream. Events that happen from now on go to it.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or application;
    /// [`OperatorError::Invalid`] if it carries nothing that is sent, its URL may
    /// not be used, or its authorization cannot be sent.
    pub async fn create_stream(
        &self,
        tenant: &str,
        new: NewStream,
    ) -> Result<StreamRecord, OperatorError> {
        let row = self.tenant_row(tenant).await?;
        self.check_stream(&new)?;
        let id = StreamId(self.clock.new_id());
        let authorization = match &new.authorization {
            Some(authorization) => {
                Some(self.secret.seal_authorization(row.id, id, authorization)?)
            }
            None => None,
        };
        let application = match &new.application {
            Some(name) => Some(self.application_id(tenant, name).await?),
            None => None,
        };
        let audience = new
            .audience
            .unwrap_or_else(|| format!("{}/t/{tenant}/ssf/receivers/{id}", self.public_url));
        let stream = NewStreamRow {
            id,
            description: new.description,
            sink: None,
            application,
            settings: settings(new.group_claim, &new.subjects),
            audience,
            endpoint_url: new.push_url,
            authorization,
            subject_format: new.subject_format,
            events: new.events,
            created_us: self.clock.now_us(),
        };
        if !self.store.tenant(row.id).insert_stream(&stream).await? {
            return Err(no_application(new.application.as_deref().unwrap_or_default()));
        }
        self.stream_record(tenant, id).await
    }

    /// The streams of a tenant, oldest first.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn streams(&self, tenant: &str) -> Result<Vec<StreamRecord>, OperatorError> {
        let rows = self.tenant_store(tenant).await?.streams().await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let poll_url = self.poll_url(tenant, row.stream.id);
                StreamRecord::new(row, poll_url)
            })
            .collect())
    }

    /// Holds a stream's events until it is resumed.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such stream.
    pub async fn pause_stream(
        &self,
        tenant: &str,
        id: Uuid,
    ) -> Result<StreamRecord, OperatorError> {
        self.set_status(tenant, id, StreamStatus::Paused, Some("paused by the operator")).await
    }

    /// Lets a stream's events go again.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such stream.
    pub async fn resume_stream(
        &self,
        tenant: &str,
        id: Uuid,
    ) -> Result<StreamRecord, OperatorError> {
        self.set_status(tenant, id, StreamStatus::Enabled, None).await
    }

    /// Deletes a stream with the events it holds.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such stream.
    pub async fn delete_stream(&self, tenant: &str, id: Uuid) -> Result<(), OperatorError> {
        match self.tenant_store(tenant).await?.delete_stream(StreamId(id)).await? {
            true => Ok(()),
            false => Err(OperatorError::NotFound(format!("stream `{id}`"))),
        }
    }

    /// Events after `after_seq`, oldest first: of one tenant, or of all.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn events(
        &self,
        tenant: Option<&str>,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<EventRecord>, OperatorError> {
        let store = match tenant {
            Some(tenant) => self.tenant_store(tenant).await?,
            None => self.store.operator(),
        };
        let rows = store.events(after_seq, limit).await?;
        Ok(rows.into_iter().filter_map(EventRecord::read).collect())
    }

    fn check_stream(&self, new: &NewStream) -> Result<(), OperatorError> {
        let invalid = |reason: &str| Err(OperatorError::Invalid(reason.to_owned()));
        if new.events.is_empty() {
            return invalid("a stream needs at least one type of event");
        }
        if new.events.iter().any(|event| event.is_operational()) {
            return invalid(
                "`verification` and `stream-updated` are not sent yet; a stream carries events \
                 about people and groups",
            );
        }
        let Some(url) = &new.push_url else {
            return match &new.authorization {
                Some(_) => invalid("`authorization` is for pushing, and there is no push URL"),
                None => Ok(()),
            };
        };
        if new.authorization.as_ref().is_some_and(|text| !is_header(text.expose_secret())) {
            return invalid("`authorization` cannot be sent as the value of a header");
        }
        self.check_receiver_url(url)
    }

    /// Whether events may be sent to `url`.
    pub(super) fn check_receiver_url(&self, url: &str) -> Result<(), OperatorError> {
        self.receiver_rules.check(url).map(|_| ()).map_err(refused_url)
    }

    /// Whether the session store at `url` may be commanded.
    pub(super) fn check_store_url(&self, url: &str) -> Result<(), OperatorError> {
        self.receiver_rules.check_store(url).map(|_| ()).map_err(refused_url)
    }

    /// Whether events may be sent to the bus at `url`.
    pub(super) fn check_bus_url(&self, url: &str) -> Result<(), OperatorError> {
        self.receiver_rules.check_bus(url).map(|_| ()).map_err(refused_url)
    }

    async fn set_status(
        &self,
        tenant: &str,
        id: Uuid,
        status: StreamStatus,
        reason: Option<&str>,
    ) -> Result<StreamRecord, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let change = StatusChange {
            status,
            reason: reason.map(str::to_owned),
            by: ChangedBy::Us,
            at_us: self.clock.now_us(),
            notice: self.clock.new_id(),
        };
        match store.change_stream_status(StreamId(id), change).await? {
            true => self.stream_record(tenant, StreamId(id)).await,
            false => Err(OperatorError::NotFound(format!("stream `{id}`"))),
        }
    }

    async fn stream_record(
        &self,
        tenant: &str,
        id: StreamId,
    ) -> Result<StreamRecord, OperatorError> {
        let streams = self.streams(tenant).await?;
        let stream = streams.into_iter().find(|stream| stream.id == id.0);
        stream.ok_or_else(|| OperatorError::NotFound(format!("stream `{id}`")))
    }

    fn poll_url(&self, tenant: &str, id: StreamId) -> String {
        format!("{}/t/{tenant}/ssf/poll/{id}", self.public_url)
    }
}

/// What a stream keeps of what is set for it; defaults are not kept.
fn settings(group_claim: GroupClaim, subjects: &SubjectOptions) -> Value {
    let mut settings = subjects.stated();
    if group_claim != GroupClaim::default() {
        settings.insert("group_claim".to_owned(), group_claim.as_str().into());
    }
    Value::Object(settings)
}

fn refused_url(rule: &str) -> OperatorError {
    OperatorError::Invalid(format!(
        "the URL of the receiver is refused: {rule}; the settings `receiver_networks` and \
         `receiver_ports` allow more, and `allow_http_receivers` http to this machine itself, for \
         trials"
    ))
}

/// Whether a receiver can be sent `text` in a header.
pub(super) fn is_header(text: &str) -> bool {
    !text.trim().is_empty() && http::HeaderValue::from_str(text).is_ok()
}
