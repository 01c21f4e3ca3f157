//! Contract 2, errors: each field of each route with what it can't hold. Wrong types, blanks, too
//! much, control characters, things that don't exist: 422, and the field's name.

use super::{Tried, WritingRoute, writing_routes};
use serde_json::json;

/// What a field holds.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A text that must be there.
    Line { max: usize },
    /// The same in a patch, where it may be missing.
    PatchedLine { max: usize },
    /// Any text, or none.
    Description,
    /// A new thing's id.
    NewId,
    /// The id of a thing that must exist.
    Reference,
    /// The same where it may be missing.
    OptionalReference,
    /// A neighbour, which may be missing.
    Neighbour,
}

/// Every field that holds a text, on every route.
fn text_fields() -> Vec<(WritingRoute, &'static str, Kind)> {
    let fields: [&[(&str, Kind)]; 8] = [
        &[("name", Kind::Line { max: 200 }), ("id", Kind::NewId)],
        &[("name", Kind::PatchedLine { max: 200 })],
        &[
            ("name", Kind::Line { max: 200 }),
            ("id", Kind::NewId),
            ("boardId", Kind::Reference),
            ("before", Kind::Neighbour),
            ("after", Kind::Neighbour),
        ],
        &[("name", Kind::PatchedLine { max: 200 })],
        &[("before", Kind::Neighbour), ("after", Kind::Neighbour)],
        &[
            ("title", Kind::Line { max: 500 }),
            ("description", Kind::Description),
            ("id", Kind::NewId),
            ("listId", Kind::Reference),
            ("before", Kind::Neighbour),
            ("after", Kind::Neighbour),
        ],
        &[
            ("title", Kind::PatchedLine { max: 500 }),
            ("description", Kind::Description),
        ],
        &[
            ("listId", Kind::OptionalReference),
            ("before", Kind::Neighbour),
            ("after", Kind::Neighbour),
        ],
    ];
    let mut all = Vec::new();
    for (at, fields) in fields.iter().enumerate() {
        for (name, kind) in *fields {
            let mut route = writing_routes().swap_remove(at);
            if *kind == Kind::Neighbour {
                // No second way to say where.
                route.body.as_object_mut().unwrap().remove("position");
            }
            all.push((route, *name, *kind));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_not_a_number_a_list_or_an_object() {
    let tried = Tried::start().await;
    let wrong = [
        "0",
        "1",
        "-1",
        "1.5",
        "1e3",
        "18446744073709551616",
        "true",
        "false",
        "[]",
        "[\"x\"]",
        "{}",
        "{\"x\":\"y\"}",
        "[[[[]]]]",
    ];
    for (route, field, _) in text_fields() {
        for value in wrong {
            let request = route.with_field(field, value);
            tried.refuse(request, 422, "invalid", Some(field)).await;
        }
    }
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_be_there_is_neither_missing_nor_null() {
    let tried = Tried::start().await;
    for (route, field, kind) in text_fields() {
        if let Kind::Line { .. } | Kind::Reference = kind {
            let request = route.with_field(field, "null");
            tried.refuse(request, 422, "invalid", Some(field)).await;
            let mut body = route.body.clone();
            body.as_object_mut()
                .unwrap()
                .remove(field)
                .expect("it was there");
            let request = route.with(body.to_string());
            tried.refuse(request, 422, "invalid", Some(field)).await;
        }
        if let Kind::PatchedLine { .. } = kind {
            let request = route.with_field(field, "null");
            tried.refuse(request, 422, "invalid", Some(field)).await;
        }
    }
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_is_not_blank_and_not_too_long() {
    let tried = Tried::start().await;
    let blanks = [
        "",
        " ",
        "   ",
        "\t",
        "\n",
        "\r\n",
        "\u{a0}",
        "\u{2003}",
        "\u{3000}",
        "\u{2028}\u{85}",
    ];
    for (route, field, kind) in text_fields() {
        let (Kind::Line { max } | Kind::PatchedLine { max }) = kind else {
            continue;
        };
        let too_long = [
            "x".repeat(max + 1),
            "🧹".repeat(max + 1),
            "x".repeat(200_000),
        ];
        let wrong = blanks
            .iter()
            .map(|blank| (*blank).to_owned())
            .chain(too_long);
        for text in wrong {
            let request = route.with_field(field, &json!(text).to_string());
            tried.refuse(request, 422, "invalid", Some(field)).await;
        }
    }
    tried.stop().await;
}

/// C0, DEL and C1, all of them, wherever in the line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_holds_no_control_characters() {
    let tried = Tried::start().await;
    let controls = (0..0x20)
        .chain(0x7f..0xa0)
        .map(|code| char::from_u32(code).unwrap());
    let controls: Vec<_> = controls.collect();
    assert_eq!(controls.len(), 65);
    for (route, field, kind) in text_fields() {
        if !matches!(kind, Kind::Line { .. } | Kind::PatchedLine { .. }) {
            continue;
        }
        for control in &controls {
            let inside = json!(format!("a{control}b")).to_string();
            let request = route.with_field(field, &inside);
            tried.refuse(request, 422, "invalid", Some(field)).await;
        }
        // Escaped or as they are (JSON lets only DEL and C1 stand as they are), at either end.
        for raw in [
            "\"\\u0000a\"",
            "\"a\\u001b\"",
            "\"a\u{7f}\"",
            "\"\u{9b}a\"",
            "\"a\\n\"",
        ] {
            tried
                .refuse(route.with_field(field, raw), 422, "invalid", Some(field))
                .await;
        }
    }
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_has_1_to_64_of_its_characters() {
    let tried = Tried::start().await;
    let wrong = [
        "",
        " ",
        "a b",
        "ä",
        "a/b",
        "../x",
        "a.b",
        "a%41",
        "a\u{0}",
        "a\n",
        "a:b",
        "a,b",
        "🧹",
        "\u{ff41}",
        "\u{200b}",
        "'; DROP TABLE board; --",
    ];
    let wrong = wrong.map(str::to_owned).into_iter();
    let wrong: Vec<_> = wrong.chain(["x".repeat(65), "x".repeat(100_000)]).collect();
    for (route, field, kind) in text_fields() {
        if matches!(
            kind,
            Kind::Line { .. } | Kind::PatchedLine { .. } | Kind::Description
        ) {
            continue;
        }
        for id in &wrong {
            let request = route.with_field(field, &json!(id).to_string());
            tried.refuse(request, 422, "invalid", Some(field)).await;
        }
    }
    tried.stop().await;
}

/// In the body an unknown thing is 422, where a neighbour that isn't there is 409: it may have
/// been there a moment ago.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_body_names_must_exist() {
    let tried = Tried::start().await;
    let unknown = [
        "never",
        "x",
        "board_01h455vb4pex5vsknk084sn02q",
        "LIST-TODO",
    ];
    for (route, field, kind) in text_fields() {
        // A thing of another kind is none of this kind.
        let other_kind =
            if field == "boardId" || route.path.starts_with("/tasks") && field != "listId" {
                "list-todo"
            } else {
                "task-try"
            };
        for id in unknown.iter().chain([&other_kind]) {
            let request = route.with_field(field, &json!(id).to_string());
            match kind {
                Kind::Reference | Kind::OptionalReference => {
                    tried
                        .refuse(request, 422, "unknown_reference", Some(field))
                        .await;
                }
                Kind::Neighbour => {
                    tried
                        .refuse(request, 409, "neighbour_gone", Some(field))
                        .await;
                }
                _ => {}
            }
        }
    }
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_is_not_too_long() {
    let tried = Tried::start().await;
    let max = 32 * 1024;
    let too_long = [
        json!("x".repeat(max + 1)).to_string(),
        json!("x".repeat(250_000)).to_string(),
        json!("\n".repeat(max / 2 + 1)).to_string(),
        json!("\u{1}".repeat(max / 6 + 1)).to_string(),
        json!("\u{2029}".repeat(max / 6 + 1)).to_string(),
    ];
    for (route, field, _) in text_fields()
        .into_iter()
        .filter(|field| field.2 == Kind::Description)
    {
        for value in &too_long {
            tried
                .refuse(route.with_field(field, value), 422, "invalid", Some(field))
                .await;
        }
    }
    tried.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_a_route_does_not_know_is_refused_by_its_name() {
    let tried = Tried::start().await;
    let known = |route: &WritingRoute, name: &str| {
        let of_this_path = |(other, field, _): &(WritingRoute, &str, Kind)| {
            (other.method, other.path, *field) == (route.method, route.path, name)
        };
        let is_place = name == "position"
            && (route.path.ends_with("move") || route.path != "/boards" && route.method == "POST");
        is_place || text_fields().iter().any(of_this_path)
    };
    let names = [
        "id",
        "boardId",
        "listId",
        "name",
        "title",
        "description",
        "position",
        "before",
        "after",
        "rank",
        "version",
        "createdAt",
        "updatedAt",
        "cursor",
        "lists",
        "tasks",
        "hasDescription",
        "by",
        "at",
        "type",
        "Title",
        "NAME",
        "title ",
        "list_id",
        "",
        "\u{0}",
        "__proto__",
        "🧹",
        "deleted",
    ];
    for route in writing_routes() {
        for name in names.into_iter().filter(|name| !known(&route, name)) {
            for value in ["\"x\"", "null", "1", "[{}]"] {
                let request = route.with_field(name, value);
                tried.refuse(request, 422, "invalid", Some(name)).await;
            }
        }
    }
    // What is deleted is named by the path alone.
    for path in ["/tasks/task-try", "/lists/list-todo", "/boards/board-1"] {
        let route = WritingRoute {
            method: "DELETE",
            path,
            body: json!({}),
        };
        let request = route.with_field("version", "1");
        tried.refuse(request, 422, "invalid", Some("version")).await;
    }
    tried.stop().await;
}
