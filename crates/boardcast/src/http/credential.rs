//! Who sent a request. This is the only place of the wire where an `Access` comes from: a route either
//! stands behind [`require`], or asks here itself.

use super::answer::{self, Problem};
use super::cookie::Cookie;
use super::{App, Peer};
use crate::auth::{Asker, Shown, Unknown};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use boardcast_core::access::Caller;
use boardcast_core::model::BoardId;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

/// The middleware: without a good credential nothing behind it is reached, so every such answer is the
/// same, whether what was asked for exists or not.
pub(super) async fn require(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let peer = *Peer::of(request.extensions());
    let asker = match request.extensions().get::<Asker>() {
        // Who writes was asked already.
        Some(asker) => asker.clone(),
        None => identify(&app, request.headers(), &peer, None).await?,
    };
    let is_open = *asker.access.caller() == Caller::Open;
    request.extensions_mut().insert(asker);
    let response = next.run(request).await;
    Ok(if is_open {
        response
    } else {
        answer::keep_private(response)
    })
}

/// Who sent the request, for handlers behind [`require`].
pub(super) struct By(pub(super) Asker);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let asker = parts.extensions.get::<Asker>().cloned();
        // A route that forgot to ask knows nobody.
        asker.map(Self).ok_or_else(Problem::not_signed_in)
    }
}

/// Who sent a request to a route that lets strangers in too. A cookie that is good for nothing any more
/// is none: a browser can't help sending it.
pub(super) async fn if_any(app: &App, headers: &HeaderMap, peer: &Peer) -> Result<Asker, Problem> {
    match identify(app, headers, peer, None).await {
        Err(problem) if problem == Problem::not_signed_in() => {
            if bearer(headers)?.is_some() {
                Err(problem)
            } else {
                Ok(Asker::nobody())
            }
        }
        other => other,
    }
}

/// Who sent a request, by its headers and cookies and, for a stream of these boards, its ticket.
pub(super) async fn identify(
    app: &App,
    headers: &HeaderMap,
    peer: &Peer,
    ticket: Option<(&str, &[BoardId])>,
) -> Result<Asker, Problem> {
    if !app.engine.is_accounts_on() {
        return Ok(Asker::open());
    }
    let shown = Shown {
        bearer: bearer(headers)?,
        cookie: Cookie::Session.read(headers, peer.is_https)?,
        ticket,
    };
    Ok(app.auth.identify(&app.engine, shown).await?)
}

/// What stands after `Bearer` (RFC 6750, 2.1). Another scheme is a credential that is good for nothing.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    let pair = text.and_then(|text| text.split_once(' '));
    let pair = pair.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    pair.map(|(_, token)| Some(token.trim()))
        .ok_or_else(Problem::not_signed_in)
}

impl From<Unknown> for Problem {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::NotSignedIn => Self::not_signed_in(),
            Unknown::Unreadable => Self::Failed(crate::store::Failure::Unavailable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(values: &[&'static str]) -> Result<Option<String>, Problem> {
        let pairs = values
            .iter()
            .map(|value| (AUTHORIZATION, HeaderValue::from_static(value)));
        bearer(&pairs.collect()).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn only_one_bearer_token_is_a_token() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["Bearer x"]), Ok(Some("x".into())));
        assert_eq!(read(&["bearer  x"]), Ok(Some("x".into())));
        let bad: [&[&'static str]; 4] = [&["Basic x"], &["x"], &["Bearer x", "Bearer x"], &[""]];
        for values in bad {
            assert_eq!(read(values), Err(Problem::not_signed_in()), "{values:?}");
        }
    }
}
