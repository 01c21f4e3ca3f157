//! What goes back: the only place with status codes. Successes are plain JSON; everything else is a
//! problem (RFC 9457) with a stable `code`, the `field` where there is one, and a sentence that says
//! what to do. A refusal is the caller's mistake; a fault's cause goes to the log, never to the
//! caller.

use super::openapi::schemas;
use crate::auth::password::Crowded;
use crate::auth::tickets::TooManyTickets;
use crate::auth::tries::TooManyTries;
use crate::live::ReadError;
use crate::store::Failure;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame;
use boardcast_core::limits::{BODY_BYTES_MAX, BODY_SECONDS_MAX, TICKET_SECONDS};
use boardcast_core::protocol::{Outcome, Refusal, Thing};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use serde::Serialize;
use std::any::Any;
use utoipa::ToSchema;

/// 200 with JSON.
pub(super) fn ok<T: Serialize>(value: &T) -> Response {
    json(StatusCode::OK, frame::json(value).into())
}

/// 200 with JSON that is encoded already, and the validator that it is true at.
pub(super) fn ok_at(cursor: Cursor, encoded: Bytes) -> Response {
    with_etag(json(StatusCode::OK, encoded), &cursor)
}

/// 200 with what a change came to.
pub(super) fn changed(outcome: &Outcome) -> Response {
    from_outcome(StatusCode::OK, outcome)
}

/// 201 with what was made.
pub(super) fn created(outcome: &Outcome) -> Response {
    from_outcome(StatusCode::CREATED, outcome)
}

/// JSON that is for this caller's eyes alone and is kept nowhere.
pub(super) fn secret<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let mut response = json(status, frame::json(value).into());
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

/// What one caller may see is for no cache that serves others.
pub(super) fn keep_private(mut response: Response) -> Response {
    let private = HeaderValue::from_static("private, no-cache");
    response
        .headers_mut()
        .entry(CACHE_CONTROL)
        .or_insert(private);
    response
}

/// 204: it is gone.
pub(super) fn deleted() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// 204: there is nothing to say but what the headers say.
pub(super) fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// 204 to a stream's caller: never come back (WHATWG HTML, 9.2.3).
pub(super) fn never_come_back() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// 304: the caller has this state.
pub(super) fn not_modified(validator: &dyn std::fmt::Display) -> Response {
    with_etag(StatusCode::NOT_MODIFIED.into_response(), validator)
}

/// 304 if the caller has this state, else the answer with its validator.
pub(super) fn validated(
    headers: &HeaderMap,
    validator: &dyn std::fmt::Display,
    answer: impl FnOnce() -> Response,
) -> Response {
    if is_known(headers, validator) {
        not_modified(validator)
    } else {
        with_etag(answer(), validator)
    }
}

/// Whether `If-None-Match` names the state, weakly compared (RFC 9110, 13.1.2).
pub(super) fn is_known(headers: &HeaderMap, validator: &dyn std::fmt::Display) -> bool {
    let quoted = format!("\"{validator}\"");
    let tags = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut tags = tags.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == quoted)
}

/// 200 with an event stream. A browser's `EventSource` gives up for ever on anything else.
pub(super) fn stream(version: Version, body: Body) -> Response {
    let mut response = Response::new(body);
    // Else hyper offers to keep an HTTP/1.0 connection, which this body can only end by closing.
    *response.version_mut() = version;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    // nginx buffers what it passes on unless it is told not to.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    if version == Version::HTTP_11 {
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    }
    vary_by_accept(response)
}

/// 200 with a page of events. The same address gives a stream to who accepts that.
pub(super) fn events(encoded: Vec<u8>) -> Response {
    vary_by_accept(json(StatusCode::OK, encoded.into()))
}

fn vary_by_accept(mut response: Response) -> Response {
    let accept = HeaderValue::from_static("accept");
    response.headers_mut().insert(VARY, accept);
    response
}

