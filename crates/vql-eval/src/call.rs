//! Calls: functions of the catalog, definitions of the text, lambdas.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rows::{Name, Value};
use smallvec::SmallVec;
use vql_plugin::{Body, CallArgs, Entry, Kind, Lambda, Level, elsewhere};

use crate::compile::{Compiler, Diagnostics};
use crate::objects::{LazyExpr, StoredQuery};
use crate::plan::{self, Arg, ArgList, Call, Definition, Expr};
use crate::scope::{Args, Env, Slot};

/// A lambda as the evaluator keeps it.
struct LambdaBody {
    params: Vec<Name>,
    body: Expr,
}

impl Env {
    pub(crate) fn call(&self, call: &Call) -> Value {
        if self.session().step() || self.is_too_deep() {
            return Value::Null;
        }
        if let Some(entry) = &call.function {
            return self.call_function(entry, self.args(&call.args));
        }
        let Some((first, members)) = call.path.split_first() else { return Value::Null };
        match self.slot(first) {
            None => {
                let text = || match elsewhere(&call.name, Kind::Function) {
                    Some(known) => known.to_string(),
                    None => self.unknown_text(&call.name),
                };
                self.session().log_once_about(&call.name, Level::Error, text);
                Value::Null
            }
            Some(Slot::Definition(definition)) if members.is_empty() => {
                self.call_definition(&definition, &call.args, false)
            }
            Some(Slot::Value(value)) if members.is_empty() => self.call_value(value, call),
            Some(_) => {
                // A method without arguments is a member.
                let mut value = self.find(first).unwrap_or_default();
                for name in members {
                    value = self.member(&value, name).unwrap_or_default();
                }
                if value.is_null() {
                    let text = || self.unknown_text(&call.name);
                    self.session().log_once_about(&call.name, Level::Error, text);
                }
                value
            }
        }
    }

    /// Calls what a variable holds: a query takes arguments, anything else cannot be called.
    fn call_value(&self, value: Value, call: &Call) -> Value {
        if StoredQuery::of(&value).is_some() {
            let scope = self.with_call(self.slots(&call.args));
            return StoredQuery::bind(value, &scope);
        }
        let text =
            format!("Symbol {} holds a {} and cannot be called", call.name, value.type_name());
        self.session().log_once(Level::Error, text);
        Value::Null
    }

    /// The arguments of a call; those that the callee wants unevaluated stay so.
    pub(crate) fn args(&self, args: &ArgList) -> CallArgs {
        let value = |arg: &Arg| {
            if arg.lazy {
                LazyExpr::value(arg.value.clone(), self.clone())
            } else {
                self.eval(&arg.value)
            }
        };
        CallArgs::of(&args.names, args.iter().map(value))
    }

    /// The arguments of a call of a definition: evaluated, queries stay queries.
    pub(crate) fn slots(&self, args: &[Arg]) -> Args {
        let mut slots = Args::with_capacity(args.len());
        for arg in args {
            let value = match self.lying(&arg.value) {
                Some(value) => value.clone(),
                None => self.forced(self.eval(&arg.value)),
            };
            slots.push((arg.name.clone(), Slot::Value(value)));
        }
        slots
    }

    fn call_function(&self, entry: &Entry, args: CallArgs) -> Value {
        let Body::Function(body) = &entry.body else { return Value::Null };
        let scope = self.handle();
        let outcome = catch_unwind(AssertUnwindSafe(|| body(args, &scope)));
        match outcome {
            Ok(Ok(value)) => self.built(value),
            Ok(Err(failure)) => {
                self.log(Level::Default, format!("{}: {failure}", entry.spec.name));
                Value::Null
            }
            Err(_) => {
                self.log(
                    Level::Error,
                    format!("{}: gave up because of a mistake of its own", entry.spec.name),
                );
                Value::Null
            }
        }
    }

    /// Calls a definition with parentheses: a scope and a context of its own.
    pub(crate) fn call_definition(
        &self,
        definition: &Arc<Definition>,
        args: &[Arg],
        as_source: bool,
    ) -> Value {
        if self.is_too_deep() {
            return Value::Null;
        }
        let given = self.slots(args);
        if as_source {
            self.check_args(definition, &given);
        }
        let missing: SmallVec<[_; 2]> = definition
            .params
            .iter()
            .flatten()
            .filter(|param| !given.iter().any(|(name, _)| *name == param.name))
            .filter_map(|param| Some((&param.name, param.default.as_ref()?)))
            .collect();
        let mut scope = self.with_call(given);
        if !missing.is_empty() {
            let default =
                |(name, default): (&Name, &Expr)| (name.clone(), Slot::Value(scope.eval(default)));
            let defaults = missing.into_iter().map(default).collect();
            scope = scope.with_args(defaults);
        }
        match &definition.body {
            plan::Body::Query(select) => {
                StoredQuery::bind(StoredQuery::value(select.clone()), &scope)
            }
            // A query that the body picked still sees the arguments, wherever it runs.
            plan::Body::Value(expr) => StoredQuery::bind(scope.eval(expr), &scope),
        }
    }

    fn check_args(&self, definition: &Definition, given: &[(Name, Slot)]) {
        let params = definition.params.as_deref().unwrap_or_default();
        for (name, _) in given {
            if !params.iter().any(|param| param.name == *name) {
                let text =
                    format!("Extra unrecognized arg {name} when calling {}", definition.name);
                self.session().log_once(Level::Default, text);
            }
        }
        for param in params {
            if param.default.is_none() && !given.iter().any(|(name, _)| *name == param.name) {
                let text = format!("Missing arg {} when calling {}", param.name, definition.name);
                self.session().log_once(Level::Default, text);
            }
        }
    }

    /// Reads a lambda, once per text.
    pub(crate) fn read_lambda(&self, text: &str) -> Result<Lambda, String> {
        const LAMBDAS_MAX: usize = 1_000;
        if let Some(known) = self.session().lambdas.lock().get(text) {
            return known.clone();
        }
        let made = self.compile_lambda(text);
        let mut lambdas = self.session().lambdas.lock();
        if lambdas.len() >= LAMBDAS_MAX {
            lambdas.clear();
        }
        lambdas.insert(text.to_owned(), made.clone());
        made
    }

    fn compile_lambda(&self, text: &str) -> Result<Lambda, String> {
        let diagnostics = |errors| Diagnostics { text: text.to_owned(), errors }.to_string();
        let tree = vql_syntax::parse_lambda(text).map_err(diagnostics)?;
        let mut compiler = Compiler::new(&self.session().setup.catalog);
        let body = compiler.expr(&tree.body);
        if !compiler.errors.is_empty() {
            return Err(diagnostics(compiler.errors));
        }
        let params = tree.params.iter().map(|name| Name::from(name.text.as_str())).collect();
        Ok(Lambda { text: Arc::from(text), body: Arc::new(LambdaBody { params, body }) })
    }

    pub(crate) fn call_lambda(&self, lambda: &Lambda, args: &[Value]) -> Value {
        let Some(body) = lambda.body.downcast_ref::<LambdaBody>() else { return Value::Null };
        if self.session().step() || self.is_too_deep() {
            return Value::Null;
        }
        if body.params.len() != args.len() {
            let text = format!(
                "lambda `{}` takes {} arguments and was given {}",
                lambda.text,
                body.params.len(),
                args.len()
            );
            self.session().log_once(Level::Default, text);
            return Value::Null;
        }
        let slots = body.params.iter().cloned().zip(args.iter().cloned().map(Slot::Value));
        let scope = self.with_args(slots.collect());
        scope.settle(scope.eval(&body.body))
    }
}
