//! Text templates in the language of Go: `{{ if .Name }}Hello {{ .Name | printf "%q" }}{{ end }}`.
//!
//! Understood: fields, variables, pipelines, parentheses; `if`, `else if`, `range` (with variables,
//! `else`, `break`, `continue`), `with`, `define`, `template`, `block`; comments and the marks that
//! take away white space; the functions `and or not eq ne lt le gt ge len index slice print printf
//! println html js urlquery`. Everything else is an error that says where it stands.
//!
//! # Invariants
//!
//! - **TM-1** Nesting, steps and the length of what comes out are bounded.
//! - **TM-2** With [`Escape::Html`] whatever an action writes is escaped for HTML, once.

mod functions;
mod lex;
mod parse;
mod printf;
mod run;

use std::collections::HashMap;

use rows::Value;

use self::parse::Node;

/// What is wrong with a template, or with using it, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template, line {line}, column {column}: {what}")]
pub struct TemplateError {
    /// The line, counted from one.
    pub line: u32,
    /// The column in characters, counted from one.
    pub column: u32,
    /// What is wrong.
    pub what: String,
}

/// Whether what actions write is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// No.
    Nothing,
    /// For HTML: `<` becomes `&lt;`.
    Html,
}

/// A template that can be used.
#[derive(Debug, Clone)]
pub struct Template {
    body: Vec<Node>,
    named: HashMap<String, Vec<Node>>,
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        parse::parse(text)
    }

    /// Fills it in; `.` is `data`, which has to be plain.
    pub fn fill(&self, data: &Value, escape: Escape) -> Result<String, TemplateError> {
        run::run(self, data, escape)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use rows::Dict;

    use super::*;

    fn data() -> Value {
        let person =
            |name: &str, age: i64| Value::Dict(Dict::new().with("Name", name).with("Age", age));
        Value::Dict(
            Dict::new()
                .with("Title", "A <b> & \"c\"")
                .with("People", Value::array([person("Ann", 41), person("Bob", 7)]))
                .with("Empty", Value::array(Vec::<Value>::new()))
                .with("Map", Value::Dict(Dict::new().with("a", 1).with("b c", 2)))
                .with("Pi", 3.25)
                .with("Yes", true)
                .with("Nil", Value::Null),
        )
    }

    fn check(cases: &[&str], wanted: Expect) {
        let answer = |text: &&str| {
            let filled = Template::parse(text).and_then(|t| t.fill(&data(), Escape::Nothing));
            filled.unwrap_or_else(|error| error.to_string())
        };
        wanted.assert_eq(&cases.iter().map(answer).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn fields_and_pipelines_are_written() {
        check(
            &[
                "{{.Title}} {{ .Pi }} {{.Yes}} {{.Nope}} {{.Map}}",
                "{{ (index .People 0).Name }} {{ len .People }} {{ index .Map \"b c\" }}",
                "{{ .Title | html }} {{ \"a'b\" | js }} {{ \"a b&c\" | urlquery }}",
                "{{ printf \"%05d|%-4s|%q|%.1f|%x|%v|%t|%%\" 42 \"ab\" \"q\" 2.55 255 .Yes true }}",
                "{{ print 1 2 \"x\" 3 }} {{ println \"end\" }}",
                "{{ slice \"hello\" 1 3 }} {{ slice .People 1 | len }}",
                "a {{- /* gone */ -}} b",
                "x   {{- 1 -}}   y",
                "{{ `raw \"text\"` }} {{ 'A' }} {{ 0x10 }} {{ -3 }}",
            ],
            expect![[r#"
                A <b> & "c" 3.25 true <no value> {"a":1,"b c":2}
                Ann 2 2
                A &lt;b&gt; &amp; &#34;c&#34; a\'b a+b%26c
                00042|ab  |"q"|2.5|ff|true|true|%
                1 2x3 end

                el 1
                ab
                x1y
                raw "text" 65 16 -3"#]],
        );
    }

    #[test]
    fn conditions_loops_and_variables() {
        check(
            &[
                "{{if .Nope}}a{{else if eq .Pi 3.25}}b{{else}}c{{end}}",
                "{{range .People}}[{{.Name}} of {{len $.People}}]{{else}}none{{end}}",
                "{{range .Empty}}x{{else}}none{{end}}",
                "{{range $i, $p := .People}}{{$i}}={{$p.Name}} {{end}}",
                "{{range $k, $v := .Map}}{{$k}}:{{$v}} {{end}}",
                "{{range .People}}{{if eq .Name \"Bob\"}}{{break}}{{end}}{{.Name}}{{end}}",
                "{{range 3}}{{if eq . 1}}{{continue}}{{end}}{{.}}{{end}}",
                "{{with index .People 1}}{{.Name}}{{else}}nobody{{end}}",
                "{{with .Nil}}x{{else with .Title}}{{len .}}{{end}}",
                "{{$n := 1}}{{range .People}}{{$n = .Age}}{{end}}{{$n}}",
                "{{if and .Yes (not .Nil) (or .Nil .Title)}}yes{{end}}",
                "{{lt 1 2}} {{ge 2 2}} {{ne \"a\" \"b\"}} {{eq 3 1 2 3}}",
                "{{define \"row\"}}<{{.Name}}>{{end}}{{range .People}}{{template \"row\" .}}{{end}}",
                "{{block \"b\" .Title}}{{len .}}{{end}}",
            ],
            expect![[r#"
                b
                [Ann of 2][Bob of 2]
                none
                0=Ann 1=Bob 
                a:1 b c:2 
                Ann
                02
                Bob
                11
                7
                yes
                true true true true
                <Ann><Bob>
                11"#]],
        );
    }

    #[test]
    fn html_is_escaped_when_asked() {
        let template = Template::parse("<p>{{.Title}} {{.Title | html}}</p>").unwrap();
        expect!["<p>A &lt;b&gt; &amp; &#34;c&#34; A &lt;b&gt; &amp; &#34;c&#34;</p>"]
            .assert_eq(&template.fill(&data(), Escape::Html).unwrap());
    }

    #[test]
    fn what_is_wrong_is_said() {
        check(
            &[
                "{{if .A}}",
                "{{end}}",
                "a\n {{ .A | }}",
                "{{ nosuch 1 }}",
                "{{ $x }}",
                "{{ \"open }}",
                "{{ .Title.Sub }}",
                "{{ index .People 9 }}",
                "{{ template \"none\" }}",
                "{{ define \"r\" }}{{ template \"r\" }}{{ end }}{{ template \"r\" }}",
                "{{ len 3 }}",
                "{{ .Pi",
                "{{ call .Pi }}",
                "{{ lt .People 1 }}",
                "{{ break }}",
                "{{ range 100000000 }}{{ end }}",
                "{{else}}",
                "{{ printf \"%d\" \"a\" }}",
                "{{}}",
            ],
            expect![[r#"
                template, line 1, column 1: `if` has no `end`
                template, line 1, column 1: `end` belongs to nothing
                template, line 2, column 10: a value is missing here
                template, line 1, column 4: no function is called `nosuch`; there are and, or, not, eq, ne, lt, le, gt, ge, len, index, slice, print, printf, println, html, js, urlquery
                template, line 1, column 4: the variable $x is not declared
                template, line 1, column 4: the text has no end: `"` is missing
                template, line 1, column 4: string has no field `Sub`; only dicts have
                template, line 1, column 4: index 9 is outside of an array of 2
                template, line 1, column 1: no template is called "none"
                template, line 1, column 17: templates use templates deeper than 50
                template, line 1, column 4: len is for texts, arrays and dicts, not for int64
                template, line 1, column 1: the action has no end: `}}` is missing
                template, line 1, column 4: functions cannot be called: data holds none
                template, line 1, column 4: lt compares two numbers or two texts, not []interface {} and int64
                template, line 1, column 1: `break` outside of a range
                template, line 1, column 10: the template takes more than 5000000 steps
                template, line 1, column 1: `else` belongs to nothing
                %!d(a)
                template, line 1, column 3: a value is missing here"#]],
        );
    }

    proptest::proptest! {
        #[test]
        fn no_template_panics(text in "([a ]|\\{\\{-? ?(if|range|with|end|else|else if|define \"a\"|template \"a\"|break|\\$x := 1|\\$x|\\.A\\.B|\\.|len|index|printf|eq|\"%d%s%[0-9]?v\"|[0-9]{1,3}|\\(|\\)|\\|| ){0,5} ?-?\\}\\}){0,8}") {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.fill(&data(), Escape::Html);
            }
        }
    }
}
