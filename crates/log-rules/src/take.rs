//! Takes fields of documents by their tables and remembers where they stand.
//!
//! # Invariants
//!
//! - **LR-1** A field is taken as what its table says, so the JSON Schema and the reader cannot
//!   differ.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use base::{ByteSize, Timestamp};
use rows::{Row, Value};
use yaml_nodes::{Fields, Node, NodeKind, Place, Reader, TextStyle, describe, join, nearest};

use crate::definitions::{Secret, Setting};
use crate::table::{Kind, Table};
use crate::tables::{LOG_SOURCE, SECRET};

/// Where fields stand, by their paths.
pub(crate) type Places = BTreeMap<String, Place>;

/// Takes fields of one document.
pub(crate) struct Take<'r, 't> {
    pub(crate) reader: &'r mut Reader<'t>,
    pub(crate) places: Places,
}

/// Fields that stand together, by their table.
pub(crate) struct Section<'n> {
    fields: Fields<'n>,
    pub(crate) path: String,
    table: &'static Table,
}

impl Section<'_> {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.has(name)
    }

    /// The path of a field of it.
    pub(crate) fn at(&self, name: &str) -> String {
        join(&self.path, name)
    }

    pub(crate) fn place(&self, name: &str) -> Place {
        self.fields.place(name)
    }
}

impl<'r, 't> Take<'r, 't> {
    pub(crate) fn new(reader: &'r mut Reader<'t>) -> Self {
        Self { reader, places: Places::new() }
    }

    pub(crate) fn error(&mut self, at: Place, field: &str, message: impl Into<String>, hint: &str) {
        self.reader.error(at, field, message, hint);
    }

