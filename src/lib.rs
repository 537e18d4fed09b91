//! Muster keeps the roll of people whom partner organisations send to a platform.
//!
//! A partner's directory pushes users and groups over SCIM 2.0 (RFC 7643,
//! RFC 7644); Muster keeps them apart for each tenant, and the moment someone
//! leaves it emits signed events that end that person's sessions.
//!
//! # The house
//!
//! Imports go one way only; a test holds them to it.
//!
//! ```text
//! http ──► provision ──► scim, event, tenant, store
//!   └────► delivery::poll
//! delivery ──► event, tenant, store          cli, app, demo ──► everything
//! scim, event: pure. No poem, sea_orm, tokio, reqwest, clock, or random source.
//! store: the only place that names sea_orm.  http and app: the only places that name poem.
//! ```
//!
//! | room | what lives there |
//! | --- | --- |
//! | [`scim`] | the protocol as values and pure functions |
//! | [`event`] | which change makes which event, and the signed token it becomes |
//! | [`tenant`] | ids, scopes, tokens, and who is calling |
//! | [`store`] | everything that is kept, on SQLite or PostgreSQL |
//! | [`provision`] | the use cases, one file a verb |
//! | [`delivery`] | from the outbox to the receiver: push, poll, retries, keys |
//! | [`http`] | the accept loop, authentication, routes, errors as answers |
//! | [`guide`] | how to connect a directory, receive events, let people leave: documentation alone |
//! | [`app`], [`cli`], [`demo`], [`config`], [`telemetry`], [`clock`] | what holds the rooms together |
//!
//! # The way of one request
//!
//! A token becomes a [`tenant::Caller`]; the body is read by [`scim`] as the
//! connection's dialect allows; [`provision`] opens a transaction, loads,
//! lets [`scim`] change and check, and writes the row, its index rows, its events
//! and its audit entry together; the answer follows the commit. The commit wakes
//! [`delivery`], which claims, signs, sends and records.
//!
//! # Invariants
//!
//! 1. `scim` and `event` do no input or output: same arguments, same answer.
//! 2. No query without a tenant. The exceptions go through `Store::operator`.
//! 3. A change, its events and its audit entry commit together, or none does.
//! 4. `scim::filter::eval` and `store::filter_sql` agree on every filter.
//! 5. Every 4xx and 5xx under a SCIM base has a SCIM error body.
//! 6. Another tenant's id answers exactly as an unknown id.
//! 7. Delivery is at least once; a lease saves work, it does not give
//!    correctness; a `jti` never changes on retry.
//! 8. Whatever a client can grow has a limit, and the limit has a clear error.
//! 9. Authentication runs before anything of the request beyond its headers is parsed.
//! 10. Never a success for a change that was not made.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod demo;
pub mod event;
pub mod guide;
pub mod http;
pub mod provision;
pub mod scim;
pub mod store;
pub mod telemetry;
pub mod tenant;
