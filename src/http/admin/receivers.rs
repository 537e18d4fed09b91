//! `/tenants/{tenant}/receivers`.

use std::time::Duration;

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};

use super::{
    authenticate::OperatorToken,
    problem::{Failure, uuid},
    view::{self, List, Receiver, list},
};
use crate::{
    provision::operator::{self, Operator},
    tenant::Scope,
};

pub(super) struct Receivers;

/// A receiver of events to be made.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewReceiver {
    /// 1 to 63 lower-case letters, digits and hyphens.
    name: String,
    /// What its tokens may do: `ssf.read`, `ssf.manage`, `ssf.poll`. Default: the first two.
    scopes: Option<Vec<String>>,
    /// Seconds without a poll or another request after which its polled streams are paused, at
    /// least 7 days. Default: never.
    inactivity_timeout: Option<u32>,
}

impl NewReceiver {
    fn check(self) -> Result<operator::NewReceiver, Failure> {
        let scopes = match self.scopes {
            None => vec![Scope::SsfRead, Scope::SsfManage],
            Some(names) => {
                let known = names.iter().map(|name| Scope::parse(name)).collect::<Option<_>>();
                known.ok_or_else(|| {
                    let offered = Scope::list(&Scope::OF_RECEIVERS);
                    Failure::bad_request(format!("`scopes`: expected some of {offered}"))
                })?
            }
        };
        Ok(operator::NewReceiver {
            name: self.name,
            scopes,
            inactivity_timeout: self.inactivity_timeout.map(|it| Duration::from_secs(it.into())),
        })
    }
}

#[derive(ApiResponse)]
enum Created {
    /// The receiver was made; its secret is shown this once.
    #[oai(status = 201)]
    Receiver(Json<view::SecretReceiver>),
}

#[derive(ApiResponse)]
enum Revoked {
    /// The receiver is gone, with its tokens and its streams.
    #[oai(status = 204)]
    Receiver,
}

#[OpenApi]
impl Receivers {
    /// Makes a receiver: an OAuth client that manages event streams of its own (SSF 1.0).
    #[oai(path = "/tenants/:tenant/receivers", method = "post", operation_id = "receivers.create")]
    async fn create(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<NewReceiver>,
        operator: Data<&Operator>,
    ) -> Result<Created, Failure> {
        let issued = operator.create_receiver(&tenant, body.0.check()?).await?;
        Ok(Created::Receiver(Json(view::new_receiver(&issued)?)))
    }

    /// Lists the receivers of a tenant; not the secrets.
    #[oai(path = "/tenants/:tenant/receivers", method = "get", operation_id = "receivers.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Receiver>>, Failure> {
        Ok(Json(list(&operator.receivers(&tenant).await?)?))
    }

    /// Ends a receiver, its tokens and its streams.
    #[oai(
        path = "/tenants/:tenant/receivers/:id",
        method = "delete",
        operation_id = "receivers.revoke"
    )]
    async fn revoke(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Revoked, Failure> {
        operator.revoke_receiver(&tenant, uuid(&id)?).await?;
        Ok(Revoked::Receiver)
    }
}
