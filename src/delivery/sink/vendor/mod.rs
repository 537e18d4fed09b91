//! Connectors to the session stores of particular makers, one file each.
//!
//! A file says which requests its maker documents, what they end, what has to be
//! set, and how the maker says that a user is unknown. Everything that they share
//! is [`api`]: the credential, the statuses, and lists that are ended page by
//! page. A user's name is always escaped, so that it cannot lead a request, and
//! our credential with it, to another path.

mod api;
mod auth0;
mod authentik;
mod cognito;
mod fusionauth;
mod keycloak;
mod okta;
mod ory;
mod pingam;
mod supertokens;
mod tokens;
mod zitadel;

use serde::Deserialize;

use super::{command::Connector, http::segment, settings::Target};
use crate::event::SinkKind;

/// The connectors, with what they remember of their targets.
#[derive(Default)]
pub(super) struct Vendors {
    keycloak: keycloak::Keycloak,
    auth0: auth0::Auth0,
}

impl Vendors {
    /// The connector of a kind, if it is one of these.
    pub(super) fn connector(&self, kind: SinkKind) -> Option<&dyn Connector> {
        match kind {
            SinkKind::SuperTokens => Some(&supertokens::SuperTokens),
            SinkKind::Keycloak => Some(&self.keycloak),
            SinkKind::Auth0 => Some(&self.auth0),
            SinkKind::Ory => Some(&ory::Ory),
            SinkKind::Cognito => Some(&cognito::Cognito),
            SinkKind::FusionAuth => Some(&fusionauth::FusionAuth),
            SinkKind::Zitadel => Some(&zitadel::Zitadel),
            SinkKind::Authentik => Some(&authentik::Authentik),
            SinkKind::PingAm => Some(&pingam::PingAm),
            SinkKind::Okta => Some(&okta::Okta),
            SinkKind::Webhook
            | SinkKind::CloudEvents
            | SinkKind::Nats
            | SinkKind::TokenRevocation
            | SinkKind::BackChannelLogout => None,
        }
    }
}

/// For a target with no settings but those of every connector.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoSettings {}

/// Refuses an endpoint to which no path can be appended.
fn check_endpoint(target: &Target<'_>) -> Result<(), String> {
    if target.endpoint_url.contains(['?', '#']) {
        return Err("`endpoint_url`: expected neither query nor fragment".to_owned());
    }
    Ok(())
}

/// Refuses a setting that cannot be one segment of a path.
fn check_segment(name: &str, text: &str) -> Result<(), String> {
    segment(text).map(|_| ()).map_err(|_| format!("`settings.{name}`: expected a name"))
}
