//! Contract 2: what a page can send without asking first (a form, a beacon) changes nothing.

use super::{board, expect_refused};
use crate::app::TestApp;
use crate::raw::RawSocket;
use boardcast_sim::client::Request;

/// What a form can send without a preflight, from a browser too old to say from where.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_changes_nothing() {
    let app = TestApp::start().await;
    let before = board(&app).await;
    let body = r#"{"listId":"list-todo","title":"x","description":"="}"#;
    let types = [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ];
    for content_type in types {
        for path in ["/tasks", "/lists", "/boards"] {
            let form = Request::new("POST", path)
                .header("Content-Type", content_type)
                .body(body);
            let refused = app.send(form).await;
            expect_refused(&refused, 415, "not_json", content_type);
            assert!(refused.text().contains("curl --json"));
        }
    }
    // As `navigator.sendBeacon` and `fetch` in `no-cors` mode do with a blob of no type.
    let untyped = Request::new("POST", "/tasks").body(body);
    expect_refused(&app.send(untyped).await, 415, "not_json", "none");
    assert_eq!(board(&app).await, before);
    app.stop().await;
}

/// The refusal comes before the body is asked for, and nothing is read as a second request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_page_can_not_hide_one_request_in_another() {
    let app = TestApp::start().await;
    let before = board(&app).await;
    let hidden = "DELETE /boards/board-1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let request = format!(
        "POST /tasks HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{hidden}",
        hidden.len()
    );
    let mut socket = RawSocket::open(app.address()).await;
    socket.write(request.as_bytes()).await.unwrap();
    expect_refused(
        &socket.answer().await.unwrap(),
        403,
        "cross_origin",
        "hidden",
    );
    socket.finish().await;
    assert_eq!(socket.rest().await, b"");
    assert_eq!(board(&app).await, before);
    app.stop().await;
}
