//! What the API shows of the operator's records.
//!
//! A view is read from the record's JSON, so the answer has the members that
//! the OpenAPI document says, whatever else a record holds.

use poem_openapi::{
    Object,
    types::{Any, MaybeUndefined, ParseFromJSON, ToJSON},
};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;

use super::problem::Failure;
use crate::provision::operator::{IssuedReceiver, IssuedToken};

/// A tenant: an organisation whose people are kept.
#[derive(Debug, Object)]
pub(super) struct Tenant {
    /// Name in URLs.
    name: String,
    /// `active`, `suspended` or `deleting`.
    state: String,
    /// Issuer of the tenant's identity provider.
    subject_issuer: Option<String>,
    /// The tenant that it belongs to.
    parent: Option<String>,
    /// When it was created (RFC 3339).
    created_at: String,
}

/// A connection: one directory of a tenant.
#[derive(Debug, Object)]
pub(super) struct Connection {
    /// Its name.
    name: String,
    /// What the directory sends: `entra`, `okta`, `google`, `onelogin`, `jumpcloud`, `ping`,
    /// `sailpoint`, `keycloak`, `authentik`, `generic` (any other) or `strict` (the RFCs).
    dialect: String,
    /// What is set for it.
    settings: ConnectionSettings,
    /// When it was created (RFC 3339).
    created_at: String,
}

/// What is set for a connection.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(super) struct ConnectionSettings {
    /// Whether members that nobody has are kept as text that means nothing to the
    /// service; `false` unless set.
    opaque_members: MaybeUndefined<bool>,
    /// What a PATCH is answered with: `resource` (200, the default) or `none` (204).
    patch_response: MaybeUndefined<String>,
    /// Media type of answers: `auto` (what the request prefers, the default), `scim` or `json`.
    media_type: MaybeUndefined<String>,
    /// Whether a group's name is unique; as the dialect says unless set.
    unique_group_names: MaybeUndefined<bool>,
    /// Resources of a page whose request has no `count`; the service's own unless set.
    default_results: MaybeUndefined<u32>,
    /// Whether what it changes is answered as if it were made, and is not: the record tells what
    /// would have changed. `false` unless set.
    shadow: MaybeUndefined<bool>,
}

/// An application that a tenant's people use.
#[derive(Debug, Object)]
pub(super) struct Application {
    /// Its name.
    name: String,
    /// Ids of the groups whose members may use it.
    groups: Vec<String>,
    /// Whether sessions end there for who leaves one of the groups and stays in another.
    revoke_on_privilege_loss: bool,
    /// When it was created (RFC 3339).
    created_at: String,
}

/// What is set for the events of a tenant.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(super) struct EventSettings {
    /// Domains whose addresses the tenant gives out; none unless set. Events say that such an
    /// address was changed or given to somebody else.
    authoritative_domains: MaybeUndefined<Vec<String>>,
    /// Whether another address or `userName` ends sessions; unless set, at the receivers that
    /// know people by it.
    revoke_on_rename: MaybeUndefined<bool>,
    /// Whether the loss of a role or an entitlement ends sessions; `false` unless set.
    revoke_on_privilege_loss: MaybeUndefined<bool>,
    /// Whether another password ends sessions; `false` unless set.
    revoke_on_password_change: MaybeUndefined<bool>,
    /// Attributes whose new values are told as claims, beside roles, entitlements, address and
    /// `userName`: `title`, or `urn:…:User:department`.
    claims: MaybeUndefined<Vec<String>>,
    /// The attribute that locks users who have it `true`: their sessions end.
    locked_by: MaybeUndefined<String>,
    /// The attribute that suspends users who have it `true`: they count as not active.
    suspended_by: MaybeUndefined<String>,
    /// Whether events with the values of resources are sent to streams that ask for them;
    /// `false` unless set.
    full_events: MaybeUndefined<bool>,
}

/// How much a tenant may ask for.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(super) struct TenantLimits {
    /// So many SCIM requests at once, and as many evenly over each minute, of each process: 1 to
    /// 1000000. Any number unless set.
    requests_per_minute: MaybeUndefined<u32>,
    /// So many SCIM requests are done at a time, of each process; others wait, at most 30 seconds:
    /// 1 to 1000. 64 unless set.
    concurrent_requests: MaybeUndefined<u32>,
    /// So many while other tenants ask too, or did in the last minute: 1 to 1000. 4 unless set.
    concurrent_requests_shared: MaybeUndefined<u32>,
}

/// How a stream names people, beside the format; what is absent is as the profile has it.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(super) struct SubjectOptions {
    /// The `sub` of `iss_sub`: `externalId` (the default), `userName`, `id` or `email`.
    sub_source: MaybeUndefined<String>,
    /// The `iss` of `iss_sub`; the tenant's unless set.
    iss: MaybeUndefined<String>,
    /// The address of `email`: `emails.primary` (the default) or `userName`.
    email_source: MaybeUndefined<String>,
    /// Whether all names of a person are sent, and not only one.
    aliases: MaybeUndefined<bool>,
    /// What a complex subject names beside the user: `tenant`, `application`.
    complex: MaybeUndefined<Vec<String>>,
    /// The application that a complex subject names; the stream's unless set.
    application: MaybeUndefined<String>,
    /// Whether the subject also stands inside the event, for receivers that look for it there.
    legacy_events_subject: MaybeUndefined<bool>,
}

/// A line of a connection's log.
#[derive(Debug, Object)]
pub(super) struct Notice {
    /// What was done: `unknown`, `readOnly`, `notKept`, `schema`, `primary`, `member` or `dialect`.
    kind: String,
    /// Where: the path of an attribute, never its value.
    detail: String,
    /// How often.
    count: i64,
    /// When first (RFC 3339).
    first_at: String,
    /// When last (RFC 3339).
    last_at: String,
}

