//! Parameters: their fields, which texts a type accepts, and the VQL that turns text into a value.

use model::artifact::{Parameter, ParameterType};

use crate::decode::did_you_mean;
use yaml_nodes::{Node, Place, Reader, join, nearest};

const FIELDS: &[&str] = &[
    "name",
    "friendly_name",
    "description",
    "type",
    "default",
    "choices",
    "validating_regex",
    "artifact_type",
    "sources",
];

/// The `parameters` of an artifact file.
pub(crate) fn parameters(reader: &mut Reader<'_>, node: Option<&Node>) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for (path, item) in reader.items(node, "parameters") {
        let Some(parameter) = parameter(reader, item, &path) else {
            continue;
        };
        if parameters.iter().any(|other| other.name == parameter.name) {
            let message = format!("another parameter is called `{}` as well", parameter.name);
            reader.error(item.at, &join(&path, "name"), message, "give one of them another name");
        }
        parameters.push(parameter);
    }
    parameters
}

fn parameter(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Parameter> {
    let fields = reader.fields(node, path, FIELDS)?;
    let field = |name: &str| join(path, name);
    let mut text = |name: &str| reader.text(fields.get(name), &field(name));
    let mut parameter = Parameter {
        name: text("name").unwrap_or_default(),
        friendly_name: text("friendly_name").unwrap_or_default(),
        description: text("description").unwrap_or_default(),
        default: text("default"),
        validating_regex: text("validating_regex"),
        artifact_type: text("artifact_type"),
        ..Parameter::default()
    };
    let word = text("type").unwrap_or_default();
    parameter.sources = reader.flag(fields.get("sources"), &field("sources"));
    let choices = reader.texts(fields.get("choices"), &field("choices"));
    parameter.choices = choices.into_iter().map(|(text, _)| text).collect();
    match ParameterType::from_word(word.trim()) {
        Some(kind) => parameter.kind = kind,
        None => {
            let message = format!("there is no parameter type `{word}`");
            let hint = match nearest(&word, ParameterType::words()) {
                Some(like) => format!("did you mean `{like}`?"),
                None => {
                    let words: Vec<_> = ParameterType::words().collect();
                    format!("one of {}", words.join(", "))
                }
            };
            reader.error(fields.place("type"), &field("type"), message, &hint);
        }
    }
    check_name(reader, fields.place("name"), &field("name"), &parameter.name);
    if let Some(Err(bad)) = parameter.validating_regex.as_deref().map(regex::Regex::new) {
        let message = format!("this is no regular expression: {bad}");
        let at = fields.place("validating_regex");
        reader.warning(at, &field("validating_regex"), message, "nothing is checked with it");
    }
    check_choices(reader, fields.place("choices"), &field("choices"), &parameter);
    if let Some(default) = &parameter.default
        && let Err(wrong) = accepts(&parameter, default)
    {
        let message = format!("the default {}", wrong.message);
        // Not an error: whoever collects it may give another text.
        reader.warning(fields.place("default"), &field("default"), message, &wrong.hint);
    }
    Some(parameter)
}

fn check_name(reader: &mut Reader<'_>, at: Place, field: &str, name: &str) {
    if name.is_empty() {
        let hint = "the name is also the variable that holds the value";
        reader.error(at, field, "the parameter has no name", hint);
    } else if name.trim() != name
        || name.chars().any(|c| c.is_control() || matches!(c, '`' | '\\' | '"' | '\''))
    {
        let message = format!("`{name}` cannot be the name of a parameter");
        let hint = "leave out quotes, backticks, backslashes and blanks at the ends";
        reader.error(at, field, message, hint);
    }
}

fn check_choices(reader: &mut Reader<'_>, at: Place, field: &str, parameter: &Parameter) {
    let needed = matches!(parameter.kind, ParameterType::Choices | ParameterType::MultiChoice);
    if needed && parameter.choices.is_empty() {
        let message = format!("a parameter of type `{}` needs choices", parameter.kind.word());
        reader.error(at, field, message, "list the texts it may have under `choices:`");
    }
}

/// Why a text is not for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Goes on after "the value" or "the default".
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// Whether a parameter may have this text. The empty text stands for no value and always may.
pub(crate) fn accepts(parameter: &Parameter, text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Ok(());
    }
    if let Some(pattern) = &parameter.validating_regex
        // A pattern that is none was told when the file was read, and refuses nothing.
        && regex::Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text))
    {
        return Err(Refusal {
            message: format!("`{}` does not look as it should", shortened(text)),
            hint: format!("it must match {pattern}"),
        });
    }
    let refuse = |what: &str, hint: &str| {
        Err(Refusal { message: format!("`{}` {what}", shortened(text)), hint: hint.to_owned() })
    };
    let trimmed = text.trim();
    match parameter.kind {
        ParameterType::Bool if !is_bool(trimmed) => {
            refuse("is neither true nor false", "write Y or N")
        }
        ParameterType::Int if !is_int(trimmed) => {
            refuse("is not a whole number", "for example 10, -1 or 0x1f")
        }
        ParameterType::Float if !trimmed.parse::<f64>().is_ok_and(f64::is_finite) => {
            refuse("is not a number", "for example 0.5")
        }
        ParameterType::Json => match serde_json::from_str::<serde_json::Value>(text) {
            Ok(_) => Ok(()),
            Err(error) => refuse(&format!("is not JSON: {error}"), "for example {\"a\": 1}"),
        },
        ParameterType::JsonArray | ParameterType::RegexArray => json_list(text).map(|_| ()),
        ParameterType::MultiChoice => {
            for item in json_list(text)? {
                let item = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
                one_of(&parameter.choices, &item)?;
            }
            Ok(())
        }
        _ if !parameter.choices.is_empty() => one_of(&parameter.choices, text),
        _ => Ok(()),
    }
}

fn json_list(text: &str) -> Result<Vec<serde_json::Value>, Refusal> {
    serde_json::from_str(text).map_err(|error| Refusal {
        message: format!("`{}` is not a JSON list: {error}", shortened(text)),
        hint: "for example [\"a\", \"b\"]".into(),
    })
}

fn one_of(choices: &[String], text: &str) -> Result<(), Refusal> {
    if choices.iter().any(|choice| choice == text) {
        return Ok(());
    }
    Err(Refusal {
        message: format!("`{}` is not one of the choices", shortened(text)),
        hint: did_you_mean(text, choices.iter().map(String::as_str)),
    })
}

/// Not `1`, `on` or `t`: artifacts take them for false, which nobody means who writes them.
fn is_bool(text: &str) -> bool {
    const WORDS: [&str; 10] = ["y", "n", "yes", "no", "true", "false", "ok", "f", "0", "off"];
    WORDS.contains(&text.to_ascii_lowercase().as_str())
}

fn is_int(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).is_ok(),
        None => !digits.is_empty() && digits.parse::<i64>().is_ok(),
    }
}

fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(SHOWN_MAX).collect::<String>())
}
