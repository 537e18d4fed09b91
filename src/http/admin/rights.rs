//! Which right each operation takes. What is not here, only operators do.

use std::sync::Arc;

use poem::{Endpoint, IntoResponse, Request, Response, Result};

use super::{
    authenticate::Accepted,
    operations::{Found, Operations},
    problem::{self, Failure, Problem},
};
use crate::{
    provision::operator::{AdminCaller, Asked},
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
            "tokens.list",
            "schemas.list",
            "schemas.read",
            "resource_types.list",
            "resource_types.read",
            "roles.list",
            "audit.list",
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
    if let Some(caller) = request.extensions().get::<AdminCaller>() {
        match operations.find(request.method().as_str(), request.uri().path()) {
            Found::Operation(it) => {
                let asked = Asked { right: right(it.id), tenant: it.tenant, user: it.user };
                if let Err(error) = accepted.permits(caller, asked).await {
                    return Ok(Failure::from(error).into_response());
                }
            }
            Found::NoMethod => (),
            // What cannot be judged is an operator's.
            Found::Nothing if caller.administrator.is_some() => {
                let detail = "there is nothing here".to_owned();
                return Ok(problem::response(&Problem { status: 404, detail }));
            }
            Found::Nothing => (),
        }
    }
    api.call(request).await
}
