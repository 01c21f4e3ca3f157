//! `/users`.

use super::super::answer::Code;
use super::super::me::{TokenWithSecret, Tokens};
use super::super::users::{Invite, Listed, Made, Page};
use super::examples;
use super::me::{making_token, tokens_example};
use super::operation::{Fields, Operation, named};
use boardcast_core::limits::{INVITE_DAYS, USERS_MAX};
use boardcast_core::model::{Login, PersonName, TokenId, UserId};
use boardcast_core::people::UserKind;
use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, Type};

pub(crate) fn page() -> Operation {
    Operation::read_people("List accounts")
        .about(FOR_ADMINS)
        .paged(named::<UserId>(""))
        .with_schema::<UserId>()
        .ok::<Page>(
            "A page of accounts.",
            json!({ "users": [examples::user()], "next": null }),
        )
}

pub(crate) fn create() -> Operation {
    let made = json!({ "user": examples::user(), "invite": examples::SECRET_OF_INVITE, "endsAt": examples::invite()["endsAt"] });
    Operation::change_people("Make an account")
        .about(format!(
            "{FOR_ADMINS} For a person, who sets a password by the link that is answered; or for a program, which has tokens and neither login nor link. There can be {USERS_MAX} accounts."
        ))
        .takes(
            Fields::new()
                .must::<PersonName>("name", "What people call it.")
                .may::<Login>("login", "What a person signs in with; must be there for one.")
                .may::<UserKind>("kind", "A person, if it is left out.")
                .example(json!({ "login": "ben", "name": "Ben" })),
        )
        .created::<Made>("The account, and a person's link.", made)
        .refuses(&[Code::LoginTaken, Code::TooMany])
}

pub(crate) fn edit() -> Operation {
    let flag = |about: &str| {
        ObjectBuilder::new()
            .schema_type(Type::Boolean)
            .description(Some(about))
    };
    Operation::change_people("Change an account")
        .about(FOR_ADMINS)
        .path::<UserId>("id", "user_2")
        .takes(
            Fields::patch()
                .changes::<PersonName>("name", "What people call it.")
                .may_be("isAdmin", flag("Whether it may change other people."))
                .may_be(
                    "disabled",
                    flag("Whether it can do nothing. What it had open ends."),
                )
                .example(json!({ "disabled": true })),
        )
        .ok::<Listed>("The account.", examples::user())
        .refuses(&[Code::LastAdmin, Code::WrongKind])
}

pub(crate) fn invite() -> Operation {
    Operation::change_people("Make a link to set a password")
        .about(format!(
            "{FOR_ADMINS} Good for {INVITE_DAYS} days, once; earlier ones end."
        ))
        .path::<UserId>("id", "user_2")
        .created::<Invite>("The link.", examples::invite())
        .refuses(&[Code::WrongKind])
}

pub(crate) fn tokens() -> Operation {
    Operation::read_people("List a program's tokens")
        .about(FOR_ADMINS)
        .path::<UserId>("id", "user_3")
        .ok::<Tokens>("All of them, without their secrets.", tokens_example())
}

pub(crate) fn make_token() -> Operation {
    making_token("Make a token for a program")
        .about(FOR_ADMINS)
        .path::<UserId>("id", "user_3")
        .with_schema::<TokenWithSecret>()
        .refuses(&[Code::WrongKind])
}

pub(crate) fn end_token() -> Operation {
    Operation::change_people("End a program's token")
        .about(FOR_ADMINS)
        .path::<UserId>("id", "user_3")
        .path::<TokenId>("token", "token_1")
        .nothing("It is good for nothing any more.")
}

const FOR_ADMINS: &str = "For server admins.";
