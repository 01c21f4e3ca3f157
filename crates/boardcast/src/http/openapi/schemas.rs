//! The schemas that the document names. They are derived where the types are; here they are collected,
//! and made flat, as `serde` writes them: no reader has to put a thing together from parts. Answers may
//! gain fields, so nothing here says that there are no others.

use super::super::answer::Code;
use super::examples;
use boardcast_core::model::{Board, BoardId, List, Snapshot, Task};
use boardcast_core::protocol::Event;
use std::borrow::Cow;
use std::collections::BTreeMap;
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, Discriminator, Object, ObjectBuilder, OneOf, OneOfBuilder, Schema,
    SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// Schemas by their names.
#[derive(Default)]
pub(super) struct Schemas(BTreeMap<String, RefOr<Schema>>);

impl Schemas {
    /// One, and those that it names.
    pub(super) fn add<T: ToSchema>(&mut self) {
        let mut named = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut named);
        self.0.extend(named);
    }

    /// All of others.
    pub(super) fn take(&mut self, others: &mut Self) {
        self.0.append(&mut others.0);
    }

    /// All of them, flat.
    pub(super) fn finish(&self) -> BTreeMap<String, RefOr<Schema>> {
        let flat = self.0.iter().map(|(name, schema)| {
            let flat = match schema {
                RefOr::T(Schema::AllOf(parts)) => {
                    self.flatten(schema, parts.description.as_deref())
                }
                _ => schema.clone(),
            };
            (name.clone(), flat)
        });
        let mut all: BTreeMap<_, _> = flat.collect();
        name_events(&mut all);
        // Only parts of others, which are whole now.
        all.retain(|name, _| !["Change", "DeletedThing"].contains(&name.as_str()));
        all
    }

    fn flatten(&self, schema: &RefOr<Schema>, about: Option<&str>) -> RefOr<Schema> {
        let mut shapes = self.shapes(schema);
        for shape in &mut shapes {
            shape.description = shape.description.take().or(about.map(str::to_owned));
        }
        match <[Object; 1]>::try_from(shapes) {
            Ok([mut only]) => {
                only.description = about.map(str::to_owned);
                Schema::Object(only).into()
            }
            Err(several) => {
                let mut one_of = OneOf::new();
                one_of.description = about.map(str::to_owned);
                let shapes = several.into_iter().map(Schema::Object);
                one_of.items = shapes.map(RefOr::T).collect();
                Schema::OneOf(one_of).into()
            }
        }
    }

    /// Every shape that a thing can have, each with all of its fields.
    fn shapes(&self, schema: &RefOr<Schema>) -> Vec<Object> {
        match schema {
            RefOr::Ref(to) => {
                let name = to.ref_location.rsplit('/').next().unwrap_or_default();
                self.shapes(&self.0[name])
            }
            RefOr::T(Schema::Object(object)) => vec![object.clone()],
            RefOr::T(Schema::AllOf(parts)) => {
                let whole = vec![Object::with_type(Type::Object)];
                let parts = parts.items.iter().map(|part| self.shapes(part));
                parts.fold(whole, |whole, part| each_with_each(&whole, &part))
            }
            RefOr::T(Schema::OneOf(either)) => {
                let is_null = |item: &&RefOr<Schema>| is_null(item);
                let may_miss = either.items.iter().any(|item| is_null(&item));
                let items = either.items.iter().filter(|item| !is_null(item));
                let mut shapes: Vec<_> = items.flat_map(|item| self.shapes(item)).collect();
                if may_miss {
                    shapes.iter_mut().for_each(|shape| shape.required.clear());
                }
                shapes
            }
            RefOr::T(_) => unreachable!("nothing else is made of fields"),
        }
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    let null = SchemaType::new(Type::Null);
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == null)
}

fn each_with_each(left: &[Object], right: &[Object]) -> Vec<Object> {
    let pairs = left
        .iter()
        .flat_map(|left| right.iter().map(move |right| (left, right)));
    pairs.map(|(left, right)| both(left, right)).collect()
}

fn both(left: &Object, right: &Object) -> Object {
    let mut both = left.clone();
    both.properties.extend(right.properties.clone());
    both.required.extend(right.required.clone());
    both.description = left.description.clone().or(right.description.clone());
    both
}

/// Gives each type of event a name and an example, and says by which field they are told apart.
fn name_events(all: &mut BTreeMap<String, RefOr<Schema>>) {
    let Some(RefOr::T(Schema::OneOf(events))) = all.remove(&*Event::name()) else {
        return;
    };
    let mut of_log = tagged("Something that happened on a board.");
    let mut of_stream = tagged("What a stream's `data` holds.");
    for message in messages() {
        of_stream.push(message, all);
    }
    for event in events.items {
        let RefOr::T(Schema::Object(event)) = event else {
            unreachable!("events have fields");
        };
        // It is what raises the log's floor, so nobody gets it.
        if type_of(&event) != "board_restored" {
            of_log.push(event.clone(), all);
            of_stream.push(event, all);
        }
    }
    all.insert(Event::name().into_owned(), of_log.build());
    all.insert(Message::name().into_owned(), of_stream.build());
}

