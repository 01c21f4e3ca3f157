//! What all changing requests share: a bounded JSON body, `Idempotency-Key`, `If-Match`, and who
//! asks. Everything that can take time ends here, before the command is submitted.

use super::App;
use super::answer::Problem;
use super::decode::{Fields, Parameters};
use crate::auth::Asker;
use crate::outside::random_bytes;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use boardcast_core::access::Access;
use boardcast_core::limits::{BODY_BYTES_MAX, BODY_SECONDS_MAX, IDEMPOTENCY_KEY_CHARS_MAX};
use boardcast_core::model::Timestamp;
use boardcast_core::protocol::{Command, Fingerprint, IdempotencyKey, Outcome, Precondition};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::time::Duration;
use tokio::time::timeout;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A changing request, taken in whole.
pub(super) struct Write {
    app: App,
    access: Access,
    /// Hash of method, path and body: what a create with a chosen id is remembered by.
    birth: Fingerprint,
    idempotency: Option<IdempotencyKey>,
    precondition: Option<Precondition>,
    body: Bytes,
}

impl FromRequest<App> for Write {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let asker = parts.extensions.get::<Asker>().cloned();
        let asker = asker.ok_or_else(Problem::not_signed_in)?;
        let if_match = one_header(&parts.headers, &IF_MATCH)?;
        let precondition = if_match.map(read_if_match).transpose()?;
        let key = one_header(&parts.headers, &IDEMPOTENCY_KEY)?
            .map(read_key)
            .transpose()?;
        let body = read_body(&parts, body).await?;
        // No changing request has parameters.
        Parameters::of(&parts.uri).finish()?;
        let (method, path) = (
            parts.method.as_str().as_bytes(),
            parts.uri.path().as_bytes(),
        );
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let if_match = if_match.unwrap_or_default().as_bytes();
        let idempotency = key.map(|key| IdempotencyKey {
            key: key.into(),
            fingerprint: Fingerprint::of(&[method, path, query, &body, if_match]),
        });
        Ok(Self {
            app: app.clone(),
            access: asker.access,
            birth: Fingerprint::of(&[method, path, &body]),
            idempotency,
            precondition,
            body,
        })
    }
}

impl Write {
    /// The fields of the body.
    pub(super) fn fields(&self) -> Result<Fields, Problem> {
        Fields::parse(&self.body)
    }

    /// An id that the client chose, with what it is remembered by; or a new one.
    pub(super) fn chosen_or<Id>(
        &self,
        chosen: Option<Id>,
        generate: fn(Timestamp, [u8; 10]) -> Id,
    ) -> (Id, Option<Fingerprint>) {
        let outside = self.app.engine.outside();
        match chosen {
            Some(id) => (id, Some(self.birth)),
            None => (generate(outside.now(), random_bytes(outside)), None),
        }
    }

    /// [`Write::submit`] for requests whose path says it all: refuses a body with anything in it.
    pub(super) async fn submit_bare(self, command: Command) -> Result<Outcome, Problem> {
        if !self.body.is_empty() {
            self.fields()?.finish()?;
        }
        self.submit(command).await
    }

    /// Hands the command to the writer. From here on there is no timeout: only the writer answers.
    pub(super) async fn submit(self, command: Command) -> Result<Outcome, Problem> {
        let Self {
            app,
            access,
            precondition,
            idempotency,
            body,
            ..
        } = self;
        // What waits for the writer is the command alone.
        drop(body);
        let request = boardcast_core::protocol::Request {
            access,
            command,
            precondition,
            idempotency,
        };
        Ok(app.engine.submit(request).await?)
    }
}

/// A header that may stand at most once, as visible ASCII.
fn one_header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let is_alone = values.next().is_none();
    let text = value.to_str().ok().filter(|_| is_alone);
    text.map(Some)
        .ok_or_else(|| Problem::invalid(title_case(name), "must stand once, in visible ASCII"))
}

/// As people write it; `http` keeps names in lower case.
fn title_case(name: &HeaderName) -> &'static str {
    if *name == IF_MATCH {
        "If-Match"
    } else {
        "Idempotency-Key"
    }
}

fn read_key(key: &str) -> Result<&str, Problem> {
    let expected = format!("must be 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters");
    if IdempotencyKey::is_valid(key) {
        Ok(key)
    } else {
        Err(Problem::invalid("Idempotency-Key", expected))
    }
}

/// `*` or a list of versions in quotes, weak ones too (RFC 9110, 13.1.1).
fn read_if_match(text: &str) -> Result<Precondition, Problem> {
    if text.trim() == "*" {
        return Ok(Precondition::Exists);
    }
    let versions: Result<_, _> = text
        .split(',')
        .map(|tag| read_version(tag.trim()))
        .collect();
    versions.map(Precondition::VersionIn)
}

fn read_version(tag: &str) -> Result<u64, Problem> {
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let digits =
        inner.filter(|inner| !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_digit()));
    if let Some(version) = digits.and_then(|digits| digits.parse().ok()) {
        return Ok(version);
    }
    let is_cursor = inner.is_some_and(|inner| boardcast_core::cursor::Cursor::parse(inner).is_ok());
    Err(Problem::invalid(
        "If-Match",
        if is_cursor {
            "compares with the version, and this is a cursor: send the version in quotes, like \"3\""
        } else {
            "must be * or the version in quotes, like \"3\""
        },
    ))
}

/// The whole body, if it is JSON by its own word, small enough, and here in time. Nothing, however it
/// is sent, needs no word.
pub(super) async fn read_body(parts: &Parts, body: Body) -> Result<Bytes, Problem> {
    let declared = check_content_type(parts);
    let length = body.size_hint().lower();
    if length > 0 {
        declared.clone()?;
    }
    if length > BODY_BYTES_MAX as u64 {
        return Err(Problem::TooLarge);
    }
    let collected = Limited::new(body, BODY_BYTES_MAX).collect();
    match timeout(Duration::from_secs(BODY_SECONDS_MAX), collected).await {
        Ok(Ok(body)) => {
            let body = body.to_bytes();
            if !body.is_empty() {
                declared?;
            }
            Ok(body)
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::TooLarge),
        Ok(Err(_)) => Err(Problem::BrokenBody),
        Err(_) => Err(Problem::TooSlow),
    }
}

/// A page of another site can send only what a form can without asking first; JSON it can't.
fn check_content_type(parts: &Parts) -> Result<(), Problem> {
    let content_type = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is_json = essence.eq_ignore_ascii_case("application/json");
    let is_patch = parts.method == Method::PATCH
        && essence.eq_ignore_ascii_case("application/merge-patch+json");
    if is_json || is_patch {
        Ok(())
    } else {
        Err(Problem::NotJson)
    }
}
