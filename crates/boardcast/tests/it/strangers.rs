//! What one client beyond this machine may ask for, and one account. The tests come through a proxy that was named,
//! which is the only way to seem to come from elsewhere. Contract 2: 429 with `Retry-After`, and nothing
//! happened.

use crate::accounts::{Credential, House, Place};
use crate::app::{PATIENCE, TestApp, TimeSpan};
use crate::program::{BINARY, place};
use crate::stream::next;
use boardcast_sim::client::{Answer, Client, Request};
use boardcast_sim::program::Program;
use boardcast_sim::stream::EventStream;
use serde_json::json;
use tokio::time::timeout;

/// One write a second, ten at once.
async fn start() -> TestApp {
    TestApp::start_with(|args| {
        args.trusted_proxies = vec!["loopback".into()];
        args.writes_per_second = 1;
    })
    .await
}

fn write(from: &str) -> Request {
    let task = json!({ "listId": "list-todo", "title": "x" });
    Request::new("POST", "/tasks")
        .json(&task)
        .header("X-Forwarded-For", from)
}

/// Writes until it is refused.
async fn use_up(app: &TestApp, from: &str) -> Answer {
    // More than ten only because time goes by meanwhile.
    for _ in 0..1_000 {
        let answer = app.send(write(from)).await;
        if answer.status != 201 {
            return answer;
        }
    }
    panic!("{from} was never refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_too_much_is_told_when_to_go_on_and_delays_nobody_else() {
    let app = start().await;
    let refused = use_up(&app, "203.0.113.9").await.expect(429);
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["code"], "too_many_requests");
    // Whoever else it is.
    for other in ["203.0.113.10", "2001:db8::1", "127.0.0.1", ""] {
        app.send(write(other)).await.expect(201);
    }
    // What it only reads or watches is not counted.
    let headers = [("X-Forwarded-For", "203.0.113.9")];
    for _ in 0..50 {
        let read = Request::new("GET", "/boards").header(headers[0].0, headers[0].1);
        app.send(read).await.expect(200);
    }
    let opened = EventStream::open(app.address(), "/boards/board-1/events", &headers).await;
    assert_eq!(opened.expect("a stream").status, 200);
    app.clock().jump(TimeSpan::hours(1));
    app.send(write("203.0.113.9")).await.expect(201);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_write_has_done_nothing_and_goes_through_later_under_its_key() {
    let app = start().await;
    let keyed = |n: usize| {
        let task = json!({ "listId": "list-todo", "title": "x", "id": format!("t{n}") });
        let request = Request::new("POST", "/tasks").json(&task);
        let request = request.header("Idempotency-Key", format!("key-{n}"));
        request.header("X-Forwarded-For", "203.0.113.9")
    };
    let mut first_refused = 0;
    while app.send(keyed(first_refused)).await.status == 201 {
        first_refused += 1;
    }
    assert!(first_refused >= 10, "{first_refused}");
    app.get(&format!("/tasks/t{first_refused}"))
        .await
        .expect(404);
    app.clock().jump(TimeSpan::hours(1));
    app.send(keyed(first_refused)).await.expect(201);
    app.stop().await;
}

/// What stands left of the proxy's own word, and who is next door.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_more_by_pretending_to_be_somebody_else() {
    let app = start().await;
    use_up(&app, "203.0.113.9").await.expect(429);
    let mut refused = 0;
    for n in 0..100 {
        let pretended = format!("198.51.100.{n}, 203.0.113.9");
        let also = write(&pretended)
            .header("X-Real-IP", format!("198.51.100.{n}"))
            .header("Forwarded", format!("for=198.51.100.{n}"));
        refused += usize::from(app.send(also).await.status == 429);
    }
    assert!(refused > 50, "{refused} of 100");
    use_up(&app, "2001:db8:0:1::1").await.expect(429);
    let neighbours = async |n: u32| app.send(write(&format!("2001:db8:0:1::{n}"))).await.status;
    let mut refused = 0;
    for n in 2..102 {
        refused += usize::from(neighbours(n).await == 429);
    }
    assert!(refused > 50, "{refused} of 100");
    app.stop().await;
}

