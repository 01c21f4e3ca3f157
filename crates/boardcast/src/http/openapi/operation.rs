//! What one route takes and answers, in the words of which the descriptions beside this file are made.
//! What routes of one kind share is said once here: their credentials, headers and refusals.

use super::super::answer::{Code, ProblemJson};
use super::schemas::Schemas;
use boardcast_core::limits::{
    ANSWER_HOURS_KEPT, IDEMPOTENCY_KEY_CHARS_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{
    AdditionalProperties, AllOfBuilder, AnyOfBuilder, ArrayBuilder, ObjectBuilder, OneOfBuilder,
    Schema, SchemaType, Type,
};
use utoipa::openapi::{
    Content, ContentBuilder, Header, Ref, RefOr, Required, Response, ResponseBuilder,
    SecurityRequirement,
};
use utoipa::{PartialSchema, ToSchema};

/// Everything about one method of one route.
pub(crate) struct Operation {
    summary: &'static str,
    about: Vec<String>,
    credentials: &'static [&'static str],
    parameters: Vec<Parameter>,
    body: Option<Fields>,
    answers: Vec<Answer>,
    codes: BTreeSet<Code>,
    schemas: Schemas,
}

/// The names of the security schemes; the empty one is no credential at all.
const NOTHING: &str = "";
pub(super) const TOKEN: &str = "token";
pub(super) const SESSION: &str = "session";
pub(super) const TICKET: &str = "ticket";

/// An answer that is no problem.
struct Answer {
    status: u16,
    about: &'static str,
    contents: Vec<(&'static str, Content)>,
    headers: Vec<&'static str>,
}

/// What answers say besides their bodies. Each stands in every answer that names it.
pub(super) fn headers() -> Vec<(&'static str, Header)> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let header = |schema: ObjectBuilder, about: &str| {
        let header = HeaderBuilder::new().schema(Some(schema));
        header.description(Some(about)).build()
    };
    vec![
        (
            REQUEST_ID,
            header(
                text().pattern(Some("^[0-9a-f]{16}$")),
                "Names the request in the server's log.",
            ),
        ),
        (
            ETAG,
            header(
                text().pattern(Some("^\"[^\"]+\"$")).examples(["\"3\""]),
                "The validator of what was answered, for `If-None-Match`; of a list or task its version, \
                 for `If-Match`.",
            ),
        ),
        (
            RETRY_AFTER,
            header(
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .minimum(Some(0)),
                "Seconds after which it is worth another try.",
            ),
        ),
        (
            AUTHENTICATE,
            header(
                text().enum_values(Some(["Bearer"])),
                "What would be let in.",
            ),
        ),
        (
            SET_COOKIE,
            header(
                text().pattern(Some("^(__Host-)?boardcast(_device)?=")),
                "The session's cookie, `boardcast`, or over https `__Host-boardcast`; and another one by \
                 which the device is known again.",
            ),
        ),
        (
            VARY,
            header(
                text(),
                "Which headers of the request the answer depends on.",
            ),
        ),
    ]
}

pub(in super::super) const REQUEST_ID: &str = "X-Request-Id";
pub(super) const ETAG: &str = "ETag";
pub(super) const RETRY_AFTER: &str = "Retry-After";
pub(super) const AUTHENTICATE: &str = "WWW-Authenticate";
pub(super) const SET_COOKIE: &str = "Set-Cookie";
pub(super) const VARY: &str = "Vary";

