//! Where events may be sent: rules for URLs, asked when one is configured and
//! again when it is used, and rules for addresses, asked at each connection.
//!
//! Whoever configures a receiver tells this service where to connect, so
//! without rules it could be sent to what only this machine can reach. A name
//! says nothing about the addresses behind it, and those may change at any time:
//! that is why the resolver asks [`ReceiverRules::allows`] of every answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::Url;

#[cfg(test)]
mod tests;

/// Longer than any receiver's, and short enough for a row.
const MAX_BYTES: usize = 2_048;
/// The port of https.
const HTTPS: u16 = 443;
/// The port of plain HTTP.
const HTTP: u16 = 80;
/// The port of NATS.
const NATS: u16 = 4222;

/// Networks that are not the public internet's (IANA special-purpose registries),
/// and the address at which Azure answers its virtual machines.
const BLOCKED_V4: [Ipv4Net; 17] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([168, 63, 129, 16], 32),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
    v4([255, 255, 255, 255], 32),
];

/// The same for IPv6, with the networks in which an IPv4 address is hidden.
const BLOCKED_V6: [Ipv6Net; 14] = [
    // Unspecified, loopback and IPv4-compatible.
    v6([0, 0, 0], 96),
    // NAT64.
    v6([0x64, 0xff9b, 0], 96),
    v6([0x64, 0xff9b, 1], 48),
    v6([0x100, 0, 0], 64),
    // Teredo.
    v6([0x2001, 0, 0], 32),
    v6([0x2001, 0xdb8, 0], 32),
    // 6to4.
    v6([0x2002, 0, 0], 16),
    v6([0x3fff, 0, 0], 20),
    v6([0x5f00, 0, 0], 16),
    v6([0xfc00, 0, 0], 7),
    v6([0xfe80, 0, 0], 10),
    v6([0xfec0, 0, 0], 10),
    v6([0xff00, 0, 0], 8),
    // Benchmarking.
    v6([0x2001, 2, 0], 48),
];

/// Names under which clouds tell a machine its own secrets. Their addresses are
/// blocked as well; the name alone says what is meant.
const METADATA: [&str; 10] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.com",
    "metadata.azure.internal",
    "metadata.tencentyun.com",
    "metadata.oraclecloud.com",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.platformequinix.com",
];

const fn v4(address: [u8; 4], bits: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(start: [u16; 3], bits: u8) -> Ipv6Net {
    let [a, b, c] = start;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), bits)
}

/// Where this service may connect to tell of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverRules {
    allow_loopback: bool,
    networks: Vec<IpNet>,
    ports: Vec<u16>,
}

impl Default for ReceiverRules {
    /// Public addresses, https, port 443.
    fn default() -> Self {
        Self { allow_loopback: false, networks: Vec::new(), ports: vec![HTTPS] }
    }
}

impl ReceiverRules {
    /// Also this machine itself, over plain HTTP and at any port: for trying
    /// things out.
    pub fn trial() -> Self {
        Self::default().with_loopback(true)
    }

    /// Whether receivers on this machine are allowed, also over plain HTTP and at
    /// any port.
    #[must_use]
    pub fn with_loopback(self, allow_loopback: bool) -> Self {
        Self { allow_loopback, ..self }
    }

    /// Also addresses in `networks`, though they are not public.
    #[must_use]
    pub fn with_networks(self, networks: Vec<IpNet>) -> Self {
        Self { networks, ..self }
    }

    /// At these ports, beside 443.
    #[must_use]
    pub fn with_ports(mut self, ports: &[u16]) -> Self {
        self.ports.extend(ports);
        self
    }

