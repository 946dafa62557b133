//! Binary structs, databases and documents, through the real evaluator.

use expect_test::{Expect, expect};

use super::question::Tree;

/// One to nineteen, then texts in UTF-8 and UTF-16.
fn sample() -> Vec<u8> {
    let mut bytes: Vec<u8> = (1..=19).collect();
    bytes.extend(b"hello\0world\0");
    bytes.extend("hello\0world\0".encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}

/// The value of an expression over a struct `T` with these fields, at the start of the sample.
fn check(profile: &str, expression: &str, wanted: Expect) {
    let tree = Tree::new(&[("sample", &sample())]);
    let query = format!(
        "LET Profile = '''{profile}'''
         LET X <= parse_binary(filename='{{}}/sample', profile=Profile, struct='T', env=dict(Two=2))
         SELECT {expression} AS V FROM scope()"
    );
    wanted.assert_eq(&tree.ask(&query));
}

const NESTED: &str = r#"[
  ["T", "x=>x.Field1 + 5", [
    ["Field1", 2, "uint8"], ["Field2", 4, "Second"], ["Me", 0, "Value", {"value": "x=>x"}],
    ["Field3", 0, "unsigned long long"], ["Field4", "x => x.Field1", "Second"], ["__Hidden", 0, "int8"]]],
  ["Second", 5, [["SecondField1", 2, "uint8"], ["Around", 0, "Value", {"value": "x=>x.ParentOf.Field1 * Two"}]]]]"#;

