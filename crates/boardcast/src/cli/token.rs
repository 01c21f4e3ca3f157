//! `boardcast token`: tokens, for whoever has the data file.

use super::client::Failure;
use super::client::print::Output;
use super::client::things::Told;
use super::desk;
use crate::config::{
    ScopeWord, TokenAddArgs, TokenArgs, TokenListArgs, TokenRevokeArgs, TokenVerb,
};
use crate::desk::Wish;
use boardcast_core::access::Scope;
use serde::Deserialize;
use std::io::Write as _;

pub(super) fn run(args: &TokenArgs) -> Result<(), Failure> {
    match &args.verb {
        TokenVerb::Add(args) => add(args),
        TokenVerb::List(args) => list(args),
        TokenVerb::Revoke(args) => revoke(args),
    }
}

impl From<ScopeWord> for Scope {
    fn from(word: ScopeWord) -> Self {
        match word {
            ScopeWord::Read => Self::Read,
            ScopeWord::Write => Self::Write,
            ScopeWord::Admin => Self::Admin,
        }
    }
}

/// A token, as far as it is shown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    id: String,
    name: String,
    scope: String,
    boards: Option<Vec<String>>,
    ends_at: Option<String>,
    used_at: Option<String>,
}

#[derive(Deserialize)]
struct Issued {
    id: String,
    secret: String,
}

fn add(args: &TokenAddArgs) -> Result<(), Failure> {
    let wish = Wish::MakeToken {
        who: args.user.clone(),
        name: args.name.clone(),
        scope: args.scope.into(),
        boards: (!args.boards.is_empty()).then(|| args.boards.clone()),
        days: args.days,
    };
    let Issued { id, secret } = desk::read(&desk::ask(&args.data.path, wish)?)?;
    Output::new(false).line(&secret)?;
    let _ = writeln!(
        std::io::stderr(),
        "This is the only time that it is shown. `boardcast token revoke {id} --user …` ends it."
    );
    Ok(())
}

fn list(args: &TokenListArgs) -> Result<(), Failure> {
    let who = args.user.clone();
    let tokens = desk::ask(&args.data.path, Wish::Tokens { who })?;
    let tokens: Vec<Told<Token>> = desk::read(&tokens)?;
    Output::new(args.json).things(tokens.iter().map(|told| (&*told.text, row(&told.thing))))
}

fn row(token: &Token) -> Vec<String> {
    let boards = match &token.boards {
        None => "all boards".into(),
        Some(boards) if boards.is_empty() => "no board any more".into(),
        Some(boards) => boards.join(" "),
    };
    let at = |word: &str, at: &Option<String>, never: &str| match at {
        Some(at) => format!("{word} {at}"),
        None => never.into(),
    };
    vec![
        token.id.clone(),
        token.name.clone(),
        token.scope.clone(),
        boards,
        at("ends", &token.ends_at, "stays"),
        at("used", &token.used_at, "never used"),
    ]
}

fn revoke(args: &TokenRevokeArgs) -> Result<(), Failure> {
    let wish = Wish::EndToken {
        who: args.user.clone(),
        token_id: args.token.clone(),
    };
    desk::ask(&args.data.path, wish)?;
    Output::new(false).line(&format!("{} is good for nothing any more.", args.token))
}
