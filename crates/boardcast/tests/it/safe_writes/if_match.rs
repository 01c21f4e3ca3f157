//! Contract 2, `If-Match`: a change happens only to the version that its author has seen.

use super::at_once;
use crate::app::{TestApp, text};
use boardcast_sim::client::{Answer, Request};
use serde_json::{Value, json};

/// Every conditional change: the kind of thing, method, what follows the thing's path, body.
fn changes() -> [(&'static str, &'static str, &'static str, Value); 8] {
    [
        ("tasks", "PATCH", "", json!({ "title": "New" })),
        ("tasks", "PATCH", "/move", json!({ "listId": "list-done" })),
        ("tasks", "DELETE", "", Value::Null),
        ("lists", "PATCH", "", json!({ "name": "New" })),
        ("lists", "PATCH", "/move", json!({ "position": "top" })),
        ("lists", "DELETE", "", Value::Null),
        ("boards", "PATCH", "", json!({ "name": "New" })),
        ("boards", "DELETE", "", Value::Null),
    ]
}

/// A new thing of the kind, at version 2: the thing, and its path.
async fn thing_at_2(app: &TestApp, kind: &str) -> (Value, String) {
    let (body, field) = match kind {
        "tasks" => (json!({ "listId": "list-todo", "title": "x" }), "title"),
        "lists" => (json!({ "boardId": "board-1", "name": "x" }), "name"),
        _ => (json!({ "name": "x" }), "name"),
    };
    let made = app
        .post(&format!("/{kind}"), &body)
        .await
        .expect(201)
        .json();
    let path = format!("/{kind}/{}", text(&made["id"]));
    let thing = app
        .patch(&path, &json!({ field: "y" }))
        .await
        .expect(200)
        .json();
    assert_eq!(thing["version"], 2);
    (thing, path)
}

async fn send(app: &TestApp, method: &str, path: &str, body: &Value, if_match: &str) -> Answer {
    let mut request = Request::new(method, path).header("If-Match", if_match);
    if !body.is_null() {
        request = request.json(body);
    }
    app.send(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_in_any_form_admits_the_change() {
    let app = TestApp::start().await;
    let forms = [
        "\"2\"",
        "W/\"2\"",
        "*",
        "  *  ",
        "\"7\", \"2\"",
        "\"2\",W/\"9\"",
        "W/\"1\" ,\t W/\"2\"",
        "\"18446744073709551615\", \"2\"",
    ];
    for (kind, method, suffix, body) in changes() {
        for form in forms {
            let (_, path) = thing_at_2(&app, kind).await;
            let answer = send(&app, method, &format!("{path}{suffix}"), &body, form).await;
            assert!(
                answer.status < 300,
                "{method} {kind} {form}: {}",
                answer.text()
            );
            if method == "PATCH" {
                assert_eq!(answer.json()["version"], 3);
            }
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_version_is_refused_and_shown_what_stands() {
    let app = TestApp::start().await;
    let forms = [
        "\"1\"",
        "\"3\"",
        "W/\"1\"",
        "\"0\"",
        "\"1\", W/\"3\"",
        "\"22\"",
        "\"18446744073709551615\"",
    ];
    for (kind, method, suffix, body) in changes() {
        let (thing, path) = thing_at_2(&app, kind).await;
        let before = app.get("/boards/board-1").await;
        for form in forms {
            let refused = send(&app, method, &format!("{path}{suffix}"), &body, form).await;
            assert_eq!(
                refused.header("content-type"),
                Some("application/problem+json")
            );
            let refused = refused.expect(412).json();
            assert_eq!(
                refused["code"], "version_mismatch",
                "{method} {kind} {form}"
            );
            assert_eq!(refused["field"], "If-Match");
            assert_eq!(refused["current"], thing);
        }
        assert_eq!(app.get("/boards/board-1").await.body, before.body);
        // Nothing happened to it: the version still admits the change.
        let answer = send(&app, method, &format!("{path}{suffix}"), &body, "\"2\"").await;
        assert!(answer.status < 300, "{}", answer.text());
    }
    app.stop().await;
}

/// A change that would change nothing says so only to who knows what stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_nothing_asks_for_the_version_too() {
    let app = TestApp::start().await;
    for (kind, method, suffix, _) in changes() {
        if method == "DELETE" {
            continue;
        }
        let (thing, path) = thing_at_2(&app, kind).await;
        let path = format!("{path}{suffix}");
        let nothing = json!({});
        send(&app, method, &path, &nothing, "\"1\"")
            .await
            .expect(412);
        let unchanged = send(&app, method, &path, &nothing, "\"2\"")
            .await
            .expect(200);
        assert_eq!(unchanged.json(), thing);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_refused_as_one() {
    let app = TestApp::start().await;
    let etag = app
        .get("/boards/board-1")
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    for (kind, method, suffix, body) in changes() {
        let (_, path) = thing_at_2(&app, kind).await;
        let before = app.get("/boards/board-1").await;
        let own = app
            .get("/boards/board-1")
            .await
            .header("etag")
            .unwrap()
            .to_owned();
        for form in [etag.clone(), format!("W/{etag}"), format!("\"2\", {own}")] {
            let refused = send(&app, method, &format!("{path}{suffix}"), &body, &form).await;
            let refused = refused.expect(422).json();
            assert_eq!(refused["field"], "If-Match");
            let detail = text(&refused["detail"]);
            assert!(
                detail.contains("cursor") && detail.contains("version"),
                "{detail}"
            );
        }
        assert_eq!(app.get("/boards/board-1").await.body, before.body);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_version_is_refused() {
    let app = TestApp::start().await;
    let malformed = [
        "",
        "2",
        "\"2",
        "2\"",
        "\"\"",
        "\"two\"",
        "\"2.0\"",
        "\"-2\"",
        "\"+2\"",
        "\" 2\"",
        "'2'",
        "w/\"2\"",
        "W/2",
        "W\"2\"",
        "\"2\",",
        ",\"2\"",
        "\"2\" \"3\"",
        "*, \"2\"",
        "\"*\"",
        "**",
        "\"2\"\"3\"",
        "\"\u{662}\"",
        "\"18446744073709551616\"",
        "\"2-\"",
        "\"0x2\"",
    ];
    for (kind, method, suffix, body) in changes() {
        let (_, path) = thing_at_2(&app, kind).await;
        let before = app.get("/boards/board-1").await;
        for form in malformed {
            let refused = send(&app, method, &format!("{path}{suffix}"), &body, form).await;
            assert_eq!(
                refused.status,
                422,
                "{method} {kind} {form}: {}",
                refused.text()
            );
            assert_eq!(refused.json()["field"], "If-Match");
        }
        let mut twice = Request::new(method, format!("{path}{suffix}"));
        twice = twice
            .header("If-Match", "\"2\"")
            .header("If-Match", "\"2\"");
        if !body.is_null() {
            twice = twice.json(&body);
        }
        assert_eq!(
            app.send(twice).await.expect(422).json()["field"],
            "If-Match"
        );
        assert_eq!(app.get("/boards/board-1").await.body, before.body);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_create_it_has_no_meaning() {
    let app = TestApp::start().await;
    let creates = [
        ("/boards", json!({ "name": "x", "id": "b" })),
        ("/lists", json!({ "boardId": "board-1", "name": "x" })),
        (
            "/tasks",
            json!({ "listId": "list-todo", "title": "x", "id": "t" }),
        ),
    ];
    let before = app.get("/boards/board-1").await;
    for (path, body) in &creates {
        for form in ["*", "\"1\"", "W/\"1\"", "\"0\""] {
            let refused = send(&app, "POST", path, body, form)
                .await
                .expect(422)
                .json();
            assert_eq!(refused["field"], "If-Match", "{path} {form}");
        }
    }
    assert_eq!(app.get("/boards/board-1").await.body, before.body);
    // Nor where the same create came before.
    for (path, body) in &creates {
        app.post(path, body).await.expect(201);
        send(&app, "POST", path, body, "\"1\"").await.expect(422);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_has_no_version() {
    let app = TestApp::start().await;
    for (kind, method, suffix, body) in changes() {
        for form in ["*", "\"1\""] {
            let path = format!("/{kind}/never{suffix}");
            let refused = send(&app, method, &path, &body, form).await.expect(404);
            assert_eq!(refused.json()["code"], "not_found");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_authors_at_once_one_wins_and_the_others_see_what_stands() {
    let app = TestApp::start().await;
    let (_, path) = thing_at_2(&app, "tasks").await;
    let edit = |number: usize| {
        let body = json!({ "title": format!("Author {number}") });
        Request::new("PATCH", &path)
            .header("If-Match", "\"2\"")
            .json(&body)
    };
    let answers = at_once(&app, (0..16).map(edit).collect()).await;
    let (won, lost): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 15));
    for answer in lost {
        assert_eq!(answer.expect(412).json()["current"], won[0].json());
    }
    assert_eq!(app.get(&path).await.json(), won[0].json());
    app.stop().await;
}
