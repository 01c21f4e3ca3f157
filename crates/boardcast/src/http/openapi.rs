//! The API described by itself: a document after OpenAPI, with a description for each handler in the file
//! of its resource. The list of routes names both, so neither is without the other. Schemas are
//! derived where the types are, limits come from where they are held, and words for what goes wrong
//! from `answer.rs`; tests hold every answer that they see against it.

pub(super) mod assets;
pub(super) mod boards;
pub(super) mod docs;
pub(super) mod events;
mod examples;
pub(super) mod health;
pub(super) mod lists;
pub(super) mod me;
pub(super) mod members;
mod operation;
pub(super) mod schemas;
pub(super) mod session;
pub(super) mod tasks;
pub(super) mod tickets;
pub(super) mod users;

use boardcast_core::limits::{BODY_BYTES_MAX, HEAD_BYTES_MAX, WRITES_PER_SECOND};
pub(super) use operation::REQUEST_ID;
use operation::{Operation, SESSION, TICKET, TOKEN};
use schemas::Schemas;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::openapi::path::{HttpMethod, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, InfoBuilder, License, OpenApi, OpenApiBuilder, OpenApiVersion, Required, Server,
};

/// A route, and who describes it.
pub(super) struct Described {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// The file that its handler is in, and the handler.
    pub(super) resource: &'static str,
    pub(super) handler: &'static str,
    pub(super) describe: fn() -> Operation,
}

/// What each resource is called, in the order in which a reader wants them.
const TAGS: [(&str, &str, &str); 8] = [
    (
        "boards",
        "Boards",
        "A board holds lists, and has a log of everything that happens on it.",
    ),
    (
        "lists",
        "Lists",
        "A list stands on a board and holds tasks.",
    ),
    ("tasks", "Tasks", "A task stands in a list."),
    (
        "events",
        "Events",
        "What happens, as a stream of server-sent events or as pages of JSON.",
    ),
    (
        "members",
        "Members",
        "Who is on a board, and as what. With accounts only.",
    ),
    ("session", "Signing in", "The ways in, and out."),
    (
        "me",
        "Oneself",
        "Who asks, where else they are signed in, and what programs act for them.",
    ),
    (
        "users",
        "Accounts",
        "Everyone with an account, for server admins.",
    ),
];
const SERVER_TAG: (&str, &str) = ("Server", "The program itself, and its pages for people.");

/// The document, as that version of OpenAPI has it.
pub(super) fn document(described: &[Described], version: OpenApiVersion) -> OpenApi {
    let mut paths = Paths::new();
    let mut schemas = Schemas::default();
    let mut problems = BTreeMap::new();
    let mut names = BTreeSet::new();
    for route in described {
        let name = name(route, &mut names);
        let operation = (route.describe)();
        let tag = tag_of(route.resource);
        let mut written = operation.write_down(&name, tag, &mut schemas, &mut problems);
        let path = route.path.replace("{*", "{");
        if let Some((_, rest)) = route.path.split_once("{*") {
            written = written.parameter(rest_of_path(rest.trim_end_matches('}')));
        }
        paths.add_path_operation(path, vec![method(route.method)], written.build());
    }
    let mut components = Components::new();
    components.schemas = schemas.finish();
    components.responses = problems
        .into_iter()
        .map(|(name, problem)| (name, problem.into()))
        .collect();
    components.headers = operation::headers()
        .into_iter()
        .map(|(name, header)| (name.to_owned(), header.into()))
        .collect();
    components.add_security_schemes_from_iter(credentials());
    let mut document = OpenApiBuilder::new()
        .openapi(version)
        .info(info())
        .servers(Some([Server::new("/")]))
        .paths(paths)
        .components(Some(components))
        .tags(Some(tags()))
        .build();
    if document.openapi == OpenApiVersion::Version31 {
        leave_item_schemas_out(&mut document);
    }
    document
}

fn info() -> utoipa::openapi::Info {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".into());
    let about = format!(
        "A live task board. Everything here is JSON over HTTP, and a stream of server-sent events for \
         each board.\n\n\
         **What may be relied on.** Fields and types of events are added, never taken away: pass over \
         those that you don't know. A body with a field that isn't listed is refused. What is answered with \
         2xx is on disk; with 4xx or 5xx nothing happened. Without an answer nobody knows: send it again \
         with the same `Idempotency-Key`.\n\n\
         **What goes wrong** is a problem (RFC 9457) with a `code` that never changes. Besides what is \
         listed with each route: 404 `not_found` for an address that isn't one, 405 \
         `method_not_allowed` with `Allow` for another method. Every answer to what is HTTP at all has an \
         `X-Request-Id`, and the other headers that are listed. `HEAD` works wherever `GET` does.\n\n\
         **Who may.** Without accounts everyone may do everything. With them a request shows a token \
         (`Authorization: Bearer …`) or the session's cookie. What the caller may not see is answered \
         like what isn't there.\n\n\
         **Limits.** A body has up to {BODY_BYTES_MAX} bytes, a request's head of up to {HEAD_BYTES_MAX} \
         is read. One address that isn't of the server's own machine may write {WRITES_PER_SECOND} times a second, and more for a \
         moment, unless the server was told otherwise. A \
         `Host` that isn't this server's, and pages of other sites, are refused."
    );
    InfoBuilder::new()
        .title("Boardcast")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(about))
        .license(Some(license))
        .build()
}

