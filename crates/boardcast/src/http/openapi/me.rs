//! `/me`.

use super::super::answer::Code;
use super::super::me::{Me, Sessions, TokenWithSecret, Tokens};
use super::examples;
use super::operation::{Fields, Operation, SET_COOKIE, list_or_nothing};
use super::session::{password, proof};
use boardcast_core::access::Scope;
use boardcast_core::limits::{BOARDS_PER_TOKEN_MAX, TOKENS_PER_USER_MAX};
use boardcast_core::model::{BoardId, PersonName, SessionId, TokenId, TokenName};
use serde_json::json;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};

pub(crate) fn read() -> Operation {
    Operation::open("Say who asks")
        .about("And how things stand, to strangers too.")
        .for_anybody()
        .ok::<Me>("Who asks, and what they can do about it.", examples::me())
        .refuses(&[
            Code::NotSignedIn,
            Code::Invalid,
            Code::Unavailable,
            Code::Busy,
        ])
}

pub(crate) fn edit() -> Operation {
    Operation::change_people("Change one's own name")
        .takes(
            Fields::patch()
                .changes::<PersonName>("name", "What people call one.")
                .example(json!({ "name": "Ada L." })),
        )
        .ok::<Me>("Who asks.", examples::me())
}

pub(crate) fn change_password() -> Operation {
    Operation::change_people("Change one's own password")
        .about("Everyone who was signed in with the old one is out; this device is signed in anew.")
        .takes(
            Fields::new()
                .must_be("current", proof("The password until now."))
                .must_be("new", password("The password from now on."))
                .example(
                    json!({ "current": "correct horse battery", "new": "another long sentence" }),
                ),
        )
        .ok::<Me>("Signed in.", examples::me())
        .saying(SET_COOKIE)
        .refuses(&[
            Code::WrongPassword,
            Code::WrongLogin,
            Code::HttpsNeeded,
            Code::TooManyTries,
        ])
}

pub(crate) fn sessions() -> Operation {
    Operation::read_people("List where one is signed in")
        .ok::<Sessions>("All devices.", json!({ "sessions": [examples::session()] }))
}

pub(crate) fn end_session() -> Operation {
    Operation::change_people("Sign a device out")
        .path::<SessionId>("id", "session_1")
        .nothing("It is signed out.")
}

pub(crate) fn end_all_sessions() -> Operation {
    Operation::change_people("Sign all devices out")
        .about("This one too.")
        .nothing("All are signed out.")
        .saying(SET_COOKIE)
}

pub(crate) fn tokens() -> Operation {
    Operation::read_people("List one's own tokens")
        .ok::<Tokens>("All of them, without their secrets.", tokens_example())
}

pub(crate) fn make_token() -> Operation {
    making_token("Make a token")
}

pub(crate) fn end_token() -> Operation {
    Operation::change_people("End a token")
        .about("Streams that stand on it end before this is answered.")
        .path::<TokenId>("id", "token_1")
        .nothing("It is good for nothing any more.")
}

pub(super) fn tokens_example() -> serde_json::Value {
    json!({ "tokens": [examples::token()] })
}

/// A token for whoever it may be.
pub(super) fn making_token(summary: &'static str) -> Operation {
    let boards = "The only boards that it is good for. Without it: all that its owner may see.";
    let ends_at = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some(
            "When it ends by itself: an RFC 3339 time in the future.",
        ));
    Operation::change_people(summary)
        .about(format!(
            "Its secret is told once, here. An account has up to {TOKENS_PER_USER_MAX}."
        ))
        .takes(
            Fields::new()
                .must::<TokenName>("name", "What it is for.")
                .must::<Scope>("scope", "What it may at most, whatever its owner may.")
                .may_be(
                    "boards",
                    list_or_nothing::<BoardId>(BOARDS_PER_TOKEN_MAX, boards),
                )
                .may_be("endsAt", ends_at)
                .example(json!({ "name": "deploy script", "scope": "write" })),
        )
        .with_schema::<BoardId>()
        .created::<TokenWithSecret>("The token with its secret.", examples::token_with_secret())
        .refuses(&[Code::UnknownReference, Code::TooMany])
}
