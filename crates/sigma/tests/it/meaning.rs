//! What each form of a rule finds, and what it does not.

use crate::{around, holds, read, record};

/// Records that the detection finds, and records that it does not.
fn check(detection: &str, found: &[&[&str]], not: &[&[&str]]) {
    let file = read(&around(detection));
    assert!(file.problems.is_empty(), "{:#?}", file.problems);
    for pairs in found {
        assert!(holds(&file, &record(pairs)), "should be found: {pairs:?}\n{detection}");
    }
    for pairs in not {
        assert!(!holds(&file, &record(pairs)), "should not be found: {pairs:?}\n{detection}");
    }
}

/// The same for one field.
fn field(line: &str, found: &[&str], not: &[&str]) {
    let one = |value: &&str| vec![format!("F={value}")];
    let found: Vec<Vec<String>> = found.iter().map(one).collect();
    let not: Vec<Vec<String>> = not.iter().map(one).collect();
    let detection = format!("s:\n  {}\ncondition: s", line.replace('\n', "\n  "));
    for (records, wanted) in [(&found, true), (&not, false)] {
        for pairs in records {
            let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
            let file = read(&around(&detection));
            assert!(file.problems.is_empty(), "{:#?}", file.problems);
            assert_eq!(holds(&file, &record(&pairs)), wanted, "{line} on {pairs:?}");
        }
    }
}

#[test]
fn a_map_wants_all_its_fields_and_a_list_one_of_its_values() {
    check(
        "s:\n  A: [x, y]\n  B: 1\ncondition: s",
        &[&["A=x", "B=1"], &["A=Y", "B=1"]],
        &[&["A=x"], &["A=z", "B=1"], &["A=x", "B=2"]],
    );
    check(
        "s:\n  - A: x\n  - B: y\n    C: z\ncondition: s",
        &[&["A=x"], &["B=y", "C=z"]],
        &[&["B=y"], &["C=z"], &[]],
    );
}

#[test]
fn texts_ignore_case_and_know_wildcards() {
    field("F: 'Who*i'", &["whoami", "WHOI"], &["whoamix", "awhoi"]);
    field("F: 'a?c'", &["abc", "aäc"], &["ac", "abbc"]);
    field(r"F: 'c:\\*\x'", &[r"C:\a\X"], &[r"c:\x"]);
    field(r"F: '\*'", &["*"], &["a"]);
    field("F|cased: Abc", &["Abc"], &["abc", "ABC"]);
    field("F|contains|cased: B", &["aBc"], &["abc"]);
    field("F: ÄRGER", &["ärger"], &["arger"]);
    field("F: ''", &[""], &["x", "null"]);
}

#[test]
fn modifiers_say_where_in_the_text() {
    field("F|contains: b", &["abc", "B"], &["ac"]);
    field("F|startswith: ab", &["ABC"], &["cab"]);
    field(r"F|endswith: '\cmd.exe'", &[r"C:\Windows\CMD.exe"], &["cmd.exe", r"\cmd.exe.bak"]);
    field("F|contains: 'a*c'", &["xabcx"], &["cxa"]);
    field("F|contains|all: [a, b]", &["ba"], &["a", "b"]);
    field("F|contains: [a, b]", &["a", "b"], &["c"]);
    field("F|neq: x", &["y"], &["x", "X"]);
    field("F|neq: [x, y]", &["z"], &["x", "y"]);
}

#[test]
fn values_have_types() {
    field("F: 4688", &["4688", "4688.0"], &["46880", "x4688"]);
    field("F: '4688'", &["4688"], &["46880"]);
    field("F: true", &["true", "TRUE"], &["false", "1"]);
    field("F: null", &["null"], &["x", ""]);
    check("s:\n  F: 007\ncondition: s", &[], &[&["F=7"]]);
}

#[test]
fn numbers_compare() {
    field("F|lt: 10", &["9", "9.5", "-1"], &["10", "x", "null"]);
    field("F|lte: 10", &["10"], &["11"]);
    field("F|gt: 1.5", &["2", "1.6"], &["1", "1.5"]);
    field("F|gte: '3'", &["3"], &["2"]);
}

