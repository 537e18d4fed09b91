//! Receipts: what became of those whose sessions had to end.

use serde::Serialize;

use super::{
    Operator, OperatorError,
    records::{date_time, optional_date_time},
};
use crate::{
    event::EventUri,
    provision::ReceiptState,
    scim::resource::ResourceId,
    store::{ReceiptCursor, ReceiptFilter, RevocationRow, TargetRow},
};

/// Receipts of a page if the request does not say.
const PAGE: u32 = 50;
/// Most receipts of a page, and most that are looked at for one.
const MOST: u32 = 200;

const SECOND_US: i64 = 1_000_000;

/// What became of one revocation.
#[derive(Debug, Clone, Serialize)]
pub struct ReceiptRecord {
    /// The transaction.
    pub txn: String,
    /// Id of the user; none if it was about several.
    pub user: Option<String>,
    /// How many users it was about.
    pub users: i64,
    /// When it was committed, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub committed_at: i64,
    /// As far as the worst of the targets.
    pub state: ReceiptState,
    /// When the last target confirmed, if all did.
    #[serde(serialize_with = "optional_date_time")]
    pub confirmed_at: Option<i64>,
    /// When access is gone at every connector, if all confirmed. Receivers of
    /// events do not say how long access outlives them, so they do not count.
    #[serde(serialize_with = "optional_date_time")]
    pub residual_access_until: Option<i64>,
    /// Every receiver that is told.
    pub targets: Vec<TargetRecord>,
}

/// What became of a revocation at one receiver.
#[derive(Debug, Clone, Serialize)]
pub struct TargetRecord {
    /// `ssf_push`, `ssf_poll`, `webhook`, `cloudevents`, `nats` or `connector`.
    pub kind: &'static str,
    /// Which product a connector commands; the id of any other receiver.
    pub name: String,
    /// Its id.
    pub id: String,
    /// What people call it.
    pub description: String,
    /// What it is told, by the events' short names.
    pub events: Vec<&'static str>,
    /// As far as the worst of them.
    pub state: ReceiptState,
    /// Whether the receiver is `enabled`, `paused` or `disabled`.
    pub receiver: &'static str,
    /// Attempts at the event with the most.
    pub attempts: i32,
    /// Milliseconds from the commit to the last confirmation, if all are confirmed.
    pub ms: Option<i64>,
    /// When that was, in microseconds since 1970.
    #[serde(serialize_with = "optional_date_time")]
    pub confirmed_at: Option<i64>,
    /// How many sessions ended, if the receiver says.
    pub sessions: Option<i64>,
    /// How long access may outlive the confirmation, in seconds, if that is declared.
    pub residual_ttl_s: Option<u32>,
    /// When access is gone there, if it is declared and confirmed.
    #[serde(serialize_with = "optional_date_time")]
    pub residual_access_until: Option<i64>,
    /// How an attempt failed.
    pub last_error: Option<String>,
    /// When it became an alarm, in microseconds since 1970.
    #[serde(serialize_with = "optional_date_time")]
    pub alarmed_at: Option<i64>,
}

/// Which receipts are wanted.
#[derive(Debug, Clone, Default)]
pub struct ReceiptQuery {
    /// Those of this user.
    pub user: Option<String>,
    /// Those in this state; `open` for all that are not confirmed, `overdue` for
    /// those of them that became alarms.
    pub state: Option<String>,
    /// How many at most.
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A page of receipts, newest first.
#[derive(Debug, Clone, Serialize)]
pub struct ReceiptPage {
    /// The receipts; fewer than asked for, or none, does not mean the end.
    pub items: Vec<ReceiptRecord>,
    /// Where the next page begins; none at the end.
    pub next: Option<String>,
}

/// What is tried again.
#[derive(Debug, Clone, Serialize)]
pub struct Rearmed {
    /// The transaction.
    pub txn: String,
    /// Events, counted at each receiver.
    pub rearmed: u64,
}

/// Which receipts pass.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    All,
    Open,
    Overdue,
    In(ReceiptState),
}

