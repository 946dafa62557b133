//! VQL over the rows of a rule's answer.
//!
//! It may call the language and what needs no machine; nothing that needs a permission.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use loghunt::engine::EngineError;
use parking_lot::Mutex;
use rows::{Dict, Row};
use vql_eval::{Program, Run, Setup, on_big_stack};
use vql_plugin::{Catalog, Host};

use super::plugins::source::{self, SourceRows};
use crate::machine::{SystemClock, SystemEntropy};

/// Evaluates VQL; texts are compiled once.
pub(super) struct Vql {
    catalog: Arc<Catalog>,
    compiled: Mutex<HashMap<String, Arc<Program>>>,
}

impl Vql {
    pub(super) fn new() -> Self {
        let language = vql_eval::language().and(vql_std::catalog()).restricted_to(&[]);
        let catalog = Arc::new(language.with(source::entry()));
        Self { catalog, compiled: Mutex::default() }
    }

    fn program(&self, vql: &str) -> Result<Arc<Program>, EngineError> {
        if let Some(program) = self.compiled.lock().get(vql) {
            return Ok(program.clone());
        }
        let program = Program::compile(vql, &self.catalog).map_err(|wrong| {
            EngineError::permanent(format!("the rule's VQL does not compile: {wrong}"))
        })?;
        let mut compiled = self.compiled.lock();
        // Rules come and go with the definitions; their number is small.
        if compiled.len() > 10_000 {
            compiled.clear();
        }
        compiled.insert(vql.to_owned(), program.clone());
        Ok(program)
    }
}

#[async_trait]
impl scheduler::PostProcess for Vql {
    async fn rows(&self, vql: &str, rows: Vec<Row>) -> Result<Vec<Row>, EngineError> {
        let program = self.program(vql)?;
        let catalog = self.catalog.clone();
        let work = move || {
            let host = Host::builder(Arc::new(SystemClock), Box::new(SystemEntropy))
                .wait(std::thread::sleep)
                .port(Arc::new(SourceRows(rows)))
                .build();
            let run = Run::new(Setup::new(host, catalog), Dict::new());
            let found: Vec<Row> = on_big_stack(|| run.rows(&program).map(|one| one.row).collect())
                .map_err(|error| {
                    EngineError::transient(format!("no thread for the rule's VQL: {error}"))
                })?;
            match run.stop_reason() {
                None => Ok(found),
                Some(why) => Err(EngineError::too_large(format!(
                    "the rule's VQL did not come to its end: {why:?}"
                ))),
            }
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| {
            Err(EngineError::transient(format!("the rule's VQL did not come back: {error}")))
        })
    }
}
