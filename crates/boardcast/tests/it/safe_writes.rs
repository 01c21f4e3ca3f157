//! Contract 2, safe writes: a retry does nothing twice, nobody overwrites somebody else unseen, and
//! an id that a client chose is made once.

mod chosen_ids;
mod if_match;
mod keys;
mod keys_refused;

use crate::app::TestApp;
use boardcast_sim::client::{Answer, Connection, Request};
use std::sync::Arc;
use tokio::sync::Barrier;

/// What a client takes from an answer.
fn seen(answer: &Answer) -> (u16, Option<&str>, String) {
    (answer.status, answer.header("etag"), answer.text())
}

/// Sends all these requests in the same moment, each over a connection of its own; the answers in
/// their order.
async fn at_once(app: &TestApp, requests: Vec<Request>) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(requests.len()));
    let mut asking = Vec::new();
    for request in requests {
        let mut connection = Connection::open(app.address()).await.unwrap();
        let start = Arc::clone(&start);
        asking.push(tokio::spawn(async move {
            start.wait().await;
            connection.send(request).await.expect("an answer")
        }));
    }
    let mut answers = Vec::new();
    for answer in asking {
        answers.push(answer.await.unwrap());
    }
    answers
}
