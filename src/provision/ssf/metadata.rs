//! What a tenant's transmitter says of itself: SSF 1.0 §7, RFC 8414, RFC 9728.
//!
//! A member that would be an empty array is left out, as SSF 1.0 §7.2.3 and
//! RFC 8414 §3.2 demand: there is no authorization endpoint, and so no
//! `response_types_supported`.

use serde_json::{Value, json};

use super::{super::REVOCATION_PATH, Transmitter};
use crate::{
    store::{StoreError, TenantState},
    tenant::Scope,
};

/// The URN of delivery by push.
pub(super) const PUSH: &str = "urn:ietf:rfc:8935";
/// The URN of delivery by poll.
pub(super) const POLL: &str = "urn:ietf:rfc:8936";

impl Transmitter {
    /// The transmitter's configuration (SSF 1.0 §7.1); none if there is no such tenant.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn ssf_configuration(&self, tenant: &str) -> Result<Option<Value>, StoreError> {
        let issuer = self.issuer(tenant);
        let at = |path: &str| format!("{issuer}{path}");
        let metadata = json!({
            "spec_version": "1_0",
            "issuer": issuer,
            "jwks_uri": at("/jwks.json"),
            "delivery_methods_supported": [PUSH, POLL],
            "configuration_endpoint": at("/ssf/stream"),
            "status_endpoint": at("/ssf/status"),
            "add_subject_endpoint": at("/ssf/subjects:add"),
            "remove_subject_endpoint": at("/ssf/subjects:remove"),
            "verification_endpoint": at("/ssf/verify"),
            "authorization_schemes": [{ "spec_urn": "urn:ietf:rfc:6749" }],
            "default_subjects": "ALL",
        });
        self.of_tenant(tenant, metadata).await
    }

    /// The metadata of the tenant's authorization server (RFC 8414 §2); none if
    /// there is no such tenant.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn authorization_server(&self, tenant: &str) -> Result<Option<Value>, StoreError> {
        let issuer = self.issuer(tenant);
        let metadata = json!({
            "issuer": issuer,
            "token_endpoint": self.token_endpoint(tenant),
            "jwks_uri": format!("{issuer}/jwks.json"),
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
            "global_token_revocation_endpoint": format!("{issuer}{REVOCATION_PATH}"),
            "scopes_supported": Scope::ALL.map(Scope::as_str),
        });
        self.of_tenant(tenant, metadata).await
    }

    /// The metadata of the tenant's management API as a protected resource
    /// (RFC 9728 §2); none if there is no such tenant.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn protected_resource(&self, tenant: &str) -> Result<Option<Value>, StoreError> {
        let issuer = self.issuer(tenant);
        let metadata = json!({
            "resource": format!("{issuer}/ssf"),
            "authorization_servers": [issuer],
            "scopes_supported": Scope::OF_RECEIVERS.map(Scope::as_str),
            "bearer_methods_supported": ["header"],
        });
        self.of_tenant(tenant, metadata).await
    }

    async fn of_tenant(&self, name: &str, metadata: Value) -> Result<Option<Value>, StoreError> {
        let row = self.store.tenant_named(name).await?;
        Ok(row.filter(|row| row.state != TenantState::Deleting).map(|_| metadata))
    }
}
