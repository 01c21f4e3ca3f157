//! `/setup`, `/session` and `/invites/accept`.

use super::super::answer::Code;
use super::super::me::Me;
use super::examples;
use super::operation::{Fields, Operation, SET_COOKIE, text};
use boardcast_core::limits::{
    INVITE_DAYS, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, SESSION_DAYS_MAX,
    SESSION_IDLE_DAYS,
};
use boardcast_core::model::{Login, PersonName};
use serde_json::json;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat};

pub(crate) fn set_up() -> Operation {
    Operation::enter("Make the first account")
        .about("Switches accounts on, for good. The new account is a server admin and gets every board.")
        .takes(
            Fields::new()
                .must_be("code", text().description(Some("What the server printed when it started.")))
                .must::<Login>("login", "What to sign in with.")
                .must::<PersonName>("name", "What people call it.")
                .must_be("password", password("The password."))
                .example(json!({
                    "code": "…", "login": "ada", "name": "Ada", "password": "correct horse battery",
                })),
        )
        .created::<Me>("Signed in.", examples::me())
        .saying(SET_COOKIE)
        .refuses(&[Code::WrongSetup, Code::AccountsOn])
        .never(&[Code::NotAllowed])
}

pub(crate) fn sign_in() -> Operation {
    Operation::enter("Sign in")
        .about(format!(
            "The answer sets a cookie. The session ends after {SESSION_IDLE_DAYS} days without a request, and after {SESSION_DAYS_MAX} days at the latest."
        ))
        .takes(
            Fields::new()
                .must_be("login", text().description(Some("What they sign in with.")))
                .must_be("password", proof("The password."))
                .example(json!({ "login": "ada", "password": "correct horse battery" })),
        )
        .ok::<Me>("Signed in.", examples::me())
        .saying(SET_COOKIE)
        .refuses(&[Code::WrongLogin, Code::AccountsOff])
        .never(&[Code::NotAllowed])
}

pub(crate) fn sign_out() -> Operation {
    Operation::change_people("Sign out")
        .for_somebody()
        .about(
            "Ends the session that asks, and takes its cookie back; or, asked with a token, that token, whatever its scope. \
             Streams that stand on it end before this is answered.",
        )
        .nothing("It is good for nothing any more.")
        .never(&[Code::NotAllowed])
}

pub(crate) fn accept() -> Operation {
    Operation::enter("Set a password by a link")
        .about(format!(
            "The link that an admin made, good for {INVITE_DAYS} days, once."
        ))
        .takes(
            Fields::new()
                .must_be("invite", text().description(Some("The link's secret.")))
                .must_be("password", password("The password from now on."))
                .may::<PersonName>("name", "What people call one, if that changes.")
                .example(json!({
                    "invite": examples::SECRET_OF_INVITE, "password": "correct horse battery",
                })),
        )
        .ok::<Me>("Signed in.", examples::me())
        .saying(SET_COOKIE)
        .refuses(&[Code::InviteGone, Code::AccountsOff])
        .never(&[Code::NotAllowed])
}

/// A password to be.
pub(super) fn password(about: &str) -> ObjectBuilder {
    secret(format!("{about} At most {PASSWORD_BYTES_MAX} bytes."))
        .min_length(Some(PASSWORD_CHARS_MIN))
        .max_length(Some(PASSWORD_CHARS_MAX))
}

/// A password that is.
pub(super) fn proof(about: &str) -> ObjectBuilder {
    secret(about.to_owned()).max_length(Some(PASSWORD_BYTES_MAX))
}

fn secret(about: String) -> ObjectBuilder {
    text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .description(Some(about))
}
