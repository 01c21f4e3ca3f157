//! Contract 2 and 3: a cursor is a place in the log, however the log is read. A client that changes at
//! random between a board's stream, a stream of several boards, pages and long-polls loses nothing
//! and gets nothing twice.

use crate::app::{PATIENCE, TestApp};
use crate::pages::{ask_page, read_log, take_apart};
use crate::stream::{START, ask_for, cursor_of, greet};
use boardcast_sim::client::{Connection, Request};
use boardcast_sim::cursor::seq_of;
use boardcast_sim::fold::{Fold, same_board};
use boardcast_sim::random::Random;
use boardcast_sim::sse::Block;
use boardcast_sim::stream::EventStream;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const WRITES_PER_WRITER: u64 = 150;

/// What the client has of one board.
struct Known {
    board: &'static str,
    cursor: String,
    log: Vec<(String, String)>,
    fold: Fold,
}

impl Known {
    fn new(board: &'static str) -> Self {
        Self {
            board,
            cursor: START.into(),
            log: Vec::new(),
            fold: Fold::new(),
        }
    }

    /// Takes the next event, which must be the next one.
    fn take(&mut self, id: String, data: String, how: &str) {
        let expected = self.log.len() as u64 + 1;
        assert_eq!(seq_of(&id), Ok(expected), "{how} of {}", self.board);
        let event: Value = serde_json::from_str(&data).unwrap();
        self.fold.apply(&event, Some(&id)).expect(how);
        self.cursor.clone_from(&id);
        self.log.push((id, data));
    }
}

struct Switcher<'a> {
    app: &'a TestApp,
    random: Random,
    boards: [Known; 2],
}

impl Switcher<'_> {
    async fn step(&mut self) {
        let at = self.random.below(2) as usize;
        match self.random.below(5) {
            0 => self.read_page(at, 0).await,
            1 => self.read_page(at, 1).await,
            2 | 3 => self.follow_one(at).await,
            _ => self.follow_both().await,
        }
    }

    async fn read_page(&mut self, at: usize, wait: u64) {
        let known = &mut self.boards[at];
        let limit = 1 + self.random.below(20);
        let query = format!("?limit={limit}&wait={wait}&after={}", known.cursor);
        let page = ask_page(self.app, known.board, &query).await.expect(200);
        let (events, cursor) = take_apart(&page);
        for (id, data) in events {
            known.take(id, data, "a page");
        }
        assert_eq!(known.cursor, cursor);
    }

    async fn follow_one(&mut self, at: usize) {
        let (board, cursor) = (self.boards[at].board, self.boards[at].cursor.clone());
        let opened = match self.random.below(2) {
            0 => ask_for(self.app, board, "", Some(&cursor)).await,
            _ => ask_for(self.app, board, &format!("?after={cursor}"), None).await,
        };
        let (mut stream, connected) = greet(opened).await;
        assert_eq!(connected, Some(cursor));
        for _ in 0..self.random.below(12) {
            let Some(block) = next_soon(&mut stream).await else {
                break;
            };
            let data = block.data.unwrap();
            self.boards[at].take(block.id.unwrap(), data, "a stream");
        }
        stream.cut();
    }

    async fn follow_both(&mut self) {
        if self.random.one_in(2) {
            self.boards.reverse();
        }
        let known = self.boards.each_ref().map(|known| known.board).join(",");
        let id = self.id();
        let query = format!("?boards={known}");
        let (mut stream, connected) = match self.random.below(2) {
            0 => crate::merged::open(self.app, &query, Some(&id)).await,
            _ => crate::merged::open(self.app, &format!("{query}&after={id}"), None).await,
        };
        assert_eq!(connected, Some(id));
        for _ in 0..self.random.below(12) {
            let Some(block) = next_soon(&mut stream).await else {
                break;
            };
            let id = block.id.clone().unwrap();
            let board = block.json()["boardId"].clone();
            let mut elements = id.split(',').filter_map(|element| element.split_once(':'));
            let (_, cursor) = elements.find(|(other, _)| board == **other).unwrap();
            let known = self.boards.iter_mut().find(|known| board == known.board);
            known
                .unwrap()
                .take(cursor.into(), block.data.unwrap(), "a stream of both");
            assert_eq!(id, self.id());
        }
        stream.cut();
    }

    /// What is known, as the id of a stream of both boards.
    fn id(&self) -> String {
        let element = |known: &Known| format!("{}:{}", known.board, known.cursor);
        self.boards.each_ref().map(element).join(",")
    }
}

/// The next block, if one comes soon. None at all comes where the client has everything.
async fn next_soon(stream: &mut EventStream) -> Option<Block> {
    let found = stream.next_within(Duration::from_millis(20)).await;
    found.ok().map(|block| block.expect("not the end"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_changes_how_it_reads_loses_nothing_and_gets_nothing_twice() {
    let app = TestApp::start().await;
    for board in ["a", "b"] {
        app.add_board(board).await;
    }
    let writers: Vec<_> = (0..3)
        .map(|seed| tokio::spawn(write(app.address(), Random::new(seed))))
        .collect();
    let switch = |seed| switch_about(&app, Random::new(seed), &writers);
    let all = async { tokio::join!(switch(1), switch(2), switch(3)) };
    timeout(4 * PATIENCE, all).await.expect("they catch up");
    for writer in writers {
        writer.await.unwrap();
    }
    app.stop().await;
}

/// Reads until it has all that there will be, and checks that it is all that there was.
async fn switch_about(app: &TestApp, random: Random, writers: &[JoinHandle<()>]) {
    let boards = [Known::new("a"), Known::new("b")];
    let mut switcher = Switcher {
        app,
        random,
        boards,
    };
    loop {
        let is_written = writers.iter().all(JoinHandle::is_finished);
        switcher.step().await;
        let mut is_behind = !is_written;
        for known in &switcher.boards {
            is_behind |= cursor_of(app, known.board).await != known.cursor;
        }
        if !is_behind {
            break;
        }
    }
    for known in &switcher.boards {
        assert_eq!(known.log, read_log(app, known.board, 100).await);
        let board = app.board(known.board).await;
        same_board(known.fold.board().unwrap(), &board).unwrap();
    }
}

async fn write(address: SocketAddr, mut random: Random) {
    let mut connection = Connection::open(address).await.unwrap();
    let writer = random.draw();
    for n in 0..WRITES_PER_WRITER {
        let id = format!("t{writer}-{n}");
        let list = *random.pick(&["list-a", "list-b"]);
        let create = json!({ "listId": list, "id": id, "title": id });
        let create = Request::new("POST", "/tasks").json(&create);
        connection.send(create).await.unwrap().expect(201);
        let older = format!("/tasks/t{writer}-{}", random.below(n + 1));
        let change = match random.below(3) {
            0 => Request::new("PATCH", older).json(&json!({ "description": id })),
            1 => Request::new("PATCH", older + "/move").json(&json!({ "listId": list })),
            _ => Request::new("DELETE", older),
        };
        let status = connection.send(change).await.unwrap().status;
        assert!([200, 204, 404].contains(&status), "{status}");
    }
}
