//! Requests as an input writes them: a line with method and target, headers, an empty line, the body;
//! `---` on a line of its own between two.

use axum::body::Body;
use boardcast::http::{Link, Peer, TrustedProxies};
use boardcast::live::Hangup;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use std::net::Ipv4Addr;

/// One request that HTTP can carry.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    target: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// The requests of an input; what HTTP can't carry is left out.
pub(super) fn read(text: &[u8]) -> impl Iterator<Item = Asked> {
    parts(text).into_iter().filter_map(Asked::read)
}

fn parts(text: &[u8]) -> Vec<&[u8]> {
    const BETWEEN: &[u8] = b"\n---\n";
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.windows(BETWEEN.len()).position(|five| five == BETWEEN) {
        parts.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    parts.push(rest);
    parts
}

impl Asked {
    pub(super) fn get(target: &str) -> Self {
        let asked = Self::read(format!("GET {target}").as_bytes());
        asked.expect("a plain request")
    }

    pub(super) fn post(target: &str, body: &str) -> Self {
        let asked = Self::read(format!("POST {target}\n\n{body}").as_bytes());
        asked.expect("a plain request")
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("plain text");
        self.headers.insert(name, value);
        self
    }

    fn read(text: &[u8]) -> Option<Self> {
        let (head, body) = match text.windows(2).position(|two| two == b"\n\n") {
            Some(at) => (&text[..at], &text[at + 2..]),
            None => (text, &[][..]),
        };
        let mut lines = head.split(|byte| *byte == b'\n');
        let mut first = lines.next()?.splitn(2, |byte| *byte == b' ');
        let method = Method::from_bytes(first.next()?).ok()?;
        let target = Uri::try_from(first.next()?).ok()?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let at = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..at]).ok()?;
            let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?;
            headers.append(name, value);
        }
        // What nearly every request has.
        headers
            .entry("host")
            .or_insert(HeaderValue::from_static("localhost"));
        if !body.is_empty() {
            headers
                .entry("content-type")
                .or_insert(HeaderValue::from_static("application/json"));
        }
        Some(Self {
            method,
            target,
            headers,
            body: body.to_vec(),
        })
    }

    /// Whether it is a patch that asks for a state and for nothing else.
    pub(super) fn is_patch_for_good(&self) -> bool {
        self.method == Method::PATCH && !self.headers.contains_key("if-match")
    }

    /// As it comes from a proxy on this machine whose word counts.
    pub(super) fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body.clone()));
        request.method_mut().clone_from(&self.method);
        request.uri_mut().clone_from(&self.target);
        request.headers_mut().clone_from(&self.headers);
        let proxies: TrustedProxies = "loopback".parse().expect("a known word");
        let link = Link {
            address: Ipv4Addr::LOCALHOST.into(),
            is_tls: false,
        };
        let peer = Peer::judge(link, &self.headers, &proxies);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Hangup::default());
        request
    }
}

/// The text with `{token}` and the like replaced by what is known.
pub(super) fn filled(text: &[u8], known: &[(&'static str, String)]) -> Vec<u8> {
    let (mut whole, mut rest) = (Vec::new(), text);
    while let Some((first, more)) = rest.split_first() {
        let named = known.iter().find_map(|(name, value)| {
            let after = rest.strip_prefix(b"{")?.strip_prefix(name.as_bytes())?;
            Some((value, after.strip_prefix(b"}")?))
        });
        if let Some((value, after)) = named {
            whole.extend(value.as_bytes());
            rest = after;
        } else {
            whole.push(*first);
            rest = more;
        }
    }
    whole
}
