//! What the checked texts are on the wire, as JSON Schema: the limits that their `parse` holds, for whoever
//! describes them. Schemas of whole things are derived where the things are.

use crate::cursor::Cursor;
use crate::limits::{
    AGENT_CHARS_MAX, DESCRIPTION_JSON_BYTES_MAX, ID_CHARS_MAX, LOGIN_CHARS_MAX, LOGIN_CHARS_MIN,
    NAME_CHARS_MAX, PERSON_NAME_CHARS_MAX, RANK_CHARS_MAX, TITLE_CHARS_MAX, TOKEN_NAME_CHARS_MAX,
};
use crate::model::{
    BoardId, Description, ListId, Login, Name, PersonName, SessionId, TaskId, Timestamp, Title,
    TokenId, TokenName, UserId,
};
use crate::people::Agent;
use crate::rank::Rank;
use std::borrow::Cow;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// One line that isn't blank. Characters count as code points, as JSON Schema counts them too.
fn line(chars_max: usize) -> ObjectBuilder {
    text(1, chars_max).pattern(Some(LINE))
}

/// No control characters, and something besides white space. Both are spelt out, because the languages
/// of patterns disagree on what `\s` is and whether there is a `\p`.
const LINE: &str = concat!(
    r"^[^\u0000-\u001f\u007f-\u009f]*",
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
    r"[^\u0000-\u001f\u007f-\u009f]*$",
);

fn text(chars_min: usize, chars_max: usize) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(chars_min))
        .max_length(Some(chars_max))
}

fn id(example: &'static str) -> ObjectBuilder {
    text(1, ID_CHARS_MAX)
        .pattern(Some("^[A-Za-z0-9_-]+$"))
        .examples([example])
}

/// Says of each type what it is, what it must be, and an example.
macro_rules! schemas {
    ($($name:ident $description:expr, $schema:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.description(Some($description)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

schemas! {
    BoardId "Names a board.", id("board-1");
    ListId "Names a list.", id("list-todo");
    TaskId "Names a task.", id("task-try");
    UserId "Names a person, or a program with an account of its own.", id("user_1");
    SessionId "Names a device that is signed in.", id("session_1");
    TokenId "Names a program's way in; no secret.", id("token_1");
    Title "What is to be done, in one line that isn't blank.", line(TITLE_CHARS_MAX);
    Name "What people call a board or a list: one line that isn't blank.", line(NAME_CHARS_MAX);
    PersonName "What a person or program is called: one line that isn't blank.", line(PERSON_NAME_CHARS_MAX);
    TokenName "What a token is for: one line that isn't blank.", line(TOKEN_NAME_CHARS_MAX);
    Login "What a person signs in with. Upper and lower case are the same; kept in lower case.",
        text(LOGIN_CHARS_MIN, LOGIN_CHARS_MAX).pattern(Some("^[A-Za-z0-9._@+-]+$")).examples(["ada"]);
    Description format!("The details: any text of at most {DESCRIPTION_JSON_BYTES_MAX} bytes as encoded JSON. \
        Empty means none."), text(0, DESCRIPTION_JSON_BYTES_MAX);
    Rank "Orders siblings, bytewise. Only the server makes ranks.",
        text(1, RANK_CHARS_MAX).pattern(Some("^[0-9A-Za-z]*[1-9A-Za-z]$")).examples(["V"]);
    Cursor "A place in a board's log. Take it as it is: only the server makes them.",
        text(14, 33).pattern(Some("^(0|[1-9][0-9]*)-[0-9a-f]{12}$")).examples(["42-03b7710c9ae4"]);
    Timestamp "A moment: RFC 3339, UTC, with milliseconds.",
        ObjectBuilder::new().schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .pattern(Some(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"))
            .examples(["2026-11-23T21:17:57.123Z"]);
    Agent "What a browser called itself.", text(0, AGENT_CHARS_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn schema_of<T: PartialSchema>() -> Value {
        serde_json::to_value(T::schema()).unwrap()
    }

    #[test]
    fn a_schema_says_the_limits_that_parse_holds() {
        let title = schema_of::<Title>();
        assert_eq!(title["type"], "string");
        assert_eq!(title["minLength"], 1);
        assert_eq!(title["maxLength"], TITLE_CHARS_MAX);
        assert_eq!(title["pattern"], LINE);
        let id = schema_of::<TaskId>();
        assert_eq!(id["maxLength"], ID_CHARS_MAX);
        assert_eq!(id["pattern"], "^[A-Za-z0-9_-]+$");
        assert_eq!(id["examples"], json!(["task-try"]));
        assert!(TaskId::parse("task-try").is_ok());
    }
}
