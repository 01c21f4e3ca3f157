//! What the server says of itself, held against what it does: every answer that a test's client gets, and
//! every event on a stream that it reads, must be what the document says. The document's answers may
//! gain fields one day; here they may not have any that it doesn't name.

mod examples;
mod judged;
mod parameters;
mod refusals;
mod served;
mod stage;

use boardcast_sim::hearing::{Heard, Said};
use boardcast_sim::sse::Block;
use jsonschema::{PatternOptions, Registry, Validator};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// What the server says of itself.
static DOCUMENT: LazyLock<Document> = LazyLock::new(Document::new);

/// Where the document is for its own references.
const ADDRESS: &str = "urn:boardcast";

/// Bodies and events that were found good; watchers by the hundred get the same ones.
const KNOWN_MAX: usize = 1_000_000;

struct Document {
    whole: Value,
    registry: Registry<'static>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
    known: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

/// An answer as far as it is known.
struct Given<'a> {
    status: u16,
    headers: &'a [(String, String)],
    body: Option<&'a [u8]>,
}

/// Says what is not as the document has it.
pub(crate) fn judge(heard: &Heard<'_>) -> Result<(), String> {
    let given = match heard.said {
        Said::Block(block) => return DOCUMENT.judge_block(block),
        Said::Head(status, headers) => Given {
            status,
            headers,
            body: None,
        },
        Said::Answer(answer) => Given {
            status: answer.status,
            headers: &answer.headers,
            body: Some(&answer.body)
                .filter(|_| heard.method != "HEAD")
                .map(Vec::as_slice),
        },
    };
    let judged = DOCUMENT.judge(heard.method, heard.target, &given);
    judged.map_err(|complaint| {
        let body = given.body.map(String::from_utf8_lossy).unwrap_or_default();
        let start: String = body.chars().take(500).collect();
        format!("{complaint}; the answer is {}: {start}", given.status)
    })
}

