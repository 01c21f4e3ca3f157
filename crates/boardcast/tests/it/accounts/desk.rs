//! Accounts for whoever has the data file: `init`, `user` and `token`, beside a running server and without
//! one. Both ways go to the same rules and end the same streams.

use super::losing::expect_end;
use super::streams::Scene;
use super::{Credential, House, PASSWORD};
use crate::app::{PATIENCE, TestApp};
use crate::cli::{Ran, done, end, program, refused, url};
use crate::program::place;
use crate::stream::greet;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Runs a verb on a data file, with something to read.
async fn run_with(data: &Path, args: &[&str], input: &str) -> Ran {
    let mut command = program("http://localhost:9", args);
    command.env("BOARDCAST_DATA", data).stdin(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Whoever doesn't read it has ended.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    end(child).await
}

async fn run(data: &Path, args: &[&str]) -> Ran {
    run_with(data, args, "").await
}

/// What a verb prints that also says something to the person.
async fn print(data: &Path, args: &[&str]) -> String {
    let ran = run(data, args).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.out.trim_end().into()
}

async fn init(data: &Path) -> Ran {
    let args = [
        "init",
        "--login",
        "Root",
        "--name",
        "Root",
        "--password-stdin",
    ];
    run_with(data, &args, &format!("{PASSWORD}\n")).await
}

/// The socket beside a data file.
fn socket(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".sock");
    name.into()
}

/// What the program shows of accounts, without what differs from run to run.
async fn accounts(data: &Path) -> Vec<Value> {
    let list = done(run(data, &["user", "list", "--json"]).await);
    let lines = list
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines
        .map(|user| {
            json!([
                user["login"],
                user["name"],
                user["isAdmin"],
                user["disabledAt"].is_string()
            ])
        })
        .collect()
}

/// The same verbs, whoever carries them out.
async fn run_a_house(data: &Path) {
    done(init(data).await);
    refused(&init(data).await, 1, "Accounts are on already");
    let link = print(data, &["user", "add", "grace", "--name", "Grace"]).await;
    assert!(link.starts_with("/#invite=bci_"), "{link}");
    let again = print(data, &["user", "invite", "grace"]).await;
    assert_ne!(link, again);
    let taken = run(data, &["user", "add", "GRACE", "--name", "G"]).await;
    refused(&taken, 1, "This login is taken. Choose another one");
    done(run(data, &["user", "add", "--service", "--name", "deploy"]).await);
    done(run(data, &["user", "admin", "grace"]).await);
    done(run(data, &["user", "admin", "grace", "--off"]).await);
    done(run(data, &["user", "disable", "grace"]).await);
    let expected = [
        json!(["root", "Root", true, false]),
        json!(["grace", "Grace", false, true]),
        json!([null, "deploy", false, false]),
    ];
    assert_eq!(accounts(data).await, expected);
    done(run(data, &["user", "enable", "grace"]).await);
    for args in [
        ["user", "disable", "root"].as_slice(),
        &["user", "admin", "root", "--off"],
    ] {
        let says = "They are the last admin. Make somebody else an admin first";
        refused(&run(data, args).await, 1, says);
    }
    let says = "\"ada\" names nobody with an account. `boardcast user list` shows who has one";
    refused(&run(data, &["user", "disable", "ada"]).await, 1, says);

    let new = [
        "token", "add", "--user", "deploy", "--name", "ci", "--scope", "read", "--days", "3",
    ];
    let secret = print(data, &new).await;
    assert!(
        secret.starts_with("bct_") && !secret.contains(char::is_whitespace),
        "{secret}"
    );
    let list = ["token", "list", "--user", "deploy", "--json"];
    let token = done(run(data, &list).await);
    let token: Value = serde_json::from_str(&token).expect("one token");
    assert_eq!(
        (&token["name"], &token["scope"]),
        (&json!("ci"), &json!("read"))
    );
    let revoke = [
        "token",
        "revoke",
        token["id"].as_str().expect("an id"),
        "--user",
        "deploy",
    ];
    done(run(data, &revoke).await);
    refused(&run(data, &revoke).await, 1, "There is no such token");
    assert_eq!(done(run(data, &list).await), "");
    done(run(data, &["user", "disable", "deploy"]).await);
    let says = "This can't be done for a disabled account: enable it first";
    refused(&run(data, &new).await, 1, says);
    assert_eq!(done(run(data, &list).await), "");
}

#[tokio::test]
async fn accounts_are_made_and_changed_where_no_server_runs() {
    let (_folder, data) = place();
    let missing = format!(
        "there is no data file {}. Name it with --data.",
        data.display()
    );
    refused(&run(&data, &["user", "list"]).await, 1, &missing);
    assert!(!data.exists());
    run_a_house(&data).await;
    assert!(!socket(&data).exists());
    // And a server finds them, no demo board that is nobody's, and no session that nobody holds.
    let app = TestApp::start_with(|args| args.data.clone_from(&data)).await;
    assert!(!app.server().has_demo() && app.server().setup_code().is_none());
    let body = json!({ "login": "root", "password": PASSWORD });
    let root = super::cookie_of(&app.post("/session", &body).await.expect(200));
    let sessions = Credential::on(
        &root,
        boardcast_sim::client::Request::new("GET", "/me/sessions"),
    );
    let sessions = app.send(sessions).await.expect(200).json();
    assert_eq!(sessions["sessions"].as_array().map(Vec::len), Some(1));
    app.stop().await;
}

