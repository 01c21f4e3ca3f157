//! Contract 1, things: every field by name, and nothing else.

use crate::app::{TestApp, text};
use boardcast_sim::client::Answer;
use serde_json::{Value, json};

const BOARD: &str = "createdAt id name updatedAt version";
const BOARD_IN_SNAPSHOT: &str = "createdAt cursor id lists name updatedAt version";
const LIST: &str = "boardId createdAt id name rank updatedAt version";
const LIST_IN_SNAPSHOT: &str = "boardId createdAt id name rank tasks updatedAt version";
const TASK: &str = "createdAt description id listId rank title updatedAt version";
const TASK_IN_SNAPSHOT: &str = "createdAt hasDescription id listId rank title updatedAt version";

/// The thing has exactly these fields, each of its kind.
#[track_caller]
fn check(thing: &Value, fields: &str) {
    let object = thing.as_object().expect("an object");
    let mut names: Vec<_> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names.join(" "), fields);
    for (name, value) in object {
        let is_right = match name.as_str() {
            "version" => value.as_u64().is_some_and(|version| version >= 1),
            "hasDescription" => value.is_boolean(),
            "lists" | "tasks" => value.is_array(),
            "createdAt" | "updatedAt" => is_rfc3339_with_milliseconds(&text(value)),
            "id" | "boardId" | "listId" => is_id(&text(value)),
            "rank" => (1..=64).contains(&text(value).len()),
            _ => value.is_string(),
        };
        assert!(is_right, "{name} is {value}");
    }
}

/// Like `2026-11-23T21:17:57.120Z`, and always that long.
fn is_rfc3339_with_milliseconds(text: &str) -> bool {
    let shape = "0000-00-00T00:00:00.000Z";
    let fits = |(expected, found): (char, char)| match expected {
        '0' => found.is_ascii_digit(),
        _ => found == expected,
    };
    text.len() == shape.len() && shape.chars().zip(text.chars()).all(fits)
}

fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

