//! `/tenants/{tenant}/brake`.

use std::time::Duration;

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::{MaybeUndefined, ToJSON},
};
use serde_json::Value;

use super::{
    authenticate::OperatorToken,
    problem::Failure,
    view::{List, list, view},
};
use crate::provision::operator::{BrakeDecision, Operator};

pub(super) struct Brakes;

/// What shall be set for a brake; what is absent stays, `null` is the default again. With
/// neither `people` nor `percent` it never holds.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct BrakeChange {
    /// So many people may be deprovisioned in a window: 1 to 10000. Not set unless given.
    people: MaybeUndefined<u32>,
    /// So many of a hundred active people may, and five of them anyway: 1 to 100. Not set unless
    /// given.
    percent: MaybeUndefined<u32>,
    /// The length of the window in seconds: 60 to 604800. Default: 3600.
    window_s: MaybeUndefined<u32>,
}

/// The brake: a directory that deprovisions more people than that waits for a decision.
#[derive(Debug, Object)]
struct Brake {
    /// So many people may be deprovisioned in a window.
    people: Option<u32>,
    /// So many of a hundred active people may, and five of them anyway.
    percent: Option<u32>,
    /// The length of the window, in seconds.
    window_s: u32,
    /// `off`, `watching`, `held` (directories are answered 429), `rejected` (403) or `released`.
    state: String,
    /// Since when (RFC 3339).
    since: Option<String>,
    /// When a release ends (RFC 3339).
    until: Option<String>,
    /// How many were deprovisioned in the window; counted up to the limit.
    deprovisioned: i64,
    /// How many may be now; none if all may, or if the people were not counted yet.
    limit: Option<i64>,
    /// How many people are held.
    held: i64,
}

/// Somebody whom the brake holds.
#[derive(Debug, Object)]
struct Held {
    /// The user's id.
    id: String,
    /// The user's name, while the user is there.
    user_name: Option<String>,
    /// What was asked: `patch`, `replace`, `change` or `delete`.
    action: String,
    /// Whose token asked last.
    actor: String,
    /// When it was asked first (RFC 3339).
    first_asked_at: String,
    /// When it was asked last (RFC 3339).
    last_asked_at: String,
}

#[OpenApi]
impl Brakes {
    /// Shows the brake of a tenant.
    #[oai(path = "/tenants/:tenant/brake", method = "get", operation_id = "brake.read")]
    async fn read(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Brake>, Failure> {
        Ok(Json(view(&operator.brake(&tenant).await?)?))
    }

    /// Changes what is set for the brake of a tenant.
    #[oai(path = "/tenants/:tenant/brake", method = "patch", operation_id = "brake.change")]
    async fn change(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        body: Json<BrakeChange>,
        operator: Data<&Operator>,
    ) -> Result<Json<Brake>, Failure> {
        let change = match body.0.to_json() {
            Some(Value::Object(change)) => change,
            _ => Default::default(),
        };
        Ok(Json(view(&operator.change_brake(&tenant, change, &token.actor()).await?)?))
    }

    /// Lists the people whom the brake holds, by id, at most 1000.
    #[oai(path = "/tenants/:tenant/brake/held", method = "get", operation_id = "brake.held")]
    async fn held(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        /// The id of the last user of the page before.
        after: Query<Option<String>>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Held>>, Failure> {
        Ok(Json(list(&operator.held_people(&tenant, after.as_deref()).await?)?))
    }

    /// Lets everybody go for a time: the directory's next attempts pass.
    #[oai(path = "/tenants/:tenant/brake/release", method = "post", operation_id = "brake.release")]
    async fn release(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        /// For how many seconds, at most seven days. Default: one window.
        #[oai(validator(minimum(value = "1"), maximum(value = "604800")))]
        seconds: Query<Option<u32>>,
        operator: Data<&Operator>,
    ) -> Result<Json<Brake>, Failure> {
        let time = seconds.map(|seconds| Duration::from_secs(u64::from(seconds)));
        let decision = BrakeDecision::Release(time);
        Ok(Json(view(&operator.decide_brake(&tenant, decision, &token.actor()).await?)?))
    }

    /// Lets nobody go until the brake is released or reset: the directory is answered 403.
    #[oai(path = "/tenants/:tenant/brake/reject", method = "post", operation_id = "brake.reject")]
    async fn reject(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Brake>, Failure> {
        let decision = BrakeDecision::Reject;
        Ok(Json(view(&operator.decide_brake(&tenant, decision, &token.actor()).await?)?))
    }

    /// Forgets who is held and watches anew, counting from now on.
    #[oai(path = "/tenants/:tenant/brake/reset", method = "post", operation_id = "brake.reset")]
    async fn reset(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Brake>, Failure> {
        let decision = BrakeDecision::Reset;
        Ok(Json(view(&operator.decide_brake(&tenant, decision, &token.actor()).await?)?))
    }
}
