//! What pipelines make of rules, and what is wrong with them.

use expect_test::{Expect, expect};
use sigma::{Pipeline, Predicate, Rule, read_files, read_pipeline, read_rules};

use crate::{around, read};

/// A pipeline of these transformations, each a list item.
fn pipeline(transformations: &str) -> Pipeline {
    let text = format!(
        "name: p\nvars:\n  admins: [root, 'adm*']\n  one: 1\ntransformations:\n{transformations}"
    );
    let file = read_pipeline("p.yml", &text);
    assert!(file.problems.is_empty(), "{:#?}", file.problems);
    file.pipeline.unwrap()
}

fn rule(detection: &str) -> Rule {
    let text =
        around(detection).replace("product: any", "product: windows\n  category: process_creation");
    let file = read_rules(
        "rule.yml",
        &format!("{text}level: high\ntags: [attack.t1033]\nfields: [Image, User]\n"),
    );
    file.rules.into_iter().next().unwrap()
}

/// The predicate in one line.
fn shown(predicate: &Predicate) -> String {
    let several = |of: &[Predicate], by: &str| {
        let each: Vec<String> = of.iter().map(shown).collect();
        format!("({})", each.join(by))
    };
    match predicate {
        Predicate::And(of) => several(of, " and "),
        Predicate::Or(of) => several(of, " or "),
        Predicate::Not(inner) => format!("not {}", shown(inner)),
        Predicate::AtLeast { count, of } => format!("{count} of {}", several(of, ", ")),
        Predicate::Keyword(test) => format!("* {test:?}"),
        Predicate::Field { field, test } => {
            let test = format!("{test:?}");
            let test =
                test.replace("Text(TextTest { pattern: ", "").replace(", cased: false })", "");
            format!("{field} {test}")
        }
    }
}

fn check(transformations: &str, detection: &str, wanted: Expect) {
    let (pipeline, rule) = (pipeline(transformations), rule(detection));
    wanted.assert_eq(&match Pipeline::apply_all([&pipeline], &rule) {
        Ok(rule) => rule.conditions.iter().map(shown).collect::<Vec<_>>().join("\n"),
        Err(error) => format!("refused: {error}"),
    });
}

const PLAIN: &str = "s:\n  Image|endswith: '\\a.exe'\n  User: [x, '%y']\ncondition: s";