/// The office and its proxy: one of them writes too much, and nobody else waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_known_waits_for_nobody_who_shares_their_address() {
    let house = House::around(start().await).await;
    let (ada, ben) = (house.person("ada").await, house.person("ben").await);
    let (_, token) = house.token(&ben.by, "write").await;
    let places = [house.place(&ada.by).await, house.place(&ben.by).await];
    let office = "203.0.113.9";
    let refused = use_up_by(&house, &ada.by, &places[0], office).await;
    let refused = refused.expect(429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(says(&refused), "Too many requests by this account");
    for by in [&ben.by, &token] {
        add_by(&house, by, &places[1], office).await.expect(201);
    }
    // Nor do those who aren't known, and they are counted together.
    let dead = Credential::Bearer("bct_nonsense".into());
    let stranger = use_up_by(&house, &dead, &places[0], office).await;
    let stranger = stranger.expect(429);
    assert_eq!(says(&stranger), "Too many requests from this address");
    let nobody = add_by(&house, &Credential::None, &places[0], office).await;
    assert!(matches!(nobody.status, 401 | 429), "{}", nobody.text());
    add_by(&house, &ben.by, &places[1], office)
        .await
        .expect(201);
    // A page of another site uses up nothing of whom it would pretend to be.
    for _ in 0..50 {
        let forged = ben
            .by
            .on(write(office))
            .header("origin", "https://evil.example");
        house.app.send(forged).await.expect(403);
    }
    add_by(&house, &ben.by, &places[1], office)
        .await
        .expect(201);
    house.stop().await;
}

/// Addresses, sessions and tokens are cheap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_gets_no_more_by_changing_what_it_comes_from_or_is_known_by() {
    let house = House::around(start().await).await;
    let ada = house.person("ada").await;
    let place = house.place(&ada.by).await;
    let mut known_by = vec![ada.by.clone(), house.sign_in(&ada).await];
    for _ in 0..8 {
        known_by.push(house.token(&ada.by, "write").await.1);
    }
    use_up_by(&house, &ada.by, &place, "203.0.113.9").await;
    let mut refused = 0;
    for n in 0..100 {
        let by = &known_by[n % known_by.len()];
        let answer = add_by(&house, by, &place, &format!("198.51.100.{n}")).await;
        refused += usize::from(answer.status == 429);
    }
    assert!(refused > 50, "{refused} of 100");
    // Reading is nobody's limit, and neither is this machine.
    let read = Request::new("GET", "/boards").header("X-Forwarded-For", "198.51.100.1");
    house.send(&ada.by, read).await.expect(200);
    for _ in 0..20 {
        add_by(&house, &ada.by, &place, "").await.expect(201);
    }
    house.app.clock().jump(TimeSpan::hours(1));
    add_by(&house, &ada.by, &place, "198.51.100.1")
        .await
        .expect(201);
    house.stop().await;
}

/// Its first sentence.
fn says(refused: &Answer) -> String {
    let detail = refused.json()["detail"].to_string();
    let (first, _) = detail.split_once('.').expect("a sentence");
    first.trim_start_matches('"').to_owned()
}

async fn add_by(house: &House, by: &Credential, place: &Place, from: &str) -> Answer {
    let task = json!({ "listId": place.list, "title": "x" });
    let request = Request::new("POST", "/tasks").json(&task);
    house
        .send(by, request.header("X-Forwarded-For", from))
        .await
}

/// [`use_up`] as somebody, or as nobody who may.
async fn use_up_by(house: &House, by: &Credential, place: &Place, from: &str) -> Answer {
    for _ in 0..1_000 {
        let answer = add_by(house, by, place, from).await;
        if !matches!(answer.status, 201 | 401) {
            return answer;
        }
    }
    panic!("{by:?} was never refused");
}

/// As every program on this machine, the load of the tests among them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_machine_is_not_limited_and_nobody_is_if_the_limit_is_0() {
    let app = start().await;
    for _ in 0..50 {
        app.add_task("list-todo", "x").await;
    }
    app.stop().await;
    let app = TestApp::start_with(|args| {
        args.trusted_proxies = vec!["loopback".into()];
        args.writes_per_second = 0;
    })
    .await;
    for _ in 0..50 {
        app.send(write("203.0.113.9")).await.expect(201);
    }
    app.stop().await;
}

