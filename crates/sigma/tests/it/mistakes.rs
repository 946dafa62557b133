//! What is said about rules that are wrong: where, what, and how to mend it.

use expect_test::{Expect, expect};

use crate::{around, read};

fn check(text: &str, wanted: Expect) {
    let file = read(text);
    let lines: Vec<String> = file.problems.iter().map(ToString::to_string).collect();
    let rules = file.rules.len();
    wanted.assert_eq(&format!("{}\nrules: {rules}", lines.join("\n")));
}

#[test]
fn modifiers_that_do_not_exist_or_do_not_go_together() {
    let on = |line: &str, wanted: Expect| {
        check(&around(&format!("s:\n  {line}\ncondition: s")), wanted);
    };
    on(
        "F|contain: x",
        expect![[r#"
        rule.yml:6:16: detection.s.F|contain: there is no modifier `contain`; did you mean `contains`?; see the modifiers of the Sigma specification, version 2
        rules: 0"#]],
    );
    on(
        "F|re|lt: 5",
        expect![[r#"
        rule.yml:6:14: detection.s.F|re|lt: `lt` does not go with the modifiers before it; a value is one of: a text, a regular expression, a number, a network, a field
        rules: 0"#]],
    );
    on(
        "F|i: x",
        expect![[r#"
        rule.yml:6:10: detection.s.F|i: `i` only goes behind `re`; write `|re|i`
        rules: 0"#]],
    );
    on(
        "F|expand: '%a%'",
        expect![[r#"
            rule.yml:5:3: detection: this needs values from outside the rule: a; give them with a pipeline (`value_placeholders`); until then it finds nothing
            rules: 1"#]],
    );
    on(
        "F|contains|startswith: x",
        expect![[r#"
        rule.yml:6:28: detection.s.F|contains|startswith: only one of `contains`, `startswith` and `endswith` has a meaning; keep one of them
        rules: 0"#]],
    );
    on(
        "F|re: '(?=x)y'",
        expect![[r#"
        rule.yml:6:11: detection.s.F|re: not a regular expression that can be used: look-around, including look-ahead and look-behind, is not supported; look-around and back-references are not possible; write the rest without them
        rules: 0"#]],
    );
    on(
        "F|cidr: 10.0.0/8",
        expect![[r#"
        rule.yml:6:13: detection.s.F|cidr: `10.0.0/8` is not a network; for example 10.0.0.0/8 or fe80::/10
        rules: 0"#]],
    );
    on(
        "F|lt: abc",
        expect![[r#"
        rule.yml:6:11: detection.s.F|lt: `abc` is not a number; for example 10 or 2.5
        rules: 0"#]],
    );
    on(
        "F|base64: 'a*'",
        expect![[r#"
        rule.yml:6:15: detection.s.F|base64: a text with wildcards cannot be encoded; remove the wildcards, or write a backslash before each
        rules: 0"#]],
    );
    on(
        "F|base64offset|contains: a",
        expect![[r#"
        rule.yml:6:30: detection.s.F|base64offset|contains: the value is too short: encoded, nothing certain is left of it; write a longer value
        rules: 0"#]],
    );
    on(
        "F|contains: null",
        expect![[r#"
        rule.yml:6:17: detection.s.F|contains: there is no value here for the modifiers; write '' for the empty text
        rules: 0"#]],
    );
    on(
        "F: {a: 1}",
        expect![[r#"
        rule.yml:6:8: detection.s.F: a single value is wanted here, this is a set of fields; a field holds a value or a list of values
        rules: 0"#]],
    );
    on(
        "F: []",
        expect![[r#"
        rule.yml:6:8: detection.s.F: this list is empty; add a value or remove the field
        rules: 0"#]],
    );
    on(
        "'|cidr': 10.0.0.0/8",
        expect![[r#"
        rule.yml:6:14: detection.s.|cidr: this modifier needs a field; here is none; name a field, or remove the modifier
        rules: 0"#]],
    );
}

#[test]
fn conditions_that_cannot_be_read() {
    let on = |condition: &str, wanted: Expect| {
        check(&around(&format!("sel:\n  F: 1\ncondition: {condition}")), wanted);
    };
    on(
        "sle",
        expect![[r#"
        rule.yml:7:14: detection.condition: there is no search `sle`; there are sel; a condition names searches of the same `detection`
        rules: 0"#]],
    );
    on(
        "sel and",
        expect![[r#"
        rule.yml:7:21: detection.condition: the condition ends too early; name a search here
        rules: 0"#]],
    );
    on(
        "sel sel",
        expect![[r#"
        rule.yml:7:18: detection.condition: `sel` does not go here; put `and` or `or` between two searches
        rules: 0"#]],
    );
    on(
        "(sel",
        expect![[r#"
        rule.yml:7:18: detection.condition: `)` is missing; close every `(`
        rules: 0"#]],
    );
    on(
        "sel)",
        expect![[r#"
        rule.yml:7:17: detection.condition: `)` closes nothing; remove it, or write the `(`
        rules: 0"#]],
    );
    on(
        "1 of x*",
        expect![[r#"
        rule.yml:7:19: detection.condition: there is no search `x*`; there are sel; a condition names searches of the same `detection`
        rules: 0"#]],
    );
    on(
        "sel | count() > 5",
        expect![[r#"
        rule.yml:7:18: detection.condition: counting with `|` is not possible here; counting over several records is correlation, which comes with log hunts
        rules: 0"#]],
    );
    on(
        "",
        expect![[r#"
        rule.yml:7:12: detection.condition: the condition is empty; name a search
        rules: 0"#]],
    );
    on(
        &"not ".repeat(100),
        expect![[r#"
        rule.yml:7:273: detection.condition: nested deeper than 64; name parts of it as searches
        rules: 0"#]],
    );
}

#[test]
fn rules_that_lack_something() {
    check(
        "title: T",
        expect![[r#"
        rule.yml:1:1: logsource: the rule does not say which records it is about; add `logsource:` with a category, a product or a service
        rule.yml:1:1: detection: the rule asks nothing; add `detection:` with a search and a `condition`
        rules: 0"#]],
    );
    check(
        "- a\n- b",
        expect![[r#"
        rule.yml:1:1: fields are wanted here, this is a list; write `name: value` lines
        rules: 0"#]],
    );
    check(
        "",
        expect![[r#"
        rule.yml:1:1: there is no rule here; a rule has a title and a detection
        rules: 0"#]],
    );
    check(
        "title: T\nlogsource: {}\ndetection: {condition: s}",
        expect![[r#"
        rule.yml:2:12: logsource: this says nothing about the records; name at least one of category, product and service
        rule.yml:3:12: detection: there is no search here; add a search, such as `selection:`
        rules: 0"#]],
    );
    check(
        &around("s:\n  F: 1"),
        expect![[r#"
        rule.yml:5:3: detection.condition: there is no condition; for example `condition: selection`
        rules: 0"#]],
    );
    check(
        &around("s:\n  F: 1\n  F: 2\ncondition: s"),
        expect![[r#"
        rule.yml:7:5: detection.s.F: this field is written twice; remove one, or join them in a list
        rules: 0"#]],
    );
    check(
        &around("s: []\ncondition: s"),
        expect![[r#"
        rule.yml:5:6: detection.s: this list is empty; add an item or remove the search
        rules: 0"#]],
    );
    check(
        &around("s:\n  F: 1\ntimeframe: 5m\ncondition: s"),
        expect![[r#"
            rule.yml:7:14: detection.timeframe: a time frame is for counting over several records, which one rule cannot; write a correlation rule with `timespan`
            rules: 0"#]],
    );
}

#[test]
fn what_a_rule_says_of_itself_is_only_warned_about() {
    let text = around("s:\n  F: 1\ncondition: s");
    check(
        &format!("{text}level: hihg\nstatus: ripe\n"),
        expect![[r#"
        rule.yml:8:8: level: `hihg` is not a level; one of informational, low, medium, high, critical
        rule.yml:9:9: status: `ripe` is not a status; one of stable, test, experimental, deprecated, unsupported
        rules: 1"#]],
    );
}

#[test]
fn a_correlation_with_mistakes_is_left_out_and_the_rest_is_kept() {
    let text = around("s:\n  F: 1\ncondition: s");
    check(
        &format!("{text}---\ntitle: C\ncorrelation:\n  type: event_count\n"),
        expect![[r#"
            rule.yml:11:3: correlation.rules: no rule is correlated; list names or ids of rules
            rule.yml:11:3: correlation.timespan: how far apart may the events be?; a number and one of s, m, h, d, w, M, y: for example 15m
            rule.yml:11:3: correlation.condition: there is no condition; for example `condition: {gte: 10}`
            rules: 1"#]],
    );
    check(
        &format!("{text}---\na: 'x\n"),
        expect![[r#"
        rule.yml:10:1: not YAML: invalid indentation in multiline quoted scalar; check the indentation and the quotes around here
        rules: 1"#]],
    );
}

#[test]
fn a_rule_cannot_grow_without_bound() {
    let searches: String = (0..400).map(|n| format!("s{n}:\n  F: {n}\n")).collect();
    let condition = vec!["1 of them"; 200].join(" and ");
    check(
        &around(&format!("{searches}condition: {condition}")),
        expect![[r#"
        rule.yml:805:1773: detection.condition: the rule has more than 50000 tests; split it, or name each search once
        rules: 0"#]],
    );
    let dashes = vec!["'-a -b -c'"; 2_000].join(", ");
    check(
        &around(&format!("s:\n  F|windash: [{dashes}]\ncondition: s")),
        expect![[r#"
        rule.yml:6:4817: detection.s.F|windash: the rule has more than 50000 tests; split the rule
        rules: 0"#]],
    );
}