#[tokio::test]
async fn accounts_are_made_and_changed_beside_a_running_server() {
    let app = TestApp::start().await;
    let socket = socket(app.data());
    let mode = fs::symlink_metadata(&socket)
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let off = "Accounts are not on yet. `boardcast init` switches them on";
    refused(&run(app.data(), &["user", "list"]).await, 1, off);
    let stream = crate::stream::watch(&app).await;
    run_a_house(app.data()).await;
    expect_end(stream).await;
    assert!(app.server().setup_code().is_none());
    app.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn who_is_locked_out_at_the_command_line_gets_not_one_more_event() {
    for way in ["disable", "role", "token"] {
        let scene = Scene::set().await;
        let (house, viewer) = (&scene.house, &scene.viewer);
        let (data, board) = (house.app.data(), scene.place.board.as_str());
        let (token_id, token) = house.token(&viewer.by, "read").await;
        let by = if way == "token" { &token } else { &viewer.by };
        let (stream, _) = greet(scene.open(by, &scene.path("")).await).await;
        let args = match way {
            "disable" => vec!["user", "disable", &viewer.login],
            "role" => vec!["user", "role", &viewer.login, board, "none"],
            _ => vec!["token", "revoke", &token_id, "--user", &viewer.login],
        };
        done(run(data, &args).await);
        scene.add("not for them").await;
        expect_end(stream).await;
        scene.house.stop().await;
    }
}

#[tokio::test]
async fn a_board_without_an_admin_who_can_act_gets_one() {
    let house = House::start().await;
    let (ada, grace) = (house.person("ada").await, house.person("grace").await);
    let place = house.place(&ada.by).await;
    let (data, board) = (house.app.data(), place.board.as_str());
    let path = format!("/boards/{board}");
    house.get(&grace.by, &path).await.expect(404);
    let says = "They are the last admin. Make somebody else an admin first";
    refused(
        &run(data, &["user", "role", "ada", board, "viewer"]).await,
        1,
        says,
    );
    done(run(data, &["user", "disable", "ada"]).await);
    done(run(data, &["user", "role", "grace", board, "admin"]).await);
    let name = json!({ "name": "Hers" });
    let renamed = house.ask(&grace.by, "PATCH", &path, &name);
    renamed.await.expect(200);
    let says = "There is no such board. It may have been deleted";
    refused(
        &run(data, &["user", "role", "grace", "board-none", "admin"]).await,
        1,
        says,
    );
    house.stop().await;
}

#[tokio::test]
async fn a_new_token_says_who_asks() {
    let house = House::start().await;
    let new = [
        "token", "add", "--user", "root", "--name", "ci", "--board", "board-1",
    ];
    let token = print(house.app.data(), &new).await;
    let mut add = program(&url(&house.app), &["add", "list-todo", "By a token"]);
    let add = add.env("BOARDCAST_TOKEN", &token).spawn();
    done(end(add.expect("it starts")).await);
    let unknown = [
        "token", "add", "--user", "root", "--name", "ci", "--board", "board-2",
    ];
    let says = "boards names no board that exists";
    refused(&run(house.app.data(), &unknown).await, 1, says);
    house.stop().await;
}

#[tokio::test]
async fn a_server_that_answers_at_no_socket_is_named() {
    let house = House::start().await;
    let data = house.app.data();
    fs::remove_file(socket(data)).expect("a socket");
    let ran = run(data, &["user", "list"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
    for says in [
        "in use by process",
        "doesn't answer at its socket",
        "older Boardcast",
    ] {
        assert!(ran.err.contains(says), "{ran:?}");
    }
    house.stop().await;
}

/// Whatever comes to the socket, the server stays, and stops when it is told.
#[tokio::test]
async fn the_socket_takes_only_so_much_and_no_nonsense() {
    let house = House::start().await;
    let path = socket(house.app.data());
    let mut silent = Vec::new();
    for _ in 0..7 {
        silent.push(UnixStream::connect(&path).await.expect("it connects"));
    }
    for (wish, says) in [
        ("{}".to_owned(), "another version"),
        (r#"{"wish":"sudo"}"#.to_owned(), "another version"),
        ("x".repeat(1024 * 1024), ""),
    ] {
        let mut stream = UnixStream::connect(&path).await.expect("it connects");
        // Too much is cut off while it is sent.
        let _ = stream.write_all(wish.as_bytes()).await;
        let _ = stream.shutdown().await;
        let mut answer = String::new();
        let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
        let _ = read.expect("it ends");
        assert!(answer.contains(says), "{answer}");
        assert!(!answer.contains("done"), "{answer}");
    }
    assert_eq!(accounts(house.app.data()).await.len(), 1);
    house.stop().await;
}