impl Operation {
    fn new(summary: &'static str, credentials: &'static [&'static str], codes: &[Code]) -> Self {
        Self {
            summary,
            about: Vec::new(),
            credentials,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            codes: BTreeSet::from([Code::Internal, Code::WrongHost]),
            schemas: Schemas::default(),
        }
        .refuses(codes)
        .with_schema::<ProblemJson<'_>>()
    }

    /// Something for whoever asks.
    pub(super) fn open(summary: &'static str) -> Self {
        Self::new(summary, &[NOTHING], &[])
    }

    /// Reading something as whoever may.
    pub(super) fn read(summary: &'static str) -> Self {
        Self::new(summary, ANYBODY, READ)
    }

    /// Changing a board, or something on one.
    pub(super) fn write(summary: &'static str) -> Self {
        let about = format!(
            "Sent again under the same key the request is answered as it was the first time, for \
             {ANSWER_HOURS_KEPT} hours. The scope of a key is whoever asks."
        );
        let key = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(IDEMPOTENCY_KEY_CHARS_MAX))
            .pattern(Some("^[!-~]+$"));
        Self::new(summary, ANYBODY, READ)
            .refuses(CHANGE)
            .refuses(&[Code::KeyReused])
            .parameter(ParameterIn::Header, "Idempotency-Key", key, &about)
    }

    /// [`Operation::write`] of something that has a version.
    pub(super) fn write_to(summary: &'static str) -> Self {
        let versions = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r#"^\s*(\*|(W/)?"\d+"(\s*,\s*(W/)?"\d+")*)\s*$"#))
            .examples(["\"3\""]);
        let about = "Only if the thing is at this version, or at one of several joined by commas; `*` is any.";
        Self::write(summary)
            .refuses(&[Code::VersionMismatch, Code::NotFound])
            .parameter(ParameterIn::Header, "If-Match", versions, about)
    }

    /// Reading something about people.
    pub(super) fn read_people(summary: &'static str) -> Self {
        Self::new(summary, PERSON, READ).refuses(PEOPLE)
    }

    /// Changing something about people.
    pub(super) fn change_people(summary: &'static str) -> Self {
        Self::read_people(summary).refuses(CHANGE)
    }

    /// A way in.
    pub(super) fn enter(summary: &'static str) -> Self {
        let codes = [Code::HttpsNeeded, Code::TooManyTries];
        Self::new(summary, &[NOTHING], READ)
            .refuses(CHANGE)
            .refuses(&codes)
    }

    /// Following something.
    pub(super) fn stream(summary: &'static str) -> Self {
        let codes = [Code::CrossOrigin];
        Self::new(summary, WATCHER, READ).refuses(&codes)
    }

    /// With or without a credential that says who asks.
    pub(super) fn for_anybody(self) -> Self {
        Self {
            credentials: ANYBODY,
            ..self
        }
    }

    /// With any credential that says who asks, a program's too. Without accounts there is none.
    pub(super) fn for_somebody(self) -> Self {
        Self {
            credentials: SOMEBODY,
            ..self
        }
    }

    /// Something else about it, in sentences.
    pub(super) fn about(mut self, sentences: impl Into<String>) -> Self {
        self.about.push(sentences.into());
        self
    }

    /// What can be wrong with the request.
    pub(super) fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// What can't be wrong with it, although it can with others of its kind.
    pub(super) fn never(mut self, codes: &[Code]) -> Self {
        self.codes.retain(|code| !codes.contains(code));
        self
    }

