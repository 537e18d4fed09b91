//! From the outbox to the receivers.
//!
//! A claim is an event that is due at one stream, under a lease. [`issue`] makes
//! the signed Set of it; [`worker`] takes claims of push streams and sends them
//! with [`push`] (RFC 8935); [`poll`] answers receivers that fetch theirs
//! (RFC 8936). What to do after an attempt is decided by [`backoff`], a pure
//! function. Everything that leaves the process goes through
//! [`OutgoingClient`], so that rules about where we may connect have one place.
//!
//! Delivery is at least once. A lease saves work and does not give correctness:
//! if we die between sending and recording, the Set goes out again with the
//! same `jti`, by which the receiver tells copies (RFC 8417 §2.2).

pub mod alarm;
pub mod backoff;
mod circuit;
pub mod issue;
pub mod keys;
mod lease;
mod measure;
mod outcome;
mod outgoing;
pub mod poll;
pub mod push;
mod queue;
mod resolver;
pub mod rotation;
mod seats;
mod second_sweep;
pub mod sink;
mod trouble;
pub mod upkeep;
pub mod worker;

#[cfg(test)]
mod tests;

pub use outcome::{Commanded, Outcome, ReceiverError, Refusal, Remedy};
pub use outgoing::{OutgoingClient, OutgoingError};
