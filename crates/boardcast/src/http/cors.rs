//! Pages of other sites, as far as they were allowed by name: a browser lets them read what is
//! answered only if the answer says so. Nobody else's page gets a word (CORS, WHATWG Fetch, 3.3).

use super::App;
use super::answer;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, VARY,
};
use http::{HeaderName, HeaderValue, Method};

/// What such a page may read of an answer besides its body.
const EXPOSED: (HeaderName, &str) = (
    ACCESS_CONTROL_EXPOSE_HEADERS,
    "etag, retry-after, x-request-id",
);

/// What it may send, and for how many seconds a browser needn't ask again.
const PERMISSION: [(HeaderName, &str); 3] = [
    (
        ACCESS_CONTROL_ALLOW_METHODS,
        "GET, HEAD, POST, PUT, PATCH, DELETE",
    ),
    (
        ACCESS_CONTROL_ALLOW_HEADERS,
        "content-type, authorization, idempotency-key, if-match, if-none-match, last-event-id",
    ),
    (ACCESS_CONTROL_MAX_AGE, "3600"),
];

/// The middleware around everything that answers, refusals too: the page must be able to read why.
pub(super) async fn share(State(app): State<App>, request: Request, next: Next) -> Response {
    if !app.guard.allows_others() {
        return next.run(request).await;
    }
    let origin = app.guard.other_origin(request.headers()).cloned();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // Whoever keeps the answer keeps it for this origin alone.
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        // By name and never as `*`, so that it may come with what a browser knows its user by.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let credentials = HeaderValue::from_static("true");
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials);
        let (name, exposed) = EXPOSED;
        headers.insert(name, HeaderValue::from_static(exposed));
    }
    response
}

/// The middleware behind the guard: a browser asks whether the page may ask.
pub(super) async fn permit(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && app.guard.other_origin(headers).is_some();
    if !is_preflight {
        return next.run(request).await;
    }
    let mut response = answer::nothing();
    for (name, value) in PERMISSION {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}
