//! `boardcast user`: accounts, for whoever has the data file.

use super::client::Failure;
use super::client::print::Output;
use super::client::things::Told;
use super::desk::{self, Account};
use crate::config::{
    RoleWord, UserAddArgs, UserArgs, UserListArgs, UserRoleArgs, UserVerb, WhoArgs,
};
use crate::desk::Wish;
use boardcast_core::access::Role;
use boardcast_core::limits::DESK_PAGE_USERS;
use boardcast_core::model::UserId;
use serde::Deserialize;
use std::io::Write as _;

pub(super) fn run(args: &UserArgs) -> Result<(), Failure> {
    match &args.verb {
        UserVerb::List(args) => list(args),
        UserVerb::Add(args) => add(args),
        UserVerb::Invite(args) => invite(args),
        UserVerb::Disable(args) => disable(args, true),
        UserVerb::Enable(args) => disable(args, false),
        UserVerb::Admin(args) => admin(&args.who, !args.off),
        UserVerb::Role(args) => set_role(args),
    }
}

fn list(args: &UserListArgs) -> Result<(), Failure> {
    let mut users: Vec<Told<Account>> = Vec::new();
    loop {
        let last = users.last().map(|told| UserId::parse(&told.thing.id));
        let after = last.transpose().ok().flatten();
        let page = desk::ask(&args.data.path, Wish::Users { after })?;
        let page: Vec<_> = desk::read(&page)?;
        let is_last = page.len() < DESK_PAGE_USERS;
        users.extend(page);
        if is_last {
            break;
        }
    }
    Output::new(args.json).things(users.iter().map(|told| (&*told.text, row(&told.thing))))
}

fn row(user: &Account) -> Vec<String> {
    let login = user.login.as_deref().unwrap_or("-");
    let is_person = user.kind == "person";
    let marks = [
        (!is_person, "service"),
        (user.is_admin, "admin"),
        (is_person && !user.has_password, "no password yet"),
        (user.disabled_at.is_some(), "disabled"),
    ];
    let marks: Vec<_> = marks
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, mark)| *mark)
        .collect();
    vec![
        login.into(),
        user.name.clone(),
        user.id.clone(),
        marks.join(", "),
    ]
}

/// What is shown of a new link.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invited {
    user: Account,
    invite: String,
    ends_at: String,
}

fn add(args: &UserAddArgs) -> Result<(), Failure> {
    let (data, name) = (&args.data.path, args.name.clone());
    let Some(login) = args.login.clone() else {
        let made = desk::ask(data, Wish::MakeService { name })?;
        let Account { id, name, .. } = desk::read(&made)?;
        return Output::new(false).line(&format!("Added the service \"{name}\" ({id})."));
    };
    let made = desk::ask(data, Wish::MakePerson { login, name })?;
    tell_link(&desk::read(&made)?)
}

fn invite(args: &WhoArgs) -> Result<(), Failure> {
    let who = args.user.clone();
    let made = desk::ask(&args.data.path, Wish::Invite { who })?;
    tell_link(&desk::read(&made)?)
}

/// The link alone on standard output. Under which address people reach the server is not known here.
fn tell_link(invited: &Invited) -> Result<(), Failure> {
    let Invited {
        user,
        invite,
        ends_at,
    } = invited;
    Output::new(false).line(&format!("/#invite={invite}"))?;
    let _ = writeln!(
        std::io::stderr(),
        "{} sets a password with this behind the server's address, once, until {ends_at}.",
        user.who()
    );
    Ok(())
}

fn disable(args: &WhoArgs, disabled: bool) -> Result<(), Failure> {
    let wish = Wish::Edit {
        who: args.user.clone(),
        is_admin: None,
        disabled: Some(disabled),
    };
    let user: Account = desk::read(&desk::ask(&args.data.path, wish)?)?;
    let state = if disabled {
        "is locked out"
    } else {
        "may come in again"
    };
    Output::new(false).line(&format!("{} {state}.", user.who()))
}

fn admin(args: &WhoArgs, is_admin: bool) -> Result<(), Failure> {
    let wish = Wish::Edit {
        who: args.user.clone(),
        is_admin: Some(is_admin),
        disabled: None,
    };
    let user: Account = desk::read(&desk::ask(&args.data.path, wish)?)?;
    let rules = if is_admin { "rules" } else { "doesn't rule" };
    Output::new(false).line(&format!("{} {rules} accounts now.", user.who()))
}

fn set_role(args: &UserRoleArgs) -> Result<(), Failure> {
    let role = match args.role {
        RoleWord::Viewer => Some(Role::Viewer),
        RoleWord::Editor => Some(Role::Editor),
        RoleWord::Admin => Some(Role::Admin),
        RoleWord::None => None,
    };
    let wish = Wish::SetRole {
        who: args.user.clone(),
        board_id: args.board.clone(),
        role,
    };
    desk::ask(&args.data.path, wish)?;
    let (user, board) = (&args.user, &args.board);
    Output::new(false).line(&match role {
        Some(role) => format!("{user} is {role} of {board} now."),
        None => format!("{user} is no member of {board} any more."),
    })
}
