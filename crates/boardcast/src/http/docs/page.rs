//! The document as a page: all of it, in one file without scripts, for a screen of any width, for paper
//! and for a terminal. It is made from the document and knows nothing else.

use super::super::openapi::REQUEST_ID;
use serde_json::Value;
use std::fmt::{self, Display, Write};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{Array, ArrayItems, Object, Schema, SchemaType, Type};
use utoipa::openapi::{Content, OpenApi, PathItem, RefOr, Required, Response};

/// Where a server listens if nobody says otherwise.
const SERVER: &str = "http://localhost:3000";

/// The page.
pub(super) fn write(document: &OpenApi) -> String {
    let mut page = String::new();
    Page {
        document,
        out: &mut page,
    }
    .write()
    .expect("a text has room");
    page
}

struct Page<'a> {
    document: &'a OpenApi,
    out: &'a mut String,
}

/// A method of a route, and what the document says of it.
struct Route<'a> {
    method: &'static str,
    path: &'a str,
    operation: &'a Operation,
}

impl<'a> Route<'a> {
    fn id(&self) -> &'a str {
        self.operation.operation_id.as_deref().unwrap_or_default()
    }

    fn summary(&self) -> &'a str {
        self.operation.summary.as_deref().unwrap_or_default()
    }

    fn parameters(&self) -> impl Iterator<Item = &'a Parameter> + use<'a> {
        let parameters = self.operation.parameters.iter().flatten();
        parameters.filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
    }

    /// What is sent, in the form that all requests take.
    fn body(&self) -> Option<&'a Content> {
        let Some(RefOr::T(body)) = &self.operation.request_body else {
            return None;
        };
        match body.content.get("application/json") {
            Some(RefOr::T(content)) => Some(content),
            _ => None,
        }
    }
}

impl<'a> Page<'a> {
    fn write(mut self) -> fmt::Result {
        let info = &self.document.info;
        let title = Text(&info.title);
        self.out
            .write_str("<!doctype html>\n<html lang=\"en\">\n<head>\n")?;
        self.out.write_str(
            "<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n",
        )?;
        writeln!(self.out, "<title>{title} API</title>")?;
        self.out.write_str(
            "<link rel=\"stylesheet\" href=\"/docs.css\">\n</head>\n<body>\n<header>\n",
        )?;
        writeln!(
            self.out,
            "<h1>{title} API <small>{}</small></h1>",
            Text(&info.version)
        )?;
        self.paragraphs(info.description.as_deref())?;
        writeln!(
            self.out,
            "<p>For programs: <a href=\"/openapi.json\">OpenAPI 3.1</a>, \
             <a href=\"/openapi.json?version=3.2\">OpenAPI 3.2</a>.</p>\n</header>"
        )?;
        let tags = self.document.tags.iter().flatten();
        let tags: Vec<_> = tags
            .map(|tag| (tag.name.as_str(), tag.description.as_deref()))
            .collect();
        self.contents(&tags)?;
        self.out.write_str("<main>\n")?;
        for (tag, about) in &tags {
            writeln!(self.out, "<section>\n<h2 id=\"{0}\">{0}</h2>", Text(tag))?;
            self.paragraphs(*about)?;
            for route in self.routes(tag) {
                self.route(&route)?;
            }
            self.out.write_str("</section>\n")?;
        }
        self.shapes()?;
        self.out.write_str("</main>\n</body>\n</html>\n")
    }

    fn contents(&mut self, tags: &[(&str, Option<&str>)]) -> fmt::Result {
        self.out.write_str("<nav>\n")?;
        for (tag, _) in tags {
            writeln!(
                self.out,
                "<h2><a href=\"#{0}\">{0}</a></h2>\n<ul>",
                Text(tag)
            )?;
            let mut routes = self.routes(tag);
            // One page has several addresses.
            routes.dedup_by_key(|route| route.summary());
            for route in routes {
                let (id, summary) = (Text(route.id()), Text(route.summary()));
                writeln!(self.out, "<li><a href=\"#{id}\">{summary}</a></li>")?;
            }
            self.out.write_str("</ul>\n")?;
        }
        self.out
            .write_str("<h2><a href=\"#Shapes\">Shapes</a></h2>\n</nav>\n")
    }