/// A signing key, without its private half.
#[derive(Debug, Object)]
pub(super) struct SigningKey {
    /// Its name in tokens and in the key set.
    kid: String,
    /// `active` (it signs), `published` (it will) or `retired` (it did).
    state: String,
    /// When it was made (RFC 3339).
    created_at: String,
    /// When a published one begins to sign (RFC 3339).
    used_from: Option<String>,
    /// When a retired one leaves the key set (RFC 3339).
    kept_until: Option<String>,
}

/// A token, without its secret.
#[derive(Debug, Object)]
pub(super) struct Token {
    /// Its id.
    id: String,
    /// What it is for.
    label: String,
    /// What it may do.
    scopes: Vec<String>,
    /// The connection that uses it.
    connection: Option<String>,
    /// Id of the user it speaks for, if it is a user's.
    user: Option<String>,
    /// Networks from which alone it is good; anywhere if there are none.
    networks: Vec<String>,
    /// When it ends (RFC 3339).
    expires_at: String,
    /// When it was last used (RFC 3339).
    last_used_at: Option<String>,
    /// When it was revoked (RFC 3339).
    revoked_at: Option<String>,
}

/// A new token, with its secret.
#[derive(Debug, Object)]
pub(super) struct SecretToken {
    /// The secret, shown this once.
    token: String,
    /// Its id.
    id: String,
    /// What it is for.
    label: String,
    /// When it ends (RFC 3339).
    expires_at: String,
}

/// A stream: a receiver of a tenant's security events.
#[derive(Debug, Object)]
pub(super) struct Stream {
    /// Its id.
    id: String,
    /// What the stream is for.
    description: String,
    /// How events get there: `push` (RFC 8935) or `poll` (RFC 8936).
    method: String,
    /// Where events are pushed, or polled.
    endpoint_url: String,
    /// The `aud` of its events.
    audience: String,
    /// URIs of the events it gets.
    events: Vec<String>,
    /// The application that it is for.
    application: Option<String>,
    /// `enabled`, `paused` or `disabled`.
    status: String,
    /// Why it is not enabled.
    reason: Option<String>,
    /// How the last attempt at the first event that waits failed.
    last_error: Option<String>,
    /// When it was created (RFC 3339).
    created_at: String,
    /// Events that wait to be delivered.
    pending: i64,
}

/// A receiver of events, without its secret.
#[derive(Debug, Object)]
pub(super) struct Receiver {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Its OAuth client id.
    client_id: String,
    /// What its tokens may do.
    scopes: Vec<String>,
    /// Seconds without a sign of it until its polled streams are paused.
    inactivity_timeout: Option<i64>,
    /// Streams that it has.
    streams: i64,
    /// When it was made (RFC 3339).
    created_at: String,
    /// When it was revoked (RFC 3339).
    revoked_at: Option<String>,
}

/// A new receiver, with its secret.
#[derive(Debug, Object)]
pub(super) struct SecretReceiver {
    /// Its OAuth client secret, shown this once.
    client_secret: String,
    /// Where it gets tokens.
    token_url: String,
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Its OAuth client id.
    client_id: String,
    /// What its tokens may do.
    scopes: Vec<String>,
}

/// An event, as it was committed.
#[derive(Debug, Object)]
pub(super) struct Event {
    /// Its place in the order of events.
    seq: i64,
    /// The tenant.
    tenant: String,
    /// The transaction: events of one change share it.
    txn: String,
    /// Its URI.
    event: String,
    /// The resource it is about, as its path below the SCIM base.
    resource: String,
    /// When it happened (RFC 3339).
    occurred_at: String,
}

/// A list.
#[derive(Debug, Object)]
pub(super) struct List<T: ParseFromJSON + ToJSON> {
    /// What was found.
    items: Vec<T>,
}

/// A record does not have the members that its view documents.
#[derive(Debug, thiserror::Error)]
#[error("a record cannot be shown: {0}")]
struct Mismatch(String);

/// The view of a record.
pub(super) fn view<T: ParseFromJSON>(record: &impl Serialize) -> Result<T, Failure> {
    let value = serde_json::to_value(record).map_err(|error| Failure::internal(&error))?;
    T::parse_from_json(Some(value))
        .map_err(|error| Failure::internal(&Mismatch(error.into_message())))
}

/// The views of records.
pub(super) fn list<T: ParseFromJSON + ToJSON>(
    records: &[impl Serialize],
) -> Result<List<T>, Failure> {
    let items = records.iter().map(view).collect::<Result<_, _>>()?;
    Ok(List { items })
}

/// A list of what is shown as it is.
pub(super) fn items(values: Vec<Value>) -> List<Any<Value>> {
    List { items: values.into_iter().map(Any).collect() }
}

/// The view of a new token.
pub(super) fn new_token(issued: &IssuedToken) -> Result<SecretToken, Failure> {
    let Token { id, label, expires_at, .. } = view(&issued.record)?;
    Ok(SecretToken { token: issued.token.expose_secret().to_owned(), id, label, expires_at })
}

/// The view of a new receiver.
pub(super) fn new_receiver(issued: &IssuedReceiver) -> Result<SecretReceiver, Failure> {
    let Receiver { id, name, client_id, scopes, .. } = view(&issued.record)?;
    Ok(SecretReceiver {
        client_secret: issued.client_secret.expose_secret().to_owned(),
        token_url: issued.token_url.clone(),
        id,
        name,
        client_id,
        scopes,
    })
}