impl Document {
    fn new() -> Self {
        let written = boardcast::http::document();
        let mut whole: Value = serde_json::from_slice(&written).expect("JSON");
        let schemas = whole["components"]["schemas"].as_object_mut();
        schemas.expect("schemas").values_mut().for_each(close);
        let registry = Registry::new().add(ADDRESS, whole.clone());
        let registry = registry.and_then(jsonschema::RegistryBuilder::prepare);
        Self {
            whole,
            registry: registry.expect("the document's references lead somewhere"),
            validators: Mutex::default(),
            known: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    fn judge(&self, method: &str, target: &str, given: &Given<'_>) -> Result<(), String> {
        if given.header("x-request-id").is_none() {
            return judge_no_http(given);
        }
        // What a browser asks before a page may ask.
        if method == "OPTIONS" && given.status == 204 {
            return Ok(());
        }
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let path = path
            .strip_prefix("http://")
            .map_or(path, |rest| rest.find('/').map_or("/", |at| &rest[at..]));
        let (template, item) = match self.route(path) {
            Some(found) => found,
            None => return self.judge_no_route(given),
        };
        let operation = match method {
            "HEAD" | "GET" => "get",
            "POST" => "post",
            "PUT" => "put",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => return self.judge_no_route(given),
        };
        if item.get(operation).is_none() {
            return self.judge_no_route(given);
        }
        let responses = format!(
            "/paths/{}/{operation}/responses",
            template.replace('~', "~0").replace('/', "~1")
        );
        let pointer = format!("{responses}/{}", given.status);
        let Some(response) = self.whole.pointer(&pointer) else {
            return Err("no such status is documented".into());
        };
        match response["$ref"].as_str() {
            Some(to) => self.judge_response(to.trim_start_matches('#'), given),
            None => self.judge_response(&pointer, given),
        }
    }

    /// The path's template, and what can be done there.
    fn route(&self, path: &str) -> Option<(&str, &Value)> {
        let paths = self.whole["paths"].as_object().expect("paths");
        let mut found: Vec<_> = paths
            .iter()
            .filter(|(template, _)| is_like(template, path))
            .collect();
        // What is named goes before what isn't.
        found.sort_by_key(|(template, _)| template.matches('{').count());
        let (template, item) = found.first()?;
        Some((template, item))
    }

    /// Where no route is: a problem that any address can have, or a file beside the page.
    fn judge_no_route(&self, given: &Given<'_>) -> Result<(), String> {
        let code = match given.status {
            404 => "not_found",
            405 if given.header("allow").is_some() => "method_not_allowed",
            421 => "wrong_host",
            403 => "cross_origin",
            429 => "too_many_requests",
            200 | 304 if given.header("vary") == Some("accept-encoding") => return Ok(()),
            _ => return Err("not what an address without a route is answered".into()),
        };
        let Some(body) = given.body else {
            return Ok(());
        };
        self.check("/components/schemas/Problem", body)?;
        let problem: Value = serde_json::from_slice(body).expect("it was checked");
        match problem["code"] == code {
            true => Ok(()),
            false => Err(format!("not {code}")),
        }
    }

    fn judge_response(&self, pointer: &str, given: &Given<'_>) -> Result<(), String> {
        let response = self.whole.pointer(pointer).expect("it was found");
        self.judge_headers(&response["headers"], given)?;
        let Some(contents) = response["content"].as_object() else {
            return match given.body {
                Some(body) if !body.is_empty() => Err("no body is documented".into()),
                _ => Ok(()),
            };
        };
        let media_type = given.header("content-type").unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !contents.contains_key(essence) && !contents.contains_key("*/*") {
            return Err(format!("{media_type:?} is not documented"));
        }
        let is_json = essence == "application/json" || essence == "application/problem+json";
        match given.body {
            Some(body) if is_json && contents.contains_key(essence) => {
                let essence = essence.replace('/', "~1");
                self.check(&format!("{pointer}/content/{essence}/schema"), body)
            }
            _ => Ok(()),
        }
    }

    /// Every header that is documented there must be there and be as it should, and no answer may have
    /// one that the document knows from others only. The exceptions depend on more than the route.
    fn judge_headers(&self, documented: &Value, given: &Given<'_>) -> Result<(), String> {
        for name in documented.as_object().into_iter().flatten() {
            let (name, header) = name;
            let schema = match header["$ref"].as_str() {
                Some(to) => format!("{}/schema", to.trim_start_matches('#')),
                None => return Err(format!("{name} is described in its place")),
            };
            let mut values = given.values(name).peekable();
            if values.peek().is_none() {
                return Err(format!("{name} is missing"));
            }
            for value in values {
                let judged = self.check(&schema, self.json_of(&schema, value).as_bytes());
                judged.map_err(|complaint| format!("{name}: {complaint}: {value:?}"))?;
            }
        }
        let known = self.whole["components"]["headers"].as_object();
        let known = known.expect("headers").keys();
        // A file of the page has a validator if it was compiled in.
        let is_file = given.header("vary") == Some("accept-encoding");
        // Only whoever is known by a cookie has it taken back.
        let takes_back = given.header("set-cookie");
        let takes_back = takes_back.is_some_and(|cookie| cookie.contains("Max-Age=0"));
        let may_be = |name: &str| {
            let may_always = name == "Vary" || name == "WWW-Authenticate";
            may_always || is_file || (takes_back && name == "Set-Cookie")
        };
        let stray = known
            .filter(|name| !may_be(name))
            .find(|name| documented[name.as_str()].is_null() && given.header(name).is_some());
        match stray {
            Some(name) => Err(format!("{name} is not documented there")),
            None => Ok(()),
        }
    }

    /// A header's value as what its schema speaks of.
    fn json_of(&self, schema: &str, value: &str) -> String {
        let schema = self.whole.pointer(schema).expect("a schema");
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        match schema["type"] == "integer" && is_number {
            true => value.to_owned(),
            false => Value::from(value).to_string(),
        }
    }

    fn judge_block(&self, block: &Block) -> Result<(), String> {
        let Some(data) = &block.data else {
            return Ok(());
        };
        if block.event.is_some() {
            let is_ping = block.event.as_deref() == Some("ping") && data == "{}";
            return is_ping
                .then_some(())
                .ok_or_else(|| format!("{block:?} is no ping"));
        }
        let pointer = format!("/components/schemas/Event.{}", block.kind());
        match self.whole.pointer(&pointer) {
            Some(_) => self.check(&pointer, data.as_bytes()),
            None => Err(format!("this event is not documented: {data}")),
        }
    }

    /// Whether something is as the schema at a place of the document has it.
    fn check(&self, pointer: &str, json: &[u8]) -> Result<(), String> {
        let hash = self.hasher.hash_one((pointer, json));
        if lock(&self.known).contains(&hash) {
            return Ok(());
        }
        let value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let validator = self.validator(pointer);
        validator.validate(&value).map_err(|error| {
            let place = error.instance_path().to_string();
            format!("{place:?} is not as documented: {error}")
        })?;
        let mut known = lock(&self.known);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(hash);
        Ok(())
    }

    fn validator(&self, pointer: &str) -> Arc<Validator> {
        let mut validators = lock(&self.validators);
        if let Some(validator) = validators.get(pointer) {
            return Arc::clone(validator);
        }
        let fragment = pointer.replace('{', "%7B").replace('}', "%7D");
        let validator = jsonschema::options()
            .offline()
            .with_registry(&self.registry)
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .build(&json!({ "$ref": format!("{ADDRESS}#{fragment}") }));
        let validator = Arc::new(validator.expect("a schema"));
        validators.insert(pointer.to_owned(), Arc::clone(&validator));
        validator
    }
}

impl Given<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let headers = self.headers.iter();
        headers
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Below the routes, where a request is no HTTP that this server speaks.
fn judge_no_http(given: &Given<'_>) -> Result<(), String> {
    let is_refusal = matches!(given.status, 400 | 414 | 431 | 505);
    let is_empty = given.body.is_none_or(<[u8]>::is_empty);
    match is_refusal && is_empty {
        true => Ok(()),
        false => Err("X-Request-Id is missing".into()),
    }
}

/// Whether a path is one of those that the template stands for.
fn is_like(template: &str, path: &str) -> bool {
    // The two that stand for more than one segment.
    for (open, start) in [("/b/{rest}", "/b/"), ("/assets/{name}", "/assets/")] {
        if template == open {
            return path
                .strip_prefix(start)
                .is_some_and(|rest| !rest.is_empty());
        }
    }
    let (mut names, mut segments) = (template.split('/'), path.split('/'));
    loop {
        match (names.next(), segments.next()) {
            (None, None) => return true,
            (Some(name), Some(segment)) if name.starts_with('{') => {
                if segment.is_empty() {
                    return false;
                }
            }
            (Some(name), Some(segment)) if name == segment => {}
            _ => return false,
        }
    }
}

/// Refuses, in a schema, fields that it doesn't name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".into(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
