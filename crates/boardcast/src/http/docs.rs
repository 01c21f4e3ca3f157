//! `/openapi.json` and `/docs`: the API's description, for programs and to be read.

use super::answer::{self, Problem};
use super::decode::Parameters;
use super::{DESCRIBED, openapi};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use std::sync::LazyLock;
use utoipa::openapi::OpenApiVersion;

/// Something that never changes while the program runs, and its validator.
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

static VERSION_31: LazyLock<Fixed> = LazyLock::new(|| in_version(OpenApiVersion::Version31));
static VERSION_32: LazyLock<Fixed> = LazyLock::new(|| in_version(OpenApiVersion::Version32));

fn in_version(version: OpenApiVersion) -> Fixed {
    let document = openapi::document(DESCRIBED, version);
    Fixed::new(document.to_json().expect("plain data"))
}

pub(super) async fn document(
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
