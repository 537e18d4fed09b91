//! From the name of a receiver to addresses to which we may connect.
//!
//! Every answer is checked, at each connection, and the connection is made to an
//! address that passed. So a name that means one thing when it is configured
//! and another when it is used gains nothing.

use std::{io, net::IpAddr, net::SocketAddr, sync::Arc};

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::tenant::receiver_url::ReceiverRules;

/// Finds the addresses of a name.
pub(super) trait Lookup: Send + Sync + 'static {
    /// The addresses of `name`, whatever they are.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// What the system's resolver says.
#[derive(Debug, Clone, Copy)]
pub(super) struct System;

impl Lookup for System {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// None of a name's addresses is allowed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no address of the name is allowed")]
pub(super) struct NoAddress;

/// Gives out the allowed ones among a name's addresses.
pub(super) struct Resolver<L> {
    rules: Arc<ReceiverRules>,
    lookup: L,
    is_allowed: fn(&ReceiverRules, IpAddr) -> bool,
}

impl<L: Lookup> Resolver<L> {
    /// For connections that are encrypted.
    pub(super) fn new(rules: Arc<ReceiverRules>, lookup: L) -> Self {
        Self { rules, lookup, is_allowed: ReceiverRules::allows }
    }

    /// For those that are not.
    pub(super) fn plain(rules: Arc<ReceiverRules>, lookup: L) -> Self {
        Self { is_allowed: ReceiverRules::is_near, ..Self::new(rules, lookup) }
    }
}

impl<L: Lookup> Resolve for Resolver<L> {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.lookup.lookup(name.as_str().to_owned());
        let (rules, is_allowed) = (Arc::clone(&self.rules), self.is_allowed);
        Box::pin(async move {
            // The port of the URL takes the place of 0.
            let found = found.await?.into_iter().filter(|address| is_allowed(&rules, *address));
            let allowed: Vec<SocketAddr> = found.map(|it| SocketAddr::new(it, 0)).collect();
            if allowed.is_empty() {
                return Err(NoAddress.into());
            }
            let allowed: Addrs = Box::new(allowed.into_iter());
            Ok(allowed)
        })
    }
}
