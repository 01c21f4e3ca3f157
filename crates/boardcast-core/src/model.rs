//! Boards, lists and tasks as plain data, and the checked types their fields are made of. A value
//! that exists is valid: parsing happens once, at the edge, and what fails says why.

use crate::cursor::Cursor;
use crate::limits::{
    DESCRIPTION_JSON_BYTES_MAX, ID_CHARS_MAX, LOGIN_CHARS_MAX, LOGIN_CHARS_MIN, NAME_CHARS_MAX,
    PERSON_NAME_CHARS_MAX, TITLE_CHARS_MAX, TOKEN_NAME_CHARS_MAX,
};
use crate::rank::Rank;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;
use utoipa::ToSchema;

/// A board's own fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Board {
    /// Which board.
    pub id: BoardId,
    /// What people call it.
    pub name: Name,
    /// Goes up by one with every event that carries the board itself.
    pub version: u64,
    /// When it was made; never changes.
    pub created_at: Timestamp,
    /// When anything on it last changed.
    pub updated_at: Timestamp,
}

/// A list's own fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct List {
    /// Which list.
    pub id: ListId,
    /// The board it stands on.
    pub board_id: BoardId,
    /// What people call it.
    pub name: Name,
    /// Orders the board's lists.
    pub rank: Rank,
    /// Goes up by one with every event that carries the list.
    pub version: u64,
    /// When it was made; never changes.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A whole task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Which task.
    pub id: TaskId,
    /// The list it stands in.
    pub list_id: ListId,
    /// What is to be done.
    pub title: Title,
    /// The details; empty if there are none.
    pub description: Description,
    /// Orders the list's tasks.
    pub rank: Rank,
    /// Goes up by one with every event that carries the task.
    pub version: u64,
    /// When it was made; never changes.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A task as a snapshot shows it: everything but the description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskSummary {
    /// Which task.
    pub id: TaskId,
    /// The list it stands in.
    pub list_id: ListId,
    /// What is to be done.
    pub title: Title,
    /// Whether there is a description to read.
    pub has_description: bool,
    /// Orders the list's tasks.
    pub rank: Rank,
    /// Goes up by one with every event that carries the task.
    pub version: u64,
    /// When it was made; never changes.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<&Task> for TaskSummary {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id.clone(),
            list_id: task.list_id.clone(),
            title: task.title.clone(),
            has_description: !task.description.as_str().is_empty(),
            rank: task.rank.clone(),
            version: task.version,
            created_at: task.created_at,
            updated_at: task.updated_at,
        }
    }
}

/// A list in a snapshot, with its tasks in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListWithTasks {
    /// The list's own fields.
    #[serde(flatten)]
    pub list: List,
    /// Its living tasks by rank, then id.
    pub tasks: Vec<TaskSummary>,
}

/// A whole board at one place of its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// The board's own fields.
    #[serde(flatten)]
    pub board: Board,
    /// Its living lists by rank, then id.
    pub lists: Vec<ListWithTasks>,
    /// The last event this snapshot contains.
    pub cursor: Cursor,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads an id from outside: 1 to 64 of `A-Z a-z 0-9 _ -`.
            pub fn parse(text: &str) -> Result<Self, Malformed> {
                check_id(text).map(|()| Self(text.into()))
            }

            /// A new TypeID: this kind's prefix and a UUIDv7 of the given time and randomness.
            #[must_use]
            pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
                Self(type_id($prefix, now, random).into())
            }

            /// The id as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        text_type!($name);
    )*};
}

/// What every checked text shares: it shows as, and (de)serialises as, its text.
macro_rules! text_type {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_type;

ids! {
    /// Names a board.
    BoardId "board"
    /// Names a list.
    ListId "list"
    /// Names a task.
    TaskId "task"
    /// Names a person, or a program with an account of its own.
    UserId "user"
    /// Names a device that is signed in.
    SessionId "session"
    /// Names a program's way in; no secret.
    TokenId "token"
}

fn check_id(text: &str) -> Result<(), Malformed> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match text.len() {
        0 => Err(Malformed::Blank),
        n if n > ID_CHARS_MAX => Err(Malformed::TooLong {
            max: ID_CHARS_MAX,
            unit: "characters",
        }),
        _ if !text.bytes().all(allowed) => Err(Malformed::IdCharacters),
        _ => Ok(()),
    }
}

