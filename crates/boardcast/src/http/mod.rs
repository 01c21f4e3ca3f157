//! The wire: the route table, and the middleware in its order. Handlers decode, check shapes and say
//! who asks; rules live in core, status codes in [`answer`].

mod answer;
mod assets;
mod boards;
mod connection;
mod cors;
mod decode;
mod edge;
mod events;
mod guard;
mod headers;
mod health;
mod http2;
mod lists;
mod observe;
mod peer;
mod rate;
mod security;
mod tasks;
mod tls;
mod unread;
mod write;

pub use assets::{Asset, Assets, embedded_names};
pub use connection::{Connections, Service};
pub use edge::Edge;
pub use guard::{Guard, PublicUrl};
pub use peer::{Link, Peer, TrustedProxies};
pub use tls::Tls;

use crate::auth::Auth;
use crate::engine::Engine;
use answer::Problem;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, patch, post};
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// What every handler can reach.
#[derive(Clone)]
pub struct App {
    /// The board server behind the routes.
    pub engine: Arc<Engine>,
    /// Who is asking.
    pub auth: Auth,
    /// Which hosts and origins are ours.
    pub guard: Arc<Guard>,
    /// The board in the browser.
    pub assets: Arc<Assets>,
    /// What strangers are granted.
    pub edge: Arc<Edge>,
}

/// All routes and all middleware.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(assets::page))
        // Which board, and what of it, is for the page to read.
        .route("/b", get(assets::page))
        .route("/b/", get(assets::page))
        .route("/b/{*rest}", get(assets::page))
        .route("/assets/{*name}", get(assets::asset))
        .route("/healthz", get(health::healthz))
        .route("/boards", get(boards::page).post(boards::create))
        .route(
            "/boards/{id}",
            get(boards::read).patch(boards::edit).delete(boards::delete),
        )
        .route("/boards/{id}/restore", post(boards::restore))
        .route("/boards/{id}/deleted", get(boards::deleted))
        .route("/boards/{id}/events", get(events::watch))
        .route("/events", get(events::watch_many))
        .route("/lists", post(lists::create))
        .route("/lists/{id}", patch(lists::edit).delete(lists::delete))
        .route("/lists/{id}/move", patch(lists::move_list))
        .route("/lists/{id}/restore", post(lists::restore))
        .route("/tasks", post(tasks::create))
        .route(
            "/tasks/{id}",
            get(tasks::read).patch(tasks::edit).delete(tasks::delete),
        )
        .route("/tasks/{id}/move", patch(tasks::move_task))
        .route("/tasks/{id}/restore", post(tasks::restore))
        .fallback(assets::beside_page)
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        // From the innermost layer out: a request passes them from the last line up.
        // Whoever writes too much waits before anything is read.
        .layer(from_fn_with_state(app.clone(), rate::limit_writes))
        // A page of a site that was allowed may ask whether it may ask.
        .layer(from_fn_with_state(app.clone(), cors::permit))
        // Another site's page gets no further than this.
        .layer(from_fn_with_state(app.clone(), guard::check))
        // A panic ends its own request with a 500.
        .layer(CatchPanicLayer::custom(answer::panicked))
        // A refusal that leaves the body unread says that the connection ends.
        .layer(from_fn(unread::say_if_unread))
        // What is answered, refusals too, is for pages of ours and of allowed sites to read.
        .layer(from_fn_with_state(app.clone(), cors::share))
        // Whatever is answered, a browser takes it for what it says it is, and keeps it to itself.
        .layer(from_fn_with_state(app.clone(), headers::protect))
        // Every request has an id and a line in the log, the refused and the failed ones too.
        .layer(from_fn_with_state(app.clone(), observe::observe))
        .with_state(app)
}
