//! The command line where there are accounts.

use super::losing::expect_end;
use super::{Credential, House, PASSWORD};
use crate::app::TestApp;
use crate::cli::{Ran, done, end, program, refused, run, url};
use crate::stream::greet;
use boardcast_sim::stream::EventStream;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;

/// Runs the program as somebody whose settings are in a folder, with something to read.
async fn run_as(home: &Path, server: &str, args: &[&str], input: &str) -> Ran {
    let mut command = program(server, args);
    command.env("XDG_CONFIG_HOME", home).stdin(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Whoever doesn't read it has ended.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    end(child).await
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o777
}

const SIGN_IN: [&str; 4] = ["login", "--login", "root", "--password-stdin"];
const NOT_SIGNED_IN: &str = "you are not signed in, or no longer: `boardcast login` does that, or give a good token in \
                             BOARDCAST_TOKEN";

#[tokio::test]
async fn who_logs_in_is_known_to_that_server_until_they_log_out() {
    let house = House::start().await;
    let home = tempfile::tempdir().expect("a folder");
    let (home, server) = (home.path(), url(&house.app));
    let sessions = house.get(&house.root, "/me/sessions").await.json();
    done(run_as(home, &server, &SIGN_IN, &format!("{PASSWORD}\n")).await);
    assert_eq!(
        house.get(&house.root, "/me/sessions").await.json(),
        sessions
    );
    let tokens = house.get(&house.root, "/me/tokens").await.json();
    let name = tokens["tokens"][0]["name"].as_str().expect("a token");
    assert!(name.starts_with("boardcast on "), "{name}");
    let kept = home.join("boardcast/tokens.json");
    assert_eq!((mode(&kept), mode(&home.join("boardcast"))), (0o600, 0o700));

    done(run_as(home, &server, &["add", "list-todo", "As root"], "").await);
    let board = house.get(&house.root, "/boards/board-1").await.text();
    assert!(board.contains("As root"), "{board}");
    // The same server under another name is another one.
    let other = server.replace("127.0.0.1", "localhost");
    refused(
        &run_as(home, &other, &["boards"], "").await,
        1,
        NOT_SIGNED_IN,
    );
    let mut by_environment = program(&server, &["boards"]);
    by_environment.env("XDG_CONFIG_HOME", home);
    let bad = by_environment.env("BOARDCAST_TOKEN", "bct_bad").spawn();
    refused(&end(bad.expect("it starts")).await, 1, NOT_SIGNED_IN);

    let token = kept_token(home, &server);
    let board = "/boards/board-1/events";
    let headers = [("authorization", format!("Bearer {token}"))];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let opened = EventStream::open(house.app.address(), board, &headers).await;
    let (stream, _) = greet(opened.expect("a stream")).await;
    let out = done(run_as(home, &server, &["logout"], "").await);
    let says = "is good for nothing any more, and forgotten here.";
    assert!(out.contains(says), "{out}");
    expect_end(stream).await;
    let tokens = house.get(&house.root, "/me/tokens").await.json();
    assert_eq!(tokens["tokens"].as_array().map(Vec::len), Some(0));
    house
        .get(&Credential::Bearer(token), "/boards")
        .await
        .expect(401);
    refused(
        &run_as(home, &server, &["boards"], "").await,
        1,
        NOT_SIGNED_IN,
    );
    let out = done(run_as(home, &server, &["logout"], "").await);
    assert_eq!(out, format!("There was no token for {server}.\n"));
    house.stop().await;
}

/// A token that nobody has any more is nobody's to use.
#[tokio::test]
async fn a_login_leaves_no_token_behind_that_is_not_kept() {
    let house = House::start().await;
    let home = tempfile::tempdir().expect("a folder");
    let (home, server) = (home.path(), url(&house.app));
    let count = async || {
        let tokens = house.get(&house.root, "/me/tokens").await.json();
        tokens["tokens"].as_array().map(Vec::len)
    };
    let sign_in = async || run_as(home, &server, &SIGN_IN, &format!("{PASSWORD}\n")).await;
    for _ in 0..3 {
        done(sign_in().await);
        assert_eq!(count().await, Some(1));
    }
    // One that was given is not its own to end.
    let (_, given) = house.token(&house.root, "read").await;
    let Credential::Bearer(secret) = &given else {
        unreachable!("a token");
    };
    let log_in = ["login", "--token-stdin"];
    done(run_as(home, &server, &log_in, &format!("{secret}\n")).await);
    assert_eq!(count().await, Some(1));
    done(sign_in().await);
    house.get(&given, "/boards").await.expect(200);
    assert_eq!(count().await, Some(2));
    // Nor does the same one given again end itself.
    let token = kept_token(home, &server);
    done(run_as(home, &server, &log_in, &format!("{token}\n")).await);
    assert_eq!(count().await, Some(2));
    // It can't be kept where no folder can be.
    let nowhere = home.join("a file");
    fs::write(&nowhere, "").expect("a file");
    let ran = run_as(&nowhere, &server, &SIGN_IN, &format!("{PASSWORD}\n")).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("can't be written"), "{ran:?}");
    assert_eq!(count().await, Some(2));
    house.stop().await;
}

