//! Delivery without a database: decisions, requests, answers, and a push
//! against a real receiver.

mod backoff;
mod care;
mod claims;
mod keys;
mod outgoing;
mod poll;
mod push;
mod second_sweep;
mod sinks;
mod worker;
