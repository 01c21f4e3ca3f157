//! `boardcast login` and `logout`: who the other commands are to a server. Signing in gives a session; with
//! it a token named after this machine is made, and then the session ends. Logging out ends that token.

use super::client::print::Output;
use super::client::{Client, Failure};
use super::kept::Token;
use super::{client_of, kept, prompt};
use crate::config::{LoginArgs, LogoutArgs};
use boardcast_core::access::Scope;
use boardcast_core::limits::TOKEN_NAME_CHARS_MAX;
use serde::Deserialize;
use serde_json::json;
use std::io::Write as _;
use std::path::PathBuf;

/// What the server says of who asks.
#[derive(Deserialize)]
struct Me {
    mode: String,
    user: Option<Myself>,
}

#[derive(Deserialize)]
struct Myself {
    name: String,
}

#[derive(Deserialize)]
struct Issued {
    secret: String,
}

pub(super) fn sign_in(args: &LoginArgs) -> Result<(), Failure> {
    let server = &args.server.url;
    if !keeps_secrets(server) {
        return Err(Failure::Refused(format!(
            "{server} would be told your secrets over plain http, where others can read them; use its https address"
        )));
    }
    let client = client_of(server);
    let me: Me = client.get("/me")?.read()?;
    if me.mode != "accounts" {
        return Err(Failure::Refused(format!(
            "{server} has no accounts, so there is nothing to sign in to; `boardcast init` switches them on"
        )));
    }
    let secret = if args.token_stdin {
        prompt::secret_from_stdin()?
    } else {
        new_token(&client, args)?
    };
    let token = Token {
        secret,
        is_given: args.token_stdin,
    };
    let (name, path, before) = match keep(server, &token) {
        Ok(kept) => kept,
        Err(failure) => return Err(left_behind(server, token, failure)),
    };
    if let Some(before) = before.filter(|before| before.secret != token.secret) {
        end(server, before)?;
    }
    let path = path.display();
    Output::new(false).line(&format!(
        "The commands here are {name} to {server} now. The token is kept in {path}."
    ))
}

/// Keeps a token, and says whose it is, where it stands, and which one stood there before.
fn keep(server: &str, token: &Token) -> Result<(String, PathBuf, Option<Token>), Failure> {
    let client = client_of(server).with_token(Some(token.secret.clone()));
    let me: Me = client.get("/me")?.read()?;
    let user = me
        .user
        .ok_or_else(|| Failure::Refused(format!("{server} doesn't know whose token this is")))?;
    let before = kept::token_for(server)?;
    let path = kept::keep(server, token.clone())?;
    Ok((user.name, path, before))
}

pub(super) fn sign_out(args: &LogoutArgs) -> Result<(), Failure> {
    let server = &args.server.url;
    let kept = kept::token_for(server)?;
    let in_environment = args.token.as_ref().filter(|token| !token.is_empty());
    if in_environment.is_some_and(|token| kept.as_ref().is_none_or(|kept| kept.secret != *token)) {
        let _ = writeln!(
            std::io::stderr(),
            "BOARDCAST_TOKEN is not ended by this, and goes on saying who you are where it is set."
        );
    }
    let done = match kept {
        None => format!("There was no token for {server}."),
        Some(token) => forget(server, token)?,
    };
    Output::new(false).line(&done)
}

/// A token that was made to be kept here ends; one that was given may be in use elsewhere. Either is
/// forgotten, whatever the server says.
fn forget(server: &str, token: Token) -> Result<String, Failure> {
    let ended = end(server, token);
    kept::forget(server)?;
    Ok(match ended? {
        Ended::Now => {
            format!("The token for {server} is good for nothing any more, and forgotten here.")
        }
        Ended::Before => {
            format!("The token for {server} was good for nothing any more. It is forgotten here.")
        }
        Ended::NotOurs => format!(
            "The token for {server} is forgotten here. It was given, so it is still good there; {REVOKING} ends it."
        ),
    })
}

/// How a token came to its end.
enum Ended {
    Now,
    Before,
    /// It goes on: it was given.
    NotOurs,
}

/// Ends a token on the server, or says that it is still good there.
fn end(server: &str, token: Token) -> Result<Ended, Failure> {
    if token.is_given {
        return Ok(Ended::NotOurs);
    }
    let client = client_of(server).with_token(Some(token.secret));
    match client.change("DELETE", "/session", None) {
        Ok(_) => Ok(Ended::Now),
        Err(Failure::NotSignedIn) => Ok(Ended::Before),
        Err(Failure::Refused(why)) => Err(Failure::Refused(still_good(&why))),
        Err(Failure::Unreachable(why)) => Err(Failure::Unreachable(still_good(&why))),
        Err(Failure::Unread) => Err(Failure::Unread),
    }
}

/// Why a new token could not be kept. It ends, so that nothing is left of it.
fn left_behind(server: &str, token: Token, why: Failure) -> Failure {
    match end(server, token) {
        Ok(_) => why,
        Err(still_good) => still_good,
    }
}

/// How to end a token without having it.
const REVOKING: &str =
    "your account's page there, or `boardcast token revoke` where the data file is,";

fn still_good(why: &str) -> String {
    let name = token_name();
    format!(
        "{why}. The token is not kept here any more, but still good there: {REVOKING} ends it. It is called \"{name}\""
    )
}

fn new_token(client: &Client, args: &LoginArgs) -> Result<String, Failure> {
    let login = match &args.login {
        Some(login) => login.clone(),
        None => prompt::line("Login", "--login")?,
    };
    let password = if args.password_stdin {
        prompt::secret_from_stdin()?
    } else {
        prompt::password("Password")?
    };
    let body = json!({ "login": login, "password": password });
    let (_, cookies) = client.once("POST", "/session", Some(&body), "")?;
    let body = json!({ "name": token_name(), "scope": Scope::from(args.scope) });
    let made = client.once("POST", "/me/tokens", Some(&body), &cookies);
    // With a token or without: nobody goes on with this session.
    let ended = client.once("DELETE", "/session", None, &cookies);
    let issued: Issued = made?.0.read()?;
    ended?;
    Ok(issued.secret)
}

/// By which its owner knows it again in the list of their tokens.
fn token_name() -> String {
    let machine = rustix::system::uname();
    let name = format!("boardcast on {}", machine.nodename().to_string_lossy());
    let plain = name.chars().filter(|c| !c.is_control());
    plain.take(TOKEN_NAME_CHARS_MAX).collect()
}

/// Whether nobody in between can read along: https, or this very machine.
fn keeps_secrets(server: &str) -> bool {
    let Some(rest) = server.strip_prefix("http://") else {
        return true;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = bare
        .parse::<std::net::IpAddr>()
        .is_ok_and(|ip| ip.is_loopback());
    is_loopback || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_over_https_or_stay_on_this_machine() {
        for server in [
            "https://board.example.org",
            "http://localhost:3000",
            "http://LOCALHOST",
            "http://127.0.0.1:3000/board",
            "http://127.9.9.9",
            "http://[::1]:3000",
        ] {
            assert!(keeps_secrets(server), "{server}");
        }
        for server in [
            "http://board.example.org",
            "http://192.0.2.1:3000",
            "http://localhost.example.org",
            "http://localhost@example.org",
            "http://127.0.0.1@example.org:80",
            "http://[2001:db8::1]:3000",
        ] {
            assert!(!keeps_secrets(server), "{server}");
        }
    }
}
