//! Asks like many clients: writers at a bounded rate over kept-alive connections, each with tasks
//! of its own that it creates, edits, moves and deletes. What each was answered goes into a
//! [`Ledger`]; what the watchers saw of it, the oracle judges.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, interval, sleep, timeout};

use crate::client::{Answer, Client, Connection, Request};
use crate::ledger::{Ledger, Written, send_on};
use crate::random::Random;
use crate::wait::WAIT;

/// How long a writer waits before it asks again.
const PAUSE: Duration = Duration::from_millis(20);

/// Tasks that a writer has at a time for each of its boards, so that boards stay of a size that people have.
const TASKS_MAX: usize = 5;

/// A board to write to.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Its id.
    pub board: String,
    /// Lists whose tasks come and go.
    pub lists: Vec<String>,
}

impl Ground {
    /// Makes a board with some lists.
    ///
    /// # Panics
    /// If the server doesn't answer 201.
    pub async fn make(addr: SocketAddr, board: &str, lists: usize) -> Ground {
        let client = Client::new(addr);
        let body = json!({"id": board, "name": board});
        create(client, "/boards", &body).await;
        let lists: Vec<_> = (0..lists).map(|n| format!("{board}-list-{n}")).collect();
        for list in &lists {
            create(
                client,
                "/lists",
                &json!({"id": list, "boardId": board, "name": list}),
            )
            .await;
        }
        Ground {
            board: board.to_owned(),
            lists,
        }
    }
}

async fn create(client: Client, path: &str, body: &Value) {
    let answer = client.post(path, body).await;
    answer.expect("the server answers").expect(201);
}

/// Who writes where, how often, and what is done when no answer comes.
#[derive(Clone, Debug)]
pub struct Load {
    addr: SocketAddr,
    grounds: Vec<Ground>,
    writers: usize,
    per_second: Option<u32>,
    insists: bool,
    description: usize,
    seed: u64,
}

impl Load {
    /// One writer for each of the boards, as fast as it is answered; fewer writers have several
    /// boards each. Tasks get ids that follow from
    /// the seed, so two loads on one server need two seeds.
    ///
    /// # Panics
    /// If there is no board or one without a list.
    pub fn new(addr: SocketAddr, grounds: Vec<Ground>, seed: u64) -> Load {
        assert!(!grounds.is_empty() && grounds.iter().all(|ground| !ground.lists.is_empty()));
        Load {
            addr,
            writers: grounds.len(),
            grounds,
            per_second: None,
            insists: false,
            description: 0,
            seed,
        }
    }

    /// So many writers, spread over the boards.
    #[must_use]
    pub fn writers(mut self, writers: usize) -> Load {
        self.writers = writers;
        self
    }

    /// Writes a second, of all writers together and in bursts of one each; what falls behind is
    /// caught up.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    pub fn per_second(mut self, writes: u32) -> Load {
        assert!(writes > 0, "a load writes");
        self.per_second = Some(writes);
        self
    }

    /// Gives every request a key and sends it again until it is answered, and not with a 503.
    /// Otherwise a write is asked for once.
    #[must_use]
    pub fn insisting(mut self) -> Load {
        self.insists = true;
        self
    }

    /// Gives tasks descriptions of so many bytes.
    #[must_use]
    pub fn describing(mut self, bytes: usize) -> Load {
        self.description = bytes;
        self
    }

    /// Each writer has one board at least, and each board one writer.
    fn grounds_of(&self, number: usize) -> Vec<Ground> {
        let first = number % self.grounds.len();
        let own = self.grounds.iter().skip(first).step_by(self.writers);
        own.cloned().collect()
    }

    /// Starts writing, in tasks of the current runtime.
    pub fn spawn(self) -> LoadHandle {
        let (stop_tx, stop_rx) = watch::channel(false);
        let acked_tx = watch::Sender::new(0);
        let mut random = Random::new(self.seed);
        let mut writers = JoinSet::new();
        for number in 0..self.writers {
            let writer = Writer {
                load: self.clone(),
                grounds: self.grounds_of(number),
                number,
                random: random.fork(),
                tasks: Vec::new(),
                asked: 0,
                connection: None,
                ledger: Ledger::default(),
                acked_tx: acked_tx.clone(),
            };
            writers.spawn(writer.run(stop_rx.clone()));
        }
        LoadHandle {
            stop_tx,
            acked_rx: acked_tx.subscribe(),
            writers,
        }
    }
}

/// A load at work. Dropping it ends the writers where they are.
#[derive(Debug)]
pub struct LoadHandle {
    stop_tx: watch::Sender<bool>,
    acked_rx: watch::Receiver<u64>,
    writers: JoinSet<Ledger>,
}

impl LoadHandle {
    /// Writes answered 2xx so far.
    pub fn acked(&self) -> u64 {
        *self.acked_rx.borrow()
    }

    /// Waits until so many writes were answered 2xx.
    ///
    /// # Errors
    /// If they were not within `limit`.
    pub async fn wait_for_acked(&self, count: u64, limit: Duration) -> Result<(), String> {
        let mut acked_rx = self.acked_rx.clone();
        let reached = timeout(limit, acked_rx.wait_for(|acked| *acked >= count)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            _ => Err(format!(
                "{} of {count} writes answered in {limit:?}",
                self.acked()
            )),
        }
    }

    /// Lets every writer finish the write it is at, and says what they all did.
    ///
    /// # Panics
    /// If a writer's task panicked.
    pub async fn stop(self) -> Ledger {
        self.stop_tx.send_replace(true);
        let mut ledger = Ledger::default();
        let ledgers = self.writers.join_all().await;
        ledgers.into_iter().for_each(|done| ledger.absorb(done));
        ledger
    }
}