    fn routes(&self, tag: &str) -> Vec<Route<'a>> {
        let paths = self.document.paths.paths.iter();
        let routes = paths.flat_map(|(path, item)| {
            methods(item).map(move |(method, operation)| Route {
                method,
                path,
                operation,
            })
        });
        let is_tagged = |route: &Route<'_>| {
            let mut tags = route.operation.tags.iter().flatten();
            tags.any(|of| of == tag)
        };
        routes.filter(is_tagged).collect()
    }

    fn route(&mut self, route: &Route<'a>) -> fmt::Result {
        let id = Text(route.id());
        writeln!(
            self.out,
            "<article id=\"{id}\">\n<h3><a href=\"#{id}\">{}</a></h3>",
            Text(route.summary())
        )?;
        writeln!(
            self.out,
            "<p class=\"route\"><b>{}</b> <code>{}</code></p>",
            route.method,
            Text(route.path)
        )?;
        self.paragraphs(route.operation.description.as_deref())?;
        self.credentials(route.operation)?;
        self.takes(route)?;
        writeln!(self.out, "<pre><code>{}</code></pre>", Text(&curl(route)))?;
        self.answers(route.operation)?;
        self.out.write_str("</article>\n")
    }

    fn credentials(&mut self, operation: &Operation) -> fmt::Result {
        let named = serde_json::to_value(&operation.security).unwrap_or_default();
        let named = named
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_object);
        // One that names nothing is for whoever asks while there are no accounts.
        let (nothing, named): (Vec<_>, Vec<_>) = named.partition(|one| one.is_empty());
        let when = match nothing.is_empty() {
            true => "With accounts only,",
            false => "Where there are accounts:",
        };
        let named = named.into_iter().flat_map(|requirement| requirement.keys());
        let named: Vec<_> = named.map(String::as_str).collect();
        let by = match named.as_slice() {
            [] => return Ok(()),
            [only] => (*only).to_owned(),
            [before @ .., last] => format!("{} or {last}", before.join(", ")),
        };
        writeln!(self.out, "<p class=\"who\">{when} by {by}.</p>")
    }

    /// Parameters, headers and the fields of the body.
    fn takes(&mut self, route: &Route<'a>) -> fmt::Result {
        let body = route.body().and_then(|content| content.schema.as_ref());
        if route.parameters().next().is_none() && body.is_none() {
            return Ok(());
        }
        self.out.write_str("<h4>Takes</h4>\n<dl>\n")?;
        for parameter in route.parameters() {
            let how = match parameter.parameter_in {
                ParameterIn::Path => "in the path",
                ParameterIn::Query if parameter.required == Required::True => {
                    "in the query, required"
                }
                ParameterIn::Query => "in the query",
                _ => "as a header",
            };
            let about = parameter.description.as_deref();
            self.named(&parameter.name, how, parameter.schema.as_ref(), about)?;
        }
        if let Some(RefOr::T(Schema::Object(fields))) = body {
            for (name, schema) in &fields.properties {
                let how = if fields.required.contains(name) {
                    "in the body, required"
                } else {
                    "in the body"
                };
                self.named(name, how, Some(schema), about(schema))?;
            }
        }
        self.out.write_str("</dl>\n")
    }

    /// A line about something that has a name.
    fn named(
        &mut self,
        name: &str,
        how: &str,
        schema: Option<&'a RefOr<Schema>>,
        about: Option<&str>,
    ) -> fmt::Result {
        let kind = schema.map(|schema| self.kind(schema)).unwrap_or_default();
        writeln!(
            self.out,
            "<dt><code>{}</code> {kind} <i>{how}</i></dt>",
            Text(name)
        )?;
        match about {
            Some(about) => writeln!(self.out, "<dd>{}</dd>", Marked(about)),
            None => Ok(()),
        }
    }

    fn answers(&mut self, operation: &'a Operation) -> fmt::Result {
        self.out
            .write_str("<h4>Answers</h4>\n<dl class=\"answers\">\n")?;
        for (status, response) in &operation.responses.responses {
            let Some(response) = self.response(response) else {
                continue;
            };
            writeln!(self.out, "<dt>{status}</dt>\n<dd>")?;
            self.says(response)?;
            self.paragraphs(Some(&response.description))?;
            self.example(response)?;
            self.out.write_str("</dd>\n")?;
        }
        self.out.write_str("</dl>\n")
    }

    /// What an answer's body is, and its headers besides those that all have.
    fn says(&mut self, response: &'a Response) -> fmt::Result {
        let kinds = self.kinds(response);
        let headers = response.headers.keys().filter(|name| *name != REQUEST_ID);
        let headers = headers.map(|name| format!("<code>{}</code>", Text(name)));
        let headers = headers.collect::<Vec<_>>().join(", ");
        let with = if headers.is_empty() { "" } else { "with " };
        if kinds.is_empty() && headers.is_empty() {
            return Ok(());
        }
        writeln!(self.out, "<p>{kinds} <i>{with}{headers}</i></p>")
    }

    fn example(&mut self, response: &Response) -> fmt::Result {
        for (media_type, content) in &response.content {
            if let RefOr::T(content) = content
                && let Some(example) = &content.example
            {
                self.shown(&format!("Example, {media_type}"), example)?;
            }
        }
        Ok(())
    }

    /// An example that takes room only when it is asked for.
    fn shown(&mut self, what: &str, example: &Value) -> fmt::Result {
        let text = match example {
            Value::String(text) => text.clone(),
            other => format!("{other:#}"),
        };
        let (what, text) = (Text(what), Text(&text));
        writeln!(
            self.out,
            "<details><summary>{what}</summary>\n<pre><code>{text}</code></pre></details>"
        )
    }

    /// The types of an answer's bodies.
    fn kinds(&self, response: &Response) -> String {
        let kinds = response.content.iter().filter_map(|(media_type, content)| {
            let RefOr::T(content) = content else {
                return None;
            };
            let kind = content.schema.as_ref().map(|schema| self.kind(schema));
            Some(match kind {
                _ if media_type == "application/problem+json" => return None,
                Some(kind) if media_type == "application/json" => kind,
                _ => Text(media_type).to_string(),
            })
        });
        kinds.collect::<Vec<_>>().join(" or ")
    }

    fn response(&self, response: &'a RefOr<Response>) -> Option<&'a Response> {
        match response {
            RefOr::T(response) => Some(response),
            RefOr::Ref(to) => {
                let shared = &self.document.components.as_ref()?.responses;
                match shared.get(last(&to.ref_location))? {
                    RefOr::T(response) => Some(response),
                    RefOr::Ref(_) => None,
                }
            }
        }
    }

    /// Everything that has a name.
    fn shapes(&mut self) -> fmt::Result {
        let Some(components) = &self.document.components else {
            return Ok(());
        };
        self.out
            .write_str("<section>\n<h2 id=\"Shapes\">Shapes</h2>\n")?;
        for (name, schema) in &components.schemas {
            let RefOr::T(schema) = schema else {
                continue;
            };
            let id = Text(name);
            writeln!(
                self.out,
                "<article id=\"shape-{id}\">\n<h3><a href=\"#shape-{id}\">{id}</a></h3>"
            )?;
            self.paragraphs(about_of(schema))?;
            self.shape(schema)?;
            self.out.write_str("</article>\n")?;
        }
        self.out.write_str("</section>\n")
    }

    fn shape(&mut self, schema: &'a Schema) -> fmt::Result {
        match schema {
            Schema::Object(object) if !object.properties.is_empty() => {
                self.fields(object)?;
                for example in &object.examples {
                    self.shown("Example", example)?;
                }
                Ok(())
            }
            Schema::OneOf(either) if either.discriminator.is_none() => {
                for shape in &either.items {
                    if let RefOr::T(shape) = shape {
                        self.shape(shape)?;
                    }
                }
                Ok(())
            }
            other => writeln!(self.out, "<p>{}</p>", self.kind_of(other)),
        }
    }

    fn fields(&mut self, object: &'a Object) -> fmt::Result {
        self.out.write_str("<dl>\n")?;
        for (name, schema) in &object.properties {
            let must = object.required.contains(name);
            let place = if must { "" } else { "may be missing" };
            self.named(name, place, Some(schema), about(schema))?;
        }
        self.out.write_str("</dl>\n")
    }

    /// What a schema is, in a few words.
    fn kind(&self, schema: &'a RefOr<Schema>) -> String {
        match schema {
            RefOr::T(schema) => self.kind_of(schema),
            RefOr::Ref(to) => {
                let name = last(&to.ref_location);
                let link = format!("<a href=\"#shape-{0}\">{0}</a>", Text(name));
                match self.scalar(name) {
                    Some(limits) => format!("{link} ({limits})"),
                    None => link,
                }
            }
        }
    }

    /// What a named schema is, if it has no fields.
    fn scalar(&self, name: &str) -> Option<String> {
        let schemas = &self.document.components.as_ref()?.schemas;
        match schemas.get(name)? {
            RefOr::T(Schema::Object(object)) if object.properties.is_empty() => {
                Some(of_object(object))
            }
            _ => None,
        }
    }

    fn kind_of(&self, schema: &'a Schema) -> String {
        let any = |items: &'a [RefOr<Schema>]| {
            let kinds = items.iter().map(|item| self.kind(item));
            kinds.collect::<Vec<_>>().join(" or ")
        };
        match schema {
            Schema::Object(object) => of_object(object),
            Schema::Array(array) => self.of_array(array),
            Schema::OneOf(either) => any(&either.items),
            Schema::AnyOf(either) => any(&either.items),
            Schema::AllOf(parts) => any(&parts.items),
            _ => "anything".into(),
        }
    }

    fn of_array(&self, array: &'a Array) -> String {
        let items = match &array.items {
            ArrayItems::RefOrSchema(items) => self.kind(items),
            ArrayItems::False => "nothing".into(),
        };
        let count = match (array.min_items, array.max_items) {
            (Some(min), Some(max)) if min > 0 => format!(" of {min} to {max}"),
            (_, Some(max)) => format!(" of up to {max}"),
            _ => String::new(),
        };
        let null = or_null(&array.schema_type);
        format!("list{count} of {items}{null}")
    }

    fn paragraphs(&mut self, text: Option<&str>) -> fmt::Result {
        let paragraphs = text.into_iter().flat_map(|text| text.split("\n\n"));
        for paragraph in paragraphs {
            writeln!(self.out, "<p>{}</p>", Marked(paragraph))?;
        }
        Ok(())
    }
}