#[track_caller]
fn json_of(answer: Answer, status: u16) -> Value {
    let answer = answer.expect(status);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_has_its_fields_wherever_it_is_shown() {
    let app = TestApp::start().await;
    let made = json!({ "listId": "list-todo", "title": "Water the plants" });
    let made = json_of(app.post("/tasks", &made).await, 201);
    check(&made, TASK);
    assert_eq!(made["title"], "Water the plants");
    assert_eq!(made["listId"], "list-todo");
    assert_eq!(made["description"], "");
    assert_eq!(made["version"], 1);
    assert_eq!(made["createdAt"], made["updatedAt"]);

    let path = format!("/tasks/{}", text(&made["id"]));
    assert_eq!(json_of(app.get(&path).await, 200), made);
    let edited = json_of(app.patch(&path, &json!({ "title": "Wait" })).await, 200);
    check(&edited, TASK);
    assert_eq!(json_of(app.get(&path).await, 200), edited);
    let to_done = json!({ "listId": "list-done" });
    let moved = app.patch(&format!("{path}/move"), &to_done).await;
    let moved = json_of(moved, 200);
    check(&moved, TASK);
    assert_eq!(json_of(app.get(&path).await, 200), moved);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_has_its_fields_wherever_it_is_shown() {
    let app = TestApp::start().await;
    let made = json!({ "boardId": "board-1", "name": "Later" });
    let made = json_of(app.post("/lists", &made).await, 201);
    check(&made, LIST);
    assert_eq!(
        (&made["name"], &made["version"]),
        (&json!("Later"), &json!(1))
    );
    assert_eq!(made["boardId"], "board-1");
    assert_eq!(made["createdAt"], made["updatedAt"]);

    let path = format!("/lists/{}", text(&made["id"]));
    let edited = app.patch(&path, &json!({ "name": "Much later" })).await;
    check(&json_of(edited, 200), LIST);
    let to_top = json!({ "position": "top" });
    let moved = app.patch(&format!("{path}/move"), &to_top).await;
    check(&json_of(moved, 200), LIST);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_has_its_fields_wherever_it_is_shown() {
    let app = TestApp::start().await;
    let made = json_of(app.post("/boards", &json!({ "name": "Home" })).await, 201);
    check(&made, BOARD);
    assert_eq!(
        (&made["name"], &made["version"]),
        (&json!("Home"), &json!(1))
    );
    assert_eq!(made["createdAt"], made["updatedAt"]);

    let path = format!("/boards/{}", text(&made["id"]));
    let edited = app.patch(&path, &json!({ "name": "Garden" })).await;
    let edited = json_of(edited, 200);
    check(&edited, BOARD);
    let page = json_of(app.get("/boards").await, 200);
    let boards = page["boards"].as_array().expect("boards");
    assert_eq!(boards.len(), 2);
    boards.iter().for_each(|board| check(board, BOARD));
    assert!(boards.contains(&edited));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_holds_lists_and_tasks_without_their_descriptions() {
    let app = TestApp::start().await;
    let board = json_of(app.get("/boards/board-1").await, 200);
    check(&board, BOARD_IN_SNAPSHOT);
    let lists = board["lists"].as_array().expect("lists");
    assert_eq!(lists.len(), 3);
    for list in lists {
        check(list, LIST_IN_SNAPSHOT);
        let tasks = list["tasks"].as_array().expect("tasks");
        for task in tasks {
            check(task, TASK_IN_SNAPSHOT);
            let whole = json_of(app.get(&format!("/tasks/{}", text(&task["id"]))).await, 200);
            let has_description = whole["description"] != "";
            assert_eq!(task["hasDescription"], has_description);
            for field in ["title", "rank", "version", "createdAt", "updatedAt"] {
                assert_eq!(task[field], whole[field], "{field}");
            }
        }
    }
    boardcast_sim::fold::check_at_rest(&board).expect("in order");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_board_is_shown_with_empty_lists() {
    let app = TestApp::start().await;
    let board = json!({ "id": "empty", "name": "Empty" });
    app.post("/boards", &board).await.expect(201);
    let board = app.board("empty").await;
    check(&board, BOARD_IN_SNAPSHOT);
    assert_eq!(board["lists"], json!([]));
    let cursor = text(&board["cursor"]);
    assert_eq!(boardcast_sim::cursor::seq_of(&cursor), Ok(1));

    let list = json!({ "boardId": "empty", "id": "none", "name": "None" });
    app.post("/lists", &list).await.expect(201);
    assert_eq!(app.board("empty").await["lists"][0]["tasks"], json!([]));
    app.stop().await;
}

/// TypeIDs: the kind, and a UUIDv7 in 26 digits of Crockford's base 32.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_the_server_makes_tell_their_kind_and_sort_by_age() {
    let app = TestApp::start().await;
    let kinds = [
        ("/boards", json!({ "name": "x" }), "board_"),
        (
            "/lists",
            json!({ "boardId": "board-1", "name": "x" }),
            "list_",
        ),
        (
            "/tasks",
            json!({ "listId": "list-todo", "title": "x" }),
            "task_",
        ),
    ];
    for (path, body, prefix) in kinds {
        let mut last = String::new();
        for _ in 0..3 {
            let id = text(&app.post(path, &body).await.expect(201).json()["id"]);
            let digits = id.strip_prefix(prefix).expect("the kind comes first");
            assert_eq!(digits.len(), 26);
            let alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
            assert!(digits.chars().all(|digit| alphabet.contains(digit)), "{id}");
            assert!(digits[..10] >= last[..last.len().min(10)], "{id} is older");
            last = digits.to_owned();
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_is_always_a_text_and_null_means_none() {
    let app = TestApp::start().await;
    let created = [
        (json!({}), ""),
        (json!({ "description": null }), ""),
        (json!({ "description": "" }), ""),
        (
            json!({ "description": "two\nlines\tand \u{0} more" }),
            "two\nlines\tand \u{0} more",
        ),
    ];
    for (fields, expected) in created {
        let mut body = json!({ "listId": "list-todo", "title": "x" });
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let task = app.post("/tasks", &body).await.expect(201).json();
        assert_eq!(task["description"], expected);
        check_description(&app, &text(&task["id"]), expected).await;
    }
    let patched = [
        (json!({ "description": "\u{0}" }), "\u{0}"),
        (json!({ "description": null }), ""),
        (json!({ "description": " " }), " "),
        (json!({ "title": "y" }), " "),
        (json!({}), " "),
        (json!({ "description": "" }), ""),
    ];
    for (fields, expected) in patched {
        let task = app.patch("/tasks/task-try", &fields).await.expect(200);
        assert_eq!(task.json()["description"], expected, "{fields}");
        check_description(&app, "task-try", expected).await;
    }
    app.stop().await;
}

async fn check_description(app: &TestApp, id: &str, expected: &str) {
    let task = app.get(&format!("/tasks/{id}")).await.expect(200).json();
    assert_eq!(task["description"], expected);
    let board = app.board("board-1").await;
    let lists = board["lists"].as_array().unwrap().iter();
    let mut tasks = lists.flat_map(|list| list["tasks"].as_array().unwrap());
    let summary = tasks.find(|task| task["id"] == id).expect("the task");
    assert_eq!(summary["hasDescription"], !expected.is_empty());
}

/// What people write comes back to the letter, everywhere it is shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_are_kept_to_the_letter() {
    let app = TestApp::start().await;
    let texts = [
        " around ",
        "Büro putzen 🧹 e\u{301}",
        "\u{2028}line\u{2029}separators\u{2028}",
        "\"quotes\" \\ and </script>",
        "a\u{200b}\u{feff}b",
        "\u{10ffff}",
    ];
    for given in texts {
        let cursor = app.cursor("board-1").await;
        let list = json!({ "boardId": "board-1", "name": given });
        let list = app.post("/lists", &list).await.expect(201).json();
        assert_eq!(list["name"], given);
        let task = json!({ "listId": list["id"], "title": given, "description": given });
        let task = app.post("/tasks", &task).await.expect(201).json();
        assert_eq!(
            (&task["title"], &task["description"]),
            (&json!(given), &json!(given))
        );
        let shown = app.board("board-1").await;
        let shown = shown["lists"].as_array().unwrap().last().unwrap();
        assert_eq!(shown["name"], given);
        assert_eq!(shown["tasks"][0]["title"], given);
        let events = app.events_after("board-1", &cursor).await;
        assert_eq!((&events[0]["list"], &events[1]["task"]), (&list, &task));
    }
    app.stop().await;
}
