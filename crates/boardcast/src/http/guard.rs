//! Keeps other sites' pages out. Any website can make a browser call a server on this machine, so,
//! accounts or not: `Host` must be ours (against DNS rebinding), and for whatever changes or streams
//! an `Origin`, where a browser sends one, must be ours too (against forged requests). `curl` sends
//! neither `Origin` nor `Sec-Fetch-*` and is not affected.

use super::answer::Problem;
use super::security::Suspicion;
use super::{App, Peer};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Uri, Version};
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Which hosts and origins are ours besides this machine's own.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    public_urls: Vec<PublicUrl>,
    /// Sites that are not ours and whose pages may do the same as our own.
    other_sites: Vec<PublicUrl>,
}

/// An address under which people reach the server, such as `https://board.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: Scheme,
    site: Site,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Host and port, as `Host` and `Origin` name them: in lower case, the port only if it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Site {
    host: String,
    port: Option<u16>,
}

impl Site {
    fn parse(text: &str) -> Option<Self> {
        let authority = Authority::from_str(text).ok()?;
        let port_text = text.strip_prefix(authority.host())?;
        let port = match port_text.strip_prefix(':') {
            None if port_text.is_empty() => None,
            Some(_) => Some(authority.port_u16()?),
            // Something before the host: user information.
            None => return None,
        };
        (!authority.host().is_empty()).then(|| Self {
            host: authority.host().to_ascii_lowercase(),
            port,
        })
    }

    fn is_this_machine(&self) -> bool {
        let bracketed = self
            .host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        self.host == "localhost"
            || IpAddr::from_str(&self.host).is_ok()
            || bracketed.is_some_and(|host| Ipv6Addr::from_str(host).is_ok())
    }

    /// The same with the port that a scheme implies left out, so that `a:443` is `a` over https.
    fn without_default_port(mut self, scheme: Scheme) -> Self {
        self.port = self.port.filter(|port| *port != scheme.default_port());
        self
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read_origin(text.strip_suffix('/').unwrap_or(text))
            .ok_or_else(|| "must be like https://board.example.org, without a path".into())
    }
}

/// An origin as a browser writes it (RFC 6454, 6.2).
fn read_origin(text: &str) -> Option<PublicUrl> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    Some(PublicUrl {
        scheme,
        site: Site::parse(rest)?.without_default_port(scheme),
    })
}

impl Guard {
    /// A guard that lets these addresses in besides `localhost` and IP addresses, and the pages of
    /// those sites.
    #[must_use]
    pub fn new(public_urls: Vec<PublicUrl>, other_sites: Vec<PublicUrl>) -> Self {
        Self {
            public_urls,
            other_sites,
        }
    }

    /// Whether pages of any other site are allowed.
    pub(super) fn allows_others(&self) -> bool {
        !self.other_sites.is_empty()
    }

    /// The origin of a request, if it is a site that is not ours and allowed.
    pub(super) fn other_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        let site = read_origin(origin.to_str().ok()?)?;
        self.other_sites.contains(&site).then_some(origin)
    }

    /// Whether a request speaks to us. An HTTP/1.0 request may leave `Host` out.
    fn is_host_ours(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> bool {
        let is_uri_ours = uri
            .authority()
            .is_none_or(|authority| self.is_ours(authority.as_str()));
        let mut hosts = headers.get_all(HOST).iter();
        let is_header_ours = match (hosts.next(), hosts.next()) {
            (None, _) => {
                version <= Version::HTTP_10
                    || uri.authority().is_some() && version >= Version::HTTP_2
            }
            (Some(host), None) => host.to_str().is_ok_and(|host| self.is_ours(host)),
            (Some(_), Some(_)) => false,
        };
        is_uri_ours && is_header_ours
    }

    /// Whether a request is for a name that was given for https.
    pub(super) fn is_https_name(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        asked_for(uri, headers).is_some_and(|site| {
            self.public_urls
                .iter()
                .any(|url| url.scheme == Scheme::Https && url.site.host == site.host)
        })
    }

    fn is_ours(&self, host: &str) -> bool {
        Site::parse(host).is_some_and(|site| {
            site.is_this_machine()
                || self
                    .public_urls
                    .iter()
                    .any(|url| url.site.host == site.host)
        })
    }

    /// Whether what changes or streams was asked for by nobody's page, or by one of ours.
    fn is_origin_ours(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => {
                let site = headers
                    .get("sec-fetch-site")
                    .map(http::HeaderValue::as_bytes);
                matches!(site, None | Some(b"same-origin" | b"none"))
            }
            (Some(origin), None) => {
                origin
                    .to_str()
                    .ok()
                    .and_then(read_origin)
                    .is_some_and(|origin| {
                        is_same_site(&origin, uri, headers)
                            || self.public_urls.contains(&origin)
                            || self.other_sites.contains(&origin)
                    })
            }
            (Some(_), Some(_)) => false,
        }
    }
}

/// Whom a request is for: `:authority` on HTTP/2, else `Host`.
fn asked_for(uri: &Uri, headers: &HeaderMap) -> Option<Site> {
    let host = || headers.get(HOST)?.to_str().ok();
    Site::parse(uri.authority().map(Authority::as_str).or_else(host)?)
}

/// Host and port of the origin equal those of the request. The scheme is ignored: a proxy may end TLS.
fn is_same_site(origin: &PublicUrl, uri: &Uri, headers: &HeaderMap) -> bool {
    asked_for(uri, headers)
        .is_some_and(|host| host.without_default_port(origin.scheme) == origin.site)
}

