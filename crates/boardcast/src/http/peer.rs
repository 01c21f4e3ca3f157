//! Who is at the other end. The kernel knows the machine that connected, and no other word counts,
//! unless that machine is a proxy that was named: then what it says of the one behind it does. Decided
//! here alone, once for each request, before anything else looks at it.

use http::{Extensions, HeaderMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Whoever sent a request, as far as that can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Of the client, or of the nearest machine to it that may be believed.
    pub address: IpAddr,
    /// Whether the client speaks TLS, to us or to a proxy that may be believed.
    pub is_https: bool,
    /// Whether it is on this machine, with nobody between.
    is_local: bool,
    /// Whether it speaks for others and is nobody whose word counts.
    pub(super) speaks_for_others: bool,
}

/// One end of a connection, as the kernel knows it.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Of the machine that connected.
    pub address: IpAddr,
    /// Whether TLS ends here.
    pub is_tls: bool,
}

/// The proxies whose word counts.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<Network>);

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    base: IpAddr,
    bits: u32,
}

/// What a proxy leaves in a request. Only the first two are ever believed.
const TRACES: [&str; 6] = [
    FORWARDED_FOR,
    FORWARDED_PROTO,
    "x-forwarded-host",
    "x-real-ip",
    "forwarded",
    "via",
];
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

impl Peer {
    /// Judges a request that came over a connection.
    #[must_use]
    pub fn judge(link: Link, headers: &HeaderMap, proxies: &TrustedProxies) -> Self {
        let address = link.address.to_canonical();
        let was_passed_on = TRACES.iter().any(|name| headers.contains_key(*name));
        let is_proxy = proxies.contain(address);
        let said_https = is_proxy.then(|| says_https(headers)).flatten();
        Self {
            address: proxies.nearest_other(address, headers),
            is_https: said_https.unwrap_or(link.is_tls),
            is_local: address.is_loopback() && !was_passed_on,
            speaks_for_others: !is_proxy
                && [FORWARDED_FOR, FORWARDED_PROTO]
                    .iter()
                    .any(|name| headers.contains_key(*name)),
        }
    }

    /// Somebody on this machine, without TLS.
    #[must_use]
    pub fn local() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            is_https: false,
            is_local: true,
            speaks_for_others: false,
        }
    }

    /// Of a request: every one has it.
    pub(super) fn of(extensions: &Extensions) -> &Self {
        extensions
            .get()
            .expect("a peer is judged before the request is routed")
    }

    /// Whom it is counted with: of version 6 the network of 64 bits, which is what one customer has.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(_) => self.address,
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Ipv6Addr::from_bits(network).into()
            }
        }
    }

    /// Whether secrets may go either way: nobody between can read along.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.is_https || self.is_local
    }
}

/// Whether every proxy on the way was reached by TLS; none if none says. One that is passed on from
/// before must not outvote the one who knows.
fn says_https(headers: &HeaderMap) -> Option<bool> {
    let values = headers.get_all(FORWARDED_PROTO).iter();
    let mut said = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    headers
        .contains_key(FORWARDED_PROTO)
        .then(|| said.all(|proto| proto.trim_ascii().eq_ignore_ascii_case(b"https")))
}

impl TrustedProxies {
    /// Of words as [`TrustedProxies::from_str`] reads them.
    pub fn read(words: &[String]) -> Result<Self, (String, String)> {
        let mut all = Vec::new();
        for word in words {
            let named: Self = word.parse().map_err(|why| (word.clone(), why))?;
            all.extend(named.0);
        }
        Ok(Self(all))
    }

    /// Whether nobody is believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Each proxy adds whom it heard from at the right end, so the way is gone back from there, for as
    /// long as it leads over proxies. What stands left of that is anybody's word.
    fn nearest_other(&self, mut address: IpAddr, headers: &HeaderMap) -> IpAddr {
        let values = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut hops = values
            .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','))
            .filter(|hop| !hop.trim_ascii().is_empty());
        while self.contain(address) {
            match hops.next().map(read_hop) {
                Some(Some(before)) => address = before,
                // It doesn't say, or names nobody: no further back.
                Some(None) | None => break,
            }
        }
        address
    }
}

/// An address as proxies write it: some with a port, of version 6 in brackets or not.
fn read_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop.trim_ascii()).ok()?;
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let bare = text.parse().ok();
    let address = bare
        .or_else(with_port)
        .or_else(|| bracketed().map(IpAddr::V6));
    address.map(|address| address.to_canonical())
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let is_same_kind = self.base.is_ipv4() == address.is_ipv4();
        is_same_kind && self.kept(address) == self.kept(self.base)
    }

    /// The bits that decide, at the left end.
    fn kept(&self, address: IpAddr) -> u128 {
        let bits = match address {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(address) => address.to_bits(),
        };
        bits & u128::MAX.checked_shl(128 - self.bits).unwrap_or(0)
    }
}

