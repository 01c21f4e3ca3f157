//! `/healthz`, for machines that look whether this one still works.

use super::App;
use super::answer::{self, Problem};
use crate::store::Failure;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

/// That it works.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    status: Status,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HealthStatus)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
}

pub(super) async fn healthz(State(app): State<App>) -> Result<Response, Problem> {
    if app.engine.is_healthy().await {
        Ok(answer::ok(&Health { status: Status::Ok }))
    } else {
        Err(Failure::Unavailable.into())
    }
}
