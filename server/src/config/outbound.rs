use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::Host;

use super::Network;

/// Whom the server may call.
#[derive(clap::Args, Clone, Debug)]
pub struct OutboundConfig {
    /// Address, range or host name that may be called although it is not on the public internet, and without TLS; repeat it for more, or separate them by commas
    #[arg(
        long,
        env = "VOLARY_OUTBOUND_ALLOW",
        value_name = "CIDR_OR_HOST",
        value_delimiter = ',',
        help_heading = "Outbound"
    )]
    pub outbound_allow: Vec<Allowed>,
}

/// A place that the owner of the platform opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    Network(Network),
    /// A host by its name, wherever that leads; in lower case, without a dot at its end.
    Host(String),
}

impl Allowed {
    pub fn has_address(&self, address: IpAddr) -> bool {
        matches!(self, Self::Network(network) if network.contains(address))
    }

    /// `host` as a parsed URL has it.
    pub fn has_host(&self, host: &str) -> bool {
        matches!(self, Self::Host(name) if name == host.trim_end_matches('.'))
    }
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(network) = text.trim().parse() {
            return Ok(Self::Network(network));
        }
        match Host::parse(text.trim()) {
            Ok(Host::Domain(name)) if !name.contains('*') => {
                Ok(Self::Host(name.trim_end_matches('.').to_owned()))
            }
            _ => Err(format!(
                "{text:?} is neither a network nor a host: use an address such as 10.0.0.1, a range such as 10.0.0.0/8, \
                 or a name such as hooks.internal"
            )),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Host(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> Allowed {
        text.parse().unwrap()
    }

    #[test]
    fn networks_and_hosts_are_told_apart() {
        assert!(allowed("10.0.0.0/8").has_address("10.1.2.3".parse().unwrap()));
        assert!(allowed("::1").has_address("::1".parse().unwrap()));
        let host = allowed("Hooks.Internal.");
        assert_eq!(host, Allowed::Host("hooks.internal".to_owned()));
        assert!(host.has_host("hooks.internal") && host.has_host("hooks.internal."));
        assert!(!host.has_host("evil.hooks.internal"));
        assert!(!host.has_address("10.1.2.3".parse().unwrap()));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0",
            "https://a.b",
            "a.b:80",
            "*.internal",
            "a b",
        ] {
            assert!(bad.parse::<Allowed>().is_err(), "{bad}");
        }
    }
}