#[test]
fn networks_hold_addresses() {
    field("F|cidr: 10.0.0.0/8", &["10.1.2.3", "::ffff:10.0.0.1"], &["11.0.0.1", "x"]);
    field("F|cidr: [fe80::/10, 192.168.0.0/16]", &["fe80::1", "192.168.9.9"], &["8.8.8.8"]);
}

#[test]
fn regular_expressions_have_flags() {
    field("F|re: '^a.c$'", &["abc"], &["ABC", "xabc"]);
    field("F|re|i: '^a.c$'", &["ABC"], &["ABBC"]);
    field("F|re: 'b'", &["abc"], &["ac"]);
    check("s:\n  F|re|m: '^b$'\ncondition: s", &[&["F=a\nb\nc"]], &[&["F=a\nbc"]]);
    check("s:\n  F|re|s: 'a.b'\ncondition: s", &[&["F=a\nb"]], &[&["F=ab"]]);
}

#[test]
fn existence_and_other_fields() {
    check("s:\n  F|exists: true\ncondition: s", &[&["F=1"], &["F="]], &[&["F=null"], &["G=1"]]);
    check("s:\n  F|exists: no\ncondition: s", &[&[], &["F=null"]], &[&["F=1"]]);
    check("s:\n  F|fieldref: G\ncondition: s", &[&["F=a", "G=A"]], &[&["F=a", "G=b"], &["F=a"]]);
    check(
        "s:\n  F|fieldref|endswith: G\ncondition: s",
        &[&["F=path/name", "G=Name"]],
        &[&["F=name/path", "G=name"]],
    );
}

#[test]
fn encodings_are_resolved() {
    field("F|windash|contains: ' -enc'", &["a -enc", "a /ENC", "a –enc", "a ―enc"], &["a enc"]);
    field("F|contains|windash: ' -enc'", &["a -enc", "a /ENC", "a –enc"], &["a enc"]);
    field("F|base64: foobar", &["Zm9vYmFy"], &["foobar"]);
    field(
        "F|base64offset|contains: foobar",
        &["xxZm9vYmFyxx", "mb29iYXI", "AAZvb2JhcgA"],
        &["Zm9v"],
    );
    // `ping` in UTF-16, in Base64, at each offset.
    field("F|wide|base64offset|contains: ping", &["cABpAG4AZwA=", "AHAAaQBuAGcA"], &["ping"]);
}

#[test]
fn times_have_parts() {
    field("F|hour: 3", &["2026-01-02T03:04:05Z"], &["2026-01-02T04:04:05Z", "x"]);
    field("F|week: 1", &["2026-01-02T03:04:05Z"], &["2026-01-09T03:04:05Z"]);
    field("F|year: 2026", &["2026-01-02T03:04:05Z", "1767323045"], &["2025-01-02T03:04:05Z"]);
}

#[test]
fn keywords_are_found_anywhere() {
    check("k: [evil, 'a*b']\ncondition: k", &[&["X=an EVIL one"], &["Y=xaxbx"]], &[&["X=good"]]);
    check("k:\n  '|all': [one, two]\ncondition: k", &[&["A=one", "B=two"]], &[&["A=one"]]);
    check("k:\n  '|re': '^a+$'\ncondition: k", &[&["A=x", "B=aaa"]], &[&["A=ab"]]);
    check("k: evil\ncondition: k", &[&["X=evil"]], &[&["X=good"]]);
    check("k: [4625]\ncondition: k", &[&["X=4625"], &["X=id 4625"]], &[&["X=1"]]);
}

#[test]
fn arrays_need_one_element() {
    field("F|endswith: b", &["a;b", "xb;y"], &["a;c"]);
    field("F|gt: 5", &["1;9"], &["1;2"]);
    field("F|contains|all: [a, b]", &["xa;xb"], &["a;c"]);
}

