//! `/healthz`, for machines that look whether this one still works.

use super::App;
use super::answer::{self, Problem};
use crate::store::Failure;
use axum::extract::State;
use axum::response::Response;

pub(super) async fn healthz(State(app): State<App>) -> Result<Response, Problem> {
    if app.engine.is_healthy().await {
        Ok(answer::ok(&serde_json::json!({ "status": "ok" })))
    } else {
        Err(Failure::Unavailable.into())
    }
}
