//! An id for every request and a line about it in the log, which says from whom it came.

use super::{App, Peer};
use crate::outside::random_bytes;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = format!(
        "{:016x}",
        u64::from_be_bytes(random_bytes(app.engine.outside()))
    );
    // The path alone: a query may one day hold what no log should.
    let peer = Peer::of(request.extensions()).address;
    let span = tracing::info_span!("request", %id, %peer, method = %request.method(), path = request.uri().path());
    async move {
        let mut response = next.run(request).await;
        tracing::debug!(status = response.status().as_u16(), "answered");
        response.headers_mut().insert(
            REQUEST_ID,
            HeaderValue::try_from(id).expect("hexadecimal digits"),
        );
        response
    }
    .instrument(span)
    .await
}