#[test]
fn conditions_combine_searches() {
    let three = "a:\n  A: 1\nb1:\n  B: 1\nb2:\n  C: 1\n_h:\n  H: 1\n";
    let on = |condition: &str, found: &[&[&str]], not: &[&[&str]]| {
        check(&format!("{three}condition: {condition}"), found, not);
    };
    on("a or b1 and b2", &[&["A=1"], &["B=1", "C=1"]], &[&["B=1"]]);
    on("(a or b1) and b2", &[&["A=1", "C=1"]], &[&["A=1"]]);
    on("a and not b1", &[&["A=1"]], &[&["A=1", "B=1"]]);
    on("not (a or b1)", &[&[]], &[&["B=1"]]);
    on("1 of b*", &[&["B=1"], &["C=1"]], &[&["A=1"]]);
    on("any of b*", &[&["B=1"]], &[&["A=1"]]);
    on("all of b*", &[&["B=1", "C=1"]], &[&["B=1"]]);
    on("2 of them", &[&["A=1", "C=1"]], &[&["A=1"], &["A=1", "H=1"]]);
    on("all of them", &[&["A=1", "B=1", "C=1"]], &[&["A=1", "B=1"]]);
    on("A AND NOT 1 OF b*".replace("A AND", "a AND").as_str(), &[&["A=1"]], &[&["A=1", "C=1"]]);
    on("1 of *1", &[&["B=1"]], &[&["C=1"]]);
    on("[a, b1]", &[&["A=1"], &["B=1"]], &[&["C=1"]]);
}

#[test]
fn a_file_may_hold_several_rules() {
    let rule = |title: &str, value: &str| {
        format!(
            "title: {title}\nlogsource: {{product: p}}\ndetection:\n  s: {{F: {value}}}\n  condition: s\n"
        )
    };
    let file = read(&format!("{}---\n{}", rule("One", "1"), rule("Two", "2")));
    let titles: Vec<&str> = file.rules.iter().map(|rule| rule.title.as_str()).collect();
    assert_eq!(titles, ["One", "Two"]);
    assert!(file.problems.is_empty());
}

#[test]
fn global_documents_are_put_under_others() {
    let file = read(concat!(
        "action: global\ntitle: T\nlogsource: {product: p}\n---\n",
        "detection:\n  s: {F: 1}\n  condition: s\n---\n",
        "title: U\ndetection:\n  s: {F: 2}\n  condition: s\n---\n",
        "action: repeat\nlogsource: {service: s}\n",
    ));
    assert!(file.problems.is_empty(), "{:#?}", file.problems);
    let shown: Vec<_> = file.rules.iter().map(|r| (r.title.as_str(), r.source.key())).collect();
    let wanted = [("T", "*/p/*"), ("U", "*/p/*"), ("U", "*/p/s")];
    assert_eq!(shown, wanted.map(|(title, key)| (title, key.to_owned())));
}

#[test]
fn filters_narrow_rules() {
    let file = read(concat!(
        "title: T\nid: one\nlogsource: {product: p}\n",
        "detection:\n  s: {F: 1}\n  condition: s\n---\n",
        "title: not ours\nlogsource: {product: p}\n",
        "filter:\n  rules: [one]\n  ours: {User: adm}\n  condition: not ours\n",
    ));
    assert!(file.problems.is_empty(), "{:#?}", file.problems);
    assert!(holds(&file, &record(&["F=1", "User=x"])));
    assert!(!holds(&file, &record(&["F=1", "User=ADM"])));
}

#[test]
fn a_rule_keeps_what_it_says() {
    let file = read(concat!(
        "title: T\nid: 7\nstatus: test\nlevel: high\ntags: [attack.t1033]\nreferences: [x, y]\n",
        "falsepositives: none\nauthor: me\ndate: 2026-01-02\ndetails: 'User: %User%'\nmine: {a: [1, b]}\n",
        "logsource:\n  category: Process_Creation\n  product: windows\n",
        "detection:\n  s: {F: 1}\n  condition: s\n",
    ));
    let rule = &file.rules[0];
    assert_eq!(rule.level.map(sigma::Level::word), Some("high"));
    assert_eq!(rule.source.key(), "process_creation/windows/*");
    assert_eq!((rule.id.as_deref(), rule.status.as_deref()), (Some("7"), Some("test")));
    assert_eq!(rule.false_positives, ["none"]);
    assert_eq!(rule.custom_text("details").unwrap(), "User: %User%");
    assert_eq!(
        rows::Value::Dict(rule.custom.clone()).to_text(),
        r#"{"details":"User: %User%","mine":{"a":[1,"b"]}}"#
    );
}