impl FromStr for TrustedProxies {
    type Err = String;

    /// An address, a network as 10.1.2.0/24, or `loopback`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "loopback" {
            let v4 = Network {
                base: Ipv4Addr::new(127, 0, 0, 0).into(),
                bits: 8,
            };
            let v6 = Network {
                base: Ipv6Addr::LOCALHOST.into(),
                bits: 128,
            };
            return Ok(Self(vec![v4, v6]));
        }
        let unreadable = "must be an address, a network such as 10.1.2.0/24, or loopback";
        let (address, bits) = match text.split_once('/') {
            None => (text, None),
            Some((address, bits)) => (address, Some(bits)),
        };
        let base: IpAddr = address.parse().map_err(|_| unreadable)?;
        let bits_max = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(bits_max), str::parse);
        let bits = bits.map_err(|_| unreadable)?;
        if bits > bits_max {
            return Err(unreadable.into());
        }
        if bits == 0 {
            return Err("names everybody, so anybody could pretend to be somebody else".into());
        }
        let network = Network { base, bits };
        if network.kept(base) != (Network { base, bits: 128 }).kept(base) {
            return Err(format!(
                "names one machine and {bits} bits of its network: leave out the bits, or set the rest of the address to 0"
            ));
        }
        Ok(Self(vec![network]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn proxies(words: &[&str]) -> TrustedProxies {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        TrustedProxies::read(&words).unwrap()
    }

    fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &[u8])| {
            let value = HeaderValue::from_bytes(value).unwrap();
            (HeaderName::from_static(name), value)
        };
        pairs.iter().map(pair).collect()
    }

    fn judge(address: &str, proxies: &TrustedProxies, pairs: &[(&'static str, &[u8])]) -> Peer {
        let link = Link {
            address: address.parse().unwrap(),
            is_tls: false,
        };
        Peer::judge(link, &headers(pairs), proxies)
    }

    /// Seen through a proxy on this machine and two more in front of it.
    #[track_caller]
    fn check_address(values: &[&[u8]], expected: &str) {
        let proxies = proxies(&["loopback", "10.1.0.0/16", "2001:db8:5::/48"]);
        let pairs: Vec<_> = values.iter().map(|value| (FORWARDED_FOR, *value)).collect();
        let peer = judge("127.0.0.1", &proxies, &pairs);
        assert_eq!(peer.address, expected.parse::<IpAddr>().unwrap());
        // The same from somebody who was never named.
        let stranger = judge("198.51.100.7", &proxies, &pairs);
        assert_eq!(
            stranger.address,
            "198.51.100.7".parse::<IpAddr>().unwrap(),
            "a stranger was believed"
        );
    }

    #[test]
    fn the_right_most_address_that_is_no_proxys_is_the_clients() {
        let ways: [&[&[u8]]; 11] = [
            &[b"203.0.113.9"],
            &[b" 203.0.113.9 , 10.1.2.3"],
            &[b"203.0.113.9,10.1.2.3,10.1.255.255,127.0.0.1"],
            &[b"203.0.113.9", b"10.1.2.3", b"[2001:db8:5::1]:443"],
            &[b"203.0.113.9:4711\t,\t[2001:db8:5:ffff::1]"],
            &[b"203.0.113.9, 10.1.2.3,, ,"],
            &[b"203.0.113.9", b""],
            &[b"::ffff:203.0.113.9, ::ffff:10.1.2.3"],
            // What the client made up stands further left.
            &[b"127.0.0.1, 203.0.113.9"],
            &[b"192.0.2.1", b"10.1.2.3, 203.0.113.9"],
            &[b"unknown, \xff\xfe, 203.0.113.9, 10.1.2.3"],
        ];
        for values in ways {
            check_address(values, "203.0.113.9");
        }
        check_address(&[b"2001:db8::1"], "2001:db8::1");
        check_address(&[b"[2001:db8::1]"], "2001:db8::1");
        check_address(&[b"[2001:db8::1]:4711"], "2001:db8::1");
    }

    #[test]
    fn a_hop_that_names_nobody_ends_the_way_at_the_proxy_that_wrote_it() {
        let nobody: [&[u8]; 11] = [
            b"unknown",
            b"_hidden",
            b"203.0.113.9 10.1.2.3",
            b"203.0.113",
            b"203.0.113.9:",
            b"203.0.113.9:99999",
            b"[2001:db8::1",
            b"2001:db8::1]",
            b"\"203.0.113.9\"",
            b"for=203.0.113.9",
            b"\xff",
        ];
        for garbage in nobody {
            check_address(&[garbage], "127.0.0.1");
            check_address(&[b"203.0.113.9", garbage, b"10.1.2.3"], "10.1.2.3");
        }
        check_address(&[], "127.0.0.1");
        check_address(&[b""], "127.0.0.1");
        check_address(&[b"10.1.2.3"], "10.1.2.3");
    }

    #[test]
    fn nobody_is_believed_unless_somebody_was_named() {
        let pairs: &[(_, &[u8])] = &[
            (FORWARDED_FOR, b"203.0.113.9"),
            (FORWARDED_PROTO, b"https"),
            ("forwarded", b"for=203.0.113.9;proto=https"),
            ("x-real-ip", b"203.0.113.9"),
        ];
        let peer = judge("127.0.0.1", &TrustedProxies::default(), pairs);
        assert_eq!(peer.address, Ipv4Addr::LOCALHOST);
        assert!(!peer.is_https && peer.speaks_for_others);
        let peer = judge("127.0.0.1", &proxies(&["loopback"]), pairs);
        assert!(peer.is_https && !peer.speaks_for_others);
    }

    #[test]
    fn tls_is_what_ends_here_or_what_a_proxy_says_throughout() {
        let proxies = proxies(&["10.1.2.3"]);
        let says = |values: &[&[u8]], is_tls| {
            let pairs: Vec<_> = values
                .iter()
                .map(|value| (FORWARDED_PROTO, *value))
                .collect();
            let address = "10.1.2.3".parse().unwrap();
            let link = Link { address, is_tls };
            Peer::judge(link, &headers(&pairs), &proxies).is_https
        };
        assert!(says(&[], true) && !says(&[], false));
        assert!(says(&[b"https"], false) && says(&[b"HTTPS", b"https , https"], false));
        // The client's own word, and the proxy's.
        let doubtful: [&[&[u8]]; 5] = [
            &[b"https, http"],
            &[b"http"],
            &[b"https", b"http"],
            &[b""],
            &[b"https\xff"],
        ];
        for values in doubtful {
            assert!(!says(values, false) && !says(values, true), "{values:?}");
        }
    }

    #[test]
    fn secrets_go_over_tls_or_stay_on_this_machine() {
        let none = TrustedProxies::default();
        assert!(judge("127.0.0.1", &none, &[]).is_secure());
        assert!(judge("::1", &none, &[]).is_secure());
        assert!(judge("::ffff:127.0.0.1", &none, &[]).is_secure());
        assert!(!judge("192.0.2.1", &none, &[]).is_secure());
        // A proxy that nobody named may be reached from anywhere, without TLS.
        for trace in TRACES {
            let peer = judge("127.0.0.1", &none, &[(trace, b"https")]);
            assert!(!peer.is_secure(), "{trace}");
        }
        let named = proxies(&["loopback"]);
        let through = |proto: &[u8]| {
            let pairs: [(_, &[u8]); 2] = [(FORWARDED_FOR, b"127.0.0.1"), (FORWARDED_PROTO, proto)];
            judge("127.0.0.1", &named, &pairs).is_secure()
        };
        assert!(through(b"https") && !through(b"http"));
        assert!(judge("127.0.0.1", &named, &[]).is_secure());
    }

    #[test]
    fn of_version_6_a_client_is_counted_with_its_network() {
        let network = |address| judge(address, &TrustedProxies::default(), &[]).network();
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("203.0.113.9"), network("203.0.113.10"));
        assert_eq!(network("::ffff:203.0.113.9"), network("203.0.113.9"));
    }

    #[test]
    fn networks_hold_the_addresses_that_begin_as_they_do() {
        for (network, inside, outside) in [
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("10.1.2.0/24", "10.1.2.255", "10.1.3.0"),
            ("10.1.2.128/25", "10.1.2.128", "10.1.2.127"),
            ("128.0.0.0/1", "255.0.0.1", "127.255.255.255"),
            ("10.1.2.3/32", "10.1.2.3", "10.1.2.2"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
            ("::1", "::1", "::2"),
            ("loopback", "127.1.2.3", "128.0.0.1"),
            ("loopback", "::1", "::"),
            // A network of version 4 is none of version 6, however its bits are.
            ("10.0.0.0/8", "10.0.0.1", "a00::1"),
        ] {
            let network = proxies(&[network]);
            assert!(network.contain(inside.parse().unwrap()), "{inside}");
            assert!(!network.contain(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn what_names_no_network_or_every_one_is_refused() {
        for bad in [
            "",
            "proxy",
            "Loopback",
            "10.1.2.3/",
            "10.1.2.3/33",
            "10.1.2.3/-1",
            "::1/129",
            "10.1.2/24",
            "[::1]",
            "10.1.2.3:80",
            "10.1.2.3/24",
            "2001:db8::1/32",
            "0.0.0.0/0",
            "::/0",
            "1.2.3.4/0",
        ] {
            assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
        }
    }
}
