//! From where a request comes.

use std::net::IpAddr;

use ipnet::IpNet;
use poem::{Addr, Request};

/// Where requests come from that a proxy passes on.
const FORWARDED: &str = "x-forwarded-for";

/// The address from which the client sent a request, if it is known: that of the
/// connection, or, if this is one of the `proxies`, the last one in
/// `X-Forwarded-For` that is none. What stands before it the client may have made
/// up.
pub(super) fn client_address(request: &Request, proxies: &[IpNet]) -> Option<IpAddr> {
    let Addr::SocketAddr(peer) = request.remote_addr().0 else { return None };
    let forwarded = request.headers().get_all(FORWARDED).iter();
    // A text that cannot be read names no address.
    let forwarded = forwarded.map(|value| value.to_str().unwrap_or("?"));
    address_behind(peer.ip(), forwarded, proxies)
}

fn address_behind<'t>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'t str>,
    proxies: &[IpNet],
) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    let is_proxy = |address: &IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    if !is_proxy(&peer) {
        return Some(peer);
    }
    for text in forwarded.rev().flat_map(|value| value.rsplit(',')) {
        let address = text.trim().parse::<IpAddr>().ok()?.to_canonical();
        if !is_proxy(&address) {
            return Some(address);
        }
    }
    Some(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str], proxies: &[&str]) -> Option<String> {
        let proxies: Vec<IpNet> = proxies.iter().map(|it| it.parse().unwrap()).collect();
        let address = address_behind(peer.parse().unwrap(), forwarded.iter().copied(), &proxies);
        address.map(|address| address.to_string())
    }

    #[test]
    fn only_a_proxy_that_is_trusted_says_where_a_request_comes_from() {
        let proxies = ["10.0.0.0/8"];
        for (peer, forwarded, address) in [
            ("203.0.113.7", &["198.51.100.1"][..], Some("203.0.113.7")),
            ("10.0.0.1", &["198.51.100.1"], Some("198.51.100.1")),
            ("10.0.0.1", &["192.0.2.9, 198.51.100.1"], Some("198.51.100.1")),
            ("10.0.0.1", &["192.0.2.9", "198.51.100.1, 10.0.0.2"], Some("198.51.100.1")),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], Some("10.0.0.1")),
            ("10.0.0.1", &[], Some("10.0.0.1")),
            ("10.0.0.1", &["198.51.100.1, unknown"], None),
            ("10.0.0.1", &["::ffff:198.51.100.1"], Some("198.51.100.1")),
        ] {
            assert_eq!(seen(peer, forwarded, &proxies).as_deref(), address, "{peer} {forwarded:?}");
        }
        assert_eq!(seen("10.0.0.1", &["198.51.100.1"], &[]).as_deref(), Some("10.0.0.1"));
    }
}
