//! `/events`.

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};

use super::{
    authenticate::OperatorToken,
    problem::Failure,
    view::{Event, List, list},
};
use crate::provision::operator::Operator;

const DEFAULT_PAGE: u32 = 100;

pub(super) struct Events;

#[OpenApi]
impl Events {
    /// Lists events in the order of their transactions.
    ///
    /// The next page begins after the `seq` of the last item, and misses none: on PostgreSQL
    /// an event that is committed late can come behind one with a higher `seq`.
    #[oai(path = "/events", method = "get", operation_id = "events.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        /// Only those of one tenant.
        tenant: Query<Option<String>>,
        /// Only those after the one with this `seq`.
        after: Query<Option<i64>>,
        /// At most this many. Default 100.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Event>>, Failure> {
        let limit = limit.unwrap_or(DEFAULT_PAGE);
        let events = operator.events(tenant.as_deref(), after.unwrap_or(0), limit).await?;
        Ok(Json(list(&events)?))
    }
}