    /// The path names something.
    pub(super) fn path<T: ToSchema>(self, name: &'static str, example: &'static str) -> Self {
        let schema = Ref::from_schema_name(T::name());
        let mut named = self.with_schema::<T>().refuses(&[Code::NotFound]);
        named.parameters.push(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(schema))
                .example(Some(example.into()))
                .build(),
        );
        named
    }

    /// The query may hold something.
    pub(super) fn query(self, name: &str, schema: impl Into<RefOr<Schema>>, about: &str) -> Self {
        self.parameter(ParameterIn::Query, name, schema, about)
    }

    /// The query must hold something.
    pub(super) fn must_query(
        mut self,
        name: &str,
        schema: impl Into<RefOr<Schema>>,
        about: &str,
        example: &str,
    ) -> Self {
        let parameter = parameter(ParameterIn::Query, name, schema, about);
        let parameter = parameter.required(Required::True);
        let parameter = parameter.example(Some(example.into()));
        self.parameters.push(parameter.build());
        self
    }

    /// A header may say something.
    pub(super) fn header(self, name: &str, schema: impl Into<RefOr<Schema>>, about: &str) -> Self {
        self.parameter(ParameterIn::Header, name, schema, about)
    }

    fn parameter(
        mut self,
        place: ParameterIn,
        name: &str,
        schema: impl Into<RefOr<Schema>>,
        about: &str,
    ) -> Self {
        let parameter = parameter(place, name, schema, about);
        self.parameters.push(parameter.build());
        self
    }

    /// The answer comes in pages, and says where the next one begins by something like this.
    pub(super) fn paged(self, next: impl Into<RefOr<Schema>>) -> Self {
        let limit = number(1, PAGE_ITEMS_MAX).default(Some(PAGE_ITEMS_DEFAULT.into()));
        self.query("limit", limit, "How many things a page holds at most.")
            .query("cursor", next, "The `next` of the page before.")
    }

    /// `If-None-Match` with the validator of what is known answers 304.
    pub(super) fn validated(mut self) -> Self {
        self = self.header(
            "If-None-Match",
            text().examples(["\"3\""]),
            "The validator of what the caller has. While it is still so, the answer is 304.",
        );
        self.answers.push(Answer {
            status: 304,
            about: "It is what the caller has.",
            contents: Vec::new(),
            headers: vec![ETAG],
        });
        self
    }

    /// The body's fields.
    pub(super) fn takes(mut self, mut fields: Fields) -> Self {
        self.schemas.take(&mut fields.schemas);
        self.body = Some(fields);
        self
    }

    /// 200 with something, and an example of it.
    pub(super) fn ok<T: ToSchema>(self, about: &'static str, example: impl Serialize) -> Self {
        self.json::<T>(200, about, &example)
    }

    /// 201 with what was made, and an example of it.
    pub(super) fn created<T: ToSchema>(self, about: &'static str, example: impl Serialize) -> Self {
        self.json::<T>(201, about, &example)
    }

    fn json<T: ToSchema>(self, status: u16, about: &'static str, example: &impl Serialize) -> Self {
        let schema = Ref::from_schema_name(T::name());
        let example = serde_json::to_value(example).expect("plain data");
        let content = ContentBuilder::new()
            .schema(Some(schema))
            .example(Some(example))
            .build();
        self.with_schema::<T>()
            .content(status, about, "application/json", content)
    }

    /// Another shape of an answer that was named before.
    pub(super) fn or<T: ToSchema>(mut self) -> Self {
        let answer = self.answers.last_mut().expect("an answer before");
        let (_, content) = answer.contents.last_mut().expect("a content before");
        let before = content.schema.take().expect("a schema before");
        let either = AnyOfBuilder::new()
            .item(before)
            .item(Ref::from_schema_name(T::name()));
        content.schema = Some(either.into());
        self.with_schema::<T>()
    }

    /// An answer with a body of some type; another body, if there is one with that status.
    pub(super) fn content(
        mut self,
        status: u16,
        about: &'static str,
        media_type: &'static str,
        content: Content,
    ) -> Self {
        let before = self
            .answers
            .iter_mut()
            .find(|answer| answer.status == status);
        match before {
            Some(answer) => answer.contents.push((media_type, content)),
            None => self.answers.push(Answer {
                status,
                about,
                contents: vec![(media_type, content)],
                headers: Vec::new(),
            }),
        }
        self
    }

    /// 204: there is nothing to show.
    pub(super) fn nothing(mut self, about: &'static str) -> Self {
        self.answers.push(Answer {
            status: 204,
            about,
            contents: Vec::new(),
            headers: Vec::new(),
        });
        self
    }

    /// What the last answer says in a header.
    pub(super) fn saying(mut self, header: &'static str) -> Self {
        let answer = self.answers.last_mut().expect("an answer before");
        answer.headers.push(header);
        self
    }

    /// A schema that something names.
    pub(super) fn with_schema<T: ToSchema>(mut self) -> Self {
        self.schemas.add::<T>();
        self
    }

    /// As the document has it. Its schemas, and the problems that it shares with others, go there too.
    pub(super) fn write_down(
        self,
        name: &str,
        tag: &str,
        schemas: &mut Schemas,
        problems: &mut BTreeMap<String, Response>,
    ) -> OperationBuilder {
        let mut own = self.schemas;
        schemas.take(&mut own);
        let security = self.credentials.iter().map(|&name| match name {
            NOTHING => SecurityRequirement::default(),
            name => SecurityRequirement::new::<_, [&str; 0], &str>(name, []),
        });
        let mut written = OperationBuilder::new()
            .tag(tag)
            .operation_id(Some(name))
            .summary(Some(self.summary))
            .description((!self.about.is_empty()).then(|| self.about.join("\n\n")))
            .securities(Some(security))
            .request_body(self.body.map(Fields::build));
        for parameter in self.parameters {
            written = written.parameter(parameter);
        }
        for answer in self.answers {
            written = written.response(answer.status.to_string(), answer.build());
        }
        for (status, codes) in by_status(&self.codes) {
            let name = codes.iter().map(|code| code.as_str());
            let name = name.collect::<Vec<_>>().join(".");
            written = written.response(status.to_string(), Ref::from_response_name(&*name));
            problems
                .entry(name)
                .or_insert_with(|| problem(status, &codes));
        }
        written
    }
}

