//! Watches a board with the crate `eventsource-client`: `with-eventsource-client URL [CURSOR]`. Where there are accounts,
//! `BOARDCAST_TOKEN` holds a token.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program of its own, outside the server"
)]

use std::env;
use std::error::Error;
use std::time::Duration;

use eventsource_client::{Client, ClientBuilder, Error as StreamError, SSE};
use futures_util::StreamExt;
use launchdarkly_sdk_transport::HyperTransport;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut builder = ClientBuilder::for_url(&arguments.next().ok_or("which URL?")?)?;
    if let Some(cursor) = arguments.next() {
        builder = builder.last_event_id(cursor);
    }
    if let Ok(token) = env::var("BOARDCAST_TOKEN") {
        builder = builder.header("Authorization", &format!("Bearer {token}"))?;
    }
    // The server is never silent for more than 15 s.
    let transport = HyperTransport::builder()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(45))
        .build_http()?;
    let mut stream = builder.build_with_transport(transport).stream();
    while let Some(seen) = stream.next().await {
        match seen {
            Ok(SSE::Event(event)) if !event.data.is_empty() => {
                let data: Value = serde_json::from_str(&event.data)?;
                println!(
                    "{}",
                    json!({ "id": event.id, "type": data["type"], "data": data })
                );
            }
            // It would come back for ever; but 204 says never to, and the rest are refused for a reason that stays.
            Ok(SSE::Connected(connection)) if connection.response().status() == 204 => break,
            Err(StreamError::UnexpectedResponse(response, _))
                if (400..500).contains(&response.status()) && response.status() != 429 =>
            {
                break;
            }
            Ok(_) => {}
            // The stream goes on after an error: what comes next is from the next connection.
            Err(error) => eprintln!("{error}"),
        }
    }
    eprintln!("closed for good");
    Ok(())
}
