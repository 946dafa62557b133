//! What a rule asks, with what follows from it, whatever it is written in.

use std::sync::Arc;

use model::log::Severity;
use sigma::{BaseRule, Correlation, Level, Pipeline, PipelineError};
use sql_text::Template;

use crate::definitions::{Question, RuleClass};

/// What every Sigma rule goes through.
pub(crate) type Pipelines = [Arc<Pipeline>];

/// What a rule asks.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    /// What decides the answer, in a spelling that layout does not change.
    pub(crate) canonical: String,
    /// Its own short name.
    pub(crate) name: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) severity: Option<Severity>,
    pub(crate) description: Option<String>,
    pub(crate) attack: Vec<String>,
    pub(crate) group_by: Vec<String>,
    /// How the answer depends on the window, where this follows from the question.
    pub(crate) class: Option<RuleClass>,
}

impl Asked {
    pub(crate) fn of_sql(text: String, template: &Template, group_by: Vec<String>) -> Self {
        Self {
            canonical: format!("sql {}", template.canonical()),
            question: Question::Sql(text.into()),
            name: None,
            title: None,
            severity: None,
            description: None,
            attack: Vec::new(),
            group_by,
            class: None,
        }
    }

    /// A rule, after the pipelines.
    pub(crate) fn of_rule(
        rule: &sigma::Rule,
        pipelines: &Pipelines,
    ) -> Result<Self, PipelineError> {
        let rule = Pipeline::apply_all(pipelines.iter().map(|one| &**one), rule)?;
        Ok(Self {
            canonical: rule_logic(&rule),
            name: rule.name.clone(),
            title: Some(rule.title.clone()),
            severity: severity(rule.level),
            description: Some(rule.description.clone()),
            attack: rule.tags.iter().filter_map(|tag| technique(tag)).collect(),
            group_by: Vec::new(),
            class: Some(RuleClass::PerEvent),
            question: Question::Sigma(Arc::new(rule)),
        })
    }

    /// A correlation, after the pipelines.
    pub(crate) fn of_correlation(
        rule: &Correlation,
        pipelines: &Pipelines,
    ) -> Result<Self, PipelineError> {
        let rule = Pipeline::apply_all_to_correlation(pipelines.iter().map(|one| &**one), rule)?;
        Ok(Self {
            canonical: correlation_logic(&rule),
            name: rule.name.clone(),
            title: Some(rule.title.clone()),
            severity: severity(rule.level),
            description: Some(rule.description.clone()),
            attack: rule.tags.iter().filter_map(|tag| technique(tag)).collect(),
            group_by: rule.group_by.iter().map(|name| name.as_str().to_owned()).collect(),
            class: Some(RuleClass::Windowed { span: rule.reach() }),
            question: Question::Correlation(Arc::new(rule)),
        })
    }

    /// All rules and correlations of files, with what a pipeline says against one: its file and
    /// why.
    pub(crate) fn all_of(
        read: sigma::RuleFile,
        pipelines: &Pipelines,
    ) -> (Vec<Self>, Vec<(String, PipelineError)>) {
        let mut all = Vec::new();
        let mut refused = Vec::new();
        for rule in &read.rules {
            match Self::of_rule(rule, pipelines) {
                Ok(asked) => all.push(asked),
                Err(error) => refused.push((rule.file.to_string(), error)),
            }
        }
        for rule in &read.correlations {
            match Self::of_correlation(rule, pipelines) {
                Ok(asked) => all.push(asked),
                Err(error) => {
                    let file = rule.leaves().first().map(|leaf| leaf.file.to_string());
                    refused.push((file.unwrap_or_default(), error));
                }
            }
        }
        (all, refused)
    }

    /// The file that it was read from.
    pub(crate) fn file(&self) -> Option<String> {
        match &self.question {
            Question::Sql(_) => None,
            Question::Sigma(rule) => Some(rule.file.to_string()),
            Question::Correlation(rule) => rule.leaves().first().map(|leaf| leaf.file.to_string()),
        }
    }
}

fn severity(level: Option<Level>) -> Option<Severity> {
    level.and_then(|level| Severity::parse(level.word()))
}

fn rule_logic(rule: &sigma::Rule) -> String {
    format!("sigma {} {:?} {:?}", rule.source.key(), rule.conditions, rule.placeholders)
}

fn correlation_logic(rule: &Correlation) -> String {
    let base = |base: &sigma::Base| {
        let inner = match &base.rule {
            BaseRule::Rule(rule) => rule_logic(rule),
            BaseRule::Correlation(inner) => correlation_logic(inner),
        };
        format!("{inner} {:?}", base.aliases)
    };
    let bases: Vec<String> = rule.bases.iter().map(base).collect();
    format!("correlation {:?} {:?} {:?} {bases:?}", rule.kind, rule.group_by, rule.timespan)
}

/// The id of an ATT&CK technique, as written in rules or in Sigma's tags.
pub(crate) fn technique(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_uppercase();
    let id = text.strip_prefix("ATTACK.").unwrap_or(&text);
    let (technique, sub) = match id.split_once('.') {
        Some((technique, sub)) => (technique, Some(sub)),
        None => (id, None),
    };
    let digits = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let good = technique.strip_prefix('T').is_some_and(|number| digits(number, 4))
        && sub.is_none_or(|sub| digits(sub, 3));
    good.then(|| id.to_owned())
}
