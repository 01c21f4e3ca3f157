//! `/setup`, `/session` and `/invites/accept`: the ways in, and out.

use super::answer::Problem;
use super::change::{Change, if_tried, of_accounts};
use super::cookie::Cookie;
use super::security::Suspicion;
use crate::auth::Asker;
use crate::auth::password::{Guess, Password};
use crate::auth::secret::{Kind, Secret};
use crate::auth::tries::Tried;
use axum::response::Response;
use boardcast_core::access::Caller;
use boardcast_core::model::{Login, UserId};
use boardcast_core::people::PeopleCommand;
use boardcast_core::protocol::Refusal;
use http::StatusCode;
use http::header::SET_COOKIE;

/// The first account, for whoever knows the code that the server printed.
pub(super) async fn set_up(change: Change) -> Result<Response, Problem> {
    if change.app.engine.is_accounts_on() {
        return Err(Problem::accounts_on());
    }
    change.check_secure()?;
    let mut fields = change.fields()?;
    let code: String = fields.required_text("code")?;
    let login = fields.required("login")?;
    let name = fields.required("name")?;
    let password: Password = fields.required("password")?;
    fields.finish()?;
    let auth = &change.app.auth;
    let tried = tried(&change, "", None);
    let attempt = change.begin_try(tried)?;
    if !auth.setup_code.is(&code) {
        change.suspect(Suspicion::WrongSecret);
        return Err(Problem::WrongCode);
    }
    attempt.was_right();
    let outside = change.app.engine.outside();
    let password = auth.passwords.hash(password, outside).await?;
    let beginning = change.begin();
    let command = PeopleCommand::SetUp {
        user_id: change.generate(UserId::generate),
        login,
        name,
        password,
        session: beginning.session.clone(),
    };
    let outcome = change.submit(command).await?;
    Ok(change.signed_in(StatusCode::CREATED, outcome, &beginning))
}

/// Signs in. Unknown, disabled, without a password and wrong are told apart by nothing: neither by the
/// answer nor by the work.
pub(super) async fn sign_in(mut change: Change) -> Result<Response, Problem> {
    change.check_secure()?;
    leave_programs_out(&mut change);
    let mut fields = change.fields()?;
    let login: String = fields.required_text("login")?;
    let guess: Guess = fields.required("password")?;
    fields.finish()?;
    of_accounts(&change.app)?;
    let login = Login::parse(&login).ok();
    let counted = login.as_ref().map_or("", Login::as_str);
    let auth = &change.app.auth;
    let device = Cookie::Device.read(&change.headers, change.peer.is_https);
    let device = device.ok().flatten();
    let device = device.and_then(|cookie| auth.devices.known(counted, cookie));
    let tried = tried(&change, counted, device);
    let attempt = change.begin_try(tried)?;
    let candidate = match &login {
        Some(login) => change.app.engine.candidate(login.clone()).await?,
        None => None,
    };
    let kept = candidate
        .as_ref()
        .map(|candidate| candidate.password.clone());
    let looked = auth.passwords.is_right(guess, kept).await;
    let (is_right, attempt) = if_tried(looked, attempt)?;
    let Some(candidate) = candidate.filter(|_| is_right) else {
        change.suspect(Suspicion::WrongSecret);
        return Err(Refusal::WrongLogin.into());
    };
    attempt.was_right();
    let beginning = change.begin();
    let command = PeopleCommand::SignIn {
        user_id: candidate.user_id,
        checked: candidate.password,
        session: beginning.session.clone(),
    };
    let outcome = change.submit(command).await?;
    Ok(change.signed_in(StatusCode::OK, outcome, &beginning))
}

/// Ends what the caller is known by: the session, or the token where one says who asks. A cookie beside
/// a token stays good, so it stays with the browser.
pub(super) async fn sign_out(change: Change) -> Result<Response, Problem> {
    let mut response = change.submit_bare(PeopleCommand::SignOut).await?;
    if matches!(change.asker.access.caller(), Caller::Person { .. }) {
        let gone = Cookie::Session.remove(change.peer.is_https);
        response.headers_mut().append(SET_COOKIE, gone);
    }
    Ok(response)
}

/// Sets a password by a one-time link.
pub(super) async fn accept(mut change: Change) -> Result<Response, Problem> {
    change.check_secure()?;
    leave_programs_out(&mut change);
    let mut fields = change.fields()?;
    let invite: String = fields.required_text("invite")?;
    let password: Password = fields.required("password")?;
    let name = fields.optional("name")?;
    fields.finish()?;
    of_accounts(&change.app)?;
    let invite = Secret::parse(Kind::Invite, &invite).ok_or(Refusal::InviteGone)?;
    let auth = &change.app.auth;
    // Nobody guesses an invite; but hashing passwords is work that anybody could ask for.
    let tried = tried(&change, "", None);
    let attempt = change.begin_try(tried)?;
    let outside = change.app.engine.outside();
    let hashed = auth.passwords.hash(password, outside).await;
    let (password, attempt) = if_tried(hashed, attempt)?;
    let beginning = change.begin();
    let command = PeopleCommand::AcceptInvite {
        invite: invite.hash(),
        password,
        name,
        session: beginning.session.clone(),
    };
    let outcome = change.submit(command).await?;
    attempt.was_right();
    Ok(change.signed_in(StatusCode::OK, outcome, &beginning))
}

/// A session that signs in again is replaced; a token has nothing to do with it.
fn leave_programs_out(change: &mut Change) {
    if matches!(change.asker.access.caller(), Caller::Token { .. }) {
        change.asker = Asker::nobody();
    }
}

fn tried<'a>(change: &Change, login: &'a str, device: Option<&'a str>) -> Tried<'a> {
    Tried {
        login,
        address: change.peer.address,
        device,
    }
}
