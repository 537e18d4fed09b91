//! Event streams: where a tenant's events go.

use std::sync::Arc;

use sea_orm::QueryResult;
use serde_json::Value;
use uuid::Uuid;

use super::{Store, StoreError, TenantStore, TenantTx, outbox::bit, statement::Sql};
use crate::{
    event::{EventUri, Naming, SinkKind, SubjectFormat},
    tenant::{ReceiverId, StreamId, TenantId},
};

/// How a stream's events reach their receiver.
#[derive(Debug, Clone)]
pub enum DeliveryMethod {
    /// We send them (RFC 8935).
    Push {
        /// Where to.
        endpoint_url: String,
    },
    /// The receiver fetches them (RFC 8936).
    Poll,
    /// We tell a receiver that is no SSF stream.
    Sink {
        /// Its kind.
        kind: SinkKind,
        /// Where it is.
        endpoint_url: String,
    },
}

/// Whether a stream transmits, SSF 1.0 §8.1.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStatus {
    /// It does.
    Enabled,
    /// It holds its events until it is resumed.
    Paused,
    /// It neither transmits nor holds.
    Disabled,
}

impl StreamStatus {
    /// The status's name in the Shared Signals Framework.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Enabled, Self::Paused, Self::Disabled].into_iter().find(|it| it.as_str() == name)
    }

    pub(super) fn code(self) -> i16 {
        match self {
            Self::Enabled => 0,
            Self::Paused => 1,
            Self::Disabled => 2,
        }
    }

    pub(super) fn from_code(code: i16) -> Self {
        match code {
            0 => Self::Enabled,
            1 => Self::Paused,
            _ => Self::Disabled,
        }
    }
}

/// A stream, ready to be delivered to.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Whose events.
    pub tenant: TenantId,
    /// The tenant's name, from which the issuer is made.
    pub tenant_name: String,
    /// Its id.
    pub id: StreamId,
    /// `aud` of its events.
    pub audience: String,
    /// How its events travel.
    pub method: DeliveryMethod,
    /// How it names people.
    pub subject_format: SubjectFormat,
    /// `iss` of people's identifiers, if it is not the tenant's own.
    pub subject_issuer: Option<String>,
    /// Types of events it carries.
    pub events: Vec<EventUri>,
    /// Whether it transmits.
    pub status: StreamStatus,
    /// What else is set for it; an object, by its kind.
    pub settings: Arc<Value>,
    /// The receiver that made it; none if the operator did.
    pub receiver: Option<ReceiverId>,
    /// Whether its receiver does not want to hear of somebody.
    pub filters: bool,
    /// When its configuration changed last, in microseconds since 1970.
    pub changed_us: i64,
}

impl Stream {
    /// How it names people, if `issuer` is the tenant's own.
    pub fn naming<'a>(&'a self, issuer: &'a str) -> Naming<'a> {
        let issuer = self.subject_issuer.as_deref().unwrap_or(issuer);
        Naming::new(self.subject_format, &self.settings, issuer, &self.tenant_name)
    }
}

/// A stream to be kept.
#[derive(Debug, Clone)]
pub struct NewStreamRow {
    /// Its id.
    pub id: StreamId,
    /// What people call it.
    pub description: String,
    /// What it is, if it is no SSF stream.
    pub sink: Option<SinkKind>,
    /// The application that it belongs to, if it is for one alone.
    pub application: Option<Uuid>,
    /// What else is set for it; an object without secrets.
    pub settings: Value,
    /// `aud` of its events.
    pub audience: String,
    /// Where we send; none if it is polled.
    pub endpoint_url: Option<String>,
    /// The receiver's `Authorization` header or other secrets, sealed.
    pub authorization: Option<Vec<u8>>,
    /// How it names people.
    pub subject_format: SubjectFormat,
    /// Types of events it carries.
    pub events: Vec<EventUri>,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
}

/// A stream as it is listed.
#[derive(Debug, Clone)]
pub struct StreamRow {
    /// What it is.
    pub stream: Stream,
    /// What people call it.
    pub description: String,
    /// Why it is paused.
    pub reason: Option<String>,
    /// Events that wait.
    pub pending: i64,
    /// How the last attempt at the first of them failed.
    pub last_error: Option<String>,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// Name of the application that it belongs to.
    pub application: Option<String>,
}

