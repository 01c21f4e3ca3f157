//! `/healthz`.

use super::super::answer::Code;
use super::super::health::Health;
use super::operation::Operation;
use serde_json::json;

pub(crate) fn healthz() -> Operation {
    Operation::open("Say whether the server works")
        .about("By whatever name it is asked.")
        .ok::<Health>("It does.", json!({ "status": "ok" }))
        .refuses(&[Code::Unavailable])
        .never(&[Code::WrongHost])
}