/// One client that writes.
struct Writer {
    load: Load,
    grounds: Vec<Ground>,
    number: usize,
    random: Random,
    /// What it made and did not delete, each on which of its grounds. Nobody else touches these.
    tasks: Vec<(String, usize)>,
    asked: u64,
    connection: Option<Connection>,
    ledger: Ledger,
    acked_tx: watch::Sender<u64>,
}

/// A write about to be asked for.
struct Wish {
    kind: &'static str,
    task: String,
    /// Which of the writer's grounds it is on.
    ground: usize,
    method: &'static str,
    path: String,
    body: Option<Value>,
}

impl Writer {
    async fn run(mut self, mut stop_rx: watch::Receiver<bool>) -> Ledger {
        let mut ticks = self.ticks();
        loop {
            tokio::select! {
                biased;
                () = told_to_stop(&mut stop_rx) => return self.ledger,
                () = next_tick(&mut ticks) => self.write().await,
            }
        }
    }

    /// All writers tick together: bursts make commits of several events.
    fn ticks(&self) -> Option<Interval> {
        let per_second = self.load.per_second?;
        let writers = u32::try_from(self.load.writers).expect("a test has few writers");
        Some(interval(Duration::from_secs(1) * writers / per_second))
    }

    async fn write(&mut self) {
        let wish = self.wish();
        self.asked += 1;
        let mut request = Request::new(wish.method, &wish.path);
        if let Some(body) = &wish.body {
            request = request.json(body);
        }
        if self.load.insists {
            request = request.header("Idempotency-Key", self.name("key"));
        }
        let answer = self.ask(&request).await;
        self.learn(&wish, answer.as_ref());
        self.ledger.written.push(Written {
            board: self.grounds[wish.ground].board.clone(),
            kind: wish.kind,
            thing: wish.task,
            request,
            answer,
        });
    }

    /// Sends a request until there is nothing left to hope for.
    async fn ask(&mut self, request: &Request) -> Option<Answer> {
        let since = Instant::now();
        loop {
            match send_on(&mut self.connection, self.load.addr, request.clone()).await {
                Ok(answer) if answer.status == 503 && self.load.insists => self.ledger.busy += 1,
                Ok(answer) => return Some(answer),
                Err(_) if self.load.insists => self.ledger.cuts += 1,
                Err(_) => {
                    self.ledger.cuts += 1;
                    return None;
                }
            }
            if since.elapsed() > WAIT {
                return None;
            }
            sleep(PAUSE).await;
        }
    }

    /// After an answer it knows what it has; a task whose fate is unknown it leaves alone.
    fn learn(&mut self, wish: &Wish, answer: Option<&Answer>) {
        let is_acked = answer.is_some_and(|answer| (200..300).contains(&answer.status));
        if is_acked {
            self.acked_tx.send_modify(|acked| *acked += 1);
        }
        match wish.kind {
            "task_created" if is_acked => self.tasks.push((wish.task.clone(), wish.ground)),
            "task_deleted" => self.tasks.retain(|(task, _)| *task != wish.task),
            _ if answer.is_none() => self.tasks.retain(|(task, _)| *task != wish.task),
            _ => {}
        }
    }

    fn wish(&mut self) -> Wish {
        let is_full = self.tasks.len() == TASKS_MAX * self.grounds.len();
        if self.tasks.is_empty() || (!is_full && self.random.one_in(3)) {
            return self.wish_to_create();
        }
        let (task, ground) = self.random.pick(&self.tasks).clone();
        let path = format!("/tasks/{task}");
        let (kind, method, path, body) = match self.random.below(8) {
            0 => ("task_deleted", "DELETE", path, None),
            1..4 => {
                let body = json!({"title": self.name("edited")});
                ("task_updated", "PATCH", path, Some(body))
            }
            _ => {
                let mut body = self.slot();
                body["listId"] = json!(self.random.pick(&self.grounds[ground].lists));
                ("task_moved", "PATCH", format!("{path}/move"), Some(body))
            }
        };
        Wish {
            kind,
            task,
            ground,
            method,
            path,
            body,
        }
    }

    fn wish_to_create(&mut self) -> Wish {
        let task = self.name("task");
        let ground = self.random.below(self.grounds.len() as u64) as usize;
        let mut body = self.slot();
        body["id"] = json!(task);
        body["title"] = json!(self.name("made"));
        body["listId"] = json!(self.random.pick(&self.grounds[ground].lists));
        if self.load.description > 0 {
            body["description"] = json!("d".repeat(self.load.description));
        }
        Wish {
            kind: "task_created",
            task,
            ground,
            method: "POST",
            path: "/tasks".to_owned(),
            body: Some(body),
        }
    }

    /// Where a task goes: the end without a word, or a position.
    fn slot(&mut self) -> Value {
        match self.random.below(4) {
            0 => json!({}),
            1 => json!({"position": "top"}),
            2 => json!({"position": "bottom"}),
            _ => json!({"position": self.random.below(20)}),
        }
    }

    /// Different for every write of every load.
    fn name(&self, what: &str) -> String {
        let (seed, number, asked) = (self.load.seed, self.number, self.asked);
        format!("{what}-{seed}-{number}-{asked}")
    }
}

/// Returns when the load is told to stop, or nobody holds it any more.
async fn told_to_stop(stop_rx: &mut watch::Receiver<bool>) {
    let _ = stop_rx.wait_for(|stop| *stop).await;
}

/// Returns at the next tick; at once where there are none.
async fn next_tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => drop(ticks.tick().await),
        None => tokio::task::yield_now().await,
    }
}
