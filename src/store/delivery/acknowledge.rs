//! What the receiver of a polled stream took or refused (RFC 8936 §2.4).

use std::{collections::HashMap, sync::Arc};

use sea_orm::QueryResult;

use super::super::{Store, StoreError, TenantTx, change::ROWS, statement::Sql};
use crate::{
    event::{EventUri, jti},
    tenant::{StreamId, TenantId},
};

/// What a receiver says to a Set: nothing is wrong, or this error code.
type Verdict = Option<&'static str>;

/// An event that a receiver had and will not get again.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Its place in the order of events.
    pub seq: i64,
    /// Its type.
    pub uri: EventUri,
    /// When it happened, in microseconds since 1970.
    pub occurred_us: i64,
    /// What the receiver said.
    pub verdict: Verdict,
}

impl Store {
    /// Ends what a receiver took or refused, by the names of the Sets. Names that
    /// are not of this stream, or were not given out, mean nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn acknowledge(
        &self,
        tenant: TenantId,
        stream: StreamId,
        verdicts: &HashMap<String, Verdict>,
        now_us: i64,
    ) -> Result<Vec<Settled>, StoreError> {
        let rows = self.tenant(tenant).view().await?.all(given_out(tenant, stream)).await?;
        let mut settled = Vec::new();
        let mut ends: HashMap<Verdict, Vec<i64>> = HashMap::new();
        for row in &rows {
            let name = jti(row.try_get_by_index(1)?, stream.0);
            if let Some(&verdict) = verdicts.get(&name) {
                let event = read(row, verdict)?;
                ends.entry(verdict).or_default().push(event.seq);
                settled.push(event);
            }
        }
        if settled.is_empty() {
            return Ok(settled);
        }
        let ends = Arc::new(ends);
        self.tenant(tenant)
            .write(move |tx| {
                let ends = Arc::clone(&ends);
                Box::pin(async move { tx.end(stream, &ends, now_us).await })
            })
            .await?;
        // What waited behind them may be polled now.
        self.appended.notify_waiters();
        Ok(settled)
    }
}

impl TenantTx {
    async fn end(
        &self,
        stream: StreamId,
        ends: &HashMap<Verdict, Vec<i64>>,
        now_us: i64,
    ) -> Result<(), StoreError> {
        for (verdict, seqs) in ends {
            let state = if verdict.is_none() { 1_i16 } else { 2 };
            for chunk in seqs.chunks(ROWS) {
                let sql = Sql::new("update delivery set leased_until_us = 0, state = ?")
                    .bind(state)
                    .push(", finished_us = ?")
                    .bind(now_us)
                    .push(", last_error = ?")
                    .bind(verdict.map(str::to_owned))
                    .push(" where state = 0 and tenant_id = ?")
                    .bind(self.owner())
                    .push(" and stream_id = ?")
                    .bind(stream.0)
                    .push(" and seq in ")
                    .list(chunk.iter().copied());
                self.run(sql).await?;
            }
        }
        Ok(())
    }
}

/// What a polled stream gave out and waits to hear about.
fn given_out(tenant: TenantId, stream: StreamId) -> Sql {
    Sql::new(
        "select d.seq, o.event_id, o.event_uri, o.occurred_us from delivery d
         join outbox o on o.seq = d.seq
         where d.state = 0 and d.leased_until_us > 0 and d.tenant_id = ?",
    )
    .bind(tenant.get())
    .push(" and d.stream_id = ?")
    .bind(stream.0)
}

fn read(row: &QueryResult, verdict: Verdict) -> Result<Settled, StoreError> {
    let uri: String = row.try_get_by_index(2)?;
    Ok(Settled {
        seq: row.try_get_by_index(0)?,
        uri: EventUri::parse(&uri)
            .ok_or_else(|| StoreError::Damaged("type of an event".to_owned()))?,
        occurred_us: row.try_get_by_index(3)?,
        verdict,
    })
}
