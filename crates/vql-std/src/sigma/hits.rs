//! Rules bound to one query, and the rows that tell what they found.

use std::sync::Arc;

use rows::{Dict, Name, Row, Value};
use sigma::{Rule, RuleSet, Scratch};
use vql_plugin::{Lambda, Scope};

use super::event::Event;
use super::mapping::Mapping;

/// A rule, and what every hit of it says.
pub(crate) struct Ready {
    rule: Rule,
    record: Value,
    references: Value,
    details: Option<Details>,
}

/// How the details of a hit come about.
enum Details {
    Lambda(Lambda),
    /// A text with `%Field%` in it.
    Template(String),
}

/// What is the same for all rules.
pub(crate) struct Settings {
    pub(crate) mapping: Mapping,
    pub(crate) default_details: Option<Lambda>,
    /// Every rule tells about every event, and what it saw.
    pub(crate) debug: bool,
}

impl Ready {
    /// The rule with its record made; what is wrong with its `details` is returned beside.
    pub(crate) fn new(rule: Rule, scope: &Scope) -> (Self, Option<String>) {
        let mut wrong = None;
        let details = rule.custom_text("details").map(|text| text.to_str_lossy().into_owned());
        let details = details.and_then(|text| {
            if !text.contains("=>") {
                return Some(Details::Template(text));
            }
            match scope.lambda(&text) {
                Ok(lambda) => Some(Details::Lambda(lambda)),
                Err(error) => {
                    wrong = Some(format!("details of `{}`: {error}", rule.title));
                    None
                }
            }
        });
        let ready = Self {
            record: record(&rule),
            references: Value::array(rule.references.iter().map(String::as_str)),
            details,
            rule,
        };
        (ready, wrong)
    }

    /// The rule itself.
    pub(crate) fn rule(&self) -> &Rule {
        &self.rule
    }

    /// What is said about the rule.
    pub(crate) fn record(&self) -> &Value {
        &self.record
    }

    fn details(&self, settings: &Settings, row: &Row, scope: &Scope) -> Value {
        let event = || [Value::Dict(row.clone())];
        match (&self.details, &settings.default_details) {
            (Some(Details::Lambda(lambda)), _) | (None, Some(lambda)) => {
                scope.call(lambda, &event())
            }
            (Some(Details::Template(template)), _) => {
                Value::text(filled(template, |field| settings.mapping.get(field, row, scope)))
            }
            (None, None) => Value::Null,
        }
    }
}

/// What is said about a rule in each of its hits.
fn record(rule: &Rule) -> Value {
    let texts = |texts: &[String]| Value::array(texts.iter().map(String::as_str));
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::text);
    let source = Dict::new()
        .with("Category", text(&rule.source.category))
        .with("Product", text(&rule.source.product))
        .with("Service", text(&rule.source.service));
    Value::Dict(
        Dict::new()
            .with("Title", rule.title.as_str())
            .with("Id", text(&rule.id))
            .with("Name", text(&rule.name))
            .with("Level", rule.level.map(sigma::Level::word))
            .with("Status", text(&rule.status))
            .with("Description", rule.description.as_str())
            .with("Author", rule.author.as_str())
            .with("Date", text(&rule.dates.0))
            .with("Modified", text(&rule.dates.1))
            .with("References", texts(&rule.references))
            .with("Tags", texts(&rule.tags))
            .with("Fields", texts(&rule.fields))
            .with("FalsePositives", texts(&rule.false_positives))
            .with("Logsource", source)
            .with("AdditionalFields", rule.custom.clone()),
    )
}

/// Replaces `%Field%` by the value of the field; a field without a value is left empty.
fn filled(template: &str, value: impl Fn(&str) -> Option<Value>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        match after.split_once('%') {
            Some((field, more)) if !field.is_empty() && !field.contains(char::is_whitespace) => {
                if let Some(value) = value(field) {
                    out.push_str(&value.to_text().to_str_lossy());
                }
                rest = more;
            }
            _ => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The rules of one query, asked of its rows.
pub(crate) struct Matcher {
    rules: Vec<Arc<Ready>>,
    set: RuleSet,
    /// The rule and the condition that a predicate of the set is.
    owners: Vec<(usize, usize)>,
    settings: Arc<Settings>,
    scratch: Scratch,
    hits: Vec<usize>,
}

impl Matcher {
    pub(crate) fn new(rules: Vec<Arc<Ready>>, settings: Arc<Settings>) -> Self {
        let numbered = rules.iter().enumerate();
        let conditions = |(number, rule): (usize, &Arc<Ready>)| {
            (0..rule.rule.conditions.len()).map(move |condition| (number, condition))
        };
        let owners = numbered.flat_map(conditions).collect();
        let set = RuleSet::new(rules.iter().flat_map(|rule| &rule.rule.conditions));
        Self { rules, set, owners, settings, scratch: Scratch::default(), hits: Vec::new() }
    }

    /// The hits of all rules in one row.
    pub(crate) fn rows(&mut self, row: &Row, scope: &Scope) -> Vec<Row> {
        let event = Event { row, mapping: &self.settings.mapping, scope };
        self.set.matching(&event, &mut self.scratch, &mut self.hits);
        if self.settings.debug {
            return self.explained(row, scope);
        }
        let mut rows = Vec::new();
        let mut hits = self.hits.iter().map(|hit| self.owners[*hit]).peekable();
        while let Some((rule, condition)) = hits.next() {
            let mut conditions = vec![condition];
            while let Some((_, more)) = hits.next_if(|(next, _)| *next == rule) {
                conditions.push(more);
            }
            rows.push(self.hit(rule, &conditions, row, scope));
        }
        rows
    }

    /// Every rule about the row, found or not, with the values of its fields.
    fn explained(&self, row: &Row, scope: &Scope) -> Vec<Row> {
        let about = |(number, rule): (usize, &Arc<Ready>)| {
            let owners = self.hits.iter().map(|hit| self.owners[*hit]);
            let conditions: Vec<usize> =
                owners.filter(|(owner, _)| *owner == number).map(|(_, one)| one).collect();
            let mut explained = self.hit(number, &conditions, row, scope);
            let mut fields = Dict::new();
            for predicate in &rule.rule.conditions {
                predicate.each_field(&mut |field: &Name| {
                    let value = self.settings.mapping.get(field, row, scope);
                    fields.update(field.clone(), value.unwrap_or_default());
                });
            }
            if let Some(Value::Dict(found)) = explained.get("_Match") {
                let found = found.clone().with("Fields", fields);
                explained.update("_Match", found);
            }
            explained
        };
        self.rules.iter().enumerate().map(about).collect()
    }

    fn hit(&self, rule: usize, conditions: &[usize], row: &Row, scope: &Scope) -> Row {
        let ready = &self.rules[rule];
        let which = (0..ready.rule.conditions.len()).map(|one| conditions.contains(&one));
        let found = Dict::new()
            .with("Match", !conditions.is_empty())
            .with("ConditionResults", Value::array(which));
        row.clone()
            .with("_Match", found)
            .with("_Rule", ready.record.clone())
            .with("_References", ready.references.clone())
            .with("Details", ready.details(&self.settings, row, scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_filled_with_fields() {
        let value = |field: &str| (field == "User").then(|| Value::text("bob"));
        let check = |template: &str, wanted: &str| assert_eq!(filled(template, value), wanted);
        check("by %User%, %Other%!", "by bob, !");
        check("100% of % and %", "100% of % and %");
        check("50% %User%", "50% bob");
    }
}
