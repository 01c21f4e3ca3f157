//! What the document says of parameters in paths, queries and headers, tried: what its schemas take is
//! taken by the server, and what lies just past a limit is refused, by the parameter's name.

use super::DOCUMENT;
use super::stage::{Example, Stage, all};
use boardcast_sim::client::{Answer, Request};
use boardcast_sim::stream::EventStream;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Those that may hold any text, and why.
const FREE: [(&str, &str); 6] = [
    ("If-None-Match", "any validator but one is another one"),
    ("Last-Event-ID", "what is no place leads to a snapshot"),
    ("after", "likewise, and to 410 for a page"),
    ("ticket", "what is no ticket opens nothing"),
    ("rest", "the page reads it"),
    ("name", "there is such a file or there isn't"),
];

/// Ids of things that only the server names: none but its own leads anywhere.
const MADE_BY_THE_SERVER: [&str; 3] = ["UserId", "SessionId", "TokenId"];

struct Parameter {
    place: &'static str,
    name: &'static str,
    /// Where the document has its schema.
    pointer: String,
    /// The schema itself, and its name if it has one.
    schema: &'static Value,
    kind: &'static str,
}

impl Parameter {
    fn all_of(example: &Example) -> Vec<Self> {
        let path = example.path.replace('/', "~1");
        let operation = format!("/paths/{path}/{}", example.method.to_ascii_lowercase());
        let parameters = example.operation["parameters"].as_array();
        let numbered = parameters.into_iter().flatten().enumerate();
        let read = |(at, parameter): (usize, &'static Value)| {
            let reference = parameter["schema"]["$ref"].as_str();
            let schema = match reference {
                Some(to) => DOCUMENT.whole.pointer(to.trim_start_matches('#')),
                None => parameter.get("schema"),
            };
            Self {
                place: parameter["in"].as_str().unwrap(),
                name: parameter["name"].as_str().unwrap(),
                pointer: format!("{operation}/parameters/{at}/schema"),
                schema: schema.expect("a schema"),
                kind: reference.and_then(|to| to.rsplit('/').next()).unwrap_or(""),
            }
        };
        numbered.map(read).collect()
    }

    /// Texts at each limit of the schema and just past it, and some of each kind for a pattern.
    fn texts(&self) -> Vec<String> {
        let limit = |word: &str| self.schema[word].as_i64();
        let mut texts = Vec::new();
        for end in [limit("minimum"), limit("maximum")].into_iter().flatten() {
            texts.extend((end - 1..=end + 1).map(|number| number.to_string()));
            texts.push("x".into());
        }
        for end in [limit("minLength"), limit("maxLength")]
            .into_iter()
            .flatten()
        {
            let lengths = (end - 1).max(0)..=end + 1;
            texts.extend(lengths.map(|length| "a".repeat(usize::try_from(length).unwrap())));
        }
        for word in self.schema["enum"].as_array().into_iter().flatten() {
            let word = word.as_str().unwrap();
            texts.extend([word.to_owned(), format!("{word}x"), String::new()]);
        }
        if self.schema["pattern"].is_string() {
            let some: &[&str] = match self.name {
                "Idempotency-Key" => &["!", "~", "a b", "\u{e9}"],
                "If-Match" => &[
                    "*",
                    "\"1\"",
                    "W/\"1\"",
                    "\"7\" , W/\"1\"",
                    "1",
                    "\"x\"",
                    "\"1",
                    "\"\"",
                    "*, \"1\"",
                ],
                "cursor" if self.kind.is_empty() => &[
                    "0",
                    "9999999999999999999",
                    "99999999999999999999",
                    "x",
                    "-1",
                    "",
                ],
                _ => &["A-z_9", "a b", "a.b", "\u{e9}", "a%", "\n"],
            };
            texts.extend(some.iter().map(|&text| text.to_owned()));
        }
        texts
    }

    fn takes(&self, text: &str) -> bool {
        let is_number = self.schema["type"] == "integer";
        let number = text.parse::<i64>().ok().filter(|_| is_number);
        let value = number.map_or_else(|| json!(text), |number| json!(number));
        DOCUMENT
            .check(&self.pointer, value.to_string().as_bytes())
            .is_ok()
    }

    fn is_made_by_the_server(&self) -> bool {
        MADE_BY_THE_SERVER.contains(&self.kind) && self.place == "path"
    }
}

/// Sends the example's request with the text as the parameter.
async fn send(stage: &Stage, example: &Example, parameter: &Parameter, text: &str) -> Answer {
    let encoded = percent_encoded(text);
    let in_path = Example {
        method: example.method.clone(),
        path: match parameter.place {
            "path" => example
                .path
                .replace(&format!("{{{}}}", parameter.name), &encoded),
            _ => example.path.clone(),
        },
        operation: example.operation,
    };
    let mut target = in_path.target();
    if parameter.place == "query" {
        let without = target.split(&format!("?{}=", parameter.name)).next();
        target = without.unwrap().to_owned();
        let mark = if target.contains('?') { '&' } else { '?' };
        target = format!("{target}{mark}{}={encoded}", parameter.name);
    }
    let target = stage.named(&target);
    let is_page = ["limit", "wait"].contains(&parameter.name);
    if target.contains("/events") && !is_page {
        let opened = EventStream::open(stage.app.address(), &target, &[]).await;
        let opened = opened.expect("an answer");
        if opened.status != 200 {
            return opened.into_answer().await.expect("an answer");
        }
        return Answer {
            status: opened.status,
            headers: opened.headers,
            body: Vec::new(),
        };
    }
    let mut request = Request::new(example.method.clone(), target);
    if is_page {
        request = request.header("accept", "application/json");
    }
    if parameter.place == "header" {
        request = request.header(parameter.name, text);
    }
    if let Some(body) = example.body() {
        request = request.json(&serde_json::from_str(&stage.named(&body.to_string())).unwrap());
    }
    stage.ask(request).await
}