/// Shapes that are told apart by `type`.
struct Tagged {
    one_of: OneOfBuilder,
    names: Vec<(String, String)>,
}

fn tagged(about: &str) -> Tagged {
    Tagged {
        one_of: OneOfBuilder::new().description(Some(about)),
        names: Vec::new(),
    }
}

impl Tagged {
    fn push(&mut self, mut shape: Object, all: &mut BTreeMap<String, RefOr<Schema>>) {
        let tag = type_of(&shape);
        let name = format!("Event.{tag}");
        if let Some(example) = examples::message(&tag) {
            shape.examples = vec![example];
        }
        let reference = Ref::from_schema_name(&*name);
        let builder = std::mem::take(&mut self.one_of);
        self.one_of = builder.item(reference.clone());
        self.names.push((tag, reference.ref_location));
        all.insert(name, Schema::Object(shape).into());
    }

    fn build(self) -> RefOr<Schema> {
        let discriminator = Discriminator::with_mapping("type", self.names);
        self.one_of.discriminator(Some(discriminator)).into()
    }
}

/// The word that tells a shape from others.
fn type_of(shape: &Object) -> String {
    let Some(RefOr::T(Schema::Object(tag))) = shape.properties.get("type") else {
        unreachable!("events say what they are");
    };
    let words = tag.enum_values.iter().flatten();
    words.filter_map(|word| word.as_str()).collect()
}

/// What a stream says besides what happened.
fn messages() -> Vec<Object> {
    let message = |tag: &str, about: &str| {
        let tag = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some([tag]));
        ObjectBuilder::new()
            .description(Some(about))
            .property("type", tag)
            .required("type")
    };
    let connected = message(
        "connected",
        "The first one of every stream. Its `id` is the place where the stream begins; it has none where a snapshot follows, whose `id` that is.",
    );
    let snapshot = message(
        "snapshot",
        "A whole board, in place of all that is known of it.",
    )
    .property("board", Ref::from_schema_name(Snapshot::name()))
    .required("board");
    let gone = message(
        "board_gone",
        "On a stream of several boards: this one isn't there, or not for the caller. The others go on.",
    )
    .property("boardId", ObjectBuilder::new().schema_type(Type::String))
    .required("boardId");
    [connected, snapshot, gone].map(ObjectBuilder::build).into()
}

/// A message of a stream.
pub(super) struct Message;

impl PartialSchema for Message {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().into()
    }
}

impl ToSchema for Message {
    fn name() -> Cow<'static, str> {
        "Message".into()
    }

    fn schemas(named: &mut Vec<(String, RefOr<Schema>)>) {
        named.push((Event::name().into_owned(), Event::schema()));
        Event::schemas(named);
        named.push((Snapshot::name().into_owned(), Snapshot::schema()));
        Snapshot::schemas(named);
        BoardId::schemas(named);
    }
}

/// A page of events. Its bytes are put together by hand, so its schema is too.
pub(super) struct EventsPage;

impl PartialSchema for EventsPage {
    fn schema() -> RefOr<Schema> {
        let cursor = || {
            let mut cursor = Ref::from_schema_name("Cursor");
            cursor.description = "Its place in the log.".into();
            cursor
        };
        let event = ObjectBuilder::new()
            .property("id", cursor())
            .required("id")
            .property("data", Ref::from_schema_name(Event::name()))
            .required("data");
        let mut last = cursor();
        last.description = "The place after them, for `after`. With no events: caught up.".into();
        ObjectBuilder::new()
            .description(Some("Events of a board, in order."))
            .property("events", ArrayBuilder::new().items(event.build()))
            .required("events")
            .property("cursor", last)
            .required("cursor")
            .into()
    }
}

impl ToSchema for EventsPage {
    fn name() -> Cow<'static, str> {
        "EventsPage".into()
    }

    fn schemas(named: &mut Vec<(String, RefOr<Schema>)>) {
        Message::schemas(named);
    }
}

/// Every word for what can be wrong.
pub(in super::super) fn any_code() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What is wrong, in a word that never changes."))
        .enum_values(Some(Code::ALL.iter().map(|code| code.as_str())))
        .build()
}

/// A board, a list or a task, as a problem shows it.
pub(in super::super) fn any_thing() -> Schema {
    AnyOfBuilder::new()
        .item(Ref::from_schema_name(Board::name()))
        .item(Ref::from_schema_name(List::name()))
        .item(Ref::from_schema_name(Task::name()))
        .description(Some(
            "What the thing is now, where `If-Match` named another version.",
        ))
        .into()
}