/// 200 with nothing but when to come back. The connection ends, so that those who are turned away don't
/// hold what others could use.
pub(super) fn turned_away(version: Version, retry_ms: u32) -> Response {
    let mut response = stream(version, Body::from(frame::retry(retry_ms)));
    // One of many on its connection ends alone.
    if version <= Version::HTTP_11 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// 200 with a file of the interface.
pub(super) fn file(content_type: &'static str, bytes: Bytes) -> Response {
    ([(CONTENT_TYPE, content_type)], bytes).into_response()
}

fn from_outcome(status: StatusCode, outcome: &Outcome) -> Response {
    match outcome {
        // A board's validator is its cursor, which only its snapshot tells.
        Outcome::Board(board) => json(status, frame::json(board).into()),
        Outcome::List(list) => with_etag(json(status, frame::json(list).into()), &list.version),
        Outcome::Task(task) => with_etag(json(status, frame::json(task).into()), &task.version),
        Outcome::Deleted => deleted(),
    }
}

fn json(status: StatusCode, encoded: Bytes) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], encoded).into_response()
}

fn with_etag(mut response: Response, validator: &dyn std::fmt::Display) -> Response {
    let quoted =
        HeaderValue::try_from(format!("\"{validator}\"")).expect("numbers and hexadecimal digits");
    response.headers_mut().insert(ETAG, quoted);
    response
}

/// Defines the codes from one list: each with its word, its status, and what it says, for the document.
macro_rules! codes {
    ($($name:ident $word:literal $status:ident $meaning:literal)+) => {
        /// What is wrong, in a word that never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Code {
            $(#[doc = $meaning] $name,)+
        }

        impl Code {
            /// All there are.
            pub(super) const ALL: &[Self] = &[$(Self::$name,)+];

            /// As it stands on the wire.
            pub(super) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// The status that it comes with.
            pub(super) fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)+
                }
            }

            /// What it says, in a sentence.
            pub(super) fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)+
                }
            }
        }
    };
}

codes! {
    MalformedJson "malformed_json" BAD_REQUEST "The body is not JSON."
    BrokenBody "broken_body" BAD_REQUEST "The body broke off."
    NotSignedIn "not_signed_in" UNAUTHORIZED "There are accounts, and the request shows no credential that is good."
    WrongLogin "wrong_login" UNAUTHORIZED "Login and password don't fit together."
    NotAllowed "not_allowed" FORBIDDEN "The caller may see this, but not do that."
    CrossOrigin "cross_origin" FORBIDDEN "A page of another site sent it."
    HttpsNeeded "https_needed" FORBIDDEN "A password would travel over plain http."
    WrongSetup "wrong_code" FORBIDDEN "It isn't the code that the server printed."
    WrongPassword "wrong_password" FORBIDDEN "It isn't the caller's password."
    NotFound "not_found" NOT_FOUND "There is no such thing or route, or the caller may not see it."
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "The route exists with other methods, which `Allow` lists."
    NotAcceptable "not_acceptable" NOT_ACCEPTABLE "The caller takes nothing that the route can give."
    TooSlow "too_slow" REQUEST_TIMEOUT "The body did not arrive in time."
    IdTaken "id_taken" CONFLICT "The chosen id names something else, living or deleted."
    NeighbourGone "neighbour_gone" CONFLICT "`before` or `after` names nothing in the target now."
    BoardFull "board_full" CONFLICT "The board holds as many lists or tasks as it may."
    ListGone "list_gone" CONFLICT "The list that the task would come back to is deleted too."
    AccountsOn "accounts_on" CONFLICT "There are accounts already."
    AccountsOff "accounts_off" CONFLICT "There are no accounts yet."
    LastAdmin "last_admin" CONFLICT "They are the last admin."
    LoginTaken "login_taken" CONFLICT "Somebody signs in with that."
    TooMany "too_many" CONFLICT "There are as many as there may be."
    WrongKind "wrong_kind" CONFLICT "It can't be done for an account of this kind, or for a disabled one."
    CursorGone "cursor_gone" GONE "The cursor is no place in the log that can be served. Read the board afresh."
    InviteGone "invite_gone" GONE "The link is spent, replaced or too old, or never was."
    VersionMismatch "version_mismatch" PRECONDITION_FAILED "It has changed since; `current` is what it is now."
    TooLarge "too_large" PAYLOAD_TOO_LARGE "The body is larger than any may be."
    NotJson "not_json" UNSUPPORTED_MEDIA_TYPE "The body is not declared as JSON."
    WrongHost "wrong_host" MISDIRECTED_REQUEST "`Host` names a host that this server doesn't answer to."
    Invalid "invalid" UNPROCESSABLE_ENTITY "A field, parameter or header holds what it can't; `field` names it."
    UnknownReference "unknown_reference" UNPROCESSABLE_ENTITY "A field names what doesn't exist; `field` says which."
    KeyReused "key_reused" UNPROCESSABLE_ENTITY "The `Idempotency-Key` was used for another request."
    TooManyRequests "too_many_requests" TOO_MANY_REQUESTS "More writes than one account is granted, or one address of which nobody is known."
    TooManyTries "too_many_tries" TOO_MANY_REQUESTS "Wrong too often."
    TooManyTickets "too_many_tickets" TOO_MANY_REQUESTS "Too many tickets were drawn and not used."
    Internal "internal" INTERNAL_SERVER_ERROR "The server's fault; its log says what, under the request's id."
    Busy "busy" SERVICE_UNAVAILABLE "Too many requests are waiting, or the server is stopping. Nothing happened."
    Unavailable "unavailable" SERVICE_UNAVAILABLE "The data file can't be used right now. Nothing happened."
}

