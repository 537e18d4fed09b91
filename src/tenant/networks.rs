//! Networks from which a credential is good.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

/// Networks of one credential.
const MOST_NETWORKS: usize = 50;

/// The networks from which alone a credential is good; anywhere without any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedNetworks(Arc<[IpNet]>);

impl AllowedNetworks {
    /// Networks that are written as `10.1.0.0/16`, or as a single address.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut networks: Vec<IpNet> = Vec::new();
        for text in texts {
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            let network = network.map_err(|_| {
                "`networks`: expected networks such as 203.0.113.0/24 or 2001:db8::/32".to_owned()
            })?;
            networks.push(network.trunc());
        }
        networks.sort_unstable();
        networks.dedup();
        match networks.len() <= MOST_NETWORKS {
            true => Ok(Self(networks.into())),
            false => Err(format!("`networks`: at most {MOST_NETWORKS}")),
        }
    }

    /// Whether the credential is good at `address`; at one that is not known, only
    /// if it is good anywhere.
    pub fn allow(&self, address: Option<IpAddr>) -> bool {
        let address = address.map(|address| address.to_canonical());
        self.0.is_empty()
            || address.is_some_and(|address| self.0.iter().any(|it| it.contains(&address)))
    }

    /// The networks as text.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// The networks as they are kept; none if it is good anywhere.
    pub fn stored(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.texts().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_address_is_in_a_network_or_not() {
        let networks = ["203.0.113.77/24", "2001:db8::1", "198.51.100.7"];
        let networks = AllowedNetworks::parse(networks).unwrap();

        assert_eq!(networks.texts(), ["198.51.100.7/32", "203.0.113.0/24", "2001:db8::1/128"]);
        for inside in ["203.0.113.1", "2001:db8::1", "198.51.100.7", "::ffff:203.0.113.9"] {
            assert!(networks.allow(at(inside)), "{inside}");
        }
        for outside in ["203.0.114.1", "2001:db8::2", "198.51.100.8", "::1"] {
            assert!(!networks.allow(at(outside)), "{outside}");
        }
        assert!(!networks.allow(None));
        assert!(AllowedNetworks::default().allow(None));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for wrong in ["", "10.0.0.0/33", "host.example", "10.0.0", "10.0.0.1-10.0.0.9"] {
            AllowedNetworks::parse([wrong]).unwrap_err();
        }
        let many: Vec<String> = (0..=MOST_NETWORKS).map(|nth| format!("10.0.{nth}.0/24")).collect();
        AllowedNetworks::parse(many.iter().map(String::as_str)).unwrap_err();
    }
}
