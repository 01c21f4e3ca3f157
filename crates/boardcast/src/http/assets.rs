//! The board in the browser: one page at `/` and everywhere below `/b`, and the files it names. They
//! are compiled in, compressed by the build; or read from a folder, for whoever works on them.
//! Nothing here reads a board.

use super::App;
use super::answer::{self, Problem};
use anyhow::{Context, ensure};
use axum::extract::State;
use axum::response::Response;
use boardcast_core::limits::WEB_FILE_BYTES_MAX;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, REFERRER_POLICY,
    VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The page, by its name among the files.
const PAGE: &str = "index.html";

/// What stands at the page's address in a program that was built without it.
const NO_INTERFACE: &str = include_str!("no_interface.html");

/// What the page may do: use what comes from here, and nothing else. Nothing inline, no other site's
/// frame around it, and HTML made from text only by Svelte's own policy.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types svelte-trusted-html";

/// A built file.
struct Embedded {
    name: &'static str,
    bytes: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// What `build.rs` built.
const EMBEDDED: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/interface.rs"));

/// The names of the files that are compiled in; none in a program that was built without them.
pub fn embedded_names() -> impl Iterator<Item = &'static str> {
    EMBEDDED.iter().map(|file| file.name)
}

/// The files of the interface.
pub enum Assets {
    /// As compiled in, by name.
    Embedded(BTreeMap<&'static str, Asset>),
    /// As they are in a folder now.
    Folder(PathBuf),
}

/// One file in every form there is of it.
pub struct Asset {
    content_type: &'static str,
    /// A hash of the content; none of what may be another in a moment.
    hash: Option<String>,
    bytes: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
}

/// How a body is compressed, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
    Identity,
}

pub(super) async fn page(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    app.assets.answer(PAGE, &headers).await
}

/// Below `/assets`: what the page names.
pub(super) async fn asset(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = uri.path().trim_start_matches('/');
    app.assets.answer(name, &headers).await
}

/// Where no route is, there may be a file beside the page, such as `/favicon.ico`.
pub(super) async fn beside_page(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let is_read = method == Method::GET || method == Method::HEAD;
    match uri.path().strip_prefix('/') {
        Some(name) if is_read && name != PAGE && !name.contains('/') => {
            app.assets.answer(name, &headers).await
        }
        _ => Err(Problem::NoSuchRoute),
    }
}

impl Assets {
    /// Those that are compiled in, or a page that says how to get them.
    #[must_use]
    pub fn embedded() -> Self {
        let nothing = [Embedded {
            name: PAGE,
            bytes: NO_INTERFACE.as_bytes(),
            brotli: None,
            gzip: None,
        }];
        let files = if EMBEDDED.is_empty() {
            &nothing
        } else {
            EMBEDDED
        };
        let assets = files.iter().filter_map(|file| {
            let asset = Asset {
                content_type: content_type(file.name)?,
                hash: Some(hash(file.bytes)),
                bytes: Bytes::from_static(file.bytes),
                brotli: file.brotli.map(Bytes::from_static),
                gzip: file.gzip.map(Bytes::from_static),
            };
            Some((file.name, asset))
        });
        Self::Embedded(assets.collect())
    }

    /// Those in a folder, as `npm run build` leaves them in `web/dist`.
    pub fn in_folder(folder: &Path) -> anyhow::Result<Self> {
        let named = || format!("--web-dir {}", folder.display());
        // Links are resolved once, so that what leads out of it can be told.
        let folder = folder.canonicalize().with_context(named)?;
        ensure!(
            folder.join(PAGE).is_file(),
            "{} has no {PAGE}; `npm run build` in web/ makes web/dist",
            named()
        );
        Ok(Self::Folder(folder))
    }