/// Whether a request changes something or holds a stream open. Below `/b` there is only the page, which
/// a link may lead to from anywhere.
fn needs_own_origin(method: &Method, uri: &Uri) -> bool {
    let is_read = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let is_page = uri.path().starts_with("/b/");
    !is_read || uri.path().ends_with("/events") && !is_page
}

/// The middleware. `/healthz` is for machines that may know the server by any name.
pub(super) async fn check(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let peer = Peer::of(request.extensions());
    let note = |suspicion| {
        let now = app.engine.outside().now();
        app.edge.log.note(suspicion, peer.address, now);
    };
    if peer.speaks_for_others {
        note(Suspicion::SpokeForOthers);
    }
    if uri.path() != "/healthz" && !app.guard.is_host_ours(request.version(), uri, headers) {
        note(Suspicion::WrongHost);
        return Err(Problem::WrongHost);
    }
    if needs_own_origin(request.method(), uri) && !app.guard.is_origin_ours(uri, headers) {
        note(Suspicion::CrossOrigin);
        return Err(Problem::CrossOrigin);
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let ours = vec![
            "https://board.example.org".parse().unwrap(),
            "http://lan.example:8080/".parse().unwrap(),
        ];
        Guard::new(ours, vec!["https://wiki.example".parse().unwrap()])
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn only_this_machine_and_public_urls_are_hosts() {
        let ours = |host: &str| {
            guard().is_host_ours(
                Version::HTTP_11,
                &Uri::from_static("/"),
                &headers(&[("host", host)]),
            )
        };
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1:3000",
            "[::1]:3000",
            "10.1.2.3",
            "board.example.org",
            "board.example.org:8443",
            "Lan.Example:8080",
        ] {
            assert!(ours(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "localhost:",
            "localhost:x",
            "a@localhost",
            "",
            "evil@127.0.0.1",
            "[::1",
            "127.0.0.1.nip.example",
        ] {
            assert!(!ours(host), "{host}");
        }
    }

    #[test]
    fn a_request_without_a_host_passes_only_in_http_1_0() {
        let none = HeaderMap::new();
        assert!(guard().is_host_ours(Version::HTTP_10, &Uri::from_static("/"), &none));
        assert!(!guard().is_host_ours(Version::HTTP_11, &Uri::from_static("/"), &none));
        let evil = Uri::from_static("http://evil.example/");
        assert!(!guard().is_host_ours(Version::HTTP_11, &evil, &headers(&[("host", "localhost")])));
    }

    #[test]
    fn an_origin_decides_where_there_is_one() {
        let passes = |pairs: &[(&'static str, &str)]| {
            guard().is_origin_ours(&Uri::from_static("/"), &headers(pairs))
        };
        assert!(passes(&[]));
        assert!(passes(&[
            ("origin", "http://localhost:3000"),
            ("host", "localhost:3000")
        ]));
        assert!(
            passes(&[("origin", "https://x.example"), ("host", "x.example")]),
            "TLS ends in a proxy"
        );
        assert!(passes(&[
            ("origin", "https://x.example"),
            ("host", "x.example:443")
        ]));
        assert!(passes(&[
            ("origin", "https://board.example.org"),
            ("host", "127.0.0.1:3000")
        ]));
        assert!(passes(&[
            ("origin", "http://localhost:3000"),
            ("host", "localhost:3000"),
            ("sec-fetch-site", "cross-site")
        ]));
        assert!(!passes(&[
            ("origin", "http://localhost:3001"),
            ("host", "localhost:3000")
        ]));
        assert!(!passes(&[
            ("origin", "http://board.example.org"),
            ("host", "127.0.0.1:3000")
        ]));
        assert!(!passes(&[("origin", "null"), ("host", "localhost:3000")]));
        assert!(!passes(&[("origin", ""), ("host", "localhost:3000")]));
        assert!(!passes(&[
            ("origin", "http://localhost:3000"),
            ("origin", "http://evil.example"),
            ("host", "localhost:3000")
        ]));
    }

    #[test]
    fn a_page_of_an_allowed_site_passes_but_its_name_is_no_host_of_ours() {
        let origin = |origin: &str| headers(&[("origin", origin), ("host", "localhost")]);
        let wiki = origin("https://wiki.example:443");
        let uri = Uri::from_static("/");
        assert!(guard().is_origin_ours(&uri, &wiki));
        assert_eq!(
            guard().other_origin(&wiki).unwrap(),
            "https://wiki.example:443"
        );
        assert!(!guard().is_ours("wiki.example"));
        for other in [
            "http://wiki.example",
            "https://wiki.example:444",
            "null",
            "*",
        ] {
            assert!(!guard().is_origin_ours(&uri, &origin(other)), "{other}");
            assert_eq!(guard().other_origin(&origin(other)), None, "{other}");
        }
        assert_eq!(
            guard().other_origin(&origin("https://board.example.org")),
            None
        );
    }

    #[test]
    fn without_an_origin_the_browsers_own_word_decides() {
        let uri = Uri::from_static("/");
        let passes = |site| guard().is_origin_ours(&uri, &headers(&[("sec-fetch-site", site)]));
        assert!(passes("same-origin") && passes("none"));
        assert!(!passes("cross-site") && !passes("same-site") && !passes("anything"));
    }

    #[test]
    fn a_link_may_lead_to_the_page_of_a_board_that_is_called_events() {
        let needs = |path| needs_own_origin(&Method::GET, &Uri::from_static(path));
        assert!(!needs("/b/events") && !needs("/b/x/events"));
        assert!(needs("/events") && needs("/boards/b/events"));
    }

    #[test]
    fn a_public_url_is_an_origin() {
        for bad in [
            "board.example.org",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://u@a",
            "https://a:b",
        ] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }
}
