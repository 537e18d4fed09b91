//! `/tenants/{tenant}/streams/{id}/dlq` and what can be done about it.

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::Any,
};
use serde_json::Value;

use super::{
    authenticate::OperatorToken,
    problem::{Failure, uuid},
    view::{List, list, view},
};
use crate::{
    event::EventUri,
    provision::operator::{self, Operator, ReplayStart},
    scim::date_time::parse_date_time,
};

const DEFAULT_PAGE: u32 = 100;

pub(super) struct Letters;

/// An event that was given up at a receiver.
#[derive(Debug, Object)]
struct DeadLetter {
    /// Its place in the order of events.
    seq: i64,
    /// The transaction: events of one change share it.
    txn: String,
    /// Its URI.
    event: String,
    /// The resource it is about, as its path below the SCIM base.
    resource: String,
    /// Its payload.
    payload: Any<Value>,
    /// Attempts that were made.
    attempts: i32,
    /// What the last one was answered, if it was.
    last_status: Option<i32>,
    /// Why it was given up.
    last_error: Option<String>,
    /// When it happened (RFC 3339).
    occurred_at: String,
    /// When it was given up (RFC 3339).
    given_up_at: String,
}

/// Which dead letters: by `seq` or `events`, or `all`.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct Which {
    /// Places in the order of events, at most 500.
    #[oai(default)]
    seq: Vec<i64>,
    /// URIs of events.
    #[oai(default)]
    events: Vec<String>,
    /// All of them.
    #[oai(default)]
    all: bool,
    /// Sends them although the receiver has heard of a later state; for `redrive` only.
    #[oai(default)]
    force: bool,
    /// Only tells what would be done.
    #[oai(default)]
    dry_run: bool,
}

/// What is to be sent again. One of `from_seq`, `from_time` and `after_jti` says where it begins.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct Replay {
    /// The first place in the order of events.
    from_seq: Option<i64>,
    /// The earliest time (RFC 3339).
    from_time: Option<String>,
    /// The `jti` of the last Set that the receiver has.
    after_jti: Option<String>,
    /// The last place in the order of events.
    to_seq: Option<i64>,
    /// The latest time (RFC 3339).
    to_time: Option<String>,
    /// URIs of events; without them, all that the receiver carries.
    #[oai(default)]
    event_types: Vec<String>,
    /// Only tells what would be done.
    #[oai(default)]
    dry_run: bool,
}

/// What was done, or would be.
#[derive(Debug, Object)]
struct Moved {
    /// How many events.
    count: u64,
    /// The first of them.
    first_seq: Option<i64>,
    /// The last of them.
    last_seq: Option<i64>,
    /// Those that were left because the receiver has heard of a later state.
    outdated: Vec<i64>,
    /// Whether more are left: one request moves about 10,000.
    more: bool,
    /// Whether nothing was done.
    dry_run: bool,
}

#[derive(ApiResponse)]
enum Accepted {
    /// The events are on their way, or would be.
    #[oai(status = 202)]
    Moved(Json<Moved>),
}

impl Which {
    fn check(&self) -> Result<operator::Letters, Failure> {
        Ok(operator::Letters {
            seqs: self.seq.clone(),
            events: events("events", &self.events)?,
            all: self.all,
            dry_run: self.dry_run,
        })
    }
}

impl Replay {
    fn check(&self) -> Result<operator::Replay, Failure> {
        let start = match (self.from_seq, &self.from_time, &self.after_jti) {
            (Some(seq), None, None) => ReplayStart::Seq(seq),
            (None, Some(text), None) => ReplayStart::Time(time("from_time", text)?),
            (None, None, Some(jti)) => ReplayStart::After(jti.clone()),
            _ => {
                let rule = "expected one of `from_seq`, `from_time` and `after_jti`";
                return Err(Failure::bad_request(rule));
            }
        };
        Ok(operator::Replay {
            start,
            to_seq: self.to_seq,
            to_us: self.to_time.as_deref().map(|text| time("to_time", text)).transpose()?,
            events: events("event_types", &self.event_types)?,
            dry_run: self.dry_run,
        })
    }
}

fn events(name: &str, uris: &[String]) -> Result<Vec<EventUri>, Failure> {
    let parse = |uri: &String| {
        EventUri::parse(uri)
            .ok_or_else(|| Failure::bad_request(format!("`{name}`: `{uri}` is no event's URI")))
    };
    uris.iter().map(parse).collect()
}

fn time(name: &str, text: &str) -> Result<i64, Failure> {
    parse_date_time(text).ok_or_else(|| {
        Failure::bad_request(format!("`{name}`: expected a time such as 2026-09-21T14:13:23Z"))
    })
}

#[expect(
    clippy::too_many_arguments,
    reason = "poem-openapi documents each argument as a parameter"
)]
#[OpenApi]
impl Letters {
    /// Lists events that were given up at a receiver of any kind.
    ///
    /// They are kept for 30 days. The next page begins after the `seq` of the last item.
    #[oai(path = "/tenants/:tenant/streams/:id/dlq", method = "get", operation_id = "streams.dlq")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        /// Only those after this `seq`.
        after: Query<Option<i64>>,
        /// At most this many. Default 100.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<DeadLetter>>, Failure> {
        let limit = limit.unwrap_or(DEFAULT_PAGE);
        let after = after.unwrap_or(0);
        let letters = operator.dead_letters(&tenant, uuid(&id)?, after, limit).await?;
        Ok(Json(list(&letters)?))
    }

    /// Sends events that were given up once more.
    ///
    /// An event that says how somebody stood is left if the receiver has heard of a later
    /// state since, unless `force` is set.
    #[oai(
        path = "/tenants/:tenant/streams/:id/redrive",
        method = "post",
        operation_id = "streams.redrive"
    )]
    async fn redrive(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        body: Json<Which>,
        operator: Data<&Operator>,
    ) -> Result<Accepted, Failure> {
        let letters = body.check()?;
        let moved = operator.redrive(&tenant, uuid(&id)?, &letters, body.force).await?;
        Ok(Accepted::Moved(Json(view(&moved)?)))
    }

    /// Throws away events that were given up; the audit remembers it.
    #[oai(
        path = "/tenants/:tenant/streams/:id/discard",
        method = "post",
        operation_id = "streams.discard"
    )]
    async fn discard(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        body: Json<Which>,
        operator: Data<&Operator>,
    ) -> Result<Json<Moved>, Failure> {
        let actor = format!("operator:{}", token.0.credential);
        let moved = operator.discard(&tenant, uuid(&id)?, &body.check()?, &actor).await?;
        Ok(Json(view(&moved)?))
    }

    /// Sends events again that a receiver had, or that happened before it was there.
    ///
    /// They are the same Sets as before, with the same `jti`, and go behind everything that is
    /// new, a hundred a second. Events about the stream itself are never replayed.
    #[oai(
        path = "/tenants/:tenant/streams/:id/replay",
        method = "post",
        operation_id = "streams.replay"
    )]
    async fn replay(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        body: Json<Replay>,
        operator: Data<&Operator>,
    ) -> Result<Accepted, Failure> {
        let moved = operator.replay(&tenant, uuid(&id)?, &body.check()?).await?;
        Ok(Accepted::Moved(Json(view(&moved)?)))
    }
}
