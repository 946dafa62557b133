//! Reading a person's YAML into a struct with strict keys; problems name file, line and column.

use serde::de::DeserializeOwned;

use crate::complaint::{Complaint, Outcome};

/// Reads `text`; `name` is what it is called in messages.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, name: &str) -> Outcome<T> {
    serde_saphyr::from_str(text).map_err(|error| {
        let error = error.without_snippet();
        let place = match error.location() {
            Some(at) if at.line() > 0 => format!("{name}:{}:{}", at.line(), at.column()),
            _ => name.to_owned(),
        };
        Complaint::failed(format!("{place}: {}", plain_words(&error.to_string())))
    })
}

/// The parser's message without its own idea of the place, which stands before it already.
fn plain_words(message: &str) -> String {
    let first = message.lines().next().unwrap_or(message);
    match first.rsplit_once(" at line ") {
        Some((words, _)) => words.trim_end_matches([',', ':']).to_owned(),
        None => first.to_owned(),
    }
}
