//! Taking requests apart: ids in paths, query parameters, fields of a JSON body. Everything a client
//! sends must be understood: what is left over is refused by its name.

use super::answer::Problem;
use axum::extract::{FromRequestParts, RawPathParams};
use boardcast_core::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use boardcast_core::model::{Malformed, Timestamp};
use boardcast_core::protocol::Slot;
use http::Uri;
use http::request::Parts;
use serde_json::{Map, Value};
use std::str::FromStr;

/// The id in the path. One that can't exist is one that doesn't exist.
pub(super) struct PathId<Id>(pub(super) Id);

impl<Id, S> FromRequestParts<S> for PathId<Id>
where
    Id: FromStr<Err = Malformed>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::NoSuchThing)?;
        let (_, text) = params
            .iter()
            .find(|(name, _)| *name == "id")
            .ok_or(Problem::NoSuchThing)?;
        text.parse().map(Self).map_err(|_| Problem::NoSuchThing)
    }
}

/// Both ids in the path.
pub(super) struct PathIds<A, B>(pub(super) A, pub(super) B);

impl<A, B, S> FromRequestParts<S> for PathIds<A, B>
where
    A: FromStr<Err = Malformed>,
    B: FromStr<Err = Malformed>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Problem::NoSuchThing)?;
        let mut texts = params.iter().map(|(_, text)| text);
        let (Some(first), Some(second)) = (texts.next(), texts.next()) else {
            return Err(Problem::NoSuchThing);
        };
        let first = first.parse().map_err(|_| Problem::NoSuchThing)?;
        let second = second.parse().map_err(|_| Problem::NoSuchThing)?;
        Ok(Self(first, second))
    }
}

/// Query parameters by name.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Those of an address.
    pub(super) fn of(uri: &Uri) -> Self {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// The first of this name, left where it is.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        pairs
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// Takes a parameter out, if it is there.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let Some(at) = self.0.iter().position(|(other, _)| other == name) else {
            return Ok(None);
        };
        let (_, value) = self.0.remove(at);
        match self.0.iter().any(|(other, _)| other == name) {
            true => Err(Problem::invalid(name, "is given more than once")),
            false => Ok(Some(value)),
        }
    }

    /// Takes a parameter out and reads it.
    pub(super) fn read<T: FromStr>(
        &mut self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Problem> {
        let text = self.take(name)?;
        text.map(|text| text.parse().map_err(|_| Problem::invalid(name, expected)))
            .transpose()
    }

    /// How many things a page shall hold.
    pub(super) fn limit(&mut self) -> Result<usize, Problem> {
        let expected = format!("must be a number from 1 to {PAGE_ITEMS_MAX}");
        let limit = self.read("limit", &expected)?.unwrap_or(PAGE_ITEMS_DEFAULT);
        if (1..=PAGE_ITEMS_MAX).contains(&limit) {
            Ok(limit)
        } else {
            Err(Problem::invalid("limit", expected))
        }
    }

    /// A switch that is 1 or left out.
    pub(super) fn is_set(&mut self, name: &str) -> Result<bool, Problem> {
        match self.take(name)?.as_deref() {
            None => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err(Problem::invalid(name, "must be 1 or left out")),
        }
    }

    /// Refuses what is left.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            Some((name, _)) => Err(Problem::invalid(name, "is no parameter of this route")),
            None => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::of(&parts.uri))
    }
}

