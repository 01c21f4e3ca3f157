//! Contract 2, the log as pages of JSON and long-polls.

use crate::app::TestApp;
use boardcast_sim::client::{Answer, Request};

/// Asks for a page of a board's log, `?…` and all.
pub(crate) async fn ask_page(app: &TestApp, board: &str, query: &str) -> Answer {
    let request = Request::new("GET", format!("/boards/{board}/events{query}"));
    let request = request.header("accept", "application/json");
    app.client().send(request).await.expect("an answer")
}