impl Wanted {
    fn parse(name: Option<&str>) -> Result<Self, OperatorError> {
        let Some(name) = name else { return Ok(Self::All) };
        let known = ReceiptState::ALL.into_iter().find(|state| state.as_str() == name);
        match (name, known) {
            (_, Some(state)) => Ok(Self::In(state)),
            ("open", None) => Ok(Self::Open),
            ("overdue", None) => Ok(Self::Overdue),
            (_, None) => {
                let names = ReceiptState::ALL.map(ReceiptState::as_str).join(", ");
                let detail = format!("`state`: expected open, overdue or one of {names}");
                Err(OperatorError::Invalid(detail))
            }
        }
    }

    fn passes(self, receipt: &ReceiptRecord) -> bool {
        let overdue = |target: &TargetRecord| target.alarmed_at.is_some() && target.state.is_open();
        match self {
            Self::All => true,
            Self::Open => receipt.state.is_open(),
            Self::Overdue => receipt.targets.iter().any(overdue),
            Self::In(state) => receipt.state == state,
        }
    }
}

impl Operator {
    /// What became of a revocation.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such transaction, or it
    /// ended nobody's sessions.
    pub async fn receipt(&self, tenant: &str, txn: &str) -> Result<ReceiptRecord, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let filter = ReceiptFilter { txn: Some(txn.to_owned()), ..ReceiptFilter::default() };
        let row = store.revocations(&filter, 1).await?.pop();
        let row = row.ok_or_else(|| unknown(txn))?;
        let targets = store.targets(std::slice::from_ref(&row.txn)).await?;
        Ok(ReceiptRecord::of(&row, &targets))
    }

    /// What became of the tenant's revocations, newest first.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Invalid`] if the query means nothing.
    pub async fn receipts(
        &self,
        tenant: &str,
        query: &ReceiptQuery,
    ) -> Result<ReceiptPage, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let wanted = Wanted::parse(query.state.as_deref())?;
        let user = query.user.as_deref().map(ResourceId::parse);
        if user == Some(None) {
            // No user has such an id.
            return Ok(ReceiptPage { items: Vec::new(), next: None });
        }
        let before = match &query.cursor {
            Some(text) => Some(read_cursor(text).ok_or_else(|| {
                OperatorError::Invalid("`cursor`: expected `next` of another page".to_owned())
            })?),
            None => None,
        };
        let filter = ReceiptFilter { txn: None, user: user.flatten(), before };
        let limit = query.limit.unwrap_or(PAGE).clamp(1, MOST);
        let rows = store.revocations(&filter, limit).await?;
        let full = limit <= u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let next = rows.last().filter(|_| full);
        let next = next.map(|row| format!("{}.{}", row.cursor.xid, row.cursor.seq));
        let txns: Vec<String> = rows.iter().map(|row| row.txn.clone()).collect();
        let targets = store.targets(&txns).await?;
        let receipts = rows.iter().map(|row| ReceiptRecord::of(row, &targets));
        Ok(ReceiptPage { items: receipts.filter(|it| wanted.passes(it)).collect(), next })
    }

    /// Tries again at once what a transaction took away and is not confirmed,
    /// given up or not. What is not true any more, since the user got access back,
    /// is left alone.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such transaction, or it
    /// ended nobody's sessions.
    pub async fn rearm(&self, tenant: &str, txn: &str) -> Result<Rearmed, OperatorError> {
        let txn = self.receipt(tenant, txn).await?.txn;
        let (kept, now_us) = (txn.clone(), self.clock.now_us());
        let rearmed = self
            .tenant_store(tenant)
            .await?
            .write(move |tx| {
                let txn = kept.clone();
                Box::pin(async move { Ok::<_, OperatorError>(tx.rearm_txn(&txn, now_us).await?) })
            })
            .await?;
        Ok(Rearmed { txn, rearmed })
    }
}

