//! Offers at a place: the question is a text with `|` where the cursor stands, the answer what is
//! replaced and what is offered.

use expect_test::{Expect, expect};
use model::artifact::{Artifact, ArtifactSource, Parameter, ParameterType};
use proptest::prelude::*;
use vql_help::{Knowledge, complete};
use vql_plugin::{ArgSpec, Kind, Spec};

fn arg(name: &'static str, type_name: &'static str, required: bool) -> ArgSpec {
    ArgSpec { name, type_name, doc: "What it means.", required, default: None, lazy: false }
}

fn spec(name: &'static str, kind: Kind, args: Vec<ArgSpec>) -> Spec {
    Spec { name, kind, doc: "What it does.", args, free_form: false, lazy_form: false, needs: &[] }
}

fn knowledge() -> Knowledge {
    let glob = vec![arg("globs", "list of paths", true), arg("accessor", "text", false)];
    let foreach = vec![arg("row", "query", true), arg("query", "query", false)];
    let users = Artifact {
        name: "Linux.Sys.Users".into(),
        description: "Accounts.\nMore.".into(),
        parameters: vec![Parameter {
            name: "Pass File".into(),
            kind: ParameterType::Regex,
            ..Parameter::default()
        }],
        sources: vec![ArtifactSource {
            name: Some("Local".into()),
            query: "LET x = 1 SELECT User, uid AS Uid FROM scope()".into(),
            ..ArtifactSource::default()
        }],
        ..Artifact::default()
    };
    Knowledge::of([
        spec("glob", Kind::Plugin, glob),
        spec("foreach", Kind::Plugin, foreach),
        spec(
            "hash",
            Kind::Function,
            vec![arg("path", "path", true), arg("accessor", "text", false)],
        ),
        spec("len", Kind::Function, vec![arg("list", "any", true)]),
    ])
    .accessors(["data".to_owned(), "file".to_owned()])
    .artifacts([&users])
}

fn check(question: &str, answer: Expect) {
    let at = question.find('|').expect("the question says where the cursor stands");
    let text = question.replacen('|', "", 1);
    let found = complete(&text, at, &knowledge());
    let offers: Vec<String> =
        found.offers.iter().map(|offer| format!("{} {}", offer.kind.word(), offer.text)).collect();
    let replaced = found.replaces.of(&text);
    answer.assert_eq(&format!("`{replaced}` -> {}", offers.join(", ")));
}

#[test]
fn a_statement_starts_with_a_keyword() {
    check("|", expect!["`` -> keyword EXPLAIN, keyword LET, keyword SELECT"]);
    check("se|", expect!["`se` -> keyword SELECT"]);
    check("-- note\nle|", expect!["`le` -> keyword LET, keyword SELECT"]);
}

#[test]
fn behind_from_stand_row_sources() {
    check("SELECT * FROM |", expect!["`` -> plugin foreach, plugin glob, artifact Artifact."]);
    check("SELECT * FROM gl|", expect!["`gl` -> plugin glob"]);
    check(
        "LET files = SELECT OSPath FROM glob(globs='/*') SELECT * FROM f|",
        expect!["`f` -> variable files, plugin foreach, artifact Artifact."],
    );
    check("SELECT * FROM Artifact.|", expect!["`` -> artifact Linux.Sys.Users"]);
    check("SELECT * FROM Artifact.Linux.S|", expect!["`S` -> artifact Sys.Users"]);
    check(
        "SELECT * FROM glob(globs='/*') |",
        expect![
            "`` -> keyword GROUP BY, keyword LET, keyword LIMIT, keyword ORDER BY, keyword SELECT, keyword WHERE"
        ],
    );
}

#[test]
fn inside_a_call_stand_arguments_that_are_not_given_yet() {
    check("SELECT * FROM glob(|", expect!["`` -> argument accessor, argument globs"]);
    check("SELECT * FROM glob(globs='/*', |)", expect!["`` -> argument accessor"]);
    check("SELECT * FROM glob(a|, globs='/*')", expect!["`a` -> argument accessor"]);
    check("SELECT hash(|) FROM scope()", expect!["`` -> argument accessor, argument path"]);
    check(
        "SELECT * FROM Artifact.Linux.Sys.Users(|)",
        expect!["`` -> argument `Pass File`, argument preconditions, argument source"],
    );
    check(
        "LET f(first, second) = first SELECT f(first=1, |) FROM scope()",
        expect!["`` -> argument second"],
    );
    check("SELECT nosuch(|) FROM scope()", expect!["`` -> "]);
}

