//! Which network a host belongs to, as far as its name says so. What a name resolves to only the gateway
//! knows.

use std::net::{Ipv4Addr, Ipv6Addr};
use url::Host;

/// Where a host is (the special-purpose addresses of RFC 6890 and its registries).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Anywhere: a name other than `localhost`, or a public address.
    Public,
    /// On this machine.
    ThisMachine,
    /// On this machine's link, where clouds put the metadata of their instances.
    Link,
    /// In a private or shared network.
    Private,
    /// Nowhere that a request could go to: multicast and reserved addresses.
    Unreachable,
}

impl Network {
    /// The network of a URL's host: a name, an IPv4 address, or an IPv6 address in brackets. A final dot, which
    /// makes a name absolute in the DNS, does not count.
    pub fn of_host(host: &str) -> Network {
        match Host::parse(host.trim_end_matches('.')) {
            Ok(Host::Ipv4(address)) => of_ipv4(address),
            Ok(Host::Ipv6(address)) => of_ipv6(address),
            // RFC 6761 section 6.3
            Ok(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
                Network::ThisMachine
            }
            Ok(Host::Domain(_)) => Network::Public,
            Err(_) => Network::Unreachable,
        }
    }
}

fn of_ipv4(address: Ipv4Addr) -> Network {
    match address.octets() {
        // "This network" (RFC 791): systems take 0.0.0.0 for themselves.
        [0 | 127, ..] => Network::ThisMachine,
        [169, 254, ..] => Network::Link,
        // RFC 1918; shared address space (RFC 6598); protocol assignments (RFC 6890); benchmarks (RFC 2544).
        [10, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [192, 0, 0, _]
        | [198, 18 | 19, ..] => Network::Private,
        [224..=255, ..] => Network::Unreachable,
        _ => Network::Public,
    }
}

fn of_ipv6(address: Ipv6Addr) -> Network {
    if address.is_unspecified() || address.is_loopback() {
        return Network::ThisMachine;
    }
    if let Some(embedded) = embedded_ipv4(address) {
        return of_ipv4(embedded);
    }
    match address.segments() {
        [0xfe80..=0xfebf, ..] => Network::Link,
        // Unique local (RFC 4193), site-local (RFC 3879), translation within a network (RFC 8215).
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => Network::Private,
        [0xff00..=0xffff, ..] => Network::Unreachable,
        _ => Network::Public,
    }
}

/// The IPv4 address that a request to `address` ends up at.
fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let (high, low) = match address.segments() {
        // IPv4-compatible and IPv4-mapped (RFC 4291 section 2.5.5), IPv4-translated (RFC 2765), NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        // 6to4 (RFC 3056)
        | [0x2002, high, low, ..] => (high, low),
        _ => return None,
    };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Some(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Endpoint;

    #[test]
    fn a_host_is_seen_through_every_spelling() {
        for (network, hosts) in [
            (
                Network::ThisMachine,
                &[
                    "localhost",
                    "LocalHost",
                    "localhost.",
                    "a.localhost",
                    "a.localhost.",
                    "%6cocalhost",
                    "127.0.0.1",
                    "127.0.0.1.",
                    "127.255.255.254",
                    "127.1",
                    "127.1.",
                    "0x7f.1",
                    "0x7f000001",
                    "0177.0.0.01",
                    "2130706433",
                    "%31%32%37.0.0.1",
                    "0.0.0.0",
                    "0",
                    "0.1.2.3",
                    "[::1]",
                    "[0:0:0:0:0:0:0:1]",
                    "[::]",
                    "[::ffff:127.0.0.1]",
                    "[::ffff:7f00:1]",
                    "[::127.0.0.1]",
                    "[::ffff:0:127.0.0.1]",
                    "[64:ff9b::127.0.0.1]",
                    "[2002:7f00:1::]",
                    "[::ffff:0.0.0.0]",
                ][..],
            ),
            (
                Network::Link,
                &[
                    "169.254.169.254",
                    "169.254.169.254.",
                    "2852039166",
                    "0xa9fea9fe",
                    "0251.0376.0251.0376",
                    "[fe80::1]",
                    "[febf::1]",
                    "[::ffff:169.254.169.254]",
                    "[64:ff9b::a9fe:a9fe]",
                ],
            ),
            (
                Network::Private,
                &[
                    "10.0.0.1",
                    "10.1",
                    "012.0.0.1",
                    "172.16.0.1",
                    "172.31.255.255",
                    "192.168.0.1",
                    "100.64.0.1",
                    "100.127.255.255",
                    "192.0.0.192",
                    "198.18.0.1",
                    "198.19.255.255",
                    "[fc00::1]",
                    "[fdff::1]",
                    "[fd00:ec2::254]",
                    "[fec0::1]",
                    "[::ffff:10.0.0.1]",
                    "[::192.168.0.1]",
                    "[64:ff9b::10.0.0.1]",
                    "[64:ff9b:1::8.8.8.8]",
                    "[2002:c0a8:1::1]",
                ],
            ),
            (
                Network::Unreachable,
                &["224.0.0.1", "240.0.0.1", "255.255.255.255", "[ff02::1]", "[::ffff:224.0.0.1]"],
            ),
            (
                Network::Public,
                &[
                    "as.example.com",
                    "as.example.com.",
                    "localhost.example.com",
                    "notlocalhost",
                    "127.0.0.1.example.com",
                    "8.8.8.8",
                    "11.0.0.1",
                    "126.255.255.255",
                    "128.0.0.1",
                    "169.253.255.255",
                    "169.255.0.1",
                    "172.15.255.255",
                    "172.32.0.1",
                    "192.167.255.255",
                    "192.0.1.1",
                    "192.169.0.1",
                    "100.63.255.255",
                    "100.128.0.1",
                    "198.17.255.255",
                    "198.20.0.1",
                    "223.255.255.255",
                    "[2001:4860:4860::8888]",
                    "[fbff::1]",
                    "[fe00::1]",
                    "[fe7f::1]",
                    "[::ffff:8.8.8.8]",
                    "[64:ff9b::8.8.8.8]",
                    "[64:ff9b:0:1::10.0.0.1]",
                    "[2002:808:808::1]",
                ],
            ),
        ] {
            for host in hosts {
                let endpoint = Endpoint::parse(&format!("https://{host}:8443/jwks")).unwrap();
                assert_eq!(Network::of_host(&endpoint.host), network, "{host}");
            }
        }
        assert_eq!(Network::of_host("127.0.0.1.."), Network::ThisMachine);
        assert_eq!(Network::of_host("a b"), Network::Unreachable);
    }
}
