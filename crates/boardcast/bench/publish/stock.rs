//! What a server of such streams is when it is made of what is at hand: axum's own server and event
//! streams, over one of tokio's broadcast channels for each board. It keeps no log, so it can promise
//! nothing to whoever was away or is slow; what a delivery costs here is what ours is measured by.

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use boardcast::spine;
use futures_util::{Stream, StreamExt, stream};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Events that a board keeps for whoever is behind.
const BEHIND_MAX: usize = 256;

/// An event's number, and its JSON.
type Published = (u64, Arc<str>);

/// The boards, each with those who watch it.
#[derive(Clone, Default)]
pub(crate) struct Stock(Arc<Mutex<BTreeMap<String, broadcast::Sender<Published>>>>);

impl Stock {
    /// Begins to serve.
    pub(crate) async fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let stock = Self::default();
        let routes = Router::new()
            .route("/boards", post(found))
            .route("/boards/{board}/events", get(watch))
            .with_state(stock.clone());
        let listener = tokio::net::TcpListener::bind(address).await?;
        let listener = listener.tap_io(|socket| {
            // Fails only on a connection that is dead already.
            let _ = socket.set_nodelay(true);
        });
        tokio::spawn(spine::guard(async move {
            // Goes on for as long as the process does.
            let _ = axum::serve(listener, routes).await;
        }));
        Ok(stock)
    }

    /// Hands an event to everyone who watches.
    pub(crate) fn publish(&self, board: &str, number: u64, json: String) -> anyhow::Result<()> {
        let boards = self.boards();
        let board = boards.get(board).context("there is no such board")?;
        // Fails where nobody watches.
        let _ = board.send((number, json.into()));
        Ok(())
    }

    fn boards(&self) -> MutexGuard<'_, BTreeMap<String, broadcast::Sender<Published>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn found(State(stock): State<Stock>, body: Bytes) -> StatusCode {
    let board: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let Some(id) = board.as_ref().and_then(|board| board["id"].as_str()) else {
        return StatusCode::UNPROCESSABLE_ENTITY;
    };
    let events = broadcast::Sender::new(BEHIND_MAX);
    stock.boards().insert(id.to_owned(), events);
    StatusCode::CREATED
}

async fn watch(
    State(stock): State<Stock>,
    Path(board): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, StatusCode> {
    let events = stock.boards().get(&board).map(broadcast::Sender::subscribe);
    let events = events.ok_or(StatusCode::NOT_FOUND)?;
    let connected = stream::iter([Event::default().data(r#"{"type":"connected"}"#)]);
    let published = stream::unfold(events, async |mut events| {
        let (number, json) = events.recv().await.ok()?;
        let event = Event::default().id(number.to_string()).data(json);
        Some((event, events))
    });
    Ok(Sse::new(connected.chain(published).map(Ok)))
}