/// Fields of a JSON object by name.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        if body.is_empty() {
            return Err(Problem::MalformedJson("it is empty".into()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Problem::invalid("body", "must be a JSON object")),
            Err(error) => Err(Problem::MalformedJson(error.to_string())),
        }
    }

    /// A text that must be there.
    pub(super) fn required<T: FromStr<Err = Malformed>>(
        &mut self,
        name: &'static str,
    ) -> Result<T, Problem> {
        self.optional(name)?
            .ok_or_else(|| Problem::invalid(name, "is missing"))
    }

    /// A text that may be missing or null.
    pub(super) fn optional<T: FromStr<Err = Malformed>>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read_text(name, &value).map(Some),
        }
    }

    /// A text in a merge patch (RFC 7396) that can't be removed: missing means unchanged.
    pub(super) fn patched<T: FromStr<Err = Malformed>>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Null) => Err(Problem::invalid(name, "can't be removed")),
            Some(value) => read_text(name, &value).map(Some),
        }
    }

    /// A text in a merge patch that null removes.
    pub(super) fn patched_or_removed<T>(&mut self, name: &'static str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err = Malformed> + Default,
    {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(T::default())),
            Some(value) => read_text(name, &value).map(Some),
        }
    }

    /// A text that must be there, whatever it says.
    pub(super) fn required_text(&mut self, name: &'static str) -> Result<String, Problem> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Err(Problem::invalid(name, "is missing")),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Problem::invalid(name, "must be a string")),
        }
    }

    /// One of a few words, if it is there.
    pub(super) fn word<T>(
        &mut self,
        name: &'static str,
        read: fn(&str) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>, Problem> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let word = value.as_str().and_then(read);
                word.map(Some)
                    .ok_or_else(|| Problem::invalid(name, expected))
            }
        }
    }

    /// Yes or no in a merge patch: missing means unchanged.
    pub(super) fn patched_flag(&mut self, name: &'static str) -> Result<Option<bool>, Problem> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(Problem::invalid(name, "must be true or false")),
        }
    }

    /// A list of texts that may be missing or null.
    pub(super) fn list<T: FromStr<Err = Malformed>>(
        &mut self,
        name: &'static str,
        max: usize,
    ) -> Result<Option<Vec<T>>, Problem> {
        let values = match self.0.remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(values)) if values.len() <= max => values,
            Some(Value::Array(_)) => {
                return Err(Problem::invalid(name, format!("must hold at most {max}")));
            }
            Some(_) => return Err(Problem::invalid(name, "must be a list")),
        };
        let texts = values.iter().map(|value| read_text(name, value));
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// A moment that may be missing or null.
    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let time = value.as_str().and_then(|text| Timestamp::parse(text).ok());
                time.map(Some)
                    .ok_or_else(|| Problem::invalid(name, "must be an RFC 3339 time"))
            }
        }
    }

    /// `position`, `before` or `after`; none of them means the end.
    pub(super) fn slot<Id: FromStr<Err = Malformed>>(&mut self) -> Result<Slot<Id>, Problem> {
        let position = self.0.remove("position").filter(|value| !value.is_null());
        let before = self.optional("before")?;
        let after = self.optional("after")?;
        match (position, before, after) {
            (None, None, None) => Ok(Slot::Bottom),
            (Some(position), None, None) => read_position(&position),
            (None, Some(before), None) => Ok(Slot::Before(before)),
            (None, None, Some(after)) => Ok(Slot::After(after)),
            (Some(_), ..) => Err(Problem::invalid(
                "position",
                "can't stand together with before or after",
            )),
            (None, Some(_), Some(_)) => Err(Problem::invalid(
                "before",
                "can't stand together with after",
            )),
        }
    }

    /// Refuses what is left.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.keys().next() {
            Some(name) => Err(Problem::invalid(name, "is no field of this request")),
            None => Ok(()),
        }
    }
}

fn read_text<T: FromStr<Err = Malformed>>(name: &str, value: &Value) -> Result<T, Problem> {
    let text = value
        .as_str()
        .ok_or_else(|| Problem::invalid(name, "must be a string"))?;
    text.parse()
        .map_err(|error: Malformed| Problem::invalid(name, error.to_string()))
}

fn read_position<Id>(value: &Value) -> Result<Slot<Id>, Problem> {
    match (value.as_str(), value.as_u64()) {
        (Some("top"), _) => Ok(Slot::Top),
        (Some("bottom"), _) => Ok(Slot::Bottom),
        (_, Some(index)) => Ok(Slot::Index(index)),
        _ => Err(Problem::invalid(
            "position",
            "must be \"top\", \"bottom\" or an index from 0",
        )),
    }
}