#[test]
fn a_value_is_a_column_a_definition_or_a_function() {
    check(
        "LET limit_of = 5 SELECT l| FROM scope()",
        expect!["`l` -> variable limit_of, function len, keyword FALSE, keyword NULL"],
    );
    check("SELECT hash(path=h|) FROM scope()", expect!["`h` -> function hash"]);
    check(
        "SELECT OSPath AS File FROM glob(globs='/*') WHERE F|",
        expect!["`F` -> column File, keyword FALSE"],
    );
    check(
        "LET q = SELECT a.b, 1 AS `odd name` FROM scope() SELECT | FROM q",
        expect![
            "`` -> column `odd name`, column a.b, variable q, function hash, function len, keyword FALSE, keyword NOT, keyword NULL, keyword TRUE"
        ],
    );
    check(
        "SELECT U| FROM Artifact.Linux.Sys.Users()",
        expect!["`U` -> column Uid, column User, keyword NULL, keyword TRUE"],
    );
    check("LET users = SELECT Uid FROM scope() SELECT users.|", expect!["`` -> column Uid"]);
}

#[test]
fn columns_pass_through_row_sources_that_pass_rows_on() {
    check(
        "LET q = SELECT * FROM foreach(row={ SELECT 1 AS a FROM scope() }, query={ SELECT 2 AS b FROM scope() }) SELECT * FROM q ORDER BY |",
        expect!["`` -> column b"],
    );
    check(
        "LET a = SELECT * FROM b LET b = SELECT * FROM a SELECT * FROM a ORDER BY |",
        expect!["`` -> "],
    );
}

#[test]
fn each_clause_has_its_own_words() {
    check("SELECT a AS b, a FROM scope() ORDER BY |", expect!["`` -> column b"]);
    check(
        "SELECT * FROM q ORDER BY a |",
        expect!["`` -> keyword DESC, keyword LET, keyword LIMIT, keyword SELECT"],
    );
    check(
        "SELECT * FROM q WHERE a |",
        expect![
            "`` -> keyword AND, keyword GROUP BY, keyword IN, keyword LET, keyword LIMIT, keyword OR, keyword ORDER BY, keyword SELECT"
        ],
    );
    check("SELECT * FROM q LIMIT |", expect!["`` -> "]);
    check("SELECT len(list=a |", expect!["`` -> keyword AND, keyword IN, keyword OR"]);
    check("SELECT * FROM foreach(row={ |", expect!["`` -> keyword EXPLAIN, keyword SELECT"]);
}

#[test]
fn texts_of_some_arguments_are_known() {
    check("SELECT * FROM glob(accessor=\"|\")", expect!["`` -> accessor data, accessor file"]);
    check("SELECT * FROM glob(accessor='f|", expect!["`f` -> accessor file"]);
    check("SELECT * FROM Artifact.Linux.Sys.Users(source='|')", expect!["`` -> artifact Local"]);
    check("SELECT * FROM glob(globs=\"|\")", expect!["`` -> "]);
}

#[test]
fn nothing_is_offered_in_comments_numbers_and_new_names() {
    check("SELECT 1 -- se|", expect!["`` -> "]);
    check("SELECT 12|", expect!["`` -> "]);
    check("LET |", expect!["`` -> "]);
    check("SELECT 1 AS |", expect!["`` -> "]);
    check("SELECT 'not closed |", expect!["`` -> "]);
}

proptest! {
    #[test]
    fn any_text_and_place_has_an_answer(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "SELECT", "FROM", "LET", "WHERE", "(", ")", "{", "}", "[", "]", ",", ".", "=", "glob",
                "Artifact", "'", "\"x\"", "`ä b`", "-- c\n", "/*", "*", "1", "ORDER BY", "é", "AS",
            ]),
            0..40,
        ),
        at in 0_usize..200,
    ) {
        let text = words.join(" ");
        let found = complete(&text, at, &knowledge());
        prop_assert!(found.replaces.start <= found.replaces.end && found.replaces.end <= text.len());
        prop_assert!(text.is_char_boundary(found.replaces.start) && text.is_char_boundary(found.replaces.end));
    }
}