#[test]
fn structs_hold_structs_and_compute_their_places() {
    check(
        NESTED,
        "X",
        expect![[
            r#"{"V":{"Field1":3,"Field2":{"SecondField1":7,"Around":6},"Field3":578437695752307201,"Field4":{"SecondField1":6,"Around":6}}}"#
        ]],
    );
    check(
        NESTED,
        "(X.SizeOf, X.StartOf, X.EndOf, X.Field4.StartOf, X.__Hidden, X.Field2.ParentOf.Field1)",
        expect![[r#"{"V":[8,0,8,3,1,3]}"#]],
    );
    check(
        NESTED,
        "(X.`@Field4`.RelOffset, X.`@Field4`.RelEndOf, X.`@Field1`.EndOf, X.`@Field1`.Value)",
        expect![[r#"{"V":[3,8,3,3]}"#]],
    );
}

#[test]
fn arrays_are_counted_by_a_field_and_know_their_place() {
    let profile = r#"[["T", 0, [
        ["Length", 1, "uint8"],
        ["A", 2, "Array", {"count": "x=>x.Length", "type": "uint8"}],
        ["B", 1, "Array", {"count": 2, "type": "Second"}],
        ["C", 0, "Array", {"count": 1000, "type": "uint8", "sentinel": "x=>x = 4"}],
        ["D", 0, "Array", {"count": 5, "type": "Shapeless"}],
        ["E", 50, "Array", {"count": 100, "type": "uint16be"}]]],
      ["Shapeless", 0, [["F", 0, "uint8"]]],
      ["Second", 5, [["F", 2, "uint8"]]]]"#;
    check(
        profile,
        "(X.A, X.A.Value, X.A.SizeOf, X.B.F, X.B.EndOf, X.B[1].F, len(list=X.B), X.C, X.E)",
        expect![[r#"{"V":[[3,4],[3,4],2,[4,9],11,9,2,[1,2,3],[100,0,null]]}"#]],
    );
    check(
        profile,
        "X.D",
        expect![[r#"
            {"V":[]}
            log: parse_binary: an array has elements without a size (struct Shapeless) and ends there; give the struct a size"#]],
    );
    let tree = Tree::new(&[("sample", &sample())]);
    let query = format!(
        "LET Profile = '''{profile}'''
         SELECT * FROM foreach(row=parse_binary(filename='{{}}/sample', profile=Profile, struct='T').B)"
    );
    expect![[r#"
        {"F":4}
        {"F":9}"#]]
    .assert_eq(&tree.ask(&query));
}

#[test]
fn texts_have_lengths_ends_and_encodings() {
    check(
        r#"[["T", 0, [
            ["Length", 2, "uint8"],
            ["A", 19, "String"],
            ["B", 19, "String", {"length": 11, "term": ""}],
            ["C", 31, "String", {"length": 22, "term": "", "encoding": "utf16"}],
            ["D", 19, "String", {"length": "x=>x.Length"}],
            ["E", 31, "String", {"length": "x=>x.Length * 2", "encoding": "utf16"}],
            ["F", 19, "String", {"term_hex": "6c6c"}],
            ["G", 19, "String", {"term_exp": "x=>'o'"}],
            ["H", 5000, "String"],
            ["I", "x=>x.`@A`.RelEndOf", "String"]]]]"#,
        "X",
        expect![[
            r#"{"V":{"Length":3,"A":"hello","B":"hello\u0000world","C":"hello\u0000world","D":"hel","E":"hel","F":"he","G":"hell","H":"","I":"world"}}"#
        ]],
    );
}

#[test]
fn numbers_have_meanings() {
    check(
        r#"[["T", 0, [
            ["Low", 18, "BitField", {"type": "uint8", "start_bit": 0, "end_bit": 4}],
            ["High", 18, "BitField", {"type": "uint8", "start_bit": 4, "end_bit": 8}],
            ["Flags", 2, "Flags", {"type": "uint8", "bitmap": {"Write": 1, "Read": 0, "Run": 2}}],
            ["Name", 1, "Enumeration", {"type": "uint8", "choices": {"1": "one", "2": "two"}}],
            ["Code", 2, "Enumeration", {"type": "uint8", "map": {"one": 1}}],
            ["Time", 0, "Timestamp", {"type": "uint32"}],
            ["Millis", 0, "Timestamp", {"type": "uint32", "factor": 1000}],
            ["Win", 0, "WinFileTime"],
            ["Guid", 0, "GUID"],
            ["Big", 0, "uint32b"],
            ["Signed", 0, "int16be"],
            ["Short", 0, "leb128"],
            ["Behind", 52, "uint32"],
            ["Far", 9000000000, "uint32"],
            ["Before", -1, "uint8"],
            ["Nothing", 0, "Null"]]]]"#,
        "X",
        expect![[
            r#"{"V":{"Low":3,"High":1,"Flags":["Read","Write"],"Name":"two","Code":"3","Time":"1972-02-19T00:06:25Z","Millis":"1970-01-01T18:41:45.985Z","Win":"3433-12-31T01:46:15.2307201Z","Guid":"04030201-0605-0807-090A-0B0C0D0E0F10","Big":16909060,"Signed":258,"Short":1,"Behind":null,"Far":null,"Before":null,"Nothing":null}}"#
        ]],
    );
    check(
        r#"[["T", 0, [["N", 0, "leb128"]]]]"#,
        "(X.N + 1, X.N.SizeOf, X.N = 1)",
        expect![[r#"{"V":[2,1,true]}"#]],
    );
}

#[test]
fn a_union_is_chosen_by_a_field() {
    let profile = |first: i64| {
        format!(
            r#"[["T", 0, [["Field", {first}, "uint8"],
                ["U", 4, "Union", {{"selector": "x=>x.Field", "choices": {{"1": "A", "2": "B", "default": "uint16"}}}}]]],
              ["A", 0, [["F1", 0, "uint8"]]], ["B", 0, [["F2", 4, "uint32"]]]]"#
        )
    };
    check(&profile(0), "X.U", expect![[r#"{"V":{"F1":5}}"#]]);
    check(&profile(1), "X.U", expect![[r#"{"V":{"F2":202050057}}"#]]);
    check(&profile(2), "X.U", expect![[r#"{"V":1541}"#]]);
}

#[test]
fn pointers_may_run_in_circles() {
    let mut bytes = vec![0; 32];
    bytes[0] = 16;
    bytes[8] = 1;
    bytes[24] = 2;
    let tree = Tree::new(&[("list", &bytes)]);
    let query = |expression: &str| {
        tree.ask(&format!(
            "LET Profile = '''[[\"Node\", 16, [
                [\"Next\", 0, \"Pointer\", {{\"type\": \"Node\"}}],
                [\"Id\", 8, \"uint8\"],
                [\"Deep\", 0, \"Profile\", {{\"type\": \"uint8\", \"offset\": \"x=>24\"}}]]]]'''
             LET X <= parse_binary(filename='{{}}/list', profile=Profile, struct='Node')
             SELECT {expression} AS V FROM scope()"
        ))
    };
    expect![[r#"{"V":[1,2,1,2,2]}"#]]
        .assert_eq(&query("(X.Id, X.Next.Id, X.Next.Next.Id, X.Next.Next.Next.Id, X.Deep)"));
    let whole = query("X.Next");
    assert!(whole.contains(r#""Id":2"#), "{whole}");
}

#[test]
fn fields_that_need_themselves_are_null() {
    check(
        r#"[["T", 0, [["A", "x=>x.B", "uint8"], ["B", "x=>x.A", "uint8"],
            ["C", 0, "Value", {"value": "x=>x.C + x.C"}]]]]"#,
        "(X.A, X.C)",
        expect![[r#"
            {"V":[null,null]}
            log: parse_binary: field A of struct T depends on itself; NULL there
            log: parse_binary: field C of struct T depends on itself; NULL there"#]],
    );
}

#[test]
fn what_is_wrong_is_said() {
    let tree = Tree::new(&[("sample", &sample())]);
    let ask = |profile: &str, name: &str| {
        tree.ask(&format!(
            "SELECT parse_binary(filename='{{}}/sample', profile='''{profile}''', struct='{name}') AS V FROM scope()"
        ))
    };
    expect![[r#"
        {"V":null}
        log: parse_binary: profile, line 1, column 2: a struct is [name, size, [fields]]; here are 1 parts"#]]
    .assert_eq(&ask("[[A 0]]", "A"));
    expect![[r#"
        {"V":null}
        log: parse_binary: the profile has no struct `B`; its structs are A"#]]
    .assert_eq(&ask(r#"[["A", 0, []]]"#, "B"));
    expect![[r#"
        {"V":{"F":null,"G":null,"H":null,"I":1}}
        log: parse_binary: profile, line 1, column 65: field H of struct A: Flags needs the option `type`
        log: parse_binary: field F of struct A: `x=>`: error: the text ends too early
         --> query:1:4
          |
        1 | x=>
          |    ^ expected an expression after `=>`

        log: parse_binary: `x=>` is no lambda: error: the text ends too early
         --> query:1:4
          |
        1 | x=>
          |    ^ expected an expression after `=>`

        log: parse_binary: the type `Nothing` is neither built in nor a struct of the profile; its structs are A"#]].assert_eq(&ask(
        r#"[["A", 0, [["F", "x=>", "uint8"], ["G", 0, "Nothing"], ["H", 0, "Flags"], ["I", 0, "uint8"]]]]"#,
        "A",
    ));
    expect![[r#"{"V":67305985}"#]].assert_eq(&ask("", "uint32"));
}