/// A browser comes back after 200 and `retry:`, and after nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_as_many_streams_as_it_may_is_told_to_come_back_and_can_once_one_has_ended() {
    for bodies_only in [false, true] {
        let app = TestApp::start_with(|args| {
            args.trusted_proxies = vec!["loopback".into()];
            args.streams_per_address = 3;
            args.bodies_only = bodies_only;
        })
        .await;
        let open = async |path: &str, from: &str| {
            let headers = [("X-Forwarded-For", from)];
            let opened = EventStream::open(app.address(), path, &headers).await;
            opened.expect("an answer")
        };
        let [one, many] = ["/boards/board-1/events", "/events?boards=board-1"];
        let mut streams = Vec::new();
        for path in [one, many, one] {
            let mut stream = open(path, "203.0.113.9").await.stream;
            assert_eq!(next(&mut stream).await.json()["type"], "connected");
            streams.push(stream);
        }
        for path in [one, many] {
            let refused = open(path, "198.51.100.7, 203.0.113.9").await;
            assert_eq!(
                (refused.status, refused.header("connection")),
                (200, Some("close"))
            );
            let mut stream = refused.stream;
            let block = next(&mut stream).await;
            assert!(block.raw.starts_with(b"retry: ") && block.id.is_none());
            assert_eq!(stream.next().await, Ok(None));
        }
        // A page of the log is no stream, and others are others.
        let page = Request::new("GET", one).header("Accept", "application/json");
        app.send(page.header("X-Forwarded-For", "203.0.113.9"))
            .await
            .expect(200);
        for other in [
            "203.0.113.10",
            "127.0.0.1",
            "127.0.0.1",
            "127.0.0.1",
            "127.0.0.1",
        ] {
            let mut stream = open(one, other).await.stream;
            assert_eq!(next(&mut stream).await.json()["type"], "connected");
            streams.push(stream);
        }
        drop(streams.remove(1));
        let comes_back = async {
            loop {
                let mut stream = open(many, "203.0.113.9").await.stream;
                if next(&mut stream).await.id.is_some() {
                    break;
                }
            }
        };
        timeout(PATIENCE, comes_back)
            .await
            .expect("there is room again");
        drop(streams);
        app.stop().await;
    }
}

/// One line for each of what was refused, from whom and why, and nothing of what was sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_security_log_says_who_was_refused_and_can_not_be_filled() {
    let (_folder, data) = place();
    let args = ["--trusted-proxy", "127.0.0.1", "--writes-per-second", "1"];
    let more = ["--streams-per-address", "1", "--log", "security=warn"];
    let args = [args, more].concat();
    let mut program = Program::start(BINARY, &data, &args, &[])
        .await
        .expect("it starts");
    let client = Client::new(program.addr());
    let send = async |request: Request| client.send(request).await.expect("an answer");
    let from = |request: Request| request.header("X-Forwarded-For", "203.0.113.9");
    for n in 0..40 {
        let wrong =
            Request::new("GET", format!("/boards?secret={n}")).header("Host", "evil.example");
        send(from(wrong)).await.expect(421);
        let foreign = write("203.0.113.9").header("Origin", "https://evil.example");
        send(foreign).await.expect(403);
    }
    while send(write("203.0.113.9")).await.status != 429 {}
    let headers = [("X-Forwarded-For", "203.0.113.9")];
    let path = "/boards/board-1/events?after=secret";
    let _stream = EventStream::open(program.addr(), path, &headers)
        .await
        .expect("a stream");
    let refused = EventStream::open(program.addr(), path, &headers)
        .await
        .expect("an answer");
    assert_eq!(refused.header("connection"), Some("close"));
    program.terminate().await.expect("it ends");
    let output = program.output();
    let lines = |what: &str| output.lines().filter(|line| line.contains(what)).count();
    for what in ["for another host", "a page of another site"] {
        // Ten, and ten more if a minute began meanwhile.
        assert!((10..=20).contains(&lines(what)), "{what}: {output}");
    }
    assert_eq!(lines("too many from this address"), 2, "{output}");
    assert!(lines("203.0.113.9") >= 22, "{output}");
    assert!(
        !output.contains("secret") && !output.contains("evil"),
        "{output}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_security_log_says_who_speaks_for_others_without_being_named() {
    let (_folder, data) = place();
    let mut program = Program::start(BINARY, &data, &[], &[])
        .await
        .expect("it starts");
    let client = Client::new(program.addr());
    let pretending = Request::new("GET", "/boards").header("X-Forwarded-For", "203.0.113.9");
    client
        .send(pretending)
        .await
        .expect("an answer")
        .expect(200);
    client.get("/boards").await.expect("an answer").expect(200);
    program.terminate().await.expect("it ends");
    let output = program.output();
    assert_eq!(output.matches("no --trusted-proxy").count(), 1, "{output}");
    assert!(
        output.contains("127.0.0.1") && !output.contains("203.0.113.9"),
        "{output}"
    );
}
