//! Structured paths: how each kind is written and read, taken apart and put together.

use expect_test::{Expect, expect};

use super::question::Asker;

/// Asks for values, one to a line.
fn check(questions: &[&str], answers: Expect) {
    let lines: Vec<String> = questions
        .iter()
        .map(|question| {
            let answer = Asker::new().ask(&format!("SELECT {question} AS a FROM scope()"));
            let answer = answer.strip_prefix("{\"a\":").unwrap_or(&answer);
            answer.replacen("}\n", "\n", 1).trim_end_matches('}').to_owned()
        })
        .collect();
    answers.assert_eq(&lines.join("\n"));
}

#[test]
fn each_kind_of_path_is_written_in_its_own_way() {
    check(
        &[
            "pathspec(parse='/usr//lib/./x', path_type='linux')",
            "pathspec(parse='C:/Users\\\\me', path_type='windows')",
            "pathspec(parse='\\\\\\\\.\\\\C:\\\\$MFT', path_type='ntfs')",
            "pathspec(parse='HKEY_LOCAL_MACHINE\\\\Software\\\\\"a\\\\b\"\\\\c', path_type='registry').Components",
            "pathspec(parse='a/b', path_type='zip')",
            "pathspec(parse='/a/\"b/c\"/d', path_type='linux').Components",
            "pathspec(parse='x', path_type='vms')",
        ],
        expect![[r#"
            "/usr/lib/x"
            "C:\\Users\\me"
            "\\\\.\\C:\\$MFT"
            ["HKEY_LOCAL_MACHINE","Software","a\\b","c"]
            "a/b"
            ["a","b/c","d"]
            null
            log: pathspec: path_type `vms` is not known; there are linux, windows, registry, zip and opaque"#]],
    );
}

#[test]
fn a_path_inside_of_something_is_a_path_spec_and_is_read_back() {
    check(
        &[
            "pathspec(DelegateAccessor='zip', DelegatePath='/x.zip', Path='m/n')",
            "pathspec(DelegatePath='/x.zip')",
            "pathspec(DelegateAccessor='zip', Delegate=pathspec(DelegatePath='/x.zip', Path='y.zip'), Path='z')",
            "pathspec(parse='{\"DelegateAccessor\":\"zip\",\"DelegatePath\":\"/x.zip\",\"Path\":\"m/n\"}', path_type='zip').Path",
            "pathspec(parse='{\"DelegateAccessor\":\"zip\",\"DelegatePath\":\"/x.zip\",\"Path\":\"m/n\"}').DelegatePath",
            "pathspec(parse='{\"DelegatePath\":\"/x.zip\",\"Path\":\"m/n\"}', accessor='zip').Components",
            "pathspec(parse='{not a spec', path_type='linux').Components",
            "pathspec(DelegatePath='/x.zip', Path='m/n').Dirname",
            "pathspec(DelegatePath='/x.zip', Path='m/n').HumanString",
            "pathspec(DelegatePath='/x.zip', Path='m/n') + 'o'",
        ],
        expect![[r#"
            "{\"DelegateAccessor\":\"zip\",\"DelegatePath\":\"/x.zip\",\"Path\":\"m/n\"}"
            "{\"DelegateAccessor\":\"\",\"DelegatePath\":\"/x.zip\",\"Path\":\"\"}"
            "{\"DelegateAccessor\":\"zip\",\"DelegatePath\":\"{\\\"DelegateAccessor\\\":\\\"\\\",\\\"DelegatePath\\\":\\\"/x.zip\\\",\\\"Path\\\":\\\"y.zip\\\"}\",\"Path\":\"z\"}"
            "m/n"
            "/x.zip"
            ["m","n"]
            ["{not a spec"]
            "{\"DelegateAccessor\":\"\",\"DelegatePath\":\"/x.zip\",\"Path\":\"m\"}"
            "/x.zip -> m/n"
            "{\"DelegateAccessor\":\"\",\"DelegatePath\":\"/x.zip\",\"Path\":\"m/n/o\"}""#]],
    );
}

#[test]
fn paths_are_indexed_sliced_and_appended_to() {
    let path = "pathspec(parse='/a/b/c', path_type='linux')";
    let of = |rest: &str| format!("{path}{rest}");
    let questions = [
        of("[0]"),
        of("[-1]"),
        of("[7]"),
        of("[:2]"),
        of("[1:]"),
        of(" + 'd/e'"),
        of(" + ('d', 'e/f')"),
        of(" + pathspec(parse='x/y', path_type='linux')"),
        of(".Basename"),
        of(".Dirname.Dirname"),
        of(" =~ 'B/'"),
        of(" = '/a/b/c'"),
        of(" = pathspec(parse='/a//b/c', path_type='linux')"),
        of(" < pathspec(parse='/b', path_type='linux')"),
        of(".Nothing"),
        format!("len(list={path}.Components)"),
        format!("if(condition={path}, then='yes')"),
        format!("str(str={path})"),
    ];
    check(
        &questions.iter().map(String::as_str).collect::<Vec<_>>(),
        expect![[r#"
        "a"
        "c"
        null
        "/a/b"
        "/b/c"
        "/a/b/c/d/e"
        "/a/b/c/d/\"e/f\""
        "/a/b/c/x/y"
        "c"
        "/a"
        true
        false
        true
        true
        null
        3
        "yes"
        "/a/b/c""#]],
    );
}