fn parameter(
    place: ParameterIn,
    name: &str,
    schema: impl Into<RefOr<Schema>>,
    about: &str,
) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .schema(Some(schema.into()))
        .description(Some(about))
}

const ANYBODY: &[&str] = &[NOTHING, TOKEN, SESSION];
const SOMEBODY: &[&str] = &[TOKEN, SESSION];
const PERSON: &[&str] = &[SESSION];
const WATCHER: &[&str] = &[NOTHING, TOKEN, SESSION, TICKET];

/// What can be wrong with whatever reaches the data.
const READ: &[Code] = &[
    Code::NotSignedIn,
    Code::Invalid,
    Code::Busy,
    Code::Unavailable,
];

/// And with whatever changes something.
const CHANGE: &[Code] = &[
    Code::CrossOrigin,
    Code::NotAllowed,
    Code::TooManyRequests,
    Code::MalformedJson,
    Code::BrokenBody,
    Code::TooSlow,
    Code::TooLarge,
    Code::NotJson,
];

/// And with whatever is about people.
const PEOPLE: &[Code] = &[Code::NotAllowed, Code::AccountsOff];

impl Answer {
    fn build(self) -> Response {
        let mut built = ResponseBuilder::new()
            .description(self.about)
            .header_ref(REQUEST_ID, header_ref(REQUEST_ID));
        for header in self.headers {
            built = built.header_ref(header, header_ref(header));
        }
        for (media_type, content) in self.contents {
            built = built.content(media_type, content);
        }
        built.build()
    }
}

fn header_ref(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

fn by_status(codes: &BTreeSet<Code>) -> BTreeMap<u16, Vec<Code>> {
    let mut by_status = BTreeMap::<_, Vec<_>>::new();
    for code in codes {
        let status = code.status().as_u16();
        by_status.entry(status).or_default().push(*code);
    }
    by_status
}

/// A problem with one of these codes.
fn problem(status: u16, codes: &[Code]) -> Response {
    let about = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.as_str(), code.meaning()));
    let any = || ObjectBuilder::new().schema_type(SchemaType::any());
    let one_of = |values: Vec<Value>| any().enum_values(Some(values));
    let words = codes.iter().map(|code| code.as_str().into()).collect();
    let narrowed = any()
        .property("status", one_of(vec![status.into()]))
        .property("code", one_of(words));
    let schema = AllOfBuilder::new()
        .item(Ref::from_schema_name(ProblemJson::name()))
        .item(narrowed);
    let mut problem = ResponseBuilder::new()
        .description(about.collect::<Vec<_>>().join("\n\n"))
        .header_ref(REQUEST_ID, header_ref(REQUEST_ID))
        .content("application/problem+json", Content::new(Some(schema)));
    if matches!(status, 429 | 503) {
        problem = problem.header_ref(RETRY_AFTER, header_ref(RETRY_AFTER));
    }
    if codes == [Code::NotSignedIn] {
        problem = problem.header_ref(AUTHENTICATE, header_ref(AUTHENTICATE));
    }
    problem.build()
}