    async fn answer(&self, name: &str, headers: &HeaderMap) -> Result<Response, Problem> {
        let mut response = match self {
            Self::Embedded(assets) => assets.get(name).map(|asset| asset.answer(headers)),
            Self::Folder(folder) => {
                let (folder, name) = (folder.clone(), name.to_owned());
                let read = tokio::task::spawn_blocking(move || read_asset(&folder, &name));
                let asset = read.await.expect("reading a file doesn't panic");
                asset.map(|asset| asset.answer(headers))
            }
        }
        .ok_or(Problem::NoSuchRoute)?;
        let caching = match self {
            Self::Folder(_) => "no-store",
            // Another content gets another name.
            Self::Embedded(_) if name.starts_with("assets/") => {
                "public, max-age=31536000, immutable"
            }
            Self::Embedded(_) => "no-cache",
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        confine(headers);
        Ok(response)
    }
}

impl Asset {
    /// In the form that the caller likes best; or nothing, if the caller has that.
    fn answer(&self, headers: &HeaderMap) -> Response {
        let (coding, bytes) = self.form(headers);
        let whole = || {
            let mut response = answer::file(self.content_type, bytes.clone());
            if let Some(token) = coding.token() {
                let token = HeaderValue::from_static(token);
                response.headers_mut().insert(CONTENT_ENCODING, token);
            }
            response
        };
        let mut response = match &self.hash {
            Some(hash) => answer::validated(headers, &format!("{hash}{}", coding.suffix()), whole),
            None => whole(),
        };
        let vary = HeaderValue::from_static("accept-encoding");
        response.headers_mut().insert(VARY, vary);
        response
    }

    fn form(&self, headers: &HeaderMap) -> (Coding, &Bytes) {
        let mut best = (Coding::Identity, &self.bytes);
        let mut best_weight = weight(headers, Coding::Identity);
        let compressed = [(Coding::Gzip, &self.gzip), (Coding::Brotli, &self.brotli)];
        for (coding, bytes) in compressed {
            let weight = weight(headers, coding);
            if let Some(bytes) = bytes
                && weight > 0.0
                && weight >= best_weight
            {
                (best, best_weight) = ((coding, bytes), weight);
            }
        }
        best
    }
}

impl Coding {
    /// As `Content-Encoding` names it.
    fn token(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    /// Each form of a content has a validator of its own (RFC 9110, 8.8.3.3).
    fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => "-br",
            Self::Gzip => "-gzip",
            Self::Identity => "",
        }
    }

    fn is_named(self, token: &str) -> bool {
        let own = self.token().unwrap_or("identity");
        token.eq_ignore_ascii_case(own)
            || self == Self::Gzip && token.eq_ignore_ascii_case("x-gzip")
    }
}

/// How much a caller wants a coding, from 0 to 1 (RFC 9110, 12.5.3). One that can't be read is 0.
fn weight(headers: &HeaderMap, coding: Coding) -> f32 {
    let listed = || {
        let values = headers.get_all(ACCEPT_ENCODING).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        texts.flat_map(|text| text.split(',')).map(read_weighted)
    };
    let named = listed().find(|(token, _)| coding.is_named(token));
    let any = || listed().find(|(token, _)| *token == "*");
    match named.or_else(any) {
        Some((_, weight)) => weight,
        // Good enough where nothing better is.
        None if coding == Coding::Identity => f32::MIN_POSITIVE,
        None => 0.0,
    }
}

/// `token` or `token;q=0.5`.
fn read_weighted(item: &str) -> (&str, f32) {
    let Some((token, parameter)) = item.split_once(';') else {
        return (item.trim(), 1.0);
    };
    let weight = parameter
        .trim()
        .strip_prefix(['q', 'Q'])
        .and_then(|rest| rest.trim_start().strip_prefix('='))
        .and_then(|number| number.trim().parse::<f32>().ok())
        .filter(|weight| (0.0..=1.0).contains(weight));
    (token.trim(), weight.unwrap_or(0.0))
}

/// Keeps the page, and whatever else is opened as one, to itself.
fn confine(headers: &mut HeaderMap) {
    let rules = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ];
    for (name, rule) in rules {
        headers.insert(name, HeaderValue::from_static(rule));
    }
}