#[test]
fn fields_get_other_names() {
    let on = |transformation: &str, wanted: Expect| check(transformation, PLAIN, wanted);
    on(
        "- {type: field_name_mapping, mapping: {Image: process.path}}",
        expect![[
            r#"(process.path EndsWith("\\a.exe") and (User Equals("x") or User Equals("%y")))"#
        ]],
    );
    on(
        "- {type: field_name_mapping, mapping: {Image: [p, q]}}",
        expect![[
            r#"((p EndsWith("\\a.exe") or q EndsWith("\\a.exe")) and (User Equals("x") or User Equals("%y")))"#
        ]],
    );
    on(
        "- {type: field_name_prefix, prefix: win., field_name_conditions: [{type: include_fields, fields: [User]}]}",
        expect![[
            r#"(Image EndsWith("\\a.exe") and (win.User Equals("x") or win.User Equals("%y")))"#
        ]],
    );
    on(
        "- {type: field_name_suffix, suffix: _s, field_name_conditions: [{type: exclude_fields, fields: ['Im.*'], mode: re}]}",
        expect![[r#"(Image EndsWith("\\a.exe") and (User_s Equals("x") or User_s Equals("%y")))"#]],
    );
    on(
        "- {type: field_name_prefix_mapping, mapping: {Us: us_}}",
        expect![[r#"(Image EndsWith("\\a.exe") and (us_er Equals("x") or us_er Equals("%y")))"#]],
    );
    check(
        "- {type: field_name_mapping, mapping: {A: b, C: d, E: [f, g]}}",
        "s:\n  A|fieldref: C\n  E|neq: x\ncondition: s",
        expect![[
            r#"(b OtherField { field: "d", anchor: Whole, cased: false } and (not f Equals("x") and not g Equals("x")))"#
        ]],
    );
}

#[test]
fn a_later_step_sees_what_earlier_ones_did() {
    check(
        "- {id: one, type: field_name_mapping, mapping: {Image: path}}\n\
         - {type: field_name_prefix, prefix: x., field_name_cond_not: true, \
         field_name_conditions: [{type: processing_item_applied, processing_item_id: one}]}\n\
         - {type: set_state, key: k, val: v}\n\
         - {type: field_name_suffix, suffix: _z, rule_conditions: [{type: processing_state, key: k, val: v}]}",
        PLAIN,
        expect![[
            r#"(path_z EndsWith("\\a.exe") and (x.User_z Equals("x") or x.User_z Equals("%y")))"#
        ]],
    );
}

#[test]
fn conditions_on_the_rule_are_linked() {
    let on = |conditions: &str, wanted: Expect| {
        check(
            &format!("- {{type: field_name_prefix, prefix: x., {conditions}}}"),
            "s:\n  A: 1\ncondition: s",
            wanted,
        );
    };
    on(
        "rule_conditions: [{type: logsource, product: windows}]",
        expect!["x.A Number { is: Equal, than: Int(1) }"],
    );
    on(
        "rule_conditions: [{type: logsource, product: linux}]",
        expect!["A Number { is: Equal, than: Int(1) }"],
    );
    on(
        "rule_cond_op: or, rule_conditions: [{type: logsource, product: linux}, {type: tag, tag: attack.t1033}]",
        expect!["x.A Number { is: Equal, than: Int(1) }"],
    );
    on(
        "rule_cond_not: true, rule_conditions: [{type: contains_field, field: A}]",
        expect!["A Number { is: Equal, than: Int(1) }"],
    );
    on(
        "rule_cond_expr: 'a and not b', rule_conditions: {a: {type: is_sigma_rule}, b: {type: rule_attribute, attribute: level, value: low}}",
        expect!["x.A Number { is: Equal, than: Int(1) }"],
    );
    on(
        "rule_conditions: [{type: contains_detection_item, field: A, value: 1}]",
        expect!["x.A Number { is: Equal, than: Int(1) }"],
    );
}

#[test]
fn tests_are_left_out_and_added() {
    let drop = "- {type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [A]}]}";
    check(
        drop,
        "s:\n  A: 1\n  B: 2\ncondition: s",
        expect!["B Number { is: Equal, than: Int(2) }"],
    );
    check(
        drop,
        "s:\n  A: 1\nt:\n  B: 2\ncondition: s and not t",
        expect!["not B Number { is: Equal, than: Int(2) }"],
    );
    check(
        drop,
        "s:\n  A: 1\nt:\n  B: 2\ncondition: t and not s",
        expect!["B Number { is: Equal, than: Int(2) }"],
    );
    check(
        drop,
        "s:\n  A: 1\ncondition: s",
        expect![
            "refused: after the pipelines, the rule `T` cannot be read at rule.yml:8:14: detection.condition: pipelines have left out everything that this condition names; leave out less, or the rule as a whole"
        ],
    );
    check(
        "- {type: add_condition, conditions: {source|contains: '$product'}, template: true}",
        "s:\n  A: 1\nt:\n  B: 2\ncondition: s or t",
        expect![[
            r#"(source Contains("windows") and (A Number { is: Equal, than: Int(1) } or B Number { is: Equal, than: Int(2) }))"#
        ]],
    );
    check(
        "- {type: add_condition, conditions: {C: [1, 2]}, negated: true}",
        "s:\n  A: 1\ncondition: s",
        expect![
            "(not (C Number { is: Equal, than: Int(1) } or C Number { is: Equal, than: Int(2) }) and A Number { is: Equal, than: Int(1) })"
        ],
    );
}

#[test]
fn values_change() {
    let on = |transformation: &str, wanted: Expect| check(transformation, PLAIN, wanted);
    on(
        r"- {type: replace_string, regex: '(a)\.exe', replacement: '\1.\1$'}",
        expect![[r#"(Image EndsWith("\\a.a$") and (User Equals("x") or User Equals("%y")))"#]],
    );
    on(
        "- {type: map_string, mapping: {x: [m, n]}}",
        expect![[
            r#"(Image EndsWith("\\a.exe") and (User Equals("m") or User Equals("n") or User Equals("%y")))"#
        ]],
    );
    on(
        "- {type: case, method: upper, detection_item_conditions: [{type: match_string, cond: any, pattern: 'x'}]}",
        expect![[r#"(Image EndsWith("\\a.exe") and (User Equals("X") or User Equals("%Y")))"#]],
    );
    on(
        "- {type: set_value, value: 7, field_name_conditions: [{type: include_fields, fields: User}]}",
        expect![[
            r#"(Image EndsWith("\\a.exe") and (User Number { is: Equal, than: Int(7) } or User Number { is: Equal, than: Int(7) }))"#
        ]],
    );
}

#[test]
fn placeholders_get_values() {
    let asked =
        "s:\n  User|expand: ['%admins%', 'x%one%y']\n  A|expand|contains: '%gone%'\ncondition: s";
    check(
        "- {type: value_placeholders, include: [admins, one]}\n- {type: wildcard_placeholders}",
        asked,
        expect![[
            r#"((User Equals("root") or User StartsWith("adm") or User Equals("x1y")) and A Contains(""))"#
        ]],
    );
    check(
        "- {type: value_placeholders}",
        asked,
        expect![
            "refused: the pipeline `p` refuses the rule `T`: it has no variable `gone`; add it to its `vars`"
        ],
    );
    check(
        "- {type: value_placeholders, exclude: [gone]}",
        asked,
        expect![
            "refused: no pipeline gives the rule `T` a value for gone; add it to the `vars` of one and use `value_placeholders`"
        ],
    );
}

#[test]
fn a_pipeline_may_refuse() {
    check(
        "- {type: rule_failure, message: not for windows, rule_conditions: [{type: logsource, product: windows}]}",
        PLAIN,
        expect!["refused: the pipeline `p` refuses the rule `T`: not for windows"],
    );
    check(
        "- {type: detection_item_failure, message: no such field, field_name_conditions: [{type: include_fields, fields: [Image]}]}",
        PLAIN,
        expect!["refused: the pipeline `p` refuses the rule `T`: no such field"],
    );
    check(
        "- {type: set_value, value: '*', field_name_conditions: [{type: include_fields, fields: [N]}]}",
        "s:\n  N|gt: 1\ncondition: s",
        expect![
            "refused: after the pipelines, the rule `T` cannot be read at rule.yml:7:11: detection.s.N|gt: `*` is not a number; for example 10 or 2.5"
        ],
    );
}

#[test]
fn several_pipelines_go_by_priority_and_filters_follow() {
    let named = |priority: i64, suffix: &str| {
        let text = format!(
            "name: {suffix}\npriority: {priority}\ntransformations:\n- {{type: field_name_suffix, suffix: {suffix}}}\n"
        );
        read_pipeline("p.yml", &text).pipeline.unwrap()
    };
    let (late, early) = (named(20, "_b"), named(-5, "_a"));
    let filter = "title: F\nlogsource: {product: any}\nfilter:\n  rules: any\n  s: {User: u}\n  condition: not s\n";
    let file =
        read_files([("r.yml", around("s:\n  A: 1\ncondition: s").as_str()), ("f.yml", filter)]);
    let changed = Pipeline::apply_all([&late, &early], &file.rules[0]).unwrap();
    expect![[r#"(A_a_b Number { is: Equal, than: Int(1) } and not User_a_b Equals("u"))"#]]
        .assert_eq(&shown(&changed.conditions[0]));
    let before = shown(&file.rules[0].conditions[0]);
    assert!(!before.contains("_a"), "the rule stays as it was: {before}");
}

#[test]
fn a_correlation_keeps_the_names_of_its_groups() {
    let base = around("s:\n  A: 1\ncondition: s").replace("title: T", "title: T\nname: base");
    let correlation = "title: C\ncorrelation:\n  type: value_count\n  rules: [base]\n  group-by: [User, Host]\n  timespan: 1h\n  condition: {gte: 2, field: Image}\n";
    let file = read(&format!("{base}---\n{correlation}"));
    assert!(file.problems.is_empty(), "{:#?}", file.problems);
    let one =
        pipeline("- {type: field_name_mapping, mapping: {User: user.name, Image: path, A: a}}");
    let changed = Pipeline::apply_all_to_correlation([&one], &file.correlations[0]).unwrap();
    expect![[r#"["User", "Host"] [("User", "user.name"), ("Image", "path")]"#]]
        .assert_eq(&format!("{:?} {:?}", changed.group_by, changed.bases[0].aliases));
    expect!["a Number { is: Equal, than: Int(1) }"]
        .assert_eq(&shown(&changed.leaves()[0].conditions[0]));
    let two = pipeline("- {type: field_name_mapping, mapping: {User: [a, b]}}");
    let refused = Pipeline::apply_all_to_correlation([&two], &file.correlations[0]).unwrap_err();
    expect!["the correlation `C` needs one field for `User`, and the pipelines make several of it; name the one with `aliases`"].assert_eq(&refused.to_string());
}

#[test]
fn mistakes_are_shown_in_place() {
    let on = |text: &str, wanted: Expect| {
        let file = read_pipeline("p.yml", text);
        let shown: Vec<String> = file.problems.iter().map(ToString::to_string).collect();
        wanted.assert_eq(&shown.join("\n"));
        assert_eq!(file.pipeline.is_none(), !shown.is_empty());
    };
    on(
        "",
        expect!["p.yml:1:1: there is no pipeline here; a pipeline has a name and transformations"],
    );
    on(
        "name: p\npriority: high\ntransformations: x",
        expect![[r#"
        p.yml:2:11: priority: a whole number is wanted; for example 10
        p.yml:3:18: transformations: a list is wanted here, this is a single text; start each item with `- ` on a line of its own"#]],
    );
    on(
        "name: p\ntransformations:\n- type: field_name_maping\n- mapping: {}\n- {type: rule_failure, mesage: x}",
        expect![[r#"
            p.yml:3:9: transformations[0].type: there is no transformation `field_name_maping` here; did you mean `field_name_mapping`?
            p.yml:4:3: transformations[1].type: what is done?; one of field_name_mapping, field_name_prefix_mapping, field_name_prefix, field_name_suffix, drop_detection_item, add_condition, change_logsource, replace_string, map_string, set_value, convert_type, case, value_placeholders, wildcard_placeholders, set_state, set_custom_attribute, rule_failure, detection_item_failure
            p.yml:5:24: transformations[2].mesage: there is no field `mesage`; did you mean `message`?
            p.yml:5:3: transformations[2].message: `message` is missing; add it"#]],
    );
    on(
        "name: p\ntransformations:\n- type: replace_string\n  regex: '(?<=a)'\n  replacement: b",
        expect![
            "p.yml:4:10: transformations[0].regex: `(?<=a)` is not a regular expression that can be used; look-around and back-references are not possible"
        ],
    );
    on(
        "name: p\ntransformations:\n- type: field_name_prefix\n  prefix: x\n  rule_conditions:\n  - type: logsorce\n  field_name_cond_op: xor",
        expect![[r#"
            p.yml:6:11: transformations[0].rule_conditions[0].type: there is no condition `logsorce` here; did you mean `logsource`?
            p.yml:7:23: field_name_cond_op: `xor` links nothing; `and` or `or`"#]],
    );
}
