//! Receivers that are no SSF streams: webhooks, buses, and session stores that
//! are commanded.

use serde_json::Value;

/// What a receiver is, if it is no stream of the Shared Signals Framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SinkKind {
    /// Standard Webhooks.
    Webhook,
    /// CloudEvents 1.0 over HTTP.
    CloudEvents,
    /// A subject of NATS JetStream.
    Nats,
    /// Global Token Revocation (draft-parecki-oauth-global-token-revocation).
    TokenRevocation,
    /// OpenID Connect Back-Channel Logout 1.0.
    BackChannelLogout,
    /// SuperTokens core.
    SuperTokens,
    /// A realm of Keycloak.
    Keycloak,
    /// An Auth0 tenant.
    Auth0,
    /// Ory Kratos and Ory Hydra.
    Ory,
    /// An Amazon Cognito user pool.
    Cognito,
    /// FusionAuth.
    FusionAuth,
    /// Zitadel.
    Zitadel,
    /// authentik.
    Authentik,
    /// PingAM, ForgeRock AM.
    PingAm,
    /// An Okta org.
    Okta,
}

impl SinkKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::Webhook,
        Self::CloudEvents,
        Self::Nats,
        Self::TokenRevocation,
        Self::BackChannelLogout,
        Self::SuperTokens,
        Self::Keycloak,
        Self::Auth0,
        Self::Ory,
        Self::Cognito,
        Self::FusionAuth,
        Self::Zitadel,
        Self::Authentik,
        Self::PingAm,
        Self::Okta,
    ];

    /// The kind's name, as it is stored and configured.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::CloudEvents => "cloudevents",
            Self::Nats => "nats",
            Self::TokenRevocation => "global_token_revocation",
            Self::BackChannelLogout => "back_channel_logout",
            Self::SuperTokens => "supertokens",
            Self::Keycloak => "keycloak",
            Self::Auth0 => "auth0",
            Self::Ory => "ory",
            Self::Cognito => "cognito",
            Self::FusionAuth => "fusionauth",
            Self::Zitadel => "zitadel",
            Self::Authentik => "authentik",
            Self::PingAm => "pingam",
            Self::Okta => "okta",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether it is a connector: it is told what to do, not what happened.
    pub fn is_connector(self) -> bool {
        !matches!(self, Self::Webhook | Self::CloudEvents | Self::Nats)
    }

    /// Whether it is an endpoint that gets signed messages, and not configured by
    /// settings and secrets of its kind.
    pub fn is_webhook(self) -> bool {
        matches!(self, Self::Webhook | Self::CloudEvents)
    }

    /// What a connector of this kind ends with a revocation, by what its maker
    /// documents and with the maker's usual settings.
    pub fn kills(self) -> Kills {
        let kills = |cookies, refresh, access, residual_ttl_s| Kills {
            cookies,
            refresh,
            access,
            residual_ttl_s,
        };
        match self {
            // They are told, and do not say what comes of it.
            Self::Webhook | Self::CloudEvents | Self::Nats => kills(false, false, false, 0),
            // Refresh tokens must end, access tokens should.
            Self::TokenRevocation => kills(true, true, false, HOUR),
            Self::BackChannelLogout => kills(true, false, false, HOUR),
            Self::SuperTokens => kills(true, true, false, HOUR),
            Self::Keycloak => kills(true, true, false, 300),
            Self::Auth0 => kills(true, true, false, 24 * HOUR),
            Self::Ory => kills(true, true, true, 0),
            Self::Cognito => kills(false, true, false, HOUR),
            Self::FusionAuth => kills(true, true, false, HOUR),
            // As long as a refresh token, of which Zitadel does not say that it ends.
            Self::Zitadel => kills(true, false, false, 90 * 24 * HOUR),
            Self::Authentik => kills(true, true, false, HOUR),
            Self::PingAm => kills(true, true, false, HOUR),
            Self::Okta => kills(true, true, false, HOUR),
        }
    }

    /// How long access may outlive a revocation that a connector of this kind has
    /// confirmed, in seconds: as its settings say, or as is usual for the kind.
    pub fn residual_ttl_s(self, settings: &Value) -> u32 {
        let set = settings.get("residual_ttl_s").and_then(Value::as_u64);
        set.and_then(|it| u32::try_from(it).ok()).unwrap_or(self.kills().residual_ttl_s)
    }
}

const HOUR: u32 = 3600;

/// What a connector ends, and what it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kills {
    /// Sessions in browsers.
    pub cookies: bool,
    /// Refresh tokens.
    pub refresh: bool,
    /// Access tokens that were given out; those that are checked without asking
    /// live on unless the target says otherwise.
    pub access: bool,
    /// How long access may outlive the revocation, in seconds.
    pub residual_ttl_s: u32,
}