/// By the end of its name; a file with another end is none of the interface's.
fn content_type(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    Some(match end {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

/// Reads a file of the folder, if there is one by this name that doesn't lead out of it.
fn read_asset(folder: &Path, name: &str) -> Option<Asset> {
    let content_type = content_type(name)?;
    let path = is_plain(name).then(|| folder.join(name).canonicalize().ok())??;
    let bytes = path
        .starts_with(folder)
        .then(|| read_bounded(&path).ok())??;
    Some(Asset {
        content_type,
        hash: None,
        bytes: bytes.into(),
        brotli: None,
        gzip: None,
    })
}

/// Whether a name is made of names only: neither `..` nor anything that a system reads in its own way.
fn is_plain(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(is_letter))
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: opening a pipe would wait for its other end.
    if !path.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    let mut file = fs::File::open(path)?.take(WEB_FILE_BYTES_MAX + 1);
    file.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > WEB_FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset() -> Asset {
        Asset {
            content_type: "text/plain",
            hash: None,
            bytes: Bytes::from_static(b"identity"),
            brotli: Some(Bytes::from_static(b"brotli")),
            gzip: Some(Bytes::from_static(b"gzip")),
        }
    }

    fn chosen(asset: &Asset, accepts: &[&str]) -> Coding {
        let headers = accepts.iter().map(|value| {
            let value = HeaderValue::from_str(value).unwrap();
            (ACCEPT_ENCODING, value)
        });
        asset.form(&headers.collect()).0
    }

    #[test]
    fn the_coding_is_the_one_that_the_caller_wants_most_and_among_equals_the_smallest() {
        use Coding::{Brotli, Gzip, Identity};
        for (accepts, coding) in [
            (&[][..], Identity),
            (&[""], Identity),
            (&["gzip, deflate, br, zstd"], Brotli),
            (&["gzip, deflate"], Gzip),
            (&["GZIP"], Gzip),
            (&["x-gzip"], Gzip),
            (&["gzip", "br"], Brotli),
            (&["*"], Brotli),
            (&["br;q=0, *"], Gzip),
            (&["br;q=0"], Identity),
            (&["br; q=0.000, gzip;q=0"], Identity),
            (&["br;q=0.5, gzip;q=0.8"], Gzip),
            (&["gzip ; Q = 0.5"], Gzip),
            (&["br;q=0.5, identity"], Identity),
            (&["br;q=0.5, identity;q=0.5"], Brotli),
            (&["identity;q=0, gzip;q=0.1"], Gzip),
            (&["*;q=0"], Identity),
            (&["br;q=2, gzip;q=nan"], Identity),
            (&["br;level=1"], Identity),
            (&["brotli, zip"], Identity),
        ] {
            assert_eq!(chosen(&asset(), accepts), coding, "{accepts:?}");
        }
        let small = Asset {
            brotli: None,
            ..asset()
        };
        assert_eq!(chosen(&small, &["br"]), Identity);
        assert_eq!(chosen(&small, &["br, gzip"]), Gzip);
    }

    #[test]
    fn every_file_that_is_compiled_in_is_served() {
        let Assets::Embedded(assets) = Assets::embedded() else {
            unreachable!("embedded")
        };
        for name in embedded_names() {
            assert!(assets.contains_key(name), "{name} has no content type");
        }
        assert!(assets.contains_key(PAGE));
    }

    #[test]
    fn without_the_interface_the_page_says_how_to_get_it() {
        assert!(NO_INTERFACE.contains("Node\n      20.19 or newer and npm"));
        assert!(!NO_INTERFACE.contains("<script") && !NO_INTERFACE.contains("style"));
    }

    #[test]
    fn names_that_lead_elsewhere_are_no_names() {
        for name in ["index.html", "assets/a-B_1.js", "favicon.ico"] {
            assert!(is_plain(name), "{name}");
        }
        for name in [
            "",
            "/etc/passwd",
            "../a.js",
            "assets/../../a.js",
            "assets//a.js",
            "./a.js",
            ".env.js",
            "a\\b.js",
            "c:a.js",
            "%2e%2e/a.js",
            "a\0.js",
            "é.js",
        ] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
