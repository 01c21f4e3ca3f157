//! What every answer says to browsers besides its content: what it may be taken for, who may embed
//! it, who may keep it, and that TLS is not left again.

use super::{App, Peer};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, Entry, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Where an answer doesn't say otherwise itself, as the page's files do.
const RULES: [(HeaderName, &str); 5] = [
    // It is what it says that it is.
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Addresses name boards.
    (REFERRER_POLICY, "no-referrer"),
    // Opened as a page, it may do nothing, and stand in nobody's frame.
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (X_FRAME_OPTIONS, "DENY"),
    // Another site's page can't have it as a picture or a script either.
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// A year, which is what browsers ask of who means it. Not for other names below this one: they are
/// not ours to speak for.
const STAY_WITH_TLS: &str = "max-age=31536000";

/// The middleware.
pub(super) async fn protect(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_https = Peer::of(request.extensions()).is_https;
    // A browser would hold `localhost`, and every other server on it, to the same.
    let stays_with_tls = is_https && app.guard.is_https_name(request.uri(), request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, rule) in RULES {
        default(headers, name, rule);
    }
    let caching = if headers.contains_key(ETAG) {
        // Kept by its reader alone, and never used unasked.
        "private, no-cache"
    } else {
        "no-store"
    };
    default(headers, CACHE_CONTROL, caching);
    if stays_with_tls {
        default(headers, STRICT_TRANSPORT_SECURITY, STAY_WITH_TLS);
    }
    response
}

fn default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if let Entry::Vacant(entry) = headers.entry(name) {
        entry.insert(HeaderValue::from_static(value));
    }
}
