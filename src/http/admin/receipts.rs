//! `/tenants/{tenant}/deprovisionings`.

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{authenticate::OperatorToken, problem::Failure, view::view};
use crate::provision::operator::{Operator, ReceiptQuery};

pub(super) struct Receipts;

/// What became of the end of somebody's sessions.
#[derive(Debug, Object)]
struct Receipt {
    /// The transaction: its events go by it.
    txn: String,
    /// Id of the user; none if it was about several.
    user: Option<String>,
    /// How many users it was about.
    users: i64,
    /// When it was committed (RFC 3339).
    committed_at: String,
    /// The worst of the targets' states; `untold` if there are none.
    state: String,
    /// When the last target confirmed, if all did (RFC 3339).
    confirmed_at: Option<String>,
    /// When access is gone at every connector, once all of them confirmed (RFC 3339).
    /// Receivers of events declare nothing and do not count.
    residual_access_until: Option<String>,
    /// Every receiver that is told and still there.
    targets: Vec<Target>,
}

/// What became of it at one receiver.
#[derive(Debug, Object)]
struct Target {
    /// `ssf_push`, `ssf_poll`, `webhook`, `cloudevents`, `nats` or `connector`.
    kind: String,
    /// Which product a connector commands; the id of any other receiver.
    name: String,
    /// The receiver's id.
    id: String,
    /// What the receiver is for.
    description: String,
    /// Short names of the events it is told.
    events: Vec<String>,
    /// `pending`: waits; `sent`: given out to a poll, not acknowledged; `accepted`: will be
    /// done; `confirmed`: done, or taken over by the receiver; `failed`: will be tried again;
    /// `dead`: given up.
    state: String,
    /// Whether the receiver is `enabled`, `paused` or `disabled`.
    receiver: String,
    /// Attempts at the event with the most.
    attempts: i32,
    /// Milliseconds from the commit to the last confirmation.
    ms: Option<i64>,
    /// When that was (RFC 3339).
    confirmed_at: Option<String>,
    /// How many sessions ended, if the receiver says.
    sessions: Option<i64>,
    /// How long access may outlive the confirmation, in seconds; none if that is not declared.
    residual_ttl_s: Option<u32>,
    /// When access is gone there (RFC 3339).
    residual_access_until: Option<String>,
    /// How an attempt failed.
    last_error: Option<String>,
    /// When it became an alarm: five minutes without a confirmation (RFC 3339).
    alarmed_at: Option<String>,
}

/// A page of receipts, newest first.
#[derive(Debug, Object)]
struct Page {
    /// The receipts; there may be fewer than asked for before the end.
    items: Vec<Receipt>,
    /// The `cursor` of the next page; none at the end.
    next: Option<String>,
}

/// What is tried again.
#[derive(Debug, Object)]
struct Rearmed {
    /// The transaction.
    txn: String,
    /// Events, counted at each receiver.
    rearmed: u64,
}

#[derive(ApiResponse)]
enum Accepted {
    /// What was not confirmed is tried again now.
    #[oai(status = 202)]
    Rearmed(Json<Rearmed>),
}

#[expect(
    clippy::too_many_arguments,
    reason = "poem-openapi documents each argument as a parameter"
)]
#[OpenApi]
impl Receipts {
    /// Tells what became of the end of somebody's sessions.
    #[oai(
        path = "/tenants/:tenant/deprovisionings/:txn",
        method = "get",
        operation_id = "deprovisionings.read"
    )]
    async fn read(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        txn: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Receipt>, Failure> {
        Ok(Json(view(&operator.receipt(&tenant, &txn).await?)?))
    }

    /// Lists what became of the ends of sessions, newest first.
    #[oai(
        path = "/tenants/:tenant/deprovisionings",
        method = "get",
        operation_id = "deprovisionings.list"
    )]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        /// Only those of the user with this id.
        user: Query<Option<String>>,
        /// Only those in this state; `open` for all that are not confirmed, `overdue` for those
        /// of them that became alarms.
        state: Query<Option<String>>,
        /// At most this many. Default 50.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        operator: Data<&Operator>,
    ) -> Result<Json<Page>, Failure> {
        let query = ReceiptQuery { user: user.0, state: state.0, limit: limit.0, cursor: cursor.0 };
        Ok(Json(view(&operator.receipts(&tenant, &query).await?)?))
    }

    /// Tries again, at once, what is not confirmed, given up or not.
    ///
    /// What is not true any more, since the user got access back, is left alone.
    #[oai(
        path = "/tenants/:tenant/deprovisionings/:txn",
        method = "post",
        operation_id = "deprovisionings.rearm"
    )]
    async fn rearm(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        txn: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Accepted, Failure> {
        Ok(Accepted::Rearmed(Json(view(&operator.rearm(&tenant, &txn).await?)?)))
    }
}