fn methods(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let methods = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    let methods = methods.into_iter();
    methods.filter_map(|(method, operation)| operation.as_ref().map(|known| (method, known)))
}

fn last(location: &str) -> &str {
    location.rsplit('/').next().unwrap_or_default()
}

fn about(schema: &RefOr<Schema>) -> Option<&str> {
    match schema {
        RefOr::Ref(to) => Some(to.description.as_str()).filter(|about| !about.is_empty()),
        // Of what may be null, the part that isn't says what it is.
        RefOr::T(Schema::OneOf(either)) if either.description.is_none() => {
            either.items.iter().find_map(about)
        }
        RefOr::T(schema) => about_of(schema),
    }
}

fn about_of(schema: &Schema) -> Option<&str> {
    match schema {
        Schema::Object(object) => object.description.as_deref(),
        Schema::Array(array) => array.description.as_deref(),
        Schema::OneOf(either) => either.description.as_deref(),
        Schema::AnyOf(either) => either.description.as_deref(),
        Schema::AllOf(parts) => parts.description.as_deref(),
        _ => None,
    }
}

fn of_object(object: &Object) -> String {
    if let Some(words) = &object.enum_values {
        let words = words.iter().map(|word| match word {
            Value::String(word) => format!("<code>{}</code>", Text(word)),
            other => other.to_string(),
        });
        return words.collect::<Vec<_>>().join(" or ");
    }
    let types = match &object.schema_type {
        SchemaType::Type(one) => std::slice::from_ref(one),
        SchemaType::Array(several) => several.as_slice(),
        SchemaType::AnyValue => &[],
    };
    let kind = match types.first() {
        Some(Type::String) => format!("text{}", length(object)),
        Some(Type::Integer | Type::Number) => format!("number{}", range(object)),
        Some(Type::Boolean) => "true or false".into(),
        Some(Type::Null) => "null".into(),
        Some(Type::Object) => "object".into(),
        _ => "anything".into(),
    };
    let default = object.default.as_ref();
    let default = default.map_or(String::new(), |value| format!(", else {value}"));
    format!("{kind}{}{default}", or_null(&object.schema_type))
}