/// Everything that can be wrong with a request, or with us.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Problem {
    /// The engine did not carry it out.
    Failed(Failure),
    /// No such route.
    NoSuchRoute,
    /// No thing by this id.
    NoSuchThing,
    /// The route exists with other methods.
    MethodNotAllowed,
    /// The caller takes nothing that the route can give.
    NotAcceptable,
    /// The body is no JSON.
    MalformedJson(String),
    /// The body broke off or was no HTTP.
    BrokenBody,
    /// A field, parameter or header holds something that it can't.
    Invalid {
        /// Which one.
        field: String,
        /// The end of the sentence that begins with its name.
        reason: String,
    },
    /// The cursor is no place in the log that can be served.
    CursorGone,
    /// A body over the cap.
    TooLarge,
    /// A body that did not arrive in time.
    TooSlow,
    /// A body that isn't declared as JSON.
    NotJson,
    /// `Host` names somebody else.
    WrongHost,
    /// A page of another site sent it.
    CrossOrigin,
    /// More than this caller is granted.
    TooManyRequests {
        /// Whether it is the account that is counted, and not the address.
        is_known: bool,
        /// Seconds until there is room for another.
        wait_seconds: u64,
    },
    /// A secret would travel where others can read along.
    HttpsNeeded,
    /// It isn't the code that the server printed.
    WrongCode,
    /// It isn't the caller's password.
    WrongPassword,
    /// Wrong too often.
    TooManyTries {
        /// When to come back.
        retry_after_seconds: u64,
    },
    /// Too many tickets were not spent.
    TooManyTickets,
    /// Ours; the cause is in the log.
    Internal,
}

