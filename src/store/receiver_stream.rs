//! The streams of receivers, as their receivers configure them (SSF 1.0 §8.1.1).

use sea_orm::QueryResult;
use serde_json::json;
use uuid::Uuid;

use super::{
    OperationalEvent, Store, StoreError, Stream, StreamStatus, TenantStore,
    outbox::bit,
    statement::Sql,
    stream::{COLUMNS, WIDTH, read},
};
use crate::{
    event::{EventUri, SubjectFormat},
    tenant::{ReceiverId, StreamId, TenantId},
};

/// A stream with what its receiver may see of it.
#[derive(Debug, Clone)]
pub struct ReceiverStream {
    /// The stream.
    pub stream: Stream,
    /// What the receiver calls it.
    pub description: Option<String>,
    /// Types that the receiver asked for, as it wrote them.
    pub requested: Vec<String>,
    /// Why it is not enabled.
    pub reason: Option<String>,
    /// Seconds without a sign of the receiver after which it is paused, if it is polled.
    pub inactivity_s: Option<i64>,
}

/// What a receiver decides about a stream.
#[derive(Debug, Clone)]
pub struct StreamConfiguration {
    /// What it calls it.
    pub description: Option<String>,
    /// Types that it asked for, as it wrote them.
    pub requested: Vec<String>,
    /// Those of them that are sent.
    pub events: Vec<EventUri>,
    /// Where they are pushed; none if they are polled.
    pub endpoint_url: Option<String>,
    /// The `Authorization` header to push with.
    pub authorization: SealedHeader,
}

/// A header that is kept sealed.
#[derive(Debug, Clone)]
pub enum SealedHeader {
    /// It stays what it is.
    Keep,
    /// It is this, or there is none.
    Set(Option<Vec<u8>>),
}

/// A receiver's stream to be kept.
#[derive(Debug, Clone)]
pub struct NewReceiverStream {
    /// Its id.
    pub id: StreamId,
    /// Whose it is.
    pub receiver: ReceiverId,
    /// `aud` of its events.
    pub audience: String,
    /// What the receiver decided.
    pub configuration: StreamConfiguration,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
}

/// What became of a request to verify a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// The event is on its way, or there is none because the stream is disabled.
    Done,
    /// The receiver has no such stream.
    Unknown,
    /// The last request was made then, in microseconds since 1970.
    TooSoon(i64),
}

/// A stream that is due for a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// Whose it is.
    pub tenant: TenantId,
    /// The stream.
    pub stream: StreamId,
}

const SELECT: &str = "s.description, s.events_requested, s.reason, r.inactivity_s
     from stream s join tenant t on t.id = s.tenant_id
     join receiver r on r.tenant_id = s.tenant_id and r.id = s.receiver_id
     where s.tenant_id = ?";

fn row(row: &QueryResult) -> Result<ReceiverStream, StoreError> {
    let damaged = || StoreError::Damaged("the events that a receiver asked for".to_owned());
    let description: String = row.try_get_by_index(WIDTH)?;
    let requested: Option<String> = row.try_get_by_index(WIDTH + 1)?;
    let requested = requested.ok_or_else(damaged)?;
    Ok(ReceiverStream {
        stream: read(row)?.0,
        description: (!description.is_empty()).then_some(description),
        requested: serde_json::from_str(&requested).map_err(|_| damaged())?,
        reason: row.try_get_by_index(WIDTH + 2)?,
        inactivity_s: row.try_get_by_index(WIDTH + 3)?,
    })
}

fn mask(events: &[EventUri]) -> i64 {
    events.iter().fold(0, |mask, uri| mask | bit(*uri))
}