    /// The fields of a node; those that must be there are.
    pub(crate) fn section<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        table: &'static Table,
    ) -> Option<Section<'n>> {
        let fields = self.reader.fields(node, path, &table.names())?;
        self.places.insert(path.to_owned(), node.at);
        for field in table.fields.iter().filter(|field| field.required) {
            if !fields.has(field.name) {
                let message = format!("`{}` is missing", field.name);
                self.reader.error(node.at, &join(path, field.name), message, field.doc);
            }
        }
        Some(Section { fields, path: path.to_owned(), table })
    }

    /// The node of a field, its path noted.
    pub(crate) fn node<'n>(&mut self, section: &Section<'n>, name: &str) -> Option<&'n Node> {
        debug_assert!(section.table.field(name).is_some(), "{name} is in {}", section.table.name);
        let node = section.fields.get(name)?;
        self.places.insert(section.at(name), node.at);
        Some(node)
    }

    pub(crate) fn text(&mut self, section: &Section<'_>, name: &str) -> Option<String> {
        let node = self.node(section, name);
        self.reader.text(node, &section.at(name)).filter(|text| !text.trim().is_empty())
    }

    /// A text that something can be read from.
    pub(crate) fn parsed<T>(&mut self, section: &Section<'_>, name: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.text(section, name)?;
        self.parse(&text, section.place(name), &section.at(name))
    }

    pub(crate) fn parse<T>(&mut self, text: &str, at: Place, path: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        match text.trim().parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.reader.error(at, path, error.to_string(), "");
                None
            }
        }
    }

    pub(crate) fn flag(&mut self, section: &Section<'_>, name: &str) -> bool {
        let node = self.node(section, name);
        self.reader.flag(node, &section.at(name))
    }

    pub(crate) fn number(&mut self, section: &Section<'_>, name: &str) -> Option<u64> {
        let node = self.node(section, name)?;
        let path = section.at(name);
        let number = self.reader.number(Some(node), &path)?;
        let Some(Kind::Number(least, most)) = section.table.field(name).map(|field| field.kind)
        else {
            return Some(number);
        };
        if (least..=most).contains(&number) {
            return Some(number);
        }
        let message = format!("{number} is not between {least} and {most}");
        self.reader.error(node.at, &path, message, "");
        None
    }

    pub(crate) fn duration(&mut self, section: &Section<'_>, name: &str) -> Option<Duration> {
        let text = self.text(section, name)?;
        self.duration_of(&text, section.place(name), &section.at(name))
    }

    pub(crate) fn duration_of(&mut self, text: &str, at: Place, path: &str) -> Option<Duration> {
        /// Longer ones are surely meant otherwise, and would leave the range of moments.
        const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);
        match base::parse_duration(text) {
            Ok(duration) if duration <= LONGEST => Some(duration),
            Ok(_) => {
                self.reader.error(at, path, format!("`{text}` is more than a hundred years"), "");
                None
            }
            Err(error) => {
                self.reader.error(at, path, error.to_string(), "");
                None
            }
        }
    }

    pub(crate) fn durations(&mut self, section: &Section<'_>, name: &str) -> Vec<Duration> {
        let node = self.node(section, name);
        let path = section.at(name);
        let texts = self.reader.texts(node, &path);
        texts.iter().filter_map(|(text, at)| self.duration_of(text, *at, &path)).collect()
    }

    pub(crate) fn size(&mut self, section: &Section<'_>, name: &str) -> Option<ByteSize> {
        self.parsed(section, name)
    }

    /// A date, which is taken to its end, or a moment.
    pub(crate) fn moment(&mut self, section: &Section<'_>, name: &str) -> Option<Timestamp> {
        let text = self.text(section, name)?;
        if let Ok(date) = text.trim().parse::<jiff::civil::Date>()
            && let Ok(start) =
                date.tomorrow().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC))
            && text.trim().len() <= 10
        {
            return Some(Timestamp::from_micros(start.timestamp().as_microsecond()));
        }
        self.parse(&text, section.place(name), &section.at(name))
    }

    /// One of the words that the field's table names.
    pub(crate) fn choice(&mut self, section: &Section<'_>, name: &str) -> Option<&'static str> {
        let text = self.text(section, name)?;
        let words = match section.table.field(name)?.kind {
            Kind::Choice(words) | Kind::ChoiceOrDuration(words) | Kind::ChoiceOrTable(words, _) => {
                words
            }
            _ => return None,
        };
        if let Some(word) = words.iter().find(|word| **word == text.trim()) {
            return Some(word);
        }
        let message = format!("`{text}` is none of its words");
        let hint = match nearest(&text, words.iter().copied()) {
            Some(like) => format!("did you mean `{like}`?"),
            None => format!("one of {}", words.join(", ")),
        };
        self.reader.error(section.place(name), &section.at(name), message, &hint);
        None
    }

    /// Texts of a list; one text alone is a list of one.
    pub(crate) fn texts(&mut self, section: &Section<'_>, name: &str) -> Vec<(String, Place)> {
        let node = self.node(section, name);
        match node.map(|node| &node.kind) {
            Some(NodeKind::Text { text, .. }) => {
                vec![(text.clone(), section.place(name))]
            }
            _ => self.reader.texts(node, &section.at(name)),
        }
    }

    pub(crate) fn words(&mut self, section: &Section<'_>, name: &str) -> Vec<String> {
        let path = section.at(name);
        let texts = self.texts(section, name);
        for (place, (_, at)) in texts.iter().enumerate() {
            self.places.insert(format!("{path}[{place}]"), *at);
        }
        texts.into_iter().map(|(text, _)| text).collect()
    }

    /// The fields below a field.
    pub(crate) fn sub<'n>(&mut self, section: &Section<'n>, name: &str) -> Option<Section<'n>> {
        let node = self.node(section, name)?;
        let table = match section.table.field(name)?.kind {
            Kind::Table(table) | Kind::ChoiceOrTable(_, table) => table,
            Kind::Secret => &SECRET,
            Kind::LogSource => &LOG_SOURCE,
            _ => return None,
        };
        if node.kind == NodeKind::Nothing {
            return None;
        }
        self.section(node, &section.at(name), table)
    }

    /// Each set of fields of a list.
    pub(crate) fn subs<'n>(&mut self, section: &Section<'n>, name: &str) -> Vec<Section<'n>> {
        let node = self.node(section, name);
        let Some(Kind::Tables(table)) = section.table.field(name).map(|field| field.kind) else {
            return Vec::new();
        };
        let items = self.reader.items(node, &section.at(name));
        items.iter().filter_map(|(path, item)| self.section(item, path, table)).collect()
    }

    /// Nodes under names of the user's choice, each once.
    pub(crate) fn map<'n>(
        &mut self,
        section: &Section<'n>,
        name: &str,
    ) -> Vec<(String, Place, &'n Node)> {
        let path = section.at(name);
        match self.node(section, name) {
            Some(node) => self.entries(node, &path),
            None => Vec::new(),
        }
    }

    pub(crate) fn entries<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
    ) -> Vec<(String, Place, &'n Node)> {
        let entries = match &node.kind {
            NodeKind::Map(entries) => entries,
            NodeKind::Nothing => return Vec::new(),
            _ => {
                let message =
                    format!("names with values are wanted here, this is {}", describe(node));
                self.reader.error(node.at, path, message, "");
                return Vec::new();
            }
        };
        let mut found: Vec<(String, Place, &Node)> = Vec::new();
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for (key, at, value) in entries {
            let field = join(path, key);
            if !known.insert(key) {
                self.reader.error(*at, &field, "this name is written twice", "remove one");
                continue;
            }
            self.places.insert(field, *at);
            found.push((key.clone(), *at, value));
        }
        found
    }

    /// The sets of fields below names of the user's choice.
    pub(crate) fn map_of_subs<'n>(
        &mut self,
        section: &Section<'n>,
        name: &str,
    ) -> Vec<(String, Place, Section<'n>)> {
        let Some(Kind::MapOfTables(table)) = section.table.field(name).map(|field| field.kind)
        else {
            return Vec::new();
        };
        let entries = self.map(section, name);
        let path = section.at(name);
        let sub = |(key, at, node): (String, Place, &'n Node)| {
            let section = self.section(node, &join(&path, &key), table)?;
            Some((key, at, section))
        };
        entries.into_iter().filter_map(sub).collect()
    }

    pub(crate) fn map_of_texts(
        &mut self,
        section: &Section<'_>,
        name: &str,
    ) -> Vec<(String, String)> {
        let entries = self.map(section, name);
        let path = section.at(name);
        let text = |(key, _, node): (String, Place, &Node)| {
            let text = self.reader.text(Some(node), &join(&path, &key))?;
            Some((key, text))
        };
        entries.into_iter().filter_map(text).collect()
    }

    /// Lists of values by name; one value alone is a list of one.
    pub(crate) fn lists(&mut self, section: &Section<'_>, name: &str) -> Vec<(String, Vec<Value>)> {
        let entries = self.map(section, name);
        let path = section.at(name);
        let mut lists = Vec::new();
        for (key, _, node) in entries {
            let path = join(&path, &key);
            let values = match &node.kind {
                NodeKind::List(items) => items.iter().map(value).collect(),
                NodeKind::Text { .. } => vec![value(node)],
                NodeKind::Nothing => Vec::new(),
                NodeKind::Map(_) => {
                    let message = "a list of values is wanted here, this is a set of fields";
                    self.reader.error(node.at, &path, message, "write each after `- `");
                    continue;
                }
            };
            let whole = |value: &Value| matches!(value, Value::Array(_) | Value::Dict(_));
            if values.is_empty() {
                self.reader.error(
                    node.at,
                    &path,
                    "the list is empty",
                    "give it at least one value",
                );
            } else if values.iter().any(whole) {
                self.reader.error(node.at, &path, "a list holds texts and numbers", "");
            } else {
                lists.push((key, values));
            }
        }
        lists
    }

    pub(crate) fn rows(&mut self, node: Option<&Node>, path: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        for (path, item) in self.reader.items(node, path) {
            match value(item) {
                Value::Dict(row) => rows.push(row),
                _ => {
                    let message = format!("a row has fields, this is {}", describe(item));
                    self.reader.error(item.at, &path, message, "for example `- { Host: h1 }`");
                }
            }
        }
        rows
    }

    /// Where a secret is.
    pub(crate) fn secret(&mut self, section: &Section<'_>, name: &str) -> Option<Secret> {
        let node = self.node(section, name)?;
        self.secret_of(node, &section.at(name))
    }

    pub(crate) fn secret_of(&mut self, node: &Node, path: &str) -> Option<Secret> {
        const HINT: &str = "write `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM] }`";
        if let NodeKind::Text { .. } = node.kind {
            self.reader.error(node.at, path, "a secret stands here in clear", HINT);
            return None;
        }
        let section = self.section(node, path, &SECRET)?;
        let env = self.text(&section, "env").map(Secret::Env);
        let file = self.text(&section, "file").map(|path| Secret::File(path.into()));
        let command = self.words(&section, "command");
        let command = (!command.is_empty()).then_some(Secret::Command(command));
        let given: Vec<Secret> = [env, file, command].into_iter().flatten().collect();
        match <[Secret; 1]>::try_from(given) {
            Ok([secret]) => Some(secret),
            Err(_) => {
                self.reader.error(node.at, path, "a secret is in exactly one place", HINT);
                None
            }
        }
    }

    pub(crate) fn setting(&mut self, node: &Node, path: &str) -> Option<Setting> {
        match &node.kind {
            NodeKind::Text { text, .. } => Some(Setting::Plain(text.clone())),
            _ => self.secret_of(node, path).map(Setting::Secret),
        }
    }
}

/// A node as a value: plain texts that spell numbers and truth values are these.
pub(crate) fn value(node: &Node) -> Value {
    match &node.kind {
        NodeKind::Nothing => Value::Null,
        NodeKind::Text { text, style: TextStyle::Plain } => plain(text),
        NodeKind::Text { text, .. } => Value::text(text.as_str()),
        NodeKind::List(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        NodeKind::Map(entries) => {
            let mut row = Row::new();
            for (key, _, node) in entries {
                row.update(key.as_str(), value(node));
            }
            Value::from(row)
        }
    }
}

fn plain(text: &str) -> Value {
    match text {
        "true" | "True" => return Value::Bool(true),
        "false" | "False" => return Value::Bool(false),
        _ => {}
    }
    // `007` is a text, as is `+5`: who writes so means the characters.
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leading = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if leading || !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Value::text(text);
    }
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(number), _) => Value::Int(number),
        (_, Ok(number)) if number.is_finite() => Value::Float(number),
        _ => Value::text(text),
    }
}