/// Columns of a stream `s` of tenant `t`, for [`read`].
pub(super) const COLUMNS: &str = "s.tenant_id, t.name, s.id, s.audience, s.endpoint_url,
    s.authorization_sealed, s.subject_format, t.subject_issuer, s.event_mask, s.status, s.kind,
    s.settings, s.receiver_id, s.filters, s.changed_us";
/// How many columns those are.
pub(super) const WIDTH: usize = 15;

/// What `kind` says of a stream of the Shared Signals Framework.
const SSF: &str = "ssf";

/// A stream and its receiver's sealed `Authorization` header.
pub(super) fn read(row: &QueryResult) -> Result<(Stream, Option<Vec<u8>>), StoreError> {
    let mask: i64 = row.try_get_by_index(8)?;
    let format: String = row.try_get_by_index(6)?;
    let settings: String = row.try_get_by_index(11)?;
    let stream = Stream {
        tenant: TenantId::new(row.try_get_by_index(0)?),
        tenant_name: row.try_get_by_index(1)?,
        id: StreamId(row.try_get_by_index(2)?),
        audience: row.try_get_by_index(3)?,
        method: method(row.try_get_by_index(10)?, row.try_get_by_index(4)?)?,
        subject_format: subject_format(&format)?,
        subject_issuer: row.try_get_by_index(7)?,
        events: EventUri::ALL.into_iter().filter(|uri| bit(*uri) & mask != 0).collect(),
        status: StreamStatus::from_code(row.try_get_by_index(9)?),
        settings: Arc::new(settings_of(&settings)?),
        receiver: row.try_get_by_index::<Option<Uuid>>(12)?.map(ReceiverId),
        filters: row.try_get_by_index(13)?,
        changed_us: row.try_get_by_index(14)?,
    };
    Ok((stream, row.try_get_by_index(5)?))
}

fn subject_format(name: &str) -> Result<SubjectFormat, StoreError> {
    SubjectFormat::parse(name).ok_or_else(|| StoreError::Damaged(format!("subject format {name}")))
}

fn settings_of(text: &str) -> Result<Value, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged("settings of a stream".to_owned()))
}

fn method(kind: String, endpoint_url: Option<String>) -> Result<DeliveryMethod, StoreError> {
    match (SinkKind::parse(&kind), endpoint_url) {
        (None, Some(endpoint_url)) if kind == SSF => Ok(DeliveryMethod::Push { endpoint_url }),
        (None, None) if kind == SSF => Ok(DeliveryMethod::Poll),
        (Some(kind), Some(endpoint_url)) => Ok(DeliveryMethod::Sink { kind, endpoint_url }),
        _ => Err(StoreError::Damaged(format!("a stream of the kind {kind}"))),
    }
}