fn credentials() -> Vec<(&'static str, SecurityScheme)> {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A token, made at `/me/tokens` or with `boardcast token`.",
        ))
        .build();
    let session = "What `/session` sets. Over https its name is `__Host-boardcast`.";
    let ticket = "One of `/tickets`: lets one stream in.";
    vec![
        (TOKEN, SecurityScheme::Http(token)),
        (
            SESSION,
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
                "boardcast",
                session,
            ))),
        ),
        (
            TICKET,
            SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description(
                "ticket", ticket,
            ))),
        ),
    ]
}

fn tags() -> Vec<utoipa::openapi::Tag> {
    let tags = TAGS.map(|(_, name, about)| (name, about));
    let tags = tags.into_iter().chain([SERVER_TAG]);
    tags.map(|(name, about)| {
        TagBuilder::new()
            .name(name)
            .description(Some(about))
            .build()
    })
    .collect()
}

fn tag_of(resource: &str) -> &'static str {
    let resource = if resource == "tickets" {
        "events"
    } else {
        resource
    };
    let mut tags = TAGS.iter();
    tags.find(|(of, ..)| *of == resource)
        .map_or(SERVER_TAG.0, |(_, name, _)| name)
}

/// A name for a route that no other has: some handlers have several.
fn name(route: &Described, taken: &mut BTreeSet<String>) -> String {
    let name = format!("{}_{}", route.resource, route.handler);
    let again = (2..).map(|n| format!("{name}_{n}"));
    let mut names = std::iter::once(name.clone()).chain(again);
    names
        .find(|name| taken.insert(name.clone()))
        .expect("numbers don't end")
}

fn rest_of_path(name: &str) -> utoipa::openapi::path::Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(operation::text()))
        .description(Some("The rest of the path, slashes too."))
        .example(Some("any".into()))
        .build()
}

fn method(name: &str) -> HttpMethod {
    match name {
        "get" => HttpMethod::Get,
        "post" => HttpMethod::Post,
        "put" => HttpMethod::Put,
        "patch" => HttpMethod::Patch,
        "delete" => HttpMethod::Delete,
        _ => unreachable!("no route has another method"),
    }
}

/// OpenAPI 3.1 has no word for them.
fn leave_item_schemas_out(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let Some(operation) = item.get.as_mut() else {
            continue;
        };
        for response in operation.responses.responses.values_mut() {
            if let utoipa::openapi::RefOr::T(response) = response {
                for content in response.content.values_mut() {
                    if let utoipa::openapi::RefOr::T(content) = content {
                        content.item_schema = None;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Code;
    use super::super::{DESCRIBED, ROUTES};
    use super::*;
    use serde_json::Value;

    fn written() -> Value {
        let document = document(DESCRIBED, OpenApiVersion::Version32);
        serde_json::to_value(&document).unwrap()
    }

    #[test]
    fn the_document_has_the_routes_that_the_router_has() {
        let document = written();
        let paths = document["paths"].as_object().unwrap().iter();
        let written = paths.flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (method.clone(), path.clone()))
        });
        let routes = ROUTES
            .iter()
            .map(|(method, path)| ((*method).to_owned(), path.replace("{*", "{")));
        assert_eq!(
            written.collect::<BTreeSet<_>>(),
            routes.collect::<BTreeSet<_>>()
        );
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str));
                    fields.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = written();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100);
        for reference in found {
            let to = document.pointer(reference.trim_start_matches('#'));
            assert!(to.is_some(), "{reference}");
        }
    }

    #[test]
    fn every_code_can_be_the_answer_to_something() {
        let document = written();
        let problems = document["components"]["responses"].as_object().unwrap();
        let documented: BTreeSet<_> = problems.keys().flat_map(|name| name.split('.')).collect();
        for code in Code::ALL {
            // Of what is no route.
            let is_known = *code == Code::MethodNotAllowed || documented.contains(code.as_str());
            assert!(is_known, "{code:?}");
        }
    }

    #[test]
    fn only_version_3_2_says_what_a_message_is() {
        let in_version = |version| document(DESCRIBED, version).to_json().unwrap();
        assert!(in_version(OpenApiVersion::Version32).contains(r#""itemSchema""#));
        assert!(!in_version(OpenApiVersion::Version31).contains("itemSchema"));
    }
}
