//! What the demo's rules must find: the rows of the rules' own tests, and one row for each Sigma rule.

use std::collections::BTreeMap;

use base::Timestamp;
use log_rules::{Definitions, Question, RuleClass};
use rows::Row;
use serde_json::Value;

use crate::complaint::{Complaint, Outcome};
use crate::demo::logs::folder::DemoFiles;

/// A row that a rule finds, without its times.
#[derive(Clone, Debug)]
pub(crate) struct Plant {
    pub(crate) rule: String,
    row: Value,
}

/// Plants by dataset.
#[derive(Debug, Default)]
pub(crate) struct Plants(BTreeMap<String, Vec<Plant>>);

impl Plant {
    /// The row at a moment.
    pub(crate) fn row(&self, at: Timestamp) -> Value {
        let mut row = self.row.clone();
        let at = super::events::moment(at);
        row["event_time"] = at.clone().into();
        row["ingested_at"] = at.into();
        row
    }
}

impl Plants {
    /// One row that the first test of each rule in SQL finds, when it finds rows one by one, and the
    /// rows beside the Sigma rules.
    pub(crate) fn of_rules(definitions: &Definitions) -> Outcome<Self> {
        let mut plants = Self::default();
        let per_event = definitions.rules.iter().filter(|rule| rule.class == RuleClass::PerEvent);
        for rule in per_event.filter(|rule| matches!(rule.question, Question::Sql(_))) {
            if let Some(test) = rule.tests.first() {
                for (dataset, rows) in &test.given {
                    let found = |row: &&Row| test.expect.iter().any(|want| is_part(want, row));
                    let Some(row) = rows.iter().find(found) else { continue };
                    let row =
                        serde_json::from_str(&rows_json::row_to_json(row)).map_err(no_json)?;
                    plants.add(rule.name.as_str(), dataset.as_str(), row);
                }
            }
        }
        let lines = DemoFiles::get("plants.jsonl")
            .ok_or_else(|| Complaint::failed("the demo's plants are missing from this program"))?;
        for line in String::from_utf8_lossy(&lines.data).lines() {
            let plant: Value = serde_json::from_str(line).map_err(no_json)?;
            let text = |field: &str| plant[field].as_str().unwrap_or_default().to_owned();
            plants.add(&text("rule"), &text("dataset"), plant["row"].clone());
        }
        Ok(plants)
    }

    fn add(&mut self, rule: &str, dataset: &str, row: Value) {
        let plant = Plant { rule: rule.to_owned(), row };
        self.0.entry(dataset.to_owned()).or_default().push(plant);
    }

    /// Those of a dataset.
    pub(crate) fn of(&self, dataset: &str) -> impl Iterator<Item = &Plant> {
        self.0.get(dataset).into_iter().flatten()
    }
}

fn is_part(part: &Row, row: &Row) -> bool {
    let text = |value: &rows::Value| value.to_text();
    part.iter().all(|(name, value)| row.get(name).map(text) == Some(text(value)))
}

fn no_json(error: serde_json::Error) -> Complaint {
    Complaint::failed(format!("the demo's plants cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::logs::events::DATASETS;
    use crate::demo::logs::folder::Rules;

    #[test]
    fn every_dataset_has_something_to_be_found() {
        let plants = Plants::of_rules(&Rules::read().definitions).unwrap();
        let found: usize = DATASETS.iter().map(|dataset| plants.of(dataset).count()).sum();
        assert_eq!(found, 12 + 18);
        assert!(DATASETS.iter().all(|dataset| plants.of(dataset).count() >= 4));
    }
}
