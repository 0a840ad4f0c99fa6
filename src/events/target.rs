//! Where events may be sent: to public addresses, unless the settings allow others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

const ALLOW: &str = "events.allow_private_targets = true allows it";

/// Checks an address, as far as that is possible without its name being resolved.
///
/// # Errors
/// What is wrong with it.
pub fn checked_target(text: &str, allow_private: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("it is not an address: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        "http" => return Err(format!("use https; {ALLOW} without")),
        _ => return Err("use https".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not have a user name or password; put a secret into the query".into());
    }
    if url.fragment().is_some() {
        return Err("it must not have a fragment (`#`), which is never sent".to_owned());
    }
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) => None,
        None => return Err("it names no host".to_owned()),
    };
    match ip {
        Some(ip) if !allow_private && !is_public(ip) => Err(refused(ip)),
        _ => Ok(url),
    }
}

fn refused(ip: IpAddr) -> String {
    format!("{ip} is not a public address; {ALLOW}")
}

/// Whether an address is one of the public internet.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// By IANA's registry of special-purpose addresses.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    !matches!(
        ip.octets(),
        [0 | 10 | 127, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..]
    )
}

/// Only what is assigned to the internet, and of that nothing that leads elsewhere.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        // Mapped IPv4, and NAT64.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            inner(high, low)
        }
        // 6to4.
        [0x2002, high, low, ..] => inner(high, low),
        // Teredo and other protocols, and documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Resolves names, and refuses those of other addresses. The connection goes to the addresses that
/// were checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckedResolver {
    pub(super) allow_private: bool,
}

/// A name leads to an address that is not allowed.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to {}", refused(*.0))]
pub(super) struct RefusedAddress(IpAddr);

/// A name leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("the name cannot be resolved")]
struct NoAddress;

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> = found.map_err(|_| NoAddress)?.collect();
            let mut others = found.iter().map(SocketAddr::ip).filter(|ip| !is_public(*ip));
            match others.next() {
                Some(ip) if !allow_private => Err(RefusedAddress(ip).into()),
                _ => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for ip in ["8.8.8.8", "100.63.0.1", "172.32.0.1", "2606:4700::1", "::ffff:8.8.8.8"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "0.0.0.0",
            "127.0.0.1",
            "127.8.9.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "100::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn an_address_is_https_and_public_and_names_nobody() {
        let why = |url: &str| checked_target(url, false).err();
        for url in ["https://app.example.com/hooks?key=1", "https://8.8.8.8:8443/"] {
            assert_eq!(why(url), None, "{url}");
        }
        for (url, text) in [
            ("http://app.example.com/", "use https"),
            ("ftp://app.example.com/", "use https"),
            ("app.example.com", "not an address"),
            ("https://ann:secret@app.example.com/", "user name"),
            ("https://app.example.com/#a", "fragment"),
            ("https://127.0.0.1/", "127.0.0.1 is not a public address"),
            ("https://2130706433/", "127.0.0.1 is not a public address"),
            ("https://0x7f.1/", "127.0.0.1 is not a public address"),
            ("https://[::ffff:10.0.0.1]/", "is not a public address"),
        ] {
            let why = why(url).unwrap_or_default();
            assert!(why.contains(text), "{url}: {why}");
        }
        for url in ["http://127.0.0.1:9000/", "http://app.example.com/", "https://[::1]/"] {
            assert!(checked_target(url, true).is_ok(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_loopback_is_refused() {
        let resolve = async |allow_private| {
            let resolver = CheckedResolver { allow_private };
            resolver.resolve("localhost".parse().unwrap()).await.map(Iterator::count)
        };
        let refused = resolve(false).await.unwrap_err().to_string();
        assert!(refused.contains("is not a public address"), "{refused}");
        assert!(resolve(true).await.unwrap() > 0);
    }
}
