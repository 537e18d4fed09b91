//! Settings that are lists: what receivers may be beside public.

use std::{fmt::Display, str::FromStr};

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;

use super::Setting;

/// Networks, separated by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Networks(pub Vec<IpNet>);

/// Ports, separated by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Ports(pub Vec<u16>);

impl TryFrom<String> for Networks {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse(&text).map(Self).ok_or(Self::EXPECTED)
    }
}

impl TryFrom<String> for Ports {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let ports: Option<Vec<u16>> = parse(&text);
        ports.filter(|ports| !ports.contains(&0)).map(Self).ok_or(Self::EXPECTED)
    }
}

impl Setting for Networks {
    const EXPECTED: &'static str = "networks such as 10.1.0.0/16,fd00:1::/32";

    fn show(&self) -> Value {
        show(&self.0)
    }
}

impl Setting for Ports {
    const EXPECTED: &'static str = "ports such as 8443,9443";

    fn show(&self) -> Value {
        show(&self.0)
    }
}

fn parse<T: FromStr>(text: &str) -> Option<Vec<T>> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| item.parse().ok()).collect()
}

fn show(items: &[impl Display]) -> Value {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    Value::String(items.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_shown() {
        let networks = Networks::try_from("10.1.0.0/16, fd00::/8".to_owned()).unwrap();
        assert_eq!(networks.show(), "10.1.0.0/16,fd00::/8");
        assert_eq!(Ports::try_from(String::new()), Ok(Ports::default()));
        assert_eq!(Ports::try_from("8443,9443".to_owned()), Ok(Ports(vec![8443, 9443])));
        for wrong in ["10.1.0.0", "10.1.0.0/33", "app.example"] {
            assert_eq!(Networks::try_from(wrong.to_owned()), Err(Networks::EXPECTED), "{wrong}");
        }
        for wrong in ["0", "65536", "https"] {
            assert_eq!(Ports::try_from(wrong.to_owned()), Err(Ports::EXPECTED), "{wrong}");
        }
    }
}