/// What a login has kept.
fn kept_token(home: &Path, server: &str) -> String {
    let kept = fs::read(home.join("boardcast/tokens.json")).expect("a file");
    let kept: Value = serde_json::from_slice(&kept).expect("JSON");
    kept["tokens"][server].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn who_logs_out_is_forgotten_here_whatever_the_server_says() {
    let mut house = House::start().await;
    let home = tempfile::tempdir().expect("a folder");
    let (home, server) = (home.path(), url(&house.app));
    let sign_in = async || {
        done(run_as(home, &server, &SIGN_IN, &format!("{PASSWORD}\n")).await);
        Credential::Bearer(kept_token(home, &server))
    };
    // Somebody was quicker.
    let token = sign_in().await;
    house.delete(&token, "/session").await.expect(204);
    let out = done(run_as(home, &server, &["logout"], "").await);
    assert!(out.contains("was good for nothing any more."), "{out}");
    // It is told how to end it where it can't be ended.
    sign_in().await;
    house.app.pause().await;
    let out = run_as(home, &server, &["logout"], "").await;
    assert_eq!((out.code, out.out.as_str()), (Some(3), ""), "{out:?}");
    for says in [
        "can't be reached",
        "not kept here any more, but still good there",
        "account's page",
        "boardcast token revoke",
        "boardcast on ",
    ] {
        assert!(out.err.contains(says), "{out:?}");
    }
    let out = done(run_as(home, &server, &["logout"], "").await);
    assert_eq!(out, format!("There was no token for {server}.\n"));
}

/// Others may use it: a token that was given, or stands in the environment, isn't ours to end.
#[tokio::test]
async fn only_a_token_that_login_made_is_ended() {
    let house = House::start().await;
    let home = tempfile::tempdir().expect("a folder");
    let (home, server) = (home.path(), url(&house.app));
    let (_, by) = house.token(&house.root, "read").await;
    let Credential::Bearer(token) = &by else {
        unreachable!("a token");
    };
    let log_in = ["login", "--token-stdin"];
    done(run_as(home, &server, &log_in, &format!("{token}\n")).await);
    let out = done(run_as(home, &server, &["logout"], "").await);
    assert!(out.contains("still good there"), "{out}");
    house.get(&by, "/boards").await.expect(200);
    done(run_as(home, &server, &SIGN_IN, &format!("{PASSWORD}\n")).await);
    let made = Credential::Bearer(kept_token(home, &server));
    let mut logout = program(&server, &["logout"]);
    logout.env("XDG_CONFIG_HOME", home);
    let logout = logout.env("BOARDCAST_TOKEN", token).spawn();
    let out = end(logout.expect("it starts")).await;
    assert_eq!(out.code, Some(0), "{out:?}");
    assert!(
        out.err.starts_with("BOARDCAST_TOKEN is not ended by this"),
        "{out:?}"
    );
    assert!(!format!("{out:?}").contains(token));
    house.get(&by, "/boards").await.expect(200);
    house.get(&made, "/boards").await.expect(401);
    house.stop().await;
}

#[tokio::test]
async fn a_token_that_somebody_has_can_be_kept() {
    let house = House::start().await;
    let home = tempfile::tempdir().expect("a folder");
    let (home, server) = (home.path(), url(&house.app));
    let (_, token) = house.token(&house.root, "read").await;
    let Credential::Bearer(token) = token else {
        unreachable!("a token");
    };
    let log_in = ["login", "--token-stdin"];
    refused(
        &run_as(home, &server, &log_in, "bct_bad\n").await,
        1,
        NOT_SIGNED_IN,
    );
    let out = done(run_as(home, &server, &log_in, &format!("{token}\n")).await);
    assert!(!out.contains(&token));
    assert!(done(run_as(home, &server, &["boards"], "").await).contains("board-1"));
    house.stop().await;
}

#[tokio::test]
async fn nothing_is_kept_of_whoever_cannot_sign_in() {
    let house = House::start().await;
    let home = tempfile::tempdir().expect("a folder");
    let (home, server) = (home.path(), url(&house.app));
    let wrong = run_as(home, &server, &SIGN_IN, "not the password\n").await;
    refused(&wrong, 1, "Login and password don't fit together");
    let nothing = run_as(home, &server, &SIGN_IN, "").await;
    refused(&nothing, 1, "nothing was typed");
    let blind = run_as(home, &server, &["login"], "").await;
    refused(&blind, 1, "--login is needed where nobody can be asked");
    let plain = run_as(home, "http://board.example.org", &SIGN_IN, PASSWORD).await;
    let says = "http://board.example.org would be told your secrets over plain http, where others can read them; use \
                its https address";
    refused(&plain, 1, says);
    assert_eq!(fs::read_dir(home).expect("a folder").count(), 0);
    house.stop().await;
    let open = TestApp::start().await;
    let server = url(&open);
    let says = format!(
        "{server} has no accounts, so there is nothing to sign in to; `boardcast init` switches them on"
    );
    refused(&run_as(home, &server, &SIGN_IN, PASSWORD).await, 1, &says);
    open.stop().await;
}

#[tokio::test]
async fn a_token_in_the_environment_says_who_asks() {
    let house = House::start().await;
    let (_, token) = house.token(&house.root, "read").await;
    let Credential::Bearer(token) = token else {
        unreachable!("a token");
    };
    let boards = ["boards", "--json"];
    let nobody = format!("{:?}", run(&house.app, &boards).await);
    assert!(nobody.contains("code: Some(1)"), "{nobody}");
    let server = url(&house.app);
    let asked = program(&server, &boards)
        .env("BOARDCAST_TOKEN", &token)
        .spawn()
        .expect("it starts");
    assert!(done(end(asked).await).contains("board-1"));
    let add = ["add", "list-todo", "Not with this token"];
    let refused = program(&server, &add)
        .env("BOARDCAST_TOKEN", &token)
        .spawn()
        .expect("it starts");
    let refused = format!("{:?}", end(refused).await);
    assert!(refused.contains("code: Some(1)"), "{refused}");
    assert!(!refused.contains(&token));
    house.stop().await;
}
