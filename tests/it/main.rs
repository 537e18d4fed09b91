//! The service as its clients meet it: over HTTP, on both databases, each test
//! with a tenant of its own.
//!
//! `support` starts the service and speaks for a tenant; every other module is one subject.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

#[macro_use]
mod support;

mod access;
mod admin;
mod architecture;
mod asking;
mod asynchronous;
mod attacks;
mod brake;
mod bulk;
mod canary;
mod cli;
mod clients;
mod concurrency;
mod connections;
mod coverage;
mod crash;
mod cursors;
mod custom;
mod demo;
mod deprovisioning;
mod etag;
mod events;
mod filters;
mod groups;
mod guides;
mod hostile;
mod keys;
mod limits;
mod names;
mod notices;
mod offboarding;
mod openapi;
mod patching;
mod properties;
mod protocol;
mod random;
mod record;
mod rehearsal;
mod replacing;
mod replicas;
mod restoring;
mod roles;
mod sorting;
mod ssf;
mod tenancy;
mod tenant_limits;
mod traffic;