impl TenantStore {
    /// A stream of a receiver.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn receiver_stream(
        &self,
        receiver: ReceiverId,
        stream: StreamId,
    ) -> Result<Option<ReceiverStream>, StoreError> {
        let sql = self.of_receiver(receiver).push(" and s.id = ?").bind(stream.0);
        self.view().await?.one(sql).await?.as_ref().map(row).transpose()
    }

    /// The streams of a receiver, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn receiver_streams(
        &self,
        receiver: ReceiverId,
    ) -> Result<Vec<ReceiverStream>, StoreError> {
        let sql = self.of_receiver(receiver).push(" order by s.created_us, s.id");
        self.view().await?.all(sql).await?.iter().map(row).collect()
    }

    fn of_receiver(&self, receiver: ReceiverId) -> Sql {
        Sql::new(&format!("select {COLUMNS}, {SELECT}"))
            .bind(self.tenant.get())
            .push(" and s.receiver_id = ?")
            .bind(receiver.0)
    }

    /// Keeps a stream, unless its receiver has `most` of them; whether it was kept.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn insert_receiver_stream(
        &self,
        new: &NewReceiverStream,
        most: i64,
    ) -> Result<bool, StoreError> {
        let configuration = &new.configuration;
        let authorization = match &configuration.authorization {
            SealedHeader::Keep => None,
            SealedHeader::Set(sealed) => sealed.clone(),
        };
        let sql = Sql::new(
            "insert into stream (tenant_id, id, description, audience, endpoint_url,
                authorization_sealed, subject_format, event_mask, status, created_us, kind, settings,
                receiver_id, events_requested, changed_us, active_us)
             select r.tenant_id, ?",
        )
        .bind(new.id.0)
        .push(", cast(? as text)")
        .bind(configuration.description.clone().unwrap_or_default())
        .push(", cast(? as text)")
        .bind(new.audience.clone())
        .push(", cast(? as text), ?")
        .bind(configuration.endpoint_url.clone())
        .bind(authorization)
        .push(", cast(? as text), ?")
        .bind(SubjectFormat::IssSub.as_str())
        .bind(mask(&configuration.events))
        .push(", 0, ?")
        .bind(new.created_us)
        .push(", 'ssf', '{}', r.id, cast(? as text), ?")
        .bind(json!(configuration.requested).to_string())
        .bind(new.created_us)
        .push(", ? from receiver r where r.revoked_us is null and r.tenant_id = ?")
        .bind(new.created_us)
        .bind(self.tenant.get())
        .push(" and r.id = ?")
        .bind(new.receiver.0)
        .push(
            " and (select count(*) from stream s
                where s.tenant_id = r.tenant_id and s.receiver_id = r.id) < ?",
        )
        .bind(most);
        Ok(0 < self.run(sql).await?)
    }

    /// Writes the configuration of a stream, if nobody has written it since `before`
    /// was read; whether it was written. What a new address has not acknowledged is
    /// sent there from the start.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn configure_stream(
        &self,
        before: &Stream,
        configuration: &StreamConfiguration,
        moved: bool,
        at_us: i64,
    ) -> Result<bool, StoreError> {
        let (id, old_us) = (before.id, before.changed_us);
        let sql = Sql::new("update stream set description = ?, events_requested = ?")
            .bind(configuration.description.clone().unwrap_or_default())
            .bind(json!(configuration.requested).to_string())
            .push(", event_mask = ?, endpoint_url = ?, changed_us = ?")
            .bind(mask(&configuration.events))
            .bind(configuration.endpoint_url.clone())
            .bind(at_us.max(old_us.saturating_add(1)));
        let sql = match &configuration.authorization {
            SealedHeader::Keep => sql,
            SealedHeader::Set(sealed) => {
                sql.push(", authorization_sealed = ?").bind(sealed.clone())
            }
        };
        let configure = sql
            .push(" where tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and id = ?")
            .bind(id.0)
            .push(" and changed_us = ?")
            .bind(old_us);
        let written = self
            .write(move |tx| {
                let configure = configure.clone();
                Box::pin(async move {
                    let written = 0 < tx.run(configure).await?;
                    if written && moved {
                        let again = Sql::new(
                            "update delivery set leased_until_us = 0, due_us = 0, attempt = 0,
                                same_status = 0 where state = 0 and tenant_id = ?",
                        )
                        .bind(tx.owner())
                        .push(" and stream_id = ?")
                        .bind(id.0);
                        tx.run(again).await?;
                    }
                    Ok::<_, StoreError>(written)
                })
            })
            .await?;
        self.store.appended.notify_waiters();
        Ok(written)
    }

    /// Deletes a stream of a receiver with what it held; whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn delete_receiver_stream(
        &self,
        receiver: ReceiverId,
        stream: StreamId,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new("delete from stream where tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and id = ?")
            .bind(stream.0)
            .push(" and receiver_id = ?")
            .bind(receiver.0);
        Ok(0 < self.run(sql).await?)
    }

    /// Notes a sign of the receiver of a stream.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn note_activity(
        &self,
        receiver: ReceiverId,
        stream: StreamId,
        at_us: i64,
    ) -> Result<(), StoreError> {
        let sql = Sql::new("update stream set active_us = ?")
            .bind(at_us)
            .push(" where tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and id = ?")
            .bind(stream.0)
            .push(" and receiver_id = ?")
            .bind(receiver.0);
        self.run(sql).await.map(|_| ())
    }

    /// Puts a verification that a receiver asked for on its way, if its last request
    /// was made before `since_us`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn ask_verification(
        &self,
        receiver: ReceiverId,
        event: OperationalEvent,
        since_us: i64,
    ) -> Result<Verified, StoreError> {
        self.write(move |tx| {
            let event = event.clone();
            Box::pin(async move {
                let of = |sql: Sql| {
                    sql.push(" where tenant_id = ?")
                        .bind(tx.owner())
                        .push(" and id = ?")
                        .bind(event.stream.0)
                        .push(" and receiver_id = ?")
                        .bind(receiver.0)
                };
                let known = of(Sql::new("select status, verify_asked_us from stream"));
                let known = if tx.locks_rows() { known.push(" for update") } else { known };
                let Some(row) = tx.one(known).await? else { return Ok(Verified::Unknown) };
                let asked_us: i64 = row.try_get_by_index(1)?;
                if since_us < asked_us {
                    return Ok(Verified::TooSoon(asked_us));
                }
                let note = Sql::new("update stream set verify_asked_us = ?, verify_made_us = ?")
                    .bind(event.at_us)
                    .bind(event.at_us);
                tx.run(of(note)).await?;
                if StreamStatus::from_code(row.try_get_by_index(0)?) != StreamStatus::Disabled {
                    tx.append_operational(&event).await?;
                }
                Ok(Verified::Done)
            })
        })
        .await
    }

    /// Puts a verification that nobody asked for on its way, if none was made since
    /// `since_us`; whether it was.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn keep_alive(
        &self,
        event: OperationalEvent,
        since_us: i64,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| {
            let event = event.clone();
            Box::pin(async move {
                let note = Sql::new("update stream set verify_made_us = ?")
                    .bind(event.at_us)
                    .push(" where tenant_id = ?")
                    .bind(tx.owner())
                    .push(" and id = ?")
                    .bind(event.stream.0)
                    .push(" and verify_made_us <= ?")
                    .bind(since_us);
                let ours = 0 < tx.run(note).await?;
                if ours {
                    tx.append_operational(&event).await?;
                }
                Ok(ours)
            })
        })
        .await
    }
}

