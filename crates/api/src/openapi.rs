//! The OpenAPI document, made from the list of endpoints and the schemas of their shapes.
//!
//! `openapi.json` beside this crate's manifest is this document; a test keeps it current and the
//! GUI generates its types from it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};

use crate::endpoint::{Answer, Endpoint, Shape, endpoints};
use crate::{CSRF_HEADER, ErrorBody, PREFIX};

/// The whole document.
pub fn openapi() -> Value {
    let mut schemas = BTreeMap::new();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    keep::<ErrorBody>(&mut schemas);
    for endpoint in endpoints() {
        let operation = operation(&endpoint, &mut schemas);
        paths
            .entry(format!("{PREFIX}{}", endpoint.path))
            .or_default()
            .insert(endpoint.method.name().to_owned(), operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Lycaon",
            "version": "1",
            "description": "The HTTP API of the Lycaon server.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "cookie": { "type": "apiKey", "in": "cookie", "name": crate::SESSION_COOKIE },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
        },
        "security": [{ "cookie": [] }, { "bearer": [] }],
    })
}

type Schemas = BTreeMap<String, Value>;

fn keep<T: utoipa::ToSchema + utoipa::PartialSchema>(schemas: &mut Schemas) {
    keep_shape(Shape { name: T::name, schema: T::schema, parts: T::schemas }, schemas);
}

fn as_value(schema: RefOr<Schema>) -> Value {
    serde_json::to_value(schema).expect("a schema is made of maps with text keys")
}

/// Puts a shape and all that it refers to under components; answers a reference to it.
fn keep_shape(shape: Shape, schemas: &mut Schemas) -> Value {
    let name = (shape.name)().into_owned();
    let mut parts = Vec::new();
    (shape.parts)(&mut parts);
    for (part, schema) in parts {
        schemas.entry(part).or_insert_with(|| as_value(schema));
    }
    schemas.entry(name.clone()).or_insert_with(|| as_value((shape.schema)()));
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn operation(endpoint: &Endpoint, schemas: &mut Schemas) -> Value {
    let mut parameters = path_parameters(endpoint.path);
    if let Some(query) = endpoint.query {
        parameters.extend(query_parameters(as_value((query.schema)())));
    }
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "responses": responses(endpoint.answer, schemas),
    });
    if endpoint.method.name() != "get" && !endpoint.open {
        parameters.push(json!({
            "name": CSRF_HEADER,
            "in": "header",
            "required": false,
            "description": "Needed with the cookie, not with a bearer token.",
            "schema": { "type": "string" },
        }));
    }
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = endpoint.body {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": keep_shape(body, schemas) } },
        });
    }
    if endpoint.open {
        operation["security"] = json!([]);
    }
    operation
}

/// `get` of `/hunts/{hunt}/why/{client}` is `get_hunts_hunt_why_client`.
fn operation_id(endpoint: &Endpoint) -> String {
    let words = endpoint.path.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.fold(endpoint.method.name().to_owned(), |id, word| format!("{id}_{word}"))
}

fn path_parameters(path: &str) -> Vec<Value> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
        })
        .collect()
}

/// The properties of a query's schema, one parameter each.
fn query_parameters(schema: Value) -> Vec<Value> {
    let properties = schema.get("properties").and_then(Value::as_object).cloned();
    properties
        .unwrap_or_default()
        .into_iter()
        .map(|(name, mut schema)| {
            let description = schema
                .as_object_mut()
                .and_then(|schema| schema.remove("description"))
                .unwrap_or_default();
            json!({
                "name": name,
                "in": "query",
                "required": false,
                "description": description,
                "schema": schema,
            })
        })
        .collect()
}

fn responses(answer: Answer, schemas: &mut Schemas) -> Value {
    let json_of = |schema: Value| json!({ "application/json": { "schema": schema } });
    let (status, content) = match answer {
        Answer::Nothing => ("204", None),
        Answer::One(shape) => ("200", Some(json_of(keep_shape(shape, schemas)))),
        Answer::List(shape) => {
            let items = keep_shape(shape, schemas);
            ("200", Some(json_of(json!({ "type": "array", "items": items }))))
        }
        Answer::File(media) => {
            let bytes = json!({ "type": "string", "format": "binary" });
            ("200", Some(json!({ media: { "schema": bytes } })))
        }
        Answer::Events(shape) => {
            let event = keep_shape(shape, schemas);
            ("200", Some(json!({ "text/event-stream": { "schema": event } })))
        }
        Answer::Object => ("200", Some(json_of(json!({ "type": "object" })))),
    };
    let mut good = json!({ "description": "It went well." });
    if let Some(content) = content {
        good["content"] = content;
    }
    json!({
        status: good,
        "default": {
            "description": "It went wrong; the status says who can mend it.",
            "content": json_of(json!({ "$ref": "#/components/schemas/ErrorBody" })),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_document_is_current() {
        let document = serde_json::to_string_pretty(&openapi()).unwrap() + "\n";
        expect_test::expect_file!["../openapi.json"].assert_eq(&document);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = openapi();
        let text = document.to_string();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut references = 0;
        for piece in text.split("\"#/components/schemas/").skip(1) {
            let name = piece.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "nothing is called {name}");
            references += 1;
        }
        assert!(references > 50);
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let mut ids: Vec<String> = endpoints().iter().map(operation_id).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