/// The fields of a request's body. It has no others.
#[derive(Default)]
pub(super) struct Fields {
    object: ObjectBuilder,
    is_merge_patch: bool,
    example: Option<Value>,
    schemas: Schemas,
}

impl Fields {
    /// Those of a new thing or of an order.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Those of a merge patch (RFC 7396), where what is missing stays as it is.
    pub(super) fn patch() -> Self {
        Self {
            is_merge_patch: true,
            ..Self::default()
        }
    }

    /// A field that must be there.
    pub(super) fn must<T: ToSchema>(mut self, name: &str, about: &str) -> Self {
        self.schemas.add::<T>();
        self.must_be(name, named::<T>(about))
    }

    /// A field that must be there, of a type that has no name.
    pub(super) fn must_be(mut self, name: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.object = self.object.property(name, schema).required(name);
        self
    }

    /// A field that may be missing, or null, which is the same.
    pub(super) fn may<T: ToSchema>(mut self, name: &str, about: &str) -> Self {
        self.schemas.add::<T>();
        self.may_be(name, or_null(named::<T>("")).description(Some(about)))
    }

    /// A field that may be missing.
    pub(super) fn may_be(mut self, name: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.object = self.object.property(name, schema);
        self
    }

    /// A field that may change and can't be removed.
    pub(super) fn changes<T: ToSchema>(mut self, name: &str, about: &str) -> Self {
        self.schemas.add::<T>();
        self.may_be(name, named::<T>(about))
    }

    /// Where among its siblings a thing shall stand: `position`, `before` or `after`.
    pub(super) fn slot<T: ToSchema>(self) -> Self {
        let ends = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["top", "bottom"]));
        let index = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0));
        let position = OneOfBuilder::new()
            .item(ends)
            .item(index)
            .item(null())
            .description(Some(
                "The top, the bottom, or the index that it has afterwards; past the end is the end.",
            ));
        self.may_be("position", position)
            .may::<T>(
                "before",
                "Directly before this one. Means the same whatever others do meanwhile.",
            )
            .may::<T>("after", "Directly after this one.")
    }

    /// What is sent in the examples.
    pub(super) fn example(mut self, example: Value) -> Self {
        self.example = Some(example);
        self
    }

    fn build(self) -> utoipa::openapi::request_body::RequestBody {
        let object = self
            .object
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let content = ContentBuilder::new()
            .schema(Some(object))
            .example(self.example)
            .build();
        let mut body = RequestBodyBuilder::new().required(Some(Required::True));
        if self.is_merge_patch {
            body = body.content("application/merge-patch+json", content.clone());
        }
        body.content("application/json", content).build()
    }
}

/// Something that has a name.
pub(super) fn named<T: ToSchema>(about: &str) -> Ref {
    let mut named = Ref::from_schema_name(T::name());
    named.description = about.into();
    named
}

fn or_null(schema: impl Into<RefOr<Schema>>) -> OneOfBuilder {
    OneOfBuilder::new().item(schema).item(null())
}

fn null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Null)
}

/// Any text.
pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A whole number in a range.
pub(super) fn number(min: usize, max: usize) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(min))
        .maximum(Some(max))
}

/// One of a few words.
pub(super) fn words<const N: usize>(words: [&str; N]) -> ObjectBuilder {
    text().enum_values(Some(words))
}

/// A list of things that have names, or nothing.
pub(super) fn list_or_nothing<T: PartialSchema + ToSchema>(
    max: usize,
    about: &str,
) -> ArrayBuilder {
    list::<T>(0, max, about).schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
}

/// A list of things that have names.
pub(super) fn list<T: ToSchema>(min: usize, max: usize, about: &str) -> ArrayBuilder {
    ArrayBuilder::new()
        .items(Ref::from_schema_name(T::name()))
        .min_items(Some(min))
        .max_items(Some(max))
        .description(Some(about))
}
