//! Filling in a template.

use rows::Value;

use super::functions;
use super::lex::Place;
use super::parse::{Base, Node, Operand, Pipe};
use super::{Escape, Template, TemplateError};

/// How long the text may become.
const OUT_MAX_BYTES: usize = 64 << 20;
/// How many parts are gone through.
const STEPS_MAX: u64 = 5_000_000;
/// How deep templates may use templates.
const DEPTH_MAX: usize = 50;

type Done<T> = Result<T, TemplateError>;

pub(super) fn run(template: &Template, data: &Value, escape: Escape) -> Done<String> {
    let mut run = Run {
        template,
        escape,
        out: String::new(),
        variables: vec![(String::new(), data.clone())],
        steps: 0,
        depth: 0,
    };
    run.nodes(&template.body, data)?;
    Ok(run.out)
}

/// How to go on after a part.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Run<'t> {
    template: &'t Template,
    escape: Escape,
    out: String,
    /// By name, the newest last; the empty name is `$`.
    variables: Vec<(String, Value)>,
    steps: u64,
    depth: usize,
}

impl Run<'_> {
    fn step(&mut self, place: Place) -> Done<()> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(place.error(format!("the template takes more than {STEPS_MAX} steps")));
        }
        if self.out.len() > OUT_MAX_BYTES {
            let most = OUT_MAX_BYTES >> 20;
            return Err(place.error(format!("the text becomes longer than {most} MiB")));
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Done<Flow> {
        let known = self.variables.len();
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                self.variables.truncate(known);
                return Ok(flow);
            }
        }
        self.variables.truncate(known);
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Done<Flow> {
        match node {
            Node::Text(text) => self.out += text,
            Node::Write(pipe) => {
                let (value, escaped) = self.pipe(pipe, dot)?;
                if pipe.set.is_empty() {
                    let text = functions::shown(value.as_ref());
                    match self.escape {
                        Escape::Html if !escaped => self.out += &functions::html(&text),
                        _ => self.out += &text,
                    }
                }
            }
            Node::If(branches, otherwise) => {
                let known = self.variables.len();
                let mut chosen = &otherwise[..];
                for (pipe, body) in branches {
                    if self.value(pipe, dot)?.is_some_and(|value| functions::truth(&value)) {
                        chosen = body;
                        break;
                    }
                }
                let flow = self.nodes(chosen, dot);
                self.variables.truncate(known);
                return flow;
            }
            Node::With(branches, otherwise) => {
                let known = self.variables.len();
                let mut found = None;
                for (pipe, body) in branches {
                    let value = self.value(pipe, dot)?.filter(functions::truth);
                    if let Some(value) = value {
                        found = Some((body, value));
                        break;
                    }
                }
                let flow = match &found {
                    Some((body, value)) => self.nodes(body, value),
                    None => self.nodes(otherwise, dot),
                };
                self.variables.truncate(known);
                return flow;
            }
            Node::Range { pipe, body, otherwise } => return self.range(pipe, body, otherwise, dot),
            Node::Template { name, data, place } => {
                self.use_template(name, data.as_ref(), *place, dot)?
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn use_template(
        &mut self,
        name: &str,
        data: Option<&Pipe>,
        place: Place,
        dot: &Value,
    ) -> Done<()> {
        let template = self.template;
        let body = template
            .named
            .get(name)
            .ok_or_else(|| place.error(format!("no template is called \"{name}\"")))?;
        let data = match data {
            Some(pipe) => self.value(pipe, dot)?.unwrap_or_default(),
            None => Value::Null,
        };
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(place.error(format!("templates use templates deeper than {DEPTH_MAX}")));
        }
        let outside = std::mem::replace(&mut self.variables, vec![(String::new(), data.clone())]);
        let filled = self.nodes(body, &data);
        self.variables = outside;
        self.depth -= 1;
        filled.map(|_| ())
    }

    fn range(&mut self, pipe: &Pipe, body: &[Node], otherwise: &[Node], dot: &Value) -> Done<Flow> {
        // The variables of the pipeline are those of the elements.
        let over = self.commands(pipe, dot)?.0;
        let mut any = false;
        for (key, element) in functions::elements(over.as_ref(), pipe.place)? {
            any = true;
            self.step(pipe.place)?;
            let known = self.variables.len();
            match &pipe.set[..] {
                [] => {}
                [only] => self.set(only, element.clone(), pipe)?,
                [first, second, ..] => {
                    self.set(first, key, pipe)?;
                    self.set(second, element.clone(), pipe)?;
                }
            }
            let flow = self.nodes(body, &element)?;
            self.variables.truncate(known);
            if flow == Flow::Break {
                break;
            }
        }
        if any { Ok(Flow::On) } else { self.nodes(otherwise, dot) }
    }

    fn set(&mut self, name: &str, value: Value, pipe: &Pipe) -> Done<()> {
        if !pipe.assign {
            self.variables.push((name.to_owned(), value));
            return Ok(());
        }
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, kept)) => {
                *kept = value;
                Ok(())
            }
            None => Err(pipe.place.error(format!("the variable ${name} is not declared"))),
        }
    }

    /// The value of a pipeline, whose variables are set.
    fn value(&mut self, pipe: &Pipe, dot: &Value) -> Done<Option<Value>> {
        Ok(self.pipe(pipe, dot)?.0)
    }

    /// The value, and whether the last function has escaped it.
    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Done<(Option<Value>, bool)> {
        let found = self.commands(pipe, dot)?;
        for name in &pipe.set {
            self.set(name, found.0.clone().unwrap_or_default(), pipe)?;
        }
        Ok(found)
    }

    fn commands(&mut self, pipe: &Pipe, dot: &Value) -> Done<(Option<Value>, bool)> {
        self.step(pipe.place)?;
        let mut value: Option<Option<Value>> = None;
        let mut escaped = false;
        for command in &pipe.commands {
            let name = match &command[0].base {
                Base::Function(name) => name.as_str(),
                _ => "",
            };
            escaped = matches!(name, "html" | "urlquery");
            value = Some(self.command(command, value, dot)?);
        }
        Ok((value.flatten(), escaped))
    }

    /// `None` is what is not there.
    fn command(
        &mut self,
        command: &[Operand],
        last: Option<Option<Value>>,
        dot: &Value,
    ) -> Done<Option<Value>> {
        let first = &command[0];
        let Base::Function(name) = &first.base else {
            if let Some(more) = command.get(1) {
                return Err(more
                    .place
                    .error("only functions take arguments; what is before this is a value"));
            }
            if last.is_some() {
                return Err(first
                    .place
                    .error("behind `|` a function is wanted, and this is a value"));
            }
            return self.operand(first, dot);
        };
        if let Some(decided) = self.logic(name, command, last.as_ref(), dot)? {
            return Ok(decided);
        }
        let mut args = Vec::with_capacity(command.len());
        for operand in &command[1..] {
            args.push(self.operand(operand, dot)?);
        }
        args.extend(last);
        let value = functions::call(name, &args).map_err(|what| first.place.error(what))?;
        follow(value, &first.fields, first.place)
    }

    /// `and` and `or` look at no more arguments than they need.
    fn logic(
        &mut self,
        name: &str,
        command: &[Operand],
        last: Option<&Option<Value>>,
        dot: &Value,
    ) -> Done<Option<Option<Value>>> {
        if !matches!(name, "and" | "or") {
            return Ok(None);
        }
        let mut value = None;
        for operand in &command[1..] {
            value = self.operand(operand, dot)?;
            let truth = value.as_ref().is_some_and(functions::truth);
            if truth == (name == "or") {
                return Ok(Some(value));
            }
        }
        if command.len() == 1 && last.is_none() {
            return Err(command[0].place.error(format!("{name} needs an argument")));
        }
        Ok(Some(last.cloned().unwrap_or(value)))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Done<Option<Value>> {
        let value = match &operand.base {
            Base::Dot => Some(dot.clone()),
            Base::Value(value) => Some(value.clone()),
            Base::Variable(name) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                let missing =
                    || operand.place.error(format!("the variable ${name} is not declared"));
                Some(found.ok_or_else(missing)?.1.clone())
            }
            Base::Function(name) => {
                functions::call(name, &[]).map_err(|what| operand.place.error(what))?
            }
            Base::Pipe(pipe) => self.value(pipe, dot)?,
        };
        follow(value, &operand.fields, operand.place)
    }
}

/// The value of a field of a field.
fn follow(value: Option<Value>, fields: &[String], place: Place) -> Done<Option<Value>> {
    let mut value = value;
    for field in fields {
        value = match value {
            None | Some(Value::Null) => None,
            Some(Value::Dict(dict)) => dict.get(field).cloned(),
            Some(other) => {
                let what = other.type_name();
                return Err(place.error(format!("{what} has no field `{field}`; only dicts have")));
            }
        };
    }
    Ok(value)
}