impl Problem {
    /// A field, parameter or header that holds something it can't.
    pub(super) fn invalid(field: &str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// No credential, or one that is good for nothing.
    pub(super) fn not_signed_in() -> Self {
        Refusal::NotSignedIn.into()
    }

    /// There are accounts already.
    pub(super) fn accounts_on() -> Self {
        Refusal::Accounts { is_on: true }.into()
    }

    /// There are no accounts.
    pub(super) fn accounts_off() -> Self {
        Refusal::Accounts { is_on: false }.into()
    }

    fn code(&self) -> Code {
        match self {
            Self::Failed(Failure::Refused(refusal)) => refusal_code(refusal),
            Self::Failed(Failure::Busy | Failure::Closing) => Code::Busy,
            Self::Failed(Failure::Unavailable) => Code::Unavailable,
            Self::NoSuchRoute | Self::NoSuchThing => Code::NotFound,
            Self::MethodNotAllowed => Code::MethodNotAllowed,
            Self::NotAcceptable => Code::NotAcceptable,
            Self::MalformedJson(_) => Code::MalformedJson,
            Self::BrokenBody => Code::BrokenBody,
            Self::Invalid { .. } => Code::Invalid,
            Self::CursorGone => Code::CursorGone,
            Self::TooLarge => Code::TooLarge,
            Self::TooSlow => Code::TooSlow,
            Self::NotJson => Code::NotJson,
            Self::WrongHost => Code::WrongHost,
            Self::CrossOrigin => Code::CrossOrigin,
            Self::TooManyRequests { .. } => Code::TooManyRequests,
            Self::HttpsNeeded => Code::HttpsNeeded,
            Self::WrongCode => Code::WrongSetup,
            Self::WrongPassword => Code::WrongPassword,
            Self::TooManyTries { .. } => Code::TooManyTries,
            Self::TooManyTickets => Code::TooManyTickets,
            Self::Internal => Code::Internal,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Failed(Failure::Refused(refusal)) => refusal.to_string(),
            Self::Failed(Failure::Busy) => "Too many requests are waiting. Nothing happened; try again shortly.".into(),
            Self::Failed(Failure::Closing) => "The server is shutting down. Nothing happened; try again shortly.".into(),
            Self::Failed(Failure::Unavailable) => {
                "The data file can't be used right now. Nothing happened; try again shortly.".into()
            }
            Self::NoSuchRoute => "There is no such route. /openapi.json lists them.".into(),
            Self::NoSuchThing => "There is nothing by this id. It may have been deleted.".into(),
            Self::MethodNotAllowed => "This route exists, but not with this method: the Allow header lists those.".into(),
            Self::NotAcceptable => "This route gives text/event-stream. Accept that.".into(),
            Self::MalformedJson(error) => format!("The body is not JSON: {error}."),
            Self::BrokenBody => "The body broke off. Send the request again.".into(),
            Self::Invalid { field, reason } => format!("{field} {reason}."),
            Self::CursorGone => "after is no place in this board's log that can still be served. \
                Read the board afresh and go on from its cursor."
                .into(),
            Self::TooLarge => format!("The body is larger than {BODY_BYTES_MAX} bytes. Send less."),
            Self::TooSlow => format!("The body did not arrive within {BODY_SECONDS_MAX} s. Nothing happened; send it again."),
            Self::NotJson => {
                "The body must be declared as JSON: Content-Type: application/json. With curl, use `curl --json`.".into()
            }
            Self::WrongHost => {
                "The Host header names a host that this server doesn't answer to. Use localhost or an IP address, or start the server with --public-url.".into()
            }
            Self::CrossOrigin => {
                "A page of another site may not do this. If the site is yours, start the server with --public-url; if you trust it, with --allow-origin.".into()
            }
            Self::TooManyRequests { is_known, wait_seconds } => {
                let whose = if *is_known { "by this account" } else { "from this address" };
                format!("Too many requests {whose}. Nothing happened; try again in {wait_seconds} s.")
            }
            Self::HttpsNeeded => {
                "A password may not travel over plain http, except on the machine itself. Use the https address.".into()
            }
            Self::WrongCode => "That is not the code that the server printed when it started.".into(),
            Self::WrongPassword => "That is not your password.".into(),
            Self::TooManyTries { retry_after_seconds } => {
                format!("That was wrong too often. Try again in {retry_after_seconds} s.")
            }
            Self::TooManyTickets => "Too many tickets were drawn and not used. Try again in half a minute.".into(),
            Self::Internal => "Something went wrong here. The server's log says what, under this request's x-request-id.".into(),
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::TooManyRequests { wait_seconds, .. } => Some(*wait_seconds),
            Self::TooManyTries {
                retry_after_seconds,
            } => Some(*retry_after_seconds),
            Self::TooManyTickets => Some(TICKET_SECONDS),
            Self::Failed(Failure::Busy | Failure::Closing | Failure::Unavailable) => Some(1),
            _ => None,
        }
    }

    fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } => Some(field),
            Self::CursorGone => Some("after"),
            Self::WrongCode => Some("code"),
            Self::WrongPassword => Some("current"),
            Self::Failed(Failure::Refused(refusal)) => refusal_field(refusal),
            _ => None,
        }
    }
}

