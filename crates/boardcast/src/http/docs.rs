//! `/openapi.json` and `/docs`: what the server says of itself, for programs and to be read. All of it is
//! made at the first request and never changes.

mod page;

use super::answer::{self, Problem};
use super::decode::Parameters;
use super::{DESCRIBED, openapi};
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderMap, HeaderValue};
use std::sync::LazyLock;
use utoipa::openapi::OpenApiVersion;

static VERSION_31: LazyLock<Fixed> = LazyLock::new(|| in_version(OpenApiVersion::Version31));
static VERSION_32: LazyLock<Fixed> = LazyLock::new(|| in_version(OpenApiVersion::Version32));
static PAGE: LazyLock<Fixed> = LazyLock::new(|| {
    let document = openapi::document(DESCRIBED, OpenApiVersion::Version32);
    Fixed::new(page::write(&document))
});
static STYLE: LazyLock<Fixed> = LazyLock::new(|| Fixed::new(include_str!("docs/style.css")));

/// What the page may do: look as its style sheet says.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Something that never changes, and its validator.
struct Fixed {
    bytes: Bytes,
    hash: String,
}

impl Fixed {
    fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let hash = blake3::hash(&bytes).to_hex()[..16].to_owned();
        Self { bytes, hash }
    }

    fn answer(&self, content_type: &'static str, headers: &HeaderMap) -> Response {
        answer::validated(headers, &self.hash, || {
            answer::file(content_type, self.bytes.clone())
        })
    }
}

fn in_version(version: OpenApiVersion) -> Fixed {
    let document = openapi::document(DESCRIBED, version);
    Fixed::new(document.to_json().expect("plain data"))
}

/// The document, as OpenAPI 3.2 has it.
pub fn document() -> Bytes {
    VERSION_32.bytes.clone()
}

pub(super) async fn read(
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let version = parameters.take("version")?;
    parameters.finish()?;
    let document = match version.as_deref() {
        None | Some("3.1") => &VERSION_31,
        Some("3.2") => &VERSION_32,
        Some(_) => return Err(Problem::invalid("version", "must be 3.1 or 3.2")),
    };
    Ok(document.answer("application/json", &headers))
}

/// The document as a page.
pub(super) async fn page(headers: HeaderMap) -> Response {
    let mut response = PAGE.answer("text/html; charset=utf-8", &headers);
    let policy = HeaderValue::from_static(POLICY);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// What it looks like.
pub(super) async fn style(headers: HeaderMap) -> Response {
    STYLE.answer("text/css; charset=utf-8", &headers)
}
