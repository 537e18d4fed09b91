//! Guides: one page for each task, for those who do it.
//!
//! | page | for |
//! | --- | --- |
//! | [`okta`], [`entra`], [`onelogin`], [`google`] | the partner's administrators who connect their directory |
//! | [`receiving_events`] | who writes the application that must end sessions |
//! | [`offboarding`] | HR and who automates what HR does |
//! | [`brake`], [`restoring`] | who is called when a directory has gone wrong |
//! | [`audit`] | who must prove who did what |
//!
//! `README.md` is the reference: every command, setting and limit.

#[doc = include_str!("audit.md")]
pub mod audit {}

#[doc = include_str!("brake.md")]
pub mod brake {}

#[doc = include_str!("entra.md")]
pub mod entra {}

#[doc = include_str!("google.md")]
pub mod google {}

#[doc = include_str!("offboarding.md")]
pub mod offboarding {}

#[doc = include_str!("okta.md")]
pub mod okta {}

#[doc = include_str!("onelogin.md")]
pub mod onelogin {}

#[doc = include_str!("receiving_events.md")]
pub mod receiving_events {}

#[doc = include_str!("restoring.md")]
pub mod restoring {}