fn unknown(txn: &str) -> OperatorError {
    let txn: String = txn.chars().filter(|it| !it.is_control()).take(64).collect();
    OperatorError::NotFound(format!("deprovisioning `{txn}`"))
}

fn read_cursor(text: &str) -> Option<ReceiptCursor> {
    let (xid, seq) = text.split_once('.')?;
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| 0 <= *number);
    Some(ReceiptCursor { xid: number(xid)?, seq: number(seq)? })
}

impl ReceiptRecord {
    /// The receipt of a revocation; `rows` may have those of others.
    fn of(row: &RevocationRow, rows: &[TargetRow]) -> Self {
        let own: Vec<&TargetRow> = rows.iter().filter(|it| it.txn == row.txn).collect();
        let targets: Vec<TargetRecord> = own
            .chunk_by(|a, b| a.stream == b.stream)
            .filter_map(|rows| TargetRecord::of(row.occurred_us, rows))
            .collect();
        let state = targets.iter().map(|it| it.state).max().unwrap_or(ReceiptState::Untold);
        let declared = || targets.iter().filter(|it| it.residual_ttl_s.is_some());
        let gone = declared().all(|it| it.residual_access_until.is_some());
        let all_confirmed = state == ReceiptState::Confirmed;
        Self {
            txn: row.txn.clone(),
            user: (row.users == 1).then(|| row.user.to_string()),
            users: row.users,
            committed_at: row.occurred_us,
            state,
            confirmed_at: targets
                .iter()
                .filter_map(|it| it.confirmed_at)
                .max()
                .filter(|_| all_confirmed),
            residual_access_until: declared()
                .filter_map(|it| it.residual_access_until)
                .max()
                .filter(|_| gone),
            targets,
        }
    }
}

impl TargetRecord {
    /// What became of it at the receiver of all of `rows`.
    fn of(committed_us: i64, rows: &[&TargetRow]) -> Option<Self> {
        let first = rows.first()?;
        let connector = first.sink.filter(|sink| sink.is_connector());
        let kind = match (first.sink, connector) {
            (None, _) if first.is_pushed => "ssf_push",
            (None, _) => "ssf_poll",
            (Some(_), Some(_)) => "connector",
            (Some(sink), None) => sink.as_str(),
        };
        let state = rows.iter().map(|row| ReceiptState::of(row)).max()?;
        let confirmed_at = rows.iter().filter_map(|row| row.finished_us).max();
        let confirmed_at = confirmed_at.filter(|_| state == ReceiptState::Confirmed);
        let residual_ttl_s = connector.map(|sink| sink.residual_ttl_s(&first.settings));
        let id = first.stream.to_string();
        Some(Self {
            kind,
            name: connector.map_or_else(|| id.clone(), |sink| sink.as_str().to_owned()),
            id,
            description: first.description.clone(),
            events: rows.iter().map(|row| short_name(row.uri)).collect(),
            state,
            receiver: first.status,
            attempts: rows.iter().map(|row| row.attempts).max().unwrap_or_default(),
            ms: confirmed_at.map(|at| at.saturating_sub(committed_us).max(0) / 1000),
            confirmed_at,
            sessions: rows.iter().find_map(|row| row.detail.as_ref()?.get("sessions")?.as_i64()),
            residual_ttl_s,
            residual_access_until: confirmed_at
                .zip(residual_ttl_s)
                .map(|(at, ttl)| at.saturating_add(i64::from(ttl).saturating_mul(SECOND_US))),
            last_error: rows.iter().filter(|_| state.is_open()).find_map(|row| row.error.clone()),
            alarmed_at: rows.iter().filter_map(|row| row.alarmed_us).min(),
        })
    }
}

/// What tells an event's URI from the others of its standard.
fn short_name(uri: EventUri) -> &'static str {
    let uri = uri.as_str();
    match uri.split_once(":event:") {
        Some((_, name)) => name,
        None => uri.rsplit('/').next().unwrap_or(uri),
    }
}
