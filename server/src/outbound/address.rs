//! Which addresses are on the public internet. A name can lead anywhere, so it is the address that is judged, after the
//! name was resolved and before anything is connected.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 that is not public, as IANA's registry of special-purpose addresses has it.
const CLOSED_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8), // this network; 0.0.0.0 reaches this machine
    (Ipv4Addr::new(10, 0, 0, 0), 8), // private
    (Ipv4Addr::new(100, 64, 0, 0), 10), // behind a carrier's NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8), // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16), // link-local; clouds keep their metadata there
    (Ipv4Addr::new(172, 16, 0, 0), 12), // private
    (Ipv4Addr::new(192, 0, 0, 0), 24), // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24), // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24), // 6to4 relays, deprecated
    (Ipv4Addr::new(192, 168, 0, 0), 16), // private
    (Ipv4Addr::new(198, 18, 0, 0), 15), // benchmarking
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24), // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4), // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4), // reserved, and broadcast
];

/// What IPv6 has given out as global unicast. All else is closed: loopback, unspecified, link-local, unique-local and
/// multicast, and IPv4 written as IPv6 (mapped, compatible, translated by NAT64), which could be any of the above.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is closed within that.
const CLOSED_V6: [(Ipv6Addr, u32); 4] = [
    // Protocol assignments: Teredo, which wraps an IPv4 address, benchmarking and ORCHID among them.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation, twice.
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    // 6to4, which wraps an IPv4 address.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

/// Whether the address is one that anybody on the internet would reach at the same place.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !CLOSED_V4
            .iter()
            .any(|(network, prefix)| starts_v4(address, *network, *prefix)),
        IpAddr::V6(address) => {
            starts_v6(address, GLOBAL_V6.0, GLOBAL_V6.1)
                && !CLOSED_V6
                    .iter()
                    .any(|(network, prefix)| starts_v6(address, *network, *prefix))
        }
    }
}

/// `prefix` is 1 to 32.
fn starts_v4(address: Ipv4Addr, network: Ipv4Addr, prefix: u32) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (32 - prefix) == 0
}

/// `prefix` is 1 to 128.
fn starts_v6(address: Ipv6Addr, network: Ipv6Addr, prefix: u32) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (128 - prefix) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn both_ends_of_every_closed_range_are_closed_and_their_neighbours_open() {
        for (first, last) in [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
            ("224.0.0.0", "255.255.255.255"),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            assert!(!public(first) && !public(last), "{first} to {last}");
        }
        for open in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2000::",
            "2001:200::",
            "2001:db7:ffff::1",
            "2001:db9::",
            "2003::1",
            "2606:4700::1111",
            "3ffe::1",
            "3fff:1000::",
        ] {
            assert!(public(open), "{open}");
        }
    }

    #[test]
    fn ipv6_that_is_no_place_on_the_internet_is_closed() {
        for closed in [
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "100::1",
            "2001:0:7f00:1::",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "5f00::1",
        ] {
            assert!(!public(closed), "{closed}");
        }
    }

    proptest! {
        #[test]
        fn what_std_calls_special_is_never_public(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let is_special = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_multicast()
                || address.is_unspecified();
            prop_assert!(!(is_special && is_public(IpAddr::V4(address))), "{address}");
        }

        #[test]
        fn no_ipv4_address_gets_through_as_ipv6(bits: u32, rest: u64) {
            let [high, low] = [bits >> 16, bits & 0xffff].map(|half| half as u16);
            let mapped = Ipv4Addr::from_bits(bits).to_ipv6_mapped();
            let wrapped = [
                mapped,
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 1, (rest >> 32) as u16, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, (rest >> 16) as u16, rest as u16),
                Ipv6Addr::new(0x2001, 0, high, low, 0, 0, (rest >> 16) as u16, rest as u16),
            ];
            for address in wrapped {
                prop_assert!(!is_public(IpAddr::V6(address)), "{address}");
            }
        }

        #[test]
        fn what_std_calls_special_in_ipv6_is_never_public(bits: u128) {
            let address = Ipv6Addr::from_bits(bits);
            let is_special = address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.to_ipv4().is_some();
            prop_assert!(!(is_special && is_public(IpAddr::V6(address))), "{address}");
        }
    }
}