    /// The URL, if it may be connected to.
    ///
    /// An address in it is judged as the client would read it: `0x7f.1` is
    /// 127.0.0.1. One that is not written in the usual way is refused whatever it
    /// means, because it can only be there to deceive.
    ///
    /// # Errors
    ///
    /// The rule that it breaks, in words.
    pub fn check(&self, url: &str) -> Result<Url, &'static str> {
        if MAX_BYTES < url.len() {
            return Err("longer than 2048 bytes");
        }
        let parsed = Url::parse(url).map_err(|_| "not a URL")?;
        // The client would turn it into an `Authorization` nobody asked for.
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err("the URL holds credentials");
        }
        let host = parsed.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        let address: Option<IpAddr> = host.parse().ok();
        let is_home = host == "localhost" || address.is_some_and(is_loopback);
        match parsed.scheme() {
            "https" => (),
            "http" if self.allow_loopback && is_home => (),
            _ => return Err("only https is allowed"),
        }
        match address {
            Some(address) if !self.allows(address) => {
                return Err("the address is not a public one");
            }
            Some(IpAddr::V4(_)) if !url.contains(&format!("//{host}")) => {
                return Err("the address is not written as four decimal numbers");
            }
            None if METADATA.contains(&host) => {
                return Err("the name is that of a metadata service");
            }
            None if is_home && !self.allow_loopback => {
                return Err("the name is this machine's own");
            }
            None if host.is_empty() => return Err("there is no host"),
            Some(_) | None => (),
        }
        let port = parsed.port_or_known_default().unwrap_or_default();
        if !(self.ports.contains(&port) || self.allow_loopback && is_home) {
            return Err("the port is not an allowed one");
        }
        Ok(parsed)
    }

    /// The URL of a session store, if it may be connected to: over https as any
    /// receiver, and over plain HTTP in allowed networks, where such stores are kept
    /// apart from everybody else. A name is judged by its addresses, at each
    /// connection.
    ///
    /// # Errors
    ///
    /// The rule that it breaks, in words.
    pub fn check_store(&self, url: &str) -> Result<Url, &'static str> {
        let Some(rest) = url.strip_prefix("http://").filter(|_| !self.networks.is_empty()) else {
            return self.check(url);
        };
        let parsed = Url::parse(url).map_err(|_| "not a URL")?;
        // Judged as https, because then an address is read as the client would; that
        // has another port if none is named.
        let judged = self.check(&format!("https://{rest}"))?;
        if parsed.port().is_none() && !self.ports.contains(&HTTP) {
            return Err("the port is not an allowed one");
        }
        let host = judged.host_str().unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        match address.is_ok_and(|address| !self.is_near(address)) {
            true => Err("only https is allowed to a public address"),
            false => Ok(parsed),
        }
    }

    /// The URL of a NATS server, if it may be connected to: `tls` as https is, and
    /// `nats`, which is not encrypted, to this machine and to allowed networks. A
    /// name in such a URL is judged by its addresses, at each connection.
    ///
    /// # Errors
    ///
    /// The rule that it breaks, in words.
    pub fn check_bus(&self, url: &str) -> Result<Url, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or("not a URL")?;
        if rest.trim_end_matches('/').contains(['/', '?', '#']) {
            return Err("only a host and a port are expected");
        }
        let rules = self.clone().with_ports(&[NATS]);
        // Judged as https, because then an address is read as the client would.
        let judged = match scheme {
            "tls" => rules.check(&format!("https://{rest}"))?,
            "nats" if self.allow_loopback || !self.networks.is_empty() => {
                let judged = rules.check(&format!("https://{rest}"))?;
                let host = judged.host_str().unwrap_or_default();
                let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
                if address.is_ok_and(|address| !self.is_near(address)) {
                    return Err("only tls is allowed to a public address");
                }
                judged
            }
            _ => return Err("only tls is allowed"),
        };
        let host = judged.host_str().unwrap_or_default();
        let port = Url::parse(url).ok().and_then(|url| url.port()).unwrap_or(NATS);
        Url::parse(&format!("{scheme}://{host}:{port}")).map_err(|_| "not a URL")
    }

    /// Whether `address` is this machine or in an allowed network, if that is
    /// allowed: what is not encrypted may go there.
    pub fn is_near(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        (self.allow_loopback && is_loopback(address))
            || self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether a connection to `address` may be made.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.networks.iter().any(|network| network.contains(&address)) {
            return true;
        }
        match address {
            _ if is_loopback(address) => self.allow_loopback,
            IpAddr::V4(address) => !BLOCKED_V4.iter().any(|network| network.contains(&address)),
            IpAddr::V6(address) => !BLOCKED_V6.iter().any(|network| network.contains(&address)),
        }
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
