//! The wire: the route table, and the middleware in its order. Handlers decode, check shapes and say
//! who asks; rules live in core, status codes in [`answer`].

mod answer;
mod assets;
mod boards;
mod change;
mod connection;
mod cookie;
mod cors;
mod credential;
mod decode;
mod docs;
mod edge;
mod events;
mod guard;
mod headers;
mod health;
mod http2;
mod lists;
mod me;
mod members;
mod observe;
mod openapi;
mod peer;
mod rate;
mod security;
mod session;
mod tasks;
mod tickets;
mod tls;
mod unread;
mod users;
mod write;

pub use assets::{Asset, Assets, embedded_names};
pub use connection::{Connections, Service};
pub use docs::document;
pub use edge::Edge;
pub use guard::{Guard, PublicUrl};
pub use peer::{Link, Peer, TrustedProxies};
pub use tls::Tls;

use crate::auth::Auth;
use crate::engine::Engine;
use answer::Problem;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::MethodRouter;
use openapi::Described;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// What every handler can reach.
#[derive(Clone)]
pub struct App {
    /// The board server behind the routes.
    pub engine: Arc<Engine>,
    /// What signing in needs.
    pub auth: Arc<Auth>,
    /// Which hosts and origins are ours.
    pub guard: Arc<Guard>,
    /// The board in the browser.
    pub assets: Arc<Assets>,
    /// What strangers are granted.
    pub edge: Arc<Edge>,
}

/// Defines the routes from one list: what each answers with, the list itself, so that a test can ask all
/// of them, and what the document says of each: the function of the handler's name in `openapi`.
macro_rules! routes {
    (
        $strangers:ident { $($open:literal { $($open_method:ident $open_file:ident::$open_handler:ident),+ $(,)? })+ }
        $known:ident { $($path:literal { $($method:ident $file:ident::$handler:ident),+ $(,)? })+ }
    ) => {
        /// Every method of every route, as `get` and `/boards/{id}`.
        pub const ROUTES: &[(&str, &str)] = &[
            $($((stringify!($open_method), $open),)+)+
            $($((stringify!($method), $path),)+)+
        ];

        const DESCRIBED: &[Described] = &[
            $($(described!($open_method $open $open_file::$open_handler),)+)+
            $($(described!($method $path $file::$handler),)+)+
        ];

        fn $strangers() -> Router<App> {
            Router::new()$(.route($open, MethodRouter::new()$(.$open_method($open_file::$open_handler))+))+
        }

        fn $known() -> Router<App> {
            Router::new()$(.route($path, MethodRouter::new()$(.$method($file::$handler))+))+
        }
    };
}

macro_rules! described {
    ($method:ident $path:literal $file:ident::$handler:ident) => {
        Described {
            method: stringify!($method),
            path: $path,
            resource: stringify!($file),
            handler: stringify!($handler),
            describe: openapi::$file::$handler,
        }
    };
}

routes! {
    // Those that tell nobody anything, and those that ask by themselves who is there.
    for_strangers {
        "/" { get assets::page }
        // Which board, and what of it, is for the page to read.
        "/b" { get assets::page }
        "/b/" { get assets::page }
        "/b/{*rest}" { get assets::page }
        "/assets/{*name}" { get assets::asset }
        "/healthz" { get health::healthz }
        "/openapi.json" { get docs::read }
        "/docs" { get docs::page }
        "/docs.css" { get docs::style }
        "/me" { get me::read }
        "/setup" { post session::set_up }
        "/session" { post session::sign_in }
        "/invites/accept" { post session::accept }
        "/boards/{id}/events" { get events::watch }
        "/events" { get events::watch_many }
    }
    // Without a good credential nothing of them is reached.
    for_the_known {
        "/boards" { get boards::page, post boards::create }
        "/boards/{id}" { get boards::read, patch boards::edit, delete boards::delete }
        "/boards/{id}/restore" { post boards::restore }
        "/boards/{id}/deleted" { get boards::deleted }
        "/boards/{id}/members" { get members::read, post members::add }
        "/boards/{id}/members/{user}" { put members::set, delete members::remove }
        "/lists" { post lists::create }
        "/lists/{id}" { patch lists::edit, delete lists::delete }
        "/lists/{id}/move" { patch lists::move_list }
        "/lists/{id}/restore" { post lists::restore }
        "/tasks" { post tasks::create }
        "/tasks/{id}" { get tasks::read, patch tasks::edit, delete tasks::delete }
        "/tasks/{id}/move" { patch tasks::move_task }
        "/tasks/{id}/restore" { post tasks::restore }
        "/tickets" { post tickets::draw }
        "/session" { delete session::sign_out }
        "/me" { patch me::edit }
        "/me/password" { post me::change_password }
        "/me/sessions" { get me::sessions, delete me::end_all_sessions }
        "/me/sessions/{id}" { delete me::end_session }
        "/me/tokens" { get me::tokens, post me::make_token }
        "/me/tokens/{id}" { delete me::end_token }
        "/users" { get users::page, post users::create }
        "/users/{id}" { patch users::edit }
        "/users/{id}/invite" { post users::invite }
        "/users/{id}/tokens" { get users::tokens, post users::make_token }
        "/users/{id}/tokens/{token}" { delete users::end_token }
    }
}

/// All routes and all middleware.
pub fn router(app: App) -> Router {
    let known = for_the_known().route_layer(from_fn_with_state(app.clone(), credential::require));
    for_strangers()
        .merge(known)
        .fallback(assets::beside_page)
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        // From the innermost layer out: a request passes them from the last line up.
        // Whoever writes too much waits before anything but their credential is read.
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