/// A TypeID (the TypeID specification 0.3): prefix, `_`, and the 128 bits of a UUIDv7 in 26
/// characters of lower-case Crockford base 32, the first of which holds only three bits.
fn type_id(prefix: &str, now: Timestamp, random: [u8; 10]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let millis = u64::try_from(now.0).unwrap_or(0);
    let bits = uuid::Builder::from_unix_timestamp_millis(millis, &random)
        .into_uuid()
        .as_u128();
    let digits = (0..26)
        .rev()
        .map(|place| ALPHABET[(bits >> (place * 5) & 31) as usize] as char);
    format!("{prefix}_{}", digits.collect::<String>())
}

/// Why a text from outside is no valid value. Shows as the end of a sentence that begins with the
/// field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing, or only white space.
    #[error("must not be blank")]
    Blank,
    /// Longer than allowed.
    #[error("must be at most {max} {unit} long")]
    TooLong {
        /// The longest allowed.
        max: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// Control characters (Unicode category Cc) in a single line.
    #[error("must not contain control characters such as line breaks or tabs")]
    Control,
    /// Characters that an id can't have.
    #[error("must consist of A-Z, a-z, 0-9, _ and - only")]
    IdCharacters,
    /// No rank that this program makes.
    #[error("must be a rank")]
    Rank,
    /// No cursor that this program makes.
    #[error("must be a cursor")]
    Cursor,
    /// No RFC 3339 time with milliseconds.
    #[error("must be an RFC 3339 time")]
    Time,
    /// Shorter than allowed.
    #[error("must be at least {min} characters long")]
    TooShort {
        /// The shortest allowed.
        min: usize,
    },
    /// Characters that nobody signs in with.
    #[error("must consist of a-z, 0-9, . _ - @ and + only")]
    LoginCharacters,
    /// No hash of a password that this program makes.
    #[error("must be a PHC string")]
    PasswordHash,
}

/// One line of text: not blank, no control characters, at most `max` characters.
fn check_line(text: &str, max: usize) -> Result<(), Malformed> {
    if text.trim().is_empty() {
        Err(Malformed::Blank)
    } else if text.chars().count() > max {
        Err(Malformed::TooLong {
            max,
            unit: "characters",
        })
    } else if text.chars().any(char::is_control) {
        Err(Malformed::Control)
    } else {
        Ok(())
    }
}

/// A task's title: one line of 1 to 500 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Title(Arc<str>);

/// The name of a board or list: one line of 1 to 200 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(Arc<str>);

/// A task's description: any text up to 32 KiB as encoded JSON; empty means none.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Description(Arc<str>);

/// What a person is called: one line of 1 to 100 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonName(Arc<str>);

/// What a token is for: one line of 1 to 100 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenName(Arc<str>);

/// What a person signs in with, in lower case: 3 to 100 of `a-z 0-9 . _ - @ +`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(Arc<str>);

