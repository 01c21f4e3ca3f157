//! Clients that ask for everything there is to ask for, at random, of things that others change.

use super::BOARDS;
use boardcast_sim::client::{Answer, Connection, Request};
use boardcast_sim::random::Random;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// Every id that any client ever chose, whatever became of it.
#[derive(Default)]
pub(super) struct Ids {
    lists: Mutex<Vec<String>>,
    tasks: Mutex<Vec<String>>,
}

impl Ids {
    pub(super) fn add_list(&self, id: &str) {
        lock(&self.lists).push(id.to_owned());
    }
}

fn lock(ids: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    ids.lock().expect("nobody panics with it")
}

/// One client. Its choices follow from its seed, what comes of them from what others do meanwhile.
pub(super) struct Client {
    address: SocketAddr,
    number: u64,
    made: u64,
    random: Random,
    ids: Arc<Ids>,
}

/// What may be refused, because somebody else was faster.
const REFUSALS: [&str; 5] = [
    "not_found",
    "unknown_reference",
    "neighbour_gone",
    "list_gone",
    "version_mismatch",
];

impl Client {
    pub(super) fn new(address: SocketAddr, number: u64, random: Random, ids: Arc<Ids>) -> Self {
        Self {
            address,
            number,
            made: 0,
            random,
            ids,
        }
    }

    pub(super) async fn run(mut self, commands: u64) {
        let mut connection = Connection::open(self.address).await.unwrap();
        for n in 0..commands {
            let mut request = self.command();
            if self.random.one_in(10) {
                let version = 1 + self.random.below(3);
                request = request.header("If-Match", format!("\"{version}\""));
            }
            if !self.random.one_in(5) {
                let answer = connection.send(request).await.unwrap();
                check(&answer);
                continue;
            }
            // The same again, as after an answer that got lost.
            let request = request.header("Idempotency-Key", format!("{}-{n}", self.number));
            let first = connection.send(request.clone()).await.unwrap();
            check(&first);
            let second = connection.send(request).await.unwrap();
            if first.status < 300 {
                let same = (second.status, &second.body) == (first.status, &first.body);
                assert!(same, "{} then {}", first.text(), second.text());
            }
        }
    }

    fn command(&mut self) -> Request {
        match self.random.below(100) {
            0..24 => self.create_task(),
            24..36 => self.edit_task(),
            36..60 => self.move_task(),
            60..67 => Request::new("DELETE", self.task_path("")),
            67..75 => Request::new("POST", self.task_path("/restore")),
            75..79 => self.create_list(),
            79..82 => patch(self.list_path(""), &json!({ "name": self.text() })),
            82..86 => self.move_list(),
            86..88 => Request::new("DELETE", self.list_path("")),
            88..92 => Request::new("POST", self.list_path("/restore")),
            92..95 => patch(self.board_path(), &json!({ "name": self.text() })),
            95 if self.random.one_in(4) => Request::new("DELETE", self.board_path()),
            _ => Request::new("POST", self.board_path() + "/restore"),
        }
    }

    fn create_task(&mut self) -> Request {
        let id = self.new_id("t");
        let mut body = json!({ "id": id, "listId": self.list(), "title": self.text() });
        if self.random.one_in(2) {
            body["description"] = json!(self.text());
        }
        let tasks = Arc::clone(&self.ids);
        self.add_slot(&mut body, &tasks.tasks);
        lock(&self.ids.tasks).push(id);
        Request::new("POST", "/tasks").json(&body)
    }

    fn edit_task(&mut self) -> Request {
        let body = match self.random.below(4) {
            0 => json!({ "title": self.text() }),
            1 => json!({ "description": null }),
            2 => json!({}),
            _ => json!({ "title": self.text(), "description": self.text() }),
        };
        patch(self.task_path(""), &body)
    }

    fn move_task(&mut self) -> Request {
        let mut body = json!({});
        if !self.random.one_in(4) {
            body["listId"] = json!(self.list());
        }
        let tasks = Arc::clone(&self.ids);
        self.add_slot(&mut body, &tasks.tasks);
        patch(self.task_path("/move"), &body)
    }

    fn create_list(&mut self) -> Request {
        let id = self.new_id("l");
        let board = *self.random.pick(&BOARDS);
        let mut body = json!({ "id": id, "boardId": board, "name": self.text() });
        let lists = Arc::clone(&self.ids);
        self.add_slot(&mut body, &lists.lists);
        lock(&self.ids.lists).push(id);
        Request::new("POST", "/lists").json(&body)
    }

    fn move_list(&mut self) -> Request {
        let mut body = json!({});
        let lists = Arc::clone(&self.ids);
        self.add_slot(&mut body, &lists.lists);
        patch(self.list_path("/move"), &body)
    }

    fn add_slot(&mut self, body: &mut Value, siblings: &Mutex<Vec<String>>) {
        match self.random.below(8) {
            0 => body["position"] = json!("top"),
            1 => body["position"] = json!("bottom"),
            2 => body["position"] = json!(self.random.below(20)),
            3 => body["before"] = json!(self.pick(siblings)),
            4 => body["after"] = json!(self.pick(siblings)),
            _ => {}
        }
    }

    fn new_id(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}{}-{}", self.number, self.made)
    }

    fn text(&mut self) -> String {
        let texts = ["Water the plants", "\u{e9}\u{2028}\"\\", "\u{1f9f9}", "x"];
        format!("{} {}", self.random.pick(&texts), self.random.below(1_000))
    }

    fn pick(&mut self, ids: &Mutex<Vec<String>>) -> String {
        let ids = lock(ids);
        match ids.is_empty() {
            true => "none".to_owned(),
            false => self.random.pick(&ids).clone(),
        }
    }

    fn list(&mut self) -> String {
        let ids = Arc::clone(&self.ids);
        self.pick(&ids.lists)
    }

    fn list_path(&mut self, end: &str) -> String {
        format!("/lists/{}{end}", self.list())
    }

    fn task_path(&mut self, end: &str) -> String {
        let ids = Arc::clone(&self.ids);
        format!("/tasks/{}{end}", self.pick(&ids.tasks))
    }

    /// Any but the first.
    fn board_path(&mut self) -> String {
        format!("/boards/{}", self.random.pick(&BOARDS[1..]))
    }
}

fn patch(path: String, body: &Value) -> Request {
    Request::new("PATCH", path).json(body)
}

/// It was done, or somebody else was faster, or a create came with `If-Match`.
fn check(answer: &Answer) {
    if answer.status >= 300 {
        let problem = answer.json();
        let code = problem["code"].as_str().unwrap_or_default();
        let is_create = code == "invalid" && problem["field"] == "If-Match";
        assert!(REFUSALS.contains(&code) || is_create, "{problem}");
    }
}