fn refusal_code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::NotFound(_) | Refusal::NoSuchPerson(_) => Code::NotFound,
        Refusal::UnknownReference { .. } | Refusal::UnknownPerson { .. } => Code::UnknownReference,
        Refusal::ListGone => Code::ListGone,
        Refusal::IdTaken => Code::IdTaken,
        Refusal::NeighbourGone { .. } => Code::NeighbourGone,
        Refusal::BoardFull(_) => Code::BoardFull,
        Refusal::VersionMismatch { .. } => Code::VersionMismatch,
        Refusal::PreconditionOnCreate => Code::Invalid,
        Refusal::KeyReused => Code::KeyReused,
        Refusal::NotSignedIn => Code::NotSignedIn,
        Refusal::NotAllowed => Code::NotAllowed,
        Refusal::Accounts { is_on: true } => Code::AccountsOn,
        Refusal::Accounts { is_on: false } => Code::AccountsOff,
        Refusal::WrongLogin => Code::WrongLogin,
        Refusal::InviteGone => Code::InviteGone,
        Refusal::LastAdmin => Code::LastAdmin,
        Refusal::LoginTaken => Code::LoginTaken,
        Refusal::TooMany { .. } => Code::TooMany,
        Refusal::WrongKind(_) => Code::WrongKind,
    }
}

fn refusal_field(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::UnknownReference { field, .. }
        | Refusal::UnknownPerson { field }
        | Refusal::NeighbourGone { field } => Some(field),
        Refusal::IdTaken => Some("id"),
        Refusal::VersionMismatch { .. } | Refusal::PreconditionOnCreate => Some("If-Match"),
        Refusal::KeyReused => Some("Idempotency-Key"),
        Refusal::LoginTaken => Some("login"),
        Refusal::NotFound(_)
        | Refusal::ListGone
        | Refusal::BoardFull(_)
        | Refusal::NotSignedIn
        | Refusal::NotAllowed
        | Refusal::Accounts { .. }
        | Refusal::WrongLogin
        | Refusal::InviteGone
        | Refusal::NoSuchPerson(_)
        | Refusal::LastAdmin
        | Refusal::TooMany { .. }
        | Refusal::WrongKind(_) => None,
    }
}

/// What is wrong with a request (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemJson<'a> {
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong, in a word that never changes.
    #[schema(schema_with = schemas::any_code)]
    code: &'static str,
    /// A sentence for people, which says what to do.
    detail: String,
    /// The field, parameter or header that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<&'a str>,
    /// What the thing is now, where a precondition spoke of another version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::any_thing)]
    current: Option<&'a Thing>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.code();
        let status = code.status();
        let current = match &self {
            Self::Failed(Failure::Refused(Refusal::VersionMismatch { current, .. })) => {
                Some(&**current)
            }
            _ => None,
        };
        let problem = ProblemJson {
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code: code.as_str(),
            detail: self.detail(),
            field: self.field(),
            current,
        };
        let content_type = [(CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, content_type, frame::json(&problem)).into_response();
        if code == Code::NotSignedIn {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
        }
        if let Some(seconds) = self.retry_after_seconds() {
            let seconds = HeaderValue::from(seconds);
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal.into())
    }
}

impl From<TooManyTries> for Problem {
    fn from(too_many: TooManyTries) -> Self {
        Self::TooManyTries {
            retry_after_seconds: too_many.retry_after_seconds,
        }
    }
}

impl From<TooManyTickets> for Problem {
    fn from(TooManyTickets: TooManyTickets) -> Self {
        Self::TooManyTickets
    }
}

impl From<Crowded> for Problem {
    fn from(Crowded: Crowded) -> Self {
        Self::Failed(Failure::Busy)
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.into())
    }
}

/// The answer when a handler panicked.
#[allow(clippy::needless_pass_by_value, reason = "the middleware's signature")]
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(
        panic = message.unwrap_or("without a message"),
        "a handler panicked"
    );
    Problem::Internal.into_response()
}