impl TenantStore {
    /// Keeps a stream; whether the tenant has the application that it is for.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn insert_stream(&self, new: &NewStreamRow) -> Result<bool, StoreError> {
        let mask = new.events.iter().fold(0, |mask, uri| mask | bit(*uri));
        let sql = Sql::new(
            "insert into stream (tenant_id, id, description, audience, endpoint_url,
                authorization_sealed, subject_format, event_mask, status, created_us, kind, settings,
                application_id)
             values ",
        )
        .rows([vec![
            self.tenant.get().into(),
            new.id.0.into(),
            new.description.clone().into(),
            new.audience.clone().into(),
            new.endpoint_url.clone().into(),
            new.authorization.clone().into(),
            new.subject_format.as_str().into(),
            mask.into(),
            StreamStatus::Enabled.code().into(),
            new.created_us.into(),
            new.sink.map_or(SSF, SinkKind::as_str).into(),
            new.settings.to_string().into(),
            new.application.into(),
        ]]);
        let application = new.application;
        self.write(move |tx| {
            let sql = sql.clone();
            Box::pin(async move {
                if let Some(application) = application
                    && !tx.hold_application(application).await?
                {
                    return Ok(false);
                }
                tx.run(sql).await.map(|_| true)
            })
        })
        .await
    }

    /// Whether the tenant has a stream of the Shared Signals Framework.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn has_streams(&self) -> Result<bool, StoreError> {
        let sql = Sql::new("select 1 from stream where kind = 'ssf' and tenant_id = ?")
            .bind(self.tenant.get());
        Ok(self.view().await?.one(sql.push(" limit 1")).await?.is_some())
    }

    /// The tenant's streams, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn streams(&self) -> Result<Vec<StreamRow>, StoreError> {
        let sql = Sql::new(&format!(
            "select {COLUMNS}, s.description, s.reason, s.created_us,
                (select count(*) from delivery d where d.tenant_id = s.tenant_id
                    and d.stream_id = s.id and d.state = 0 and d.finished_us is null),
                (select d.last_error from delivery d where d.tenant_id = s.tenant_id
                    and d.stream_id = s.id and d.state = 0 order by d.lane, d.seq limit 1),
                (select a.name from application a where a.tenant_id = s.tenant_id
                    and a.id = s.application_id)
             from stream s join tenant t on t.id = s.tenant_id where s.tenant_id = ?"
        ))
        .bind(self.tenant.get())
        .push(" order by s.created_us");
        let rows = self.view().await?.all(sql).await?;
        rows.iter()
            .map(|row| {
                Ok(StreamRow {
                    stream: read(row)?.0,
                    description: row.try_get_by_index(WIDTH)?,
                    reason: row.try_get_by_index(WIDTH + 1)?,
                    created_us: row.try_get_by_index(WIDTH + 2)?,
                    pending: row.try_get_by_index(WIDTH + 3)?,
                    last_error: row.try_get_by_index(WIDTH + 4)?,
                    application: row.try_get_by_index(WIDTH + 5)?,
                })
            })
            .collect()
    }

    /// Replaces the secrets of a stream, and its settings, if the secrets are still
    /// those that the new ones were made from; whether they were.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn replace_stream_secrets(
        &self,
        stream: StreamId,
        from: &[u8],
        to: Vec<u8>,
        settings: &Value,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new("update stream set authorization_sealed = ?, settings = ?")
            .bind(to)
            .bind(settings.to_string())
            .push(" where tenant_id = ? and id = ? and authorization_sealed = ?")
            .bind(self.tenant.get())
            .bind(stream.0)
            .bind(from.to_vec());
        Ok(0 < self.run(sql).await?)
    }

    /// Deletes a stream with what it held; whether the tenant had it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn delete_stream(&self, stream: StreamId) -> Result<bool, StoreError> {
        let sql = Sql::new("delete from stream where tenant_id = ? and id = ?")
            .bind(self.tenant.get())
            .bind(stream.0);
        Ok(0 < self.run(sql).await?)
    }
}

/// How a stream names people.
#[derive(Debug, Clone)]
pub struct StreamNaming {
    /// The stream.
    pub stream: StreamId,
    /// Its format.
    pub format: SubjectFormat,
    /// What else is set for it.
    pub settings: Value,
}

impl TenantTx {
    /// How the tenant's streams that get events of that type name people.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn namings(&self, uri: EventUri) -> Result<Vec<StreamNaming>, StoreError> {
        let sql = Sql::new("select id, subject_format, settings from stream where tenant_id = ?")
            .bind(self.owner())
            .push(" and status <> 2 and (event_mask & ?) <> 0 order by id")
            .bind(bit(uri));
        let naming = |row: &QueryResult| {
            let (format, settings): (String, String) =
                (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            Ok(StreamNaming {
                stream: StreamId(row.try_get_by_index(0)?),
                format: subject_format(&format)?,
                settings: settings_of(&settings)?,
            })
        };
        self.all(sql).await?.iter().map(naming).collect()
    }
}

impl Store {
    /// The stream of that tenant and id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn stream(
        &self,
        tenant: TenantId,
        stream: StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        let sql = Sql::new(&format!(
            "select {COLUMNS} from stream s join tenant t on t.id = s.tenant_id
             where s.tenant_id = ? and s.id = ?"
        ))
        .bind(tenant.get())
        .bind(stream.0);
        let row = self.tenant(tenant).view().await?.one(sql).await?;
        Ok(row.as_ref().map(read).transpose()?.map(|(stream, _)| stream))
    }

    /// The receiver's `Authorization` header of a stream, sealed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn stream_authorization(
        &self,
        tenant: TenantId,
        stream: StreamId,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let sql =
            Sql::new("select authorization_sealed from stream where tenant_id = ? and id = ?")
                .bind(tenant.get())
                .bind(stream.0);
        let row = self.tenant(tenant).view().await?.one(sql).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.flatten())
    }
}

/// Streams of one batch of claims, each read once.
pub(super) type Streams = std::collections::HashMap<Uuid, Arc<Stream>>;