/// Makes what the id shall name, as the example wants to find it.
async fn furnish(stage: &Stage, example: &Example, kind: &str, id: &str) {
    let (path, body) = match kind {
        "BoardId" => ("boards", json!({ "id": id, "name": "A board" })),
        "ListId" => (
            "lists",
            json!({ "id": id, "name": "A list", "boardId": "board-1" }),
        ),
        "TaskId" => (
            "tasks",
            json!({ "id": id, "title": "A task", "listId": "list-todo" }),
        ),
        _ => panic!("nobody makes a {kind}"),
    };
    let made = Request::new("POST", format!("/{path}")).json(&body);
    stage.ask(made).await.expect(201);
    if example.name().ends_with("_restore") {
        let gone = Request::new("DELETE", format!("/{path}/{id}"));
        stage.ask(gone).await.expect(204);
    }
    if example.name() == "members_remove" {
        let member = stage.named(&format!("/boards/{id}/members/user_2"));
        let put = Request::new("PUT", member).json(&json!({ "role": "viewer" }));
        stage.ask(put).await.expect(201);
    }
}

fn check_refused(example: &Example, parameter: &Parameter, text: &str, answer: &Answer) {
    let what = format!("{} with {text:?} as {}", example.name(), parameter.name);
    if parameter.place == "path" {
        assert_eq!(answer.status, 404, "{what}");
        return;
    }
    assert_eq!(answer.status, 422, "{what}: {}", answer.text());
    let problem = answer.json();
    assert_eq!(problem["code"], "invalid", "{what}");
    assert_eq!(problem["field"], parameter.name, "{what}");
}

fn check_taken(example: &Example, parameter: &Parameter, text: &str, answer: &Answer) {
    let refusals: &[u16] = match parameter.place {
        "path" => &[400, 404, 405, 422],
        // There may be no such board, and no such version.
        _ => &[400, 422],
    };
    let what = format!("{} with {text:?} as {}", example.name(), parameter.name);
    assert!(
        !refusals.contains(&answer.status),
        "{what}: {}",
        answer.text()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_is_refused_where_its_schema_refuses_it_and_nowhere_else() {
    let mut free = BTreeSet::new();
    let (mut taken, mut refused) = (0, 0);
    for example in all() {
        for parameter in Parameter::all_of(&example) {
            let texts = parameter.texts();
            if texts.is_empty() {
                free.insert(parameter.name);
                continue;
            }
            let (good, bad): (Vec<_>, Vec<_>) =
                texts.into_iter().partition(|text| parameter.takes(text));
            assert!(
                !good.is_empty() && !bad.is_empty(),
                "{}: {good:?}, {bad:?}",
                parameter.name
            );
            let stage = Stage::set(&example).await;
            for text in &bad {
                let answer = send(&stage, &example, &parameter, text).await;
                check_refused(&example, &parameter, text, &answer);
                refused += 1;
            }
            if parameter.is_made_by_the_server() {
                for text in &good {
                    let answer = send(&stage, &example, &parameter, text).await;
                    assert_eq!(answer.status, 404, "{} {text:?}", example.name());
                }
            }
            stage.app.stop().await;
            if parameter.is_made_by_the_server() {
                continue;
            }
            for text in &good {
                let stage = Stage::set(&example).await;
                if parameter.place == "path" {
                    furnish(&stage, &example, parameter.kind, text).await;
                }
                let answer = send(&stage, &example, &parameter, text).await;
                check_taken(&example, &parameter, text, &answer);
                stage.app.stop().await;
                taken += 1;
            }
        }
    }
    assert_eq!(free, FREE.iter().map(|(name, _)| *name).collect());
    assert!(taken > 100 && refused > 100, "{taken}, {refused}");
}

/// No schema says how many names there are in a text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_of_as_many_boards_as_the_document_says() {
    let example = all()
        .into_iter()
        .find(|example| example.path == "/events")
        .unwrap();
    let parameters = Parameter::all_of(&example);
    let parameter = parameters
        .iter()
        .find(|parameter| parameter.name == "boards")
        .unwrap();
    let stage = Stage::set(&example).await;
    let parameters = example.operation["parameters"].as_array().unwrap();
    let about = parameters
        .iter()
        .find(|parameter| parameter["name"] == "boards")
        .unwrap();
    let about = about["description"].as_str().unwrap();
    let max: usize = about["1 to ".len()..]
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let many = |count: usize| {
        let others = (1..count).map(|n| format!(",other-{n}"));
        format!("board-1{}", others.collect::<String>())
    };
    let answer = send(&stage, &example, parameter, &many(max)).await;
    assert_eq!(answer.status, 200);
    let answer = send(&stage, &example, parameter, &many(max + 1)).await;
    check_refused(&example, parameter, "one too many", &answer);
    stage.app.stop().await;
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
