//! Which right each operation takes. What is not here, only operators do.

use std::sync::Arc;

use poem::{Endpoint, IntoResponse, Request, Response, Result};

use super::{
    authenticate::Accepted,
    operations::{Found, Operations},
    problem::{self, Failure, Problem},
};
use crate::{
    provision::operator::{AdminCaller, Asked, OperatorError},
    tenant::Right,
};

/// What there is no rule for is for operators. Those that name no tenant in their path see
/// to it themselves which tenants they touch.
const RULES: &[(Right, &[&str])] = &[
    (Right::SignedIn, &["sessions.who", "sessions.sign_out", "tenants.list"]),
    (
        Right::Own,
        &[
            "administrators.add",
            "administrators.remove",
            "administrators.link",
            "brake.change",
            "brake.release",
            "brake.reject",
            "brake.reset",
            "protected.put",
            "protected.delete",
            "deleted.erase",
        ],
    ),
    (
        Right::Administer,
        &[
            "tenants.change_event_settings",
            "connections.create",
            "connections.change",
            "clients.create",
            "clients.revoke",
            "tokens.issue",
            "tokens.revoke",
            "tokens.rotate",
            "schemas.put",
            "schemas.delete",
            "resource_types.put",
            "resource_types.delete",
            "roles.add",
            "roles.delete",
            "deprovisionings.rearm",
            "applications.create",
            "applications.change",
            "applications.delete",
            "receivers.create",
            "receivers.revoke",
            "streams.create",
            "streams.pause",
            "streams.resume",
            "streams.delete",
            "streams.redrive",
            "streams.discard",
            "streams.replay",
            "webhooks.create",
            "webhooks.rotate",
            "webhooks.test",
            "webhooks.pause",
            "webhooks.resume",
            "webhooks.delete",
            "connectors.create",
            "connectors.test",
            "connectors.pause",
            "connectors.resume",
            "connectors.delete",
            "keys.rotate",
            "keys.revoke",
            "revocation_issuer.set",
            "revocation_issuer.delete",
        ],
    ),
    (
        Right::Help,
        &[
            "users.revoke_sessions",
            "users.report_credential",
            "users.require_credential_change",
            "deleted.restore",
            "offboardings.start",
            "offboardings.list",
            "offboardings.read",
            "offboardings.cancel",
        ],
    ),
    (
        Right::ReadPeople,
        &[
            "users.access",
            "deleted.list",
            "protected.list",
            "deprovisionings.list",
            "deprovisionings.read",
            "brake.read",
            "brake.held",
        ],
    ),
    (
        Right::Read,
        &[
            "administrators.list",
            "tenants.event_settings",
            "tenants.limits",
            "connections.list",
            "connections.notices",
            "clients.list",
            "tokens.list",
            "schemas.list",
            "schemas.read",
            "resource_types.list",
            "resource_types.read",
            "roles.list",
            "audit.list",
            "audit.sign",
            "audit.verify",
            "applications.list",
            "receivers.list",
            "streams.list",
            "streams.dlq",
            "webhooks.list",
            "connectors.list",
            "keys.list",
            "revocation_issuer.read",
        ],
    ),
];

fn right(operation: &str) -> Right {
    let rule = RULES.iter().find(|(_, operations)| operations.contains(&operation));
    rule.map_or(Right::Operate, |(right, _)| *right)
}

/// What is read there is known of people, so the record tells that it was.
const PERSONAL: &[&str] = &[
    "users.access",
    "deleted.list",
    "protected.list",
    "brake.held",
    "deprovisionings.list",
    "deprovisionings.read",
    "audit.list",
];

/// Turns away who may not do what the request asks for, before its body is read.
pub(super) async fn check<A, E>(
    (operations, accepted): (Arc<Operations>, Arc<A>),
    api: Arc<E>,
    request: Request,
) -> Result<Response>
where
    A: Accepted,
    E: Endpoint<Output = Response>,
{
    let Some(caller) = request.extensions().get::<AdminCaller>().cloned() else {
        return api.call(request).await;
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let it = match operations.find(method.as_str(), &path) {
        Found::Operation(it) => it,
        // What cannot be judged is an operator's.
        Found::Nothing if caller.administrator.is_some() => {
            let detail = "there is nothing here".to_owned();
            return Ok(problem::response(&Problem { status: 404, detail }));
        }
        Found::Nothing | Found::NoMethod => return api.call(request).await,
    };
    let asked = Asked { right: right(it.id), tenant: it.tenant, user: it.user };
    if let Err(error) = accepted.permits(&caller, asked).await {
        if matches!(error, OperatorError::Forbidden(_)) {
            let action = format!("refuse {}", it.id);
            accepted.notes(&caller, asked, action).await.map_err(Failure::from)?;
        }
        return Ok(Failure::from(error).into_response());
    }
    // An operator's program that goes on where it was follows the record, and would follow
    // itself; an administrator could hide behind that.
    let query = request.uri().query().unwrap_or_default();
    let follows = caller.administrator.is_none() && query.contains("after=");
    let is_read = PERSONAL.contains(&it.id) && !follows;
    let answer = api.call(request).await?;
    if is_read && answer.status().is_success() {
        let action = format!("read {}", it.id);
        accepted.notes(&caller, asked, action).await.map_err(Failure::from)?;
    }
    Ok(answer)
}