fn or_null(kind: &SchemaType) -> &'static str {
    match kind {
        SchemaType::Array(types) if types.contains(&Type::Null) => " or null",
        _ => "",
    }
}

fn length(object: &Object) -> String {
    match (object.min_length, object.max_length) {
        (Some(min), Some(max)) if min > 0 => format!(" of {min} to {max} characters"),
        (_, Some(max)) => format!(" of up to {max} characters"),
        (Some(min), None) if min > 0 => " that isn't empty".into(),
        _ => String::new(),
    }
}

fn range(object: &Object) -> String {
    let number = |number: &Option<_>| serde_json::to_string(number).unwrap_or_default();
    match (&object.minimum, &object.maximum) {
        (Some(_), Some(_)) => {
            format!(
                " from {} to {}",
                number(&object.minimum),
                number(&object.maximum)
            )
        }
        (Some(_), None) => format!(" from {}", number(&object.minimum)),
        _ => String::new(),
    }
}

/// The request as somebody would type it.
fn curl(route: &Route<'_>) -> String {
    let mut path = route.path.to_owned();
    let mut query = String::new();
    for parameter in route.parameters() {
        // The library keeps it to itself.
        let written = serde_json::to_value(parameter).unwrap_or_default();
        let Some(example) = written["example"].as_str() else {
            continue;
        };
        match parameter.parameter_in {
            ParameterIn::Path => path = path.replace(&format!("{{{}}}", parameter.name), example),
            _ => query = format!("?{}={example}", parameter.name),
        }
    }
    let method = match (route.method, route.body().is_some()) {
        ("GET", _) | ("POST", true) => String::new(),
        (method, _) => format!(" -X {method}"),
    };
    let is_stream = route.path.ends_with("/events");
    let stream = if is_stream { " -N" } else { "" };
    let body = route.body().and_then(|content| content.example.as_ref());
    let body = body.map_or(String::new(), |body| format!(" --json '{body}'"));
    let address = match query.as_str() {
        "" => format!("{SERVER}{path}"),
        query => format!("'{SERVER}{path}{query}'"),
    };
    format!("curl{stream}{method}{body} {address}")
}

/// Text in a page.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Text with `code` and **weight**, which is all that the document uses of Markdown.
struct Marked<'a>(&'a str);

impl Display for Marked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.split('`').enumerate() {
            if at % 2 == 1 {
                write!(f, "<code>{}</code>", Text(part))?;
                continue;
            }
            for (at, part) in part.split("**").enumerate() {
                match at % 2 {
                    1 => write!(f, "<strong>{}</strong>", Text(part))?,
                    _ => write!(f, "{}", Text(part))?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_becomes_markup() {
        let text = "<b>\"a\" & b</b>";
        assert_eq!(
            Text(text).to_string(),
            "&lt;b&gt;&quot;a&quot; &amp; b&lt;/b&gt;"
        );
        let marked = Marked("**Who** may `<i>`, <u>").to_string();
        assert_eq!(
            marked,
            "<strong>Who</strong> may <code>&lt;i&gt;</code>, &lt;u&gt;"
        );
    }
}
