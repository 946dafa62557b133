//! Lambdas are texts of their own, and names are written so that they read back.

use expect_test::{Expect, expect};
use vql_syntax::{parse_expression, parse_lambda, print_expr, written_name};

fn check(text: &str, wanted: Expect) {
    let said = match parse_lambda(text) {
        Ok(lambda) => {
            let params: Vec<_> = lambda.params.iter().map(|name| name.text.as_str()).collect();
            format!("{} => {}", params.join(", "), print_expr(&lambda.body))
        }
        Err(wrong) => wrong.iter().map(|error| error.render("lambda", text)).collect(),
    };
    wanted.assert_eq(&said);
}

#[test]
fn lambdas_have_parameters_and_an_expression() {
    check("x=>x.Size > 5", expect!["x => x.Size > 5"]);
    check("x, y => x + y * 2", expect!["x, y => x + y * 2"]);
    check(
        "`a b` => get(item=`a b`, query={ SELECT * FROM p() })",
        expect!["a b => get(item=`a b`, query={ SELECT * FROM p() })"],
    );
}

#[test]
fn mistakes_in_lambdas_are_shown_in_their_own_text() {
    check(
        "x=>",
        expect![[r#"
        error: the text ends too early
         --> lambda:1:4
          |
        1 | x=>
          |    ^ expected an expression after `=>`
    "#]],
    );
    check(
        "(x)=>x",
        expect![[r#"
            error: unexpected `(`
             --> lambda:1:1
              |
            1 | (x)=>x
              | ^ expected the name of a parameter
              = hint: the parameters of a lambda have no parentheses: `x, y => x + y`
        "#]],
    );
    check(
        "=>1",
        expect![[r#"
            error: unexpected `=>`
             --> lambda:1:1
              |
            1 | =>1
              | ^^ expected the name of a parameter
              = hint: write `x => …`; a lambda has a parameter
        "#]],
    );
    check(
        "x => x y",
        expect![[r#"
        error: unexpected `y`
         --> lambda:1:8
          |
        1 | x => x y
          |        ^ expected the end of the lambda
          = hint: an operator or a comma is missing between these two
    "#]],
    );
    check(
        "x => SELECT * FROM p()",
        expect![[r#"
        error: unexpected `SELECT`, a reserved word
         --> lambda:1:6
          |
        1 | x => SELECT * FROM p()
          |      ^^^^^^ expected an expression after `=>`
          = hint: a query used as a value stands in braces: `{ SELECT … }`
    "#]],
    );
}

#[test]
fn names_are_written_with_backticks_when_they_need_them() {
    for (name, wanted) in [
        ("Size", "Size"),
        ("my size", "`my size`"),
        ("Limit", "`Limit`"),
        ("1a", "`1a`"),
        ("ä", "`ä`"),
    ] {
        assert_eq!(written_name(name), wanted);
        assert_eq!(print_expr(&parse_expression(&written_name(name)).unwrap()), wanted);
    }
}
