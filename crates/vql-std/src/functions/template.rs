//! The function `template`: fills in a text template.

use parsers::template::{Escape, Template as Parsed};
use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Template)
}

plugin_args! {
    /// Fills in a text template in the language of Go: `Hello {{ .Name }}`.
    ///
    /// Understood: fields, variables, pipelines; `if`, `else if`, `range`, `with`, `define`,
    /// `template`, `block`, `break`, `continue`; the functions `and`, `or`, `not`, `eq`, `ne`,
    /// `lt`, `le`, `gt`, `ge`, `len`, `index`, `slice`, `print`, `printf`, `println`, `html`, `js`,
    /// `urlquery`.
    pub struct TemplateArgs for "template" {
        /// The template.
        template: String,
        /// What `.` is in the template: usually a dict.
        expansion: Value,
        /// Escape what is filled in for HTML.
        html: bool = false,
    }
}

struct Template;

impl Function for Template {
    type Args = TemplateArgs;

    fn call(&self, args: TemplateArgs, scope: &Scope) -> Result<Value, Failure> {
        let key = format!("template\0{}", args.template);
        let template = scope.keep(&key, || Parsed::parse(&args.template));
        let template = template.as_ref().as_ref().map_err(|bad| Failure::new(bad.to_string()))?;
        let escape = if args.html { Escape::Html } else { Escape::Nothing };
        Ok(Value::text(template.fill(&scope.materialise(&args.expansion), escape)?))
    }
}
