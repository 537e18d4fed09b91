//! The SCIM protocol as values and pure functions (RFC 7643, RFC 7644).
//!
//! Nothing here reads a clock, a random source, a database or a socket: the
//! same arguments give the same answer. What a request asks becomes a value
//! here, is checked against the schema, and comes back as a value; storing it
//! and answering over HTTP are the business of `provision` and `http`.

#![doc = concat!("\n# Readings\n\n", include_str!("readings.md"))]

pub mod bulk;
pub mod date_time;
pub mod dialect;
pub mod discovery;
pub mod error;
pub mod filter;
pub mod json;
pub mod message;
pub mod notice;
pub mod patch;
pub mod path;
pub mod query;
pub mod resource;
pub mod schema;
pub mod text;
pub mod urn;

pub use error::{ScimError, ScimType};
