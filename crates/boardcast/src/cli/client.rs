//! What the verbs that speak to a server share: asking it, and asking again where that is safe. A
//! change carries one `Idempotency-Key` for all its attempts, so it is never done twice. Status codes
//! are plain numbers here; the crates behind the server's own HTTP don't come in.

pub(super) mod events;
pub(super) mod find;
pub(super) mod follow;
pub(super) mod print;
pub(super) mod things;

use crate::outside::{Outside, random_bytes, random_within};
use boardcast_core::limits::{
    CLIENT_ANSWER_BYTES_MAX, CLIENT_ANSWER_SECONDS_MAX, CLIENT_CONNECT_SECONDS_MAX,
    CLIENT_RETRIES_MAX, CLIENT_RETRY_AFTER_SECONDS_MAX, CLIENT_RETRY_MS,
    CLIENT_SILENCE_SECONDS_MAX,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{ErrorKind, Read};
use std::process::ExitCode;
use std::time::Duration;
use ureq::http::{Request, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Timeout};

/// Why a verb ends early. Shows as one sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The server refused, or something here failed.
    #[error("{0}")]
    Refused(String),
    /// The server doesn't know who asks.
    #[error(
        "you are not signed in, or no longer: `boardcast login` does that, or give a good token in BOARDCAST_TOKEN"
    )]
    NotSignedIn,
    /// The server can't be reached.
    #[error("{0}")]
    Unreachable(String),
    /// Nobody reads our output any more, which is no error.
    #[error("nobody reads the output")]
    Unread,
}

impl Failure {
    /// What the shell is told.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unread => ExitCode::SUCCESS,
            Self::Refused(_) | Self::NotSignedIn => ExitCode::FAILURE,
            Self::Unreachable(_) => ExitCode::from(3),
        }
    }
}

/// How long a server may leave us without a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence(pub(super) Duration);

impl Default for Silence {
    fn default() -> Self {
        Self(Duration::from_secs(CLIENT_SILENCE_SECONDS_MAX))
    }
}

/// Speaks to one server.
pub(super) struct Client {
    server: String,
    agent: Agent,
    outside: Box<dyn Outside>,
    /// Who asks, as far as the server wants to know.
    token: Option<String>,
}

/// An answer that is no refusal.
pub(super) struct Answer {
    /// The body, to the letter; empty where there is none.
    pub(super) text: String,
}

impl Answer {
    /// Reads the body.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.text).map_err(|_| {
            Failure::Refused(
                "the server's answer is not understood; does --server name a Boardcast?".into(),
            )
        })
    }
}

/// What the request for an event stream came to.
pub(super) enum Opened {
    /// The stream's bytes.
    Stream(Box<dyn Read>),
    /// There is nothing to follow, nor will there be.
    Gone,
    /// Not now, and when to try again if the server says so.
    NotNow(String, Option<Duration>),
}

/// A problem (RFC 9457), as far as it is told.
#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    detail: String,
}

/// What one attempt came to, other than an answer.
enum Miss {
    /// Nothing was answered; the request may have been carried out.
    Cut(String),
    /// The server was not reached.
    NotSent(String),
    /// Nothing happened; later it may.
    Busy(Failure, Option<Duration>),
    /// It makes no sense to try again.
    Final(Failure),
}

impl Client {
    /// A client of the server at an address without a slash at its end.
    pub(super) fn new(server: &str, outside: Box<dyn Outside>, silence: Silence) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
        let config = Agent::config_builder()
            .tls_config(tls.build())
            // The environment is not read here, and a server on this machine needs no proxy.
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("boardcast/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(CLIENT_CONNECT_SECONDS_MAX)))
            .timeout_recv_response(Some(Duration::from_secs(CLIENT_ANSWER_SECONDS_MAX)))
            .timeout_per_read(Some(silence.0))
            .timeout_per_write(Some(silence.0));
        Self {
            server: server.into(),
            agent: config.build().new_agent(),
            outside,
            token: None,
        }
    }

    /// The same, with a token to show.
    pub(super) fn with_token(mut self, token: Option<String>) -> Self {
        self.token = token;
        self
    }

    /// The clock and randomness.
    pub(super) fn outside(&self) -> &dyn Outside {
        &*self.outside
    }

