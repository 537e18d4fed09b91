//! Receivers that are no SSF streams: webhooks, buses, and session stores that
//! are commanded.

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
}