impl PersonName {
    /// Reads a name from outside, kept to the letter.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        check_line(text, PERSON_NAME_CHARS_MAX).map(|()| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TokenName {
    /// Reads a name from outside, kept to the letter.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        check_line(text, TOKEN_NAME_CHARS_MAX).map(|()| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Login {
    /// Reads a login from outside; upper and lower case are the same.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte);
        match text.len() {
            0 => Err(Malformed::Blank),
            _ if !text.bytes().all(is_allowed) => Err(Malformed::LoginCharacters),
            n if n < LOGIN_CHARS_MIN => Err(Malformed::TooShort {
                min: LOGIN_CHARS_MIN,
            }),
            n if n > LOGIN_CHARS_MAX => Err(Malformed::TooLong {
                max: LOGIN_CHARS_MAX,
                unit: "characters",
            }),
            _ => Ok(Self(text.to_ascii_lowercase().into())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Title {
    /// Reads a title from outside, kept to the letter.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        check_line(text, TITLE_CHARS_MAX).map(|()| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Name {
    /// Reads a name from outside, kept to the letter.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        check_line(text, NAME_CHARS_MAX).map(|()| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Description {
    /// Reads a description from outside, kept to the letter.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let max = DESCRIPTION_JSON_BYTES_MAX;
        // Escaping never shortens, so the length of the text decides most cases.
        if text.len() > max || crate::frame::json(&text).len() - 2 > max {
            return Err(Malformed::TooLong {
                max,
                unit: "bytes as encoded JSON",
            });
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_type!(Title);
text_type!(Name);
text_type!(Description);
text_type!(PersonName);
text_type!(TokenName);
text_type!(Login);

/// A moment: milliseconds since 1970 in UTC; RFC 3339 with three decimals on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let time: jiff::Timestamp = text.parse().map_err(|_| Malformed::Time)?;
        Ok(Self(time.as_millisecond()))
    }

    /// This moment, some milliseconds earlier.
    #[must_use]
    pub fn minus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_sub(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Out of jiff's range means a clock beyond the year 9999: shown at the range's end.
        let (seconds, millis) = (self.0.div_euclid(1_000), self.0.rem_euclid(1_000));
        // As milliseconds alone jiff wouldn't take those of its last second.
        let time = jiff::Timestamp::new(seconds, millis as i32 * 1_000_000);
        let time = time.unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{time:.3}")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_1_to_64_of_the_allowed_characters() {
        for good in ["a", "board-1", "A_z-09", &"x".repeat(64)] {
            assert_eq!(BoardId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "ü", "a/b", "a\n", &"x".repeat(65)] {
            assert!(BoardId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_generated_id_is_a_type_id_that_sorts_by_time() {
        let earlier = TaskId::generate(Timestamp(1_700_000_000_000), [0xff; 10]);
        let later = TaskId::generate(Timestamp(1_700_000_000_001), [0; 10]);
        assert_eq!(earlier.as_str().len(), "task_".len() + 26);
        assert!(earlier.as_str() < later.as_str());
        assert_eq!(TaskId::parse(earlier.as_str()), Ok(earlier));
        // The specification's own example: 01890a5d-ac96-774b-bcce-b302099a8057.
        let random = [0x07, 0x4b, 0x3c, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57];
        let example = type_id("prefix", Timestamp(0x0189_0a5d_ac96), random);
        assert_eq!(example, "prefix_01h455vb4pex5vsknk084sn02q");
    }

    #[test]
    fn titles_and_names_are_one_line_that_is_not_blank() {
        assert_eq!(
            Title::parse(" Büro putzen 🧹 ").unwrap().as_str(),
            " Büro putzen 🧹 "
        );
        assert!(Title::parse(&"ä".repeat(500)).is_ok());
        for bad in [
            "",
            "  ",
            "\u{a0}",
            "a\nb",
            "a\u{0}b",
            "a\u{85}b",
            "a\u{7f}",
            &"ä".repeat(501),
        ] {
            assert!(Title::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Name::parse("Büro").unwrap().as_str(), "Büro");
        assert!(Name::parse(&"n".repeat(200)).is_ok());
        assert!(Name::parse(&"n".repeat(201)).is_err());
    }

    #[test]
    fn a_login_is_short_plain_and_in_lower_case() {
        for (text, kept) in [("ada", "ada"), ("Ada@Example.ORG", "ada@example.org")] {
            assert_eq!(Login::parse(text).unwrap().as_str(), kept);
        }
        for bad in ["", "ad", " ada", "a da", "ädä", "ada\n", &"x".repeat(101)] {
            assert!(Login::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_login_that_is_none_is_told_why() {
        assert!(Login::parse(&"x".repeat(LOGIN_CHARS_MAX)).is_ok());
        assert_eq!(Login::parse(""), Err(Malformed::Blank));
        let min = LOGIN_CHARS_MIN;
        assert_eq!(Login::parse("ad"), Err(Malformed::TooShort { min }));
    }

    #[test]
    fn a_description_is_measured_as_encoded_json() {
        assert!(Description::parse("").is_ok());
        assert_eq!(Description::parse(" a\nb ").unwrap().as_str(), " a\nb ");
        assert!(Description::parse(&"d".repeat(32 * 1024)).is_ok());
        assert!(Description::parse(&"d".repeat(32 * 1024 + 1)).is_err());
        assert!(Description::parse(&"\n".repeat(16 * 1024)).is_ok());
        assert!(Description::parse(&"\n".repeat(16 * 1024 + 1)).is_err());
    }

    #[test]
    fn times_are_utc_with_milliseconds() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            Timestamp(1_795_468_677_120).to_string(),
            "2026-11-23T21:17:57.120Z"
        );
        assert_eq!(
            Timestamp::parse("2026-11-23T21:17:57.120Z"),
            Ok(Timestamp(1_795_468_677_120))
        );
        assert!(Timestamp(i64::MAX).to_string().starts_with("9999-"));
        assert_eq!(format!("{:?}", Timestamp(0)), Timestamp(0).to_string());
    }

    #[test]
    fn the_first_and_last_moments_that_can_be_written_are_shown_as_they_were_read() {
        for text in [
            "-009999-01-02T01:59:59.000Z",
            "-009999-01-02T01:59:59.001Z",
            "9999-12-30T22:00:00.000Z",
            "9999-12-30T22:00:00.845Z",
            "9999-12-30T22:00:00.999Z",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
    }
}