impl Store {
    /// Enabled push streams of any tenant that have nothing to send and were not
    /// verified since `since_us`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn idle_streams(&self, since_us: i64, limit: u32) -> Result<Vec<Quiet>, StoreError> {
        let sql = Sql::new(
            "select s.tenant_id, s.id from stream s
             where s.status = 0 and s.kind = 'ssf' and s.endpoint_url is not null
                and not exists (select 1 from delivery d where d.tenant_id = s.tenant_id
                    and d.stream_id = s.id and d.state = 0)
                and s.verify_made_us <= ?",
        )
        .bind(since_us)
        .push(" and s.created_us <= ?")
        .bind(since_us);
        self.quiet(sql, limit).await
    }

    /// Enabled polled streams of any tenant whose receivers gave no sign for longer
    /// than they may.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn forgotten_streams(
        &self,
        now_us: i64,
        limit: u32,
    ) -> Result<Vec<Quiet>, StoreError> {
        let sql = Sql::new(
            "select s.tenant_id, s.id from receiver r join stream s
                on s.tenant_id = r.tenant_id and s.receiver_id = r.id
             where r.inactivity_s is not null and s.status = 0 and s.endpoint_url is null
                and s.active_us < ? - r.inactivity_s * 1000000",
        )
        .bind(now_us);
        self.quiet(sql, limit).await
    }

    async fn quiet(&self, sql: Sql, limit: u32) -> Result<Vec<Quiet>, StoreError> {
        let sql = sql.push(" limit ?").bind(i64::from(limit));
        let rows = self.operator().view().await?.all(sql).await?;
        rows.iter()
            .map(|row| {
                Ok(Quiet {
                    tenant: TenantId::new(row.try_get_by_index(0)?),
                    stream: StreamId(row.try_get_by_index::<Uuid>(1)?),
                })
            })
            .collect()
    }
}
