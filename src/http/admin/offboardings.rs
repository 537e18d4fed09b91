//! `/offboardings`.

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use super::{
    authenticate::OperatorToken,
    problem::{Failure, uuid},
    view::{List, list, view},
};
use crate::{
    provision::{
        Departure,
        operator::{NameKind, NewOffboarding, OffboardingRecord, Operator, names_of_csv},
    },
    tenant::Right,
};

pub(super) struct Offboardings;

/// People who leave.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct OffboardingRequest {
    /// What they are called, at most 1000; here or in `csv`.
    #[oai(default)]
    people: Vec<String>,
    /// A table (RFC 4180) whose first line names its columns, one of them as `by` does.
    csv: Option<String>,
    /// What kind of names these are: `email` (the default), `external-id`, `user-name` or `id`.
    by: Option<String>,
    /// Tenants in which they are looked for. Default: all that the token reaches.
    #[oai(default)]
    tenants: Vec<String>,
    /// What becomes of their accounts: `deactivate` (the default) or `delete`.
    action: Option<String>,
    /// When, at most two years ahead: with an offset (`2030-11-30T18:00:00Z`), or without one
    /// and with `time_zone`. Default: at once.
    at: Option<String>,
    /// The IANA time zone whose clocks show `at`, such as `Europe/Lisbon`.
    time_zone: Option<String>,
}

/// What became of somebody in one tenant.
#[derive(Debug, Object)]
struct TenantOutcome {
    /// The tenant.
    tenant: String,
    /// The user's id, if one was found.
    user: Option<String>,
    /// `found` (in a preview), `deactivated`, `deleted`, `already_inactive` (who has not ended
    /// the sessions is told again), `refused` or `ambiguous` (several have the name; nobody was
    /// touched).
    outcome: String,
    /// Why it was refused, or what is ambiguous.
    detail: Option<String>,
    /// The transaction, by which its receipt is found.
    txn: Option<String>,
    /// Where its receipt is, which tells what became of the sessions at each receiver.
    receipt: Option<String>,
}

/// Somebody who leaves.
#[derive(Debug, Object)]
struct Leaver {
    /// What they were called.
    name: String,
    /// `waiting`, `done` or `not_found`.
    state: String,
    /// What became of them in each tenant that has them.
    tenants: Vec<TenantOutcome>,
}

/// An offboarding.
#[derive(Debug, Object)]
struct Offboarding {
    /// Its id; none if it is a preview.
    id: Option<String>,
    /// `preview`, `scheduled`, `running`, `done` or `cancelled`.
    state: String,
    /// `deactivate` or `delete`.
    action: String,
    /// What kind of names the people have.
    by: String,
    /// Who asked.
    actor: String,
    /// When it was asked for (RFC 3339).
    created_at: String,
    /// When it is due (RFC 3339).
    due_at: String,
    /// When it was done or cancelled (RFC 3339).
    finished_at: Option<String>,
    /// The people; empty in lists of offboardings.
    people: Vec<Leaver>,
}

#[derive(ApiResponse)]
enum Started {
    /// Nothing was kept: this is who would leave now.
    #[oai(status = 200)]
    Preview(Json<Offboarding>),
    /// It is kept and is done when it is due.
    #[oai(status = 202)]
    Kept(
        Json<Offboarding>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
    ),
}

#[OpenApi]
impl Offboardings {
    /// Lets people leave, by name, in every tenant that has them: their accounts are deactivated
    /// or deleted, and their sessions end. The brake does not hold them.
    ///
    /// A name that several users of a tenant have touches none of them. With an `Idempotency-Key`
    /// the same request can be sent again, and is done once.
    #[oai(path = "/offboardings", method = "post", operation_id = "offboardings.start")]
    async fn start(
        &self,
        token: OperatorToken,
        /// Whether only to tell who would leave now.
        #[oai(default)]
        preview: Query<bool>,
        /// A name of this request, of at most 255 bytes.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Json<OffboardingRequest>,
        operator: Data<&Operator>,
    ) -> Result<Started, Failure> {
        let mut new = body.0.checked()?;
        let actor = token.actor();
        if let Some(own) = token.0.tenants(Right::Help) {
            new.stay_within(own)?;
        }
        if preview.0 {
            let record = operator.preview_offboarding(&new, &actor).await?;
            return Ok(Started::Preview(Json(view(&record)?)));
        }
        let record = operator.start_offboarding(&new, key.0.as_deref(), &actor).await?;
        let place = location(&record);
        Ok(Started::Kept(Json(view(&record)?), place))
    }

    /// Lists offboardings, an administrator's own, the last one first, at most a hundred; they are kept for 90 days
    /// after their end.
    #[oai(path = "/offboardings", method = "get", operation_id = "offboardings.list")]
    async fn list(
        &self,
        token: OperatorToken,
        /// Only those behind the one with this id: the last of the page before.
        after: Query<Option<String>>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Offboarding>>, Failure> {
        let after = after.as_deref().map(uuid).transpose()?;
        Ok(Json(list(&operator.offboardings(after, token.own().as_deref()).await?)?))
    }

    /// Shows an offboarding and what became of each person.
    #[oai(path = "/offboardings/:id", method = "get", operation_id = "offboardings.read")]
    async fn read(
        &self,
        token: OperatorToken,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Offboarding>, Failure> {
        let own = token.own();
        Ok(Json(view(&operator.offboarding_of(uuid(&id)?, own.as_deref()).await?)?))
    }

    /// Calls off an offboarding that is not due yet.
    #[oai(path = "/offboardings/:id/cancel", method = "post", operation_id = "offboardings.cancel")]
    async fn cancel(
        &self,
        token: OperatorToken,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Offboarding>, Failure> {
        let id = uuid(&id)?;
        operator.offboarding_of(id, token.own().as_deref()).await?;
        Ok(Json(view(&operator.cancel_offboarding(id).await?)?))
    }
}

impl OffboardingRequest {
    fn checked(self) -> Result<NewOffboarding, Failure> {
        let by = self.by.as_deref().unwrap_or(NameKind::Email.as_str());
        let by = NameKind::ALL.into_iter().find(|kind| kind.as_str() == by);
        let by = by.ok_or_else(|| {
            Failure::bad_request("`by` is one of id, user-name, external-id, email")
        })?;
        let departure = match self.action.as_deref() {
            None | Some("deactivate") => Departure::Deactivate,
            Some("delete") => Departure::Delete,
            Some(_) => return Err(Failure::bad_request("`action` is `deactivate` or `delete`")),
        };
        let people = match self.csv {
            Some(_) if !self.people.is_empty() => {
                return Err(Failure::bad_request("names are in `people` or in `csv`, not in both"));
            }
            Some(csv) => names_of_csv(&csv, by)?,
            None => self.people,
        };
        let (tenants, at, time_zone) = (self.tenants, self.at, self.time_zone);
        Ok(NewOffboarding { people, by, tenants, departure, at, time_zone })
    }
}

fn location(record: &OffboardingRecord) -> String {
    match record.id {
        Some(id) => format!("{}/offboardings/{id}", super::BASE),
        None => String::new(),
    }
}