    /// `GET path`, a refusal being a failure.
    pub(super) fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.ask("GET", path, None)
    }

    /// `GET path`, read; none if there is no such thing.
    pub(super) fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        match self.try_often("GET", path, None)? {
            Reply::Missing(_) => Ok(None),
            Reply::Answer(answer) => answer.read().map(Some),
        }
    }

    /// Changes something, once.
    pub(super) fn change(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        self.ask(method, path, body)
    }

    /// Asks as a browser does, without a key. One attempt. Gives the answer, and the cookies that it set as a
    /// browser would send them back.
    pub(super) fn once(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        cookies: &str,
    ) -> Result<(Answer, String), Failure> {
        let body = body.map(Value::to_string);
        let headers = [("cookie", cookies)];
        let headers = if cookies.is_empty() {
            &[]
        } else {
            &headers[..]
        };
        let missed = |miss| match miss {
            Miss::Final(failure) | Miss::Busy(failure, _) => failure,
            Miss::NotSent(why) => self.unreachable(&why, false),
            Miss::Cut(why) => self.unreachable(&why, true),
        };
        let mut response = self
            .send(method, path, body.as_deref(), headers)
            .map_err(missed)?;
        let text = read_text(response.body_mut()).map_err(|why| missed(Miss::Cut(why)))?;
        if !response.status().is_success() {
            return Err(refusal(response.status().as_u16(), &text));
        }
        let set = response.headers().get_all("set-cookie").iter();
        let pairs = set.filter_map(|set| set.to_str().ok()?.split(';').next());
        let cookies = pairs.collect::<Vec<_>>().join("; ");
        Ok((Answer { text }, cookies))
    }

    /// Opens an event stream after an id. One attempt.
    pub(super) fn open(&self, path: &str, last_event_id: &str) -> Result<Opened, Failure> {
        let mut headers = vec![("accept", "text/event-stream")];
        if !last_event_id.is_empty() {
            headers.push(("last-event-id", last_event_id));
        }
        let mut response = match self.send("GET", path, None, &headers) {
            Ok(response) => response,
            Err(Miss::Final(failure @ Failure::Refused(_))) => return Err(failure),
            Err(Miss::Busy(failure, _) | Miss::Final(failure)) => {
                return Ok(Opened::NotNow(failure.to_string(), None));
            }
            Err(Miss::Cut(why) | Miss::NotSent(why)) => return Ok(Opened::NotNow(why, None)),
        };
        let status = response.status().as_u16();
        let is_stream = header(&response, "content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        match status {
            200 if is_stream => {
                return Ok(Opened::Stream(Box::new(response.into_body().into_reader())));
            }
            // Never come back (WHATWG HTML, 9.2.3), and nothing there.
            204 | 404 => return Ok(Opened::Gone),
            _ => {}
        }
        let text = read_text(response.body_mut()).unwrap_or_default();
        let refusal = refusal(status, &text);
        match status {
            408 | 429 | 500.. => Ok(Opened::NotNow(refusal.to_string(), retry_after(&response))),
            _ => Err(refusal),
        }
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        match self.try_often(method, path, body)? {
            Reply::Answer(answer) => Ok(answer),
            Reply::Missing(failure) => Err(failure),
        }
    }

    fn new_key(&self) -> String {
        format!(
            "cli-{:032x}",
            u128::from_be_bytes(random_bytes(self.outside()))
        )
    }

    fn try_often(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply, Failure> {
        let is_change = method != "GET";
        let key = is_change.then(|| self.new_key());
        let body = body.map(Value::to_string);
        let mut may_have_happened = false;
        let mut retry = 0;
        loop {
            let miss = match self.attempt(method, path, body.as_deref(), key.as_deref()) {
                Ok(reply) => return Ok(reply),
                Err(miss) => miss,
            };
            may_have_happened |= is_change && matches!(miss, Miss::Cut(_));
            let is_last = retry == CLIENT_RETRIES_MAX;
            let asked_for = match miss {
                Miss::Final(failure) => return Err(failure),
                Miss::Busy(failure, _) if is_last => return Err(failure),
                Miss::Cut(why) | Miss::NotSent(why) if is_last => {
                    return Err(self.unreachable(&why, may_have_happened));
                }
                Miss::Busy(_, wait) => wait.unwrap_or_default(),
                Miss::Cut(_) | Miss::NotSent(_) => Duration::ZERO,
            };
            std::thread::sleep(self.pause(retry).max(asked_for));
            retry += 1;
        }
    }

    /// Half of it is fixed, half is random, so that clients that were cut together don't come back
    /// together.
    fn pause(&self, retry: u32) -> Duration {
        let full = u32::try_from(CLIENT_RETRY_MS << retry).unwrap_or(u32::MAX);
        let ms = random_within(self.outside(), &(full / 2..=full));
        Duration::from_millis(ms.into())
    }

    fn unreachable(&self, why: &str, may_have_happened: bool) -> Failure {
        let server = &self.server;
        Failure::Unreachable(if may_have_happened {
            format!(
                "{server} broke off ({why}); the request may have been carried out, so look before you send it again"
            )
        } else {
            format!(
                "{server} can't be reached ({why}); start a server with `boardcast`, or name another one with --server"
            )
        })
    }

    fn attempt(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
        key: Option<&str>,
    ) -> Result<Reply, Miss> {
        let mut headers = Vec::new();
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let mut response = self.send(method, path, body, &headers)?;
        let text = read_text(response.body_mut()).map_err(Miss::Cut)?;
        let status = response.status().as_u16();
        match status {
            200..=299 => Ok(Reply::Answer(Answer { text })),
            404 => Ok(Reply::Missing(refusal(status, &text))),
            429 | 502..=504 => Err(Miss::Busy(refusal(status, &text), retry_after(&response))),
            _ => Err(Miss::Final(refusal(status, &text))),
        }
    }

    /// Sends a request and reads the head of its answer.
    fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Result<Response<Body>, Miss> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let malformed = |_| {
            Miss::Final(Failure::Refused("the request can't be put together; does --server name a server, BOARDCAST_TOKEN a token and --since an event?".into()))
        };
        let sent = match body {
            // A POST must say that its body is empty, or it would be sent in chunks.
            None if method == "POST" => self.agent.run(request.body("").map_err(malformed)?),
            None => self.agent.run(request.body(()).map_err(malformed)?),
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body).map_err(malformed)?)
            }
        };
        sent.map_err(|error| self.miss(error))
    }

    fn miss(&self, error: ureq::Error) -> Miss {
        match error {
            ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
                Miss::NotSent("connection refused".into())
            }
            ureq::Error::Io(error) if UNREACHED.contains(&error.kind()) => {
                Miss::NotSent(error.to_string())
            }
            // A certificate that is not trusted, or no TLS at all.
            ureq::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
                Miss::Final(self.unreachable(&error.to_string(), false))
            }
            ureq::Error::Io(error) => Miss::Cut(error.to_string()),
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                Miss::NotSent("it does not accept connections".into())
            }
            ureq::Error::HostNotFound => {
                Miss::Final(self.unreachable("there is no host by this name", false))
            }
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
                Miss::Final(self.unreachable(&error.to_string(), false))
            }
            ureq::Error::Http(_) | ureq::Error::BadUri(_) => Miss::Final(Failure::Refused(
                format!("{} is no address of a server", self.server),
            )),
            other => Miss::Cut(other.to_string()),
        }
    }
}

/// Nothing was sent when a connection fails so.
const UNREACHED: [ErrorKind; 3] = [
    ErrorKind::HostUnreachable,
    ErrorKind::NetworkUnreachable,
    ErrorKind::AddrNotAvailable,
];

/// An answer, or that the path names nothing.
enum Reply {
    Answer(Answer),
    Missing(Failure),
}

fn read_text(body: &mut Body) -> Result<String, String> {
    let body = body.with_config().limit(CLIENT_ANSWER_BYTES_MAX);
    body.read_to_string().map_err(|error| error.to_string())
}

/// The problem's own sentence, without the full stop that the terminal doesn't need.
fn refusal(status: u16, body: &str) -> Failure {
    Failure::Refused(match serde_json::from_str(body) {
        Ok(Problem { code, .. }) if code == "not_signed_in" => return Failure::NotSignedIn,
        Ok(Problem { detail, .. }) => detail.strip_suffix('.').unwrap_or(&detail).into(),
        Err(_) => format!("the server answered {status}; does --server name a Boardcast?"),
    })
}

fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let seconds: u64 = header(response, "retry-after")?.parse().ok()?;
    Some(Duration::from_secs(
        seconds.min(CLIENT_RETRY_AFTER_SECONDS_MAX),
    ))
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}
