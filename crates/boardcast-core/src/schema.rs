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
    ($($name:ident $description:expr, $schema:expr;)*) => {
        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name),)*];

        $(
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
    use crate::access::{Role, Scope};
    use crate::model::Malformed;
    use crate::people::UserKind;
    use Taken::{Both, Neither, ParseAlone, SchemaAlone};
    use jsonschema::{PatternOptions, Validator};
    use serde_json::{Value, json};

    /// A type, what its schema takes and what its `parse` takes.
    struct Held {
        name: Cow<'static, str>,
        schema: Value,
        validator: Validator,
        parses: Box<dyn Fn(&str) -> bool>,
        /// A text of so many characters that only its length can be wrong with.
        of_length: fn(usize) -> String,
        verdicts: &'static [(&'static str, Taken)],
    }

    /// Who takes a text.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Taken {
        Both,
        Neither,
        /// A schema can't say what is wrong with it.
        SchemaAlone,
        /// It is read, and never written.
        ParseAlone,
    }

    impl Held {
        fn of<T: ToSchema + 'static>(
            parse: fn(&str) -> Result<T, Malformed>,
            of_length: fn(usize) -> String,
            verdicts: &'static [(&'static str, Taken)],
        ) -> Self {
            let schema = schema_of::<T>();
            let validator = jsonschema::options()
                .offline()
                .with_pattern_options(PatternOptions::regex())
                .should_validate_formats(true)
                .build(&schema);
            Self {
                name: T::name(),
                schema,
                validator: validator.expect("a schema"),
                parses: Box::new(move |text| parse(text).is_ok()),
                of_length,
                verdicts,
            }
        }

        fn taken(&self, text: &str) -> Taken {
            let by_schema = self.validator.is_valid(&json!(text));
            match (by_schema, (self.parses)(text)) {
                (true, true) => Both,
                (false, false) => Neither,
                (true, false) => SchemaAlone,
                (false, true) => ParseAlone,
            }
        }
    }

    fn schema_of<T: PartialSchema>() -> Value {
        serde_json::to_value(T::schema()).unwrap()
    }

    const IDS: &[(&str, Taken)] = &[
        ("task_01jdq", Both),
        ("A-z_9", Both),
        ("a b", Neither),
        ("a/b", Neither),
        ("a.b", Neither),
        ("task\n", Neither),
    ];
    const LINES: &[(&str, Taken)] = &[
        (" Water the plants, twice ", Both),
        ("水をやる 🪴", Both),
        ("\u{feff}", Both),
        (" ", Neither),
        ("\u{3000}\u{a0}", Neither),
        ("Water\nthe plants", Neither),
        ("Water the plants\n", Neither),
        ("Water\u{85}the plants", Neither),
    ];

    fn letters(count: usize) -> String {
        "a".repeat(count)
    }

    /// Four bytes each, and two units of UTF-16.
    fn signs(count: usize) -> String {
        "🪴".repeat(count)
    }

    fn all() -> Vec<Held> {
        vec![
            Held::of(BoardId::parse, letters, IDS),
            Held::of(ListId::parse, letters, IDS),
            Held::of(TaskId::parse, letters, IDS),
            Held::of(UserId::parse, letters, IDS),
            Held::of(SessionId::parse, letters, IDS),
            Held::of(TokenId::parse, letters, IDS),
            Held::of(Title::parse, signs, LINES),
            Held::of(Name::parse, signs, LINES),
            Held::of(PersonName::parse, signs, LINES),
            Held::of(TokenName::parse, signs, LINES),
            Held::of(
                Login::parse,
                letters,
                &[
                    ("Ada.Lovelace_1815@example.org", Both),
                    ("a+b-c", Both),
                    ("ada lovelace", Neither),
                    ("adä", Neither),
                    ("ada\n", Neither),
                ],
            ),
            Held::of(
                Description::parse,
                letters,
                &[("", Both), (" ", Both), ("Two lines,\n\tand a tab", Both)],
            ),
            Held::of(
                Rank::parse,
                letters,
                &[
                    ("V", Both),
                    ("00zZ1", Both),
                    ("0", Neither),
                    ("V0", Neither),
                    ("V-1", Neither),
                    ("V\n", Neither),
                ],
            ),
            Held::of(
                Cursor::parse,
                |count| format!("{}-0123456789ab", "1".repeat(count.saturating_sub(13))),
                &[
                    ("0-000000000000", Both),
                    ("18446744073709551615-9f3ac21b07de", Both),
                    // One more than there are numbers.
                    ("18446744073709551616-9f3ac21b07de", SchemaAlone),
                    ("07-9f3ac21b07de", Neither),
                    ("42-9F3AC21B07DE", Neither),
                    ("42-9f3ac21b07d", Neither),
                    ("+2-9f3ac21b07de", Neither),
                    ("9f3ac21b07de42", Neither),
                ],
            ),
            Held::of(
                Timestamp::parse,
                |_| "2026-11-23T21:17:57.123Z".to_owned(),
                &[
                    ("1970-01-01T00:00:00.000Z", Both),
                    ("2024-02-29T23:59:59.999Z", Both),
                    ("2026-02-29T23:59:59.999Z", Neither),
                    ("2026-11-23", Neither),
                    ("2026-11-23T21:17:57.123", Neither),
                    ("", Neither),
                    ("2026-11-23T21:17:57Z", ParseAlone),
                    ("2026-11-23T21:17:57.123456Z", ParseAlone),
                    ("2026-11-23T22:17:57.123+01:00", ParseAlone),
                    // Past the last moment that can be kept.
                    ("9999-12-31T23:59:59.999Z", SchemaAlone),
                ],
            ),
        ]
    }

    fn held(name: &str) -> Held {
        all().into_iter().find(|held| held.name == name).unwrap()
    }

    #[test]
    fn every_text_that_has_a_schema_is_held_against_it() {
        let held = all();
        let mut names: Vec<_> = held.iter().map(|held| &*held.name).collect();
        // Nobody sends it; its own test is below.
        names.push("Agent");
        names.sort_unstable();
        let mut described = NAMES.to_vec();
        described.sort_unstable();
        assert_eq!(names, described);
    }

    #[test]
    fn a_text_as_long_as_its_schema_allows_is_the_longest_that_is_read() {
        for held in all() {
            let limit = |word: &str| held.schema[word].as_u64().map(|limit| limit as usize);
            if held.name == "Timestamp" {
                // Its pattern is of one length.
                assert_eq!((limit("minLength"), limit("maxLength")), (None, None));
                continue;
            }
            let (min, max) = (limit("minLength").unwrap(), limit("maxLength").unwrap());
            let taken = |length| held.taken(&(held.of_length)(length));
            let name = &held.name;
            assert_eq!((taken(min), taken(max)), (Both, Both), "{name}");
            assert_eq!(taken(max + 1), Neither, "{name}");
            if let Some(shorter) = min.checked_sub(1) {
                assert_eq!(taken(shorter), Neither, "{name}");
            }
        }
    }

    #[test]
    fn a_schema_takes_what_parse_takes() {
        for held in all() {
            for (text, expected) in held.verdicts {
                assert_eq!(held.taken(text), *expected, "{}: {text:?}", held.name);
            }
            let examples = held.schema["examples"].as_array();
            for example in examples.into_iter().flatten() {
                let example = example.as_str().unwrap();
                assert_eq!(held.taken(example), Both, "{}: {example:?}", held.name);
            }
        }
    }

    /// Alone, and before and after what is good. Past the last one tried there are neither blanks nor controls.
    #[test]
    fn a_schema_and_parse_agree_on_every_character() {
        for held in all() {
            let shortest = held.schema["minLength"].as_u64().unwrap_or_default();
            let good = (held.of_length)(shortest as usize + 1);
            for c in '\0'..='\u{ffff}' {
                for text in [c.to_string(), format!("{c}{good}"), format!("{good}{c}")] {
                    let taken = held.taken(&text);
                    assert!(
                        matches!(taken, Both | Neither),
                        "{}: {text:?}: {taken:?}",
                        held.name
                    );
                }
            }
        }
    }

    #[test]
    fn every_word_of_a_schema_is_read_as_itself_and_no_other_is() {
        fn check<T: PartialSchema>(word_read: fn(&str) -> Option<&'static str>, count: usize) {
            let schema = schema_of::<T>();
            let words = schema["enum"].as_array().unwrap();
            assert_eq!(words.len(), count);
            for word in words.iter().map(|word| word.as_str().unwrap()) {
                assert_eq!(word_read(word), Some(word));
                assert_eq!(word_read(&word.to_uppercase()), None);
                assert_eq!(word_read(&format!("{word} ")), None);
            }
        }
        check::<Role>(|word| Role::read(word).map(Role::as_str), 3);
        check::<Scope>(|word| Scope::read(word).map(Scope::as_str), 3);
        check::<UserKind>(|word| UserKind::read(word).map(UserKind::as_str), 2);
    }

    /// Its bytes as JSON are for `parse` to count.
    #[test]
    fn a_description_may_hold_half_as_many_line_breaks_as_letters() {
        let held = held("Description");
        let max = held.schema["maxLength"].as_u64().unwrap() as usize;
        assert_eq!(held.taken(&"\n".repeat(max / 2)), Both);
        assert_eq!(held.taken(&"\n".repeat(max / 2 + 1)), SchemaAlone);
    }

    #[test]
    fn what_a_browser_calls_itself_is_cut_to_what_its_schema_says() {
        let max = schema_of::<Agent>()["maxLength"].as_u64().unwrap() as usize;
        let kept = |length| Agent::of(&signs(length)).as_str().chars().count();
        assert_eq!((kept(max), kept(max + 1)), (max, max));
    }

    #[test]
    fn a_moment_is_written_as_its_schema_says() {
        let held = held("Timestamp");
        for millis in [0, 1, 999, 1_795_468_677_120, i64::MAX] {
            let written = Timestamp(millis).to_string();
            assert_eq!(held.taken(&written), Both, "{written}");
        }
    }
}
