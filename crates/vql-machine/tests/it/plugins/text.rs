//! Functions on text, numbers, time and paths.

use expect_test::{Expect, expect};

use super::question::Asker;

/// Several expressions, one answer per line.
#[track_caller]
fn check(expressions: &[&str], answer: Expect) {
    let lines: Vec<String> = expressions
        .iter()
        .map(|expression| Asker::new().ask(&format!("SELECT {expression} AS x FROM scope()")))
        .collect();
    answer.assert_eq(&lines.join("\n"));
}

#[test]
fn text_is_cut_and_joined() {
    check(
        &[
            r#"split(string="a, b,c", sep=",\\s*")"#,
            r#"split(string="a.b", sep_string=".")"#,
            r#"split(string="ab", sep="")"#,
            r#"substr(str="héllo", start=1, end=3)"#,
            r#"join(array=("a", 1, 2.5), sep="-")"#,
            r#"strip(string="  x ")"#,
            r#"strip(string="/a/b/", prefix="/", suffix="/")"#,
            r#"lowcase(string="ÄB") + upcase(string="ß")"#,
            r#"str(str=dict(a=1))"#,
        ],
        expect![[r#"
            {"x":["a","b","c"]}
            {"x":["a","b"]}
            {"x":null}
            log: split: one of sep and sep_string must be given
            {"x":"él"}
            {"x":"a-1-2.5"}
            {"x":"x"}
            {"x":"a/b"}
            {"x":"äbSS"}
            {"x":"{\"a\":1}"}"#]],
    );
}

#[test]
fn numbers_are_read_and_written() {
    check(
        &[
            r#"(int(int="0x10"), int(int=2.9), int(int=" 7 "), int(int=TRUE), int(int="x"), int())"#,
            r#"(atoi(string="010"), atoi(string="08"), atoi(string="-0x1f"), atoi(string="1e3"))"#,
            r#"(parse_float(string="1.5"), parse_float(string="inf"))"#,
            r#"(humanize(bytes=82854982), humanize(ibytes=82854982), humanize(comma=1234567))"#,
            r#"humanize(time=1700002800)"#,
            r#"rand(range=10) < 10"#,
            r#"rand(range=0)"#,
        ],
        expect![[r#"
            {"x":[16,2,7,1,null,null]}
            {"x":[8,8,-31,null]}
            {"x":[1.5,null]}
            {"x":["83 MB","79 MiB","1,234,567"]}
            {"x":"1 hour ago"}
            {"x":true}
            {"x":null}
            log: rand: range must be greater than zero"#]],
    );
}

#[test]
fn moments_are_read_from_anything() {
    check(
        &[
            r#"timestamp(epoch=1700000000)"#,
            r#"timestamp(epoch="1700000000123")"#,
            r#"timestamp(epoch=1700000000.5)"#,
            r#"timestamp(string="Nov 14 22:13:20")"#,
            r#"timestamp(string="14/11/2023 22:13", format="02/01/2006 15:04")"#,
            r#"timestamp(winfiletime=133444736000000000)"#,
            r#"timestamp(cocoatime=721692800)"#,
            r#"timestamp(mactime=3782844800)"#,
            r#"timestamp(epoch=0)"#,
            r#"timestamp(epoch="rain")"#,
            r#"timestamp_format(time=1700000000, format="Jan _2 15:04:05")"#,
            r#"now()"#,
        ],
        expect![[r#"
            {"x":"2023-11-14T22:13:20Z"}
            {"x":"2023-11-14T22:13:20.123Z"}
            {"x":"2023-11-14T22:13:20.5Z"}
            {"x":"2023-11-14T22:13:20Z"}
            {"x":"2023-11-14T22:13:00Z"}
            {"x":"2023-11-14T22:13:20Z"}
            {"x":"2023-11-14T22:13:20Z"}
            {"x":"2023-11-14T22:13:20Z"}
            {"x":"0001-01-01T00:00:00Z"}
            {"x":null}
            log: timestamp: `rain` is not a date that is understood; write it as 2026-01-31T12:00:00Z or name its layout
            {"x":"Nov 14 22:13:20"}
            {"x":1700006400}"#]],
    );
}

#[test]
fn a_zone_may_be_asked_for() {
    let asker = Asker::new().with("TZ", "Europe/Berlin");
    expect![[r#"{"a":true,"b":"2023-11-14T23:13:20+01:00"}"#]].assert_eq(&asker.ask(
        r#"SELECT timestamp(string="2023-11-14 23:13:20") = 1700000000 AS a,
                  timestamp_format(time=1700000000) AS b FROM scope()"#,
    ));
    let asker = Asker::new().with("PARSE_TZ", "Atlantis");
    expect![[r#"
        {"a":null}
        log: timestamp: `Atlantis` is no time zone; name it as Europe/Berlin (failed to find time zone `Atlantis` in time zone database)"#]].assert_eq(&asker.ask(r#"SELECT timestamp(string="2023-11-14") AS a FROM scope()"#));
}

#[test]
fn regular_expressions_take_text_apart() {
    check(
        &[
            r#"parse_string_with_regex(string="port 22 open", regex=["port (?P<Port>\\d+)", "(?P<State>open|closed)(\\!)?", "zzz(?P<No>.)"])"#,
            r#"regex_replace(source="john smith", re="(?P<a>\\w+) (\\w+)", replace="$2 ${a} $$1")"#,
            r#"regex_replace(source="abc", re="B", replace_lambda="x=>upcase(string=x + x)")"#,
            r#"regex_transform(source="abc", map=dict(a="1", c="$0$0"))"#,
            r#"regex_replace(source="abc", re="(", replace="")"#,
        ],
        expect![[r#"
            {"x":{"Port":"22","State":"open","g2":""}}
            {"x":"smith john $1"}
            {"x":"aBBc"}
            {"x":"1bcc"}
            {"x":null}
            log: regex_replace: Field re: error parsing regexp: missing closing ): `(`"#]],
    );
}

#[test]
fn encodings_are_undone() {
    check(
        &[
            r#"base64encode(string="hello")"#,
            r#"(base64decode(string="aGVsbG8="), base64decode(string="aGVs bG8"), base64decode(string="?"))"#,
            r#"unhex(string="68656c6c6f")"#,
            r#"utf16(string=utf16_encode(string="hé"))"#,
            r#"xor(string="abc", key="\x01")"#,
            r#"rot13(string="Uryyb")"#,
            r#"entropy(string="aabb")"#,
            r#"serialize(item=dict(a=1, b=("x", NULL)), format="yaml")"#,
            r#"serialize(item=(dict(a=1, b="x,y"), dict(a=2)), format="csv")"#,
            r#"encode(string="hi", type="hex")"#,
            r#"encode(string="hi", type="morse")"#,
        ],
        expect![[r#"
            {"x":"aGVsbG8="}
            {"x":["hello","hello",null]}
            log: base64decode: Invalid symbol 63, offset 0.
            {"x":"hello"}
            {"x":"hé"}
            {"x":"`cb"}
            {"x":"Hello"}
            {"x":1}
            {"x":"a: 1\nb:\n  - x\n  - null\n"}
            {"x":"a,b\n1,\"x,y\"\n2,\n"}
            {"x":"6869"}
            {"x":null}
            log: encode: the format `morse` is not known; there are json, jsonl, csv, yaml, hex and base64"#]],
    );
}

#[test]
fn json_yaml_and_xml_become_values() {
    check(
        &[
            r#"parse_json(data='{"a": [1, {"b": null}]}').a[1]"#,
            r#"parse_json(data='{"a": ')"#,
            r#"parse_json_array(data="[1, 2]")"#,
            r#"parse_json_array(data="{}")"#,
            r#"parse_xml(accessor="data", file="<a k='v'><b>1</b><b>2</b></a>").a.b"#,
            r#"parse_xml(accessor="data", file="<a>")"#,
            r#"parse_yaml(accessor="data", filename="a: [1, yes]\nb: {c: 2020-01-01}")"#,
            r#"parse_yaml(accessor="data", filename="a: [")"#,
        ],
        expect![[r#"
            {"x":{"b":null}}
            {"x":null}
            log: parse_json: not JSON: EOF while parsing a value at line 1 column 6
            {"x":[1,2]}
            {"x":null}
            log: parse_json_array: the text is JSON but no array, it is an object
            {"x":["1","2"]}
            {"x":null}
            log: parse_xml: not well-formed XML at byte 3: `<a>` is never closed
            {"x":{"a":[1,true],"b":{"c":"2020-01-01"}}}
            {"x":null}
            log: parse_yaml: `a: [` is not YAML: error: line 1 column 4: unclosed bracket '['
             --> <input>:1:4
              |
            1 | a: [
              |    ^ unclosed bracket '['"#]],
    );
}

#[test]
fn grok_patterns_name_their_fields() {
    check(
        &[
            r#"grok(data="10.0.0.1 GET 200", grok="%{IP:ip} %{WORD:verb} %{NUMBER:code:int}")"#,
            r#"grok(data="nothing", grok="%{IP:ip}")"#,
            r#"grok(data="a-7", grok="%{MINE:x}", patterns=dict(MINE="[a-z]-[0-9]"))"#,
            r#"grok(data="a", grok="%{NOPE}")"#,
            r#"grok(data="10.0.0.1", grok="%{IPV4}", all_captures=TRUE)"#,
        ],
        expect![[r#"
            {"x":{"ip":"10.0.0.1","verb":"GET","code":200}}
            {"x":null}
            {"x":{"x":"a-7"}}
            {"x":null}
            log: grok: no Grok pattern is called `NOPE`; add it with the argument `patterns`
            {"x":{"IPV4":"10.0.0.1"}}"#]],
    );
}

#[test]
fn command_lines_are_split() {
    check(
        &[
            r#"commandline_split(command='"C:\\a b\\c.exe" /x "y z"')"#,
            r#"commandline_split(command="sh -c 'a b'", bash_style=TRUE)"#,
        ],
        expect![[r#"
            {"x":["C:\\a b\\c.exe","/x","y z"]}
            {"x":["sh","-c","a b"]}"#]],
    );
}

#[test]
fn addresses_and_urls_are_taken_apart() {
    check(
        &[
            r#"ip(netaddr4_le=0x0100007f)"#,
            r#"ip(netaddr4_be=0x7f000001)"#,
            r#"ip(parse="10.1.2.3").IsPrivate"#,
            r#"ip(parse="x")"#,
            r#"(cidr_contains(ip="10.1.2.3", ranges="10.0.0.0/8"), cidr_contains(ip="11.0.0.1", ranges=["10.0.0.0/8", "::/0"]))"#,
            r#"url(parse="https://u@h.org:8443/p/q?a=1&a=2#f")"#,
            r#"url(scheme="https", host="h.org", path="/a b", query=dict(q="x y")).String"#,
            r#"url(parse="nowhere")"#,
        ],
        expect![[r#"
            {"x":"127.0.0.1"}
            {"x":"127.0.0.1"}
            {"x":true}
            {"x":null}
            log: ip: `x` is not an IP address
            {"x":[true,false]}
            {"x":{"Scheme":"https","User":"u","Host":"h.org:8443","Path":"/p/q","RawQuery":"a=1&a=2","Query":{"a":["1","2"]},"Fragment":"f","String":"https://u@h.org:8443/p/q?a=1&a=2#f"}}
            {"x":"https://h.org/a%20b?q=x+y"}
            {"x":null}
            log: url: `nowhere` is not a URL such as https://host/path: relative URL without a base"#]],
    );
}

#[test]
fn paths_are_structured() {
    check(
        &[
            r#"(basename(path="/a/b.txt"), dirname(path="/a/b.txt"), path_join(components=("/a", "b/c")), path_split(path="/a/b"))"#,
            r#"(basename(path="C:\\x\\y.exe", path_type="windows"), path_join(components=("C:", "x"), sep="\\"))"#,
            r#"relpath(path="/a/b/c", base="/a")"#,
            r#"pathspec(DelegateAccessor="zip", DelegatePath="/x.zip", Path="m/n").Components"#,
            r#"pathspec(parse="/a/b/c", path_type="linux")[-1]"#,
            r#"pathspec(Path=("a", "b")) + "c""#,
            r#"basename(path="/a", path_type="amiga")"#,
        ],
        expect![[r#"
            {"x":["b.txt","/a","/a/b/c",["a","b"]]}
            {"x":["y.exe","C:\\x"]}
            {"x":"b/c"}
            {"x":["m","n"]}
            {"x":"c"}
            {"x":"/a/b/c"}
            {"x":null}
            log: basename: path_type `amiga` is not known; there are linux, windows, registry, zip and opaque"#]],
    );
}

#[test]
fn rows_become_dicts_and_functions_describe_themselves() {
    check(
        &[
            r#"to_dict(item={ SELECT _key, _value FROM items(item=dict(a=1, b=2)) })"#,
            r#"(typeof(a="x"), typeof(a=1), typeof())"#,
            r#"(version(function="split"), version(plugin="glob"), version(plugin="split"), version(function="version"))"#,
        ],
        expect![[r#"
            {"x":{"a":1,"b":2}}
            {"x":["string","int64","Null"]}
            {"x":[1,1,null,1]}"#]],
    );
    expect![[r#"
        {"Name":"pslist","Type":"Plugin","Permissions":["MACHINE_STATE"]}
        {"Name":"hash","Type":"Function","Permissions":["FILESYSTEM_READ"]}"#]]
    .assert_eq(
        &Asker::new()
            .ask("SELECT Name, Type, Permissions FROM help() WHERE Name =~ '^hash$|^pslist$'"),
    );
}
