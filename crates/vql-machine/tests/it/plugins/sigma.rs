//! Sigma rules over event logs and over other rows.

use expect_test::{Expect, expect};
use parsers::evtx::writer::{Datum, LogWriter, NewEvent, filetime};

use super::question::{Asker, Tree};

const RULES: &str = r"
title: Encoded command of a shell
id: 5b3c0001
level: high
status: test
tags: [attack.execution, attack.t1059.001]
references: [https://example.org/encoded]
details: 'User %User% ran %CommandLine%'
logsource:
  category: process_creation
  product: windows
detection:
  shell:
    Image|endswith: ['\powershell.exe', '\pwsh.exe']
  encoded:
    CommandLine|windash|contains: [' -enc ', ' -encodedcommand ']
  ours:
    ParentImage|endswith: '\deploy.exe'
  condition: shell and encoded and not ours
---
title: Logon of an administrator over the network
id: 5b3c0002
level: medium
logsource:
  product: windows
  service: security
detection:
  logon:
    EventID: 4624
    LogonType: 3
  admin:
    TargetUserName|re|i: '^adm'
  condition: all of them
---
title: Words of an intruder
level: low
logsource:
  product: linux
detection:
  words: [mimikatz, 'nc*-e']
  condition: words
";

/// Process creations and logons.
fn security_log() -> Vec<u8> {
    let mut log = LogWriter::default();
    let mut push = |event_id: u16, data: &[(&str, Datum<'_>)]| {
        let event = NewEvent {
            provider: "Microsoft-Windows-Security-Auditing",
            channel: "Security",
            computer: "ws1",
            event_id,
            level: 0,
            filetime: filetime(1_700_000_000),
            process_id: 4,
            data,
        };
        log.push(&event).unwrap();
    };
    let mut process = |image: &str, parent: &str, line: &str| {
        push(
            4688,
            &[
                ("SubjectUserName", Datum::Text("bob")),
                ("NewProcessName", Datum::Text(image)),
                ("ParentProcessName", Datum::Text(parent)),
                ("CommandLine", Datum::Text(line)),
            ],
        );
    };
    let shell = r"C:\Windows\System32\WindowsPowerShell\v1.0\PowerShell.exe";
    process(shell, r"C:\Windows\explorer.exe", "powershell /ENC SQBFAFgA");
    process(shell, r"C:\tools\deploy.exe", "powershell -enc SQBFAFgA");
    process(r"C:\Windows\notepad.exe", r"C:\Windows\explorer.exe", "notepad -enc x");
    for (user, kind) in [("Administrator", 3), ("Administrator", 2), ("bob", 3)] {
        let data = [("TargetUserName", Datum::Text(user)), ("LogonType", Datum::Number(kind))];
        push(4624, &data);
    }
    log.bytes()
}

const MAPPING: &str = "dict(EventID='x=>x.System.EventID.Value', Image='x=>x.EventData.NewProcessName', \
     ParentImage='x=>x.EventData.ParentProcessName', CommandLine='x=>x.EventData.CommandLine', \
     User='x=>upcase(string=x.EventData.SubjectUserName)', LogonType='x=>x.EventData.LogonType', \
     TargetUserName='x=>x.EventData.TargetUserName')";

fn check(select: &str, wanted: Expect) {
    let tree = Tree::new(&[("Security.evtx", &security_log())]);
    let asker = Asker::new().with("Rules", RULES);
    let query = format!(
        "LET Sources <= sigma_log_sources(\
           `process_creation/windows/*`={{ SELECT * FROM parse_evtx(filename='{{}}/Security.evtx') \
             WHERE System.EventID.Value = 4688 }})\n\
         LET Mapping <= {MAPPING}\n{select}"
    );
    wanted.assert_eq(&tree.ask_as(&asker, &query));
}

#[test]
fn a_hit_has_the_event_and_the_rule() {
    check(
        "SELECT EventData.CommandLine AS Line, _Rule.Title AS Title, _Rule.Level AS Level, \
           _Rule.Id AS Id, _Rule.Tags AS Tags, _Rule.Logsource.Category AS Category, _References, \
           _Match, Details \
         FROM sigma(rules=Rules, log_sources=Sources, field_mapping=Mapping)",
        expect![[r#"
            {"Line":"powershell /ENC SQBFAFgA","Title":"Encoded command of a shell","Level":"high","Id":"5b3c0001","Tags":["attack.execution","attack.t1059.001"],"Category":"process_creation","_References":["https://example.org/encoded"],"_Match":{"Match":true,"ConditionResults":[true]},"Details":"User BOB ran powershell /ENC SQBFAFgA"}
            log: WARN:sigma: no log source for `Logon of an administrator over the network` (*/windows/security), `Words of an intruder` (*/linux/*)"#]],
    );
}

#[test]
fn a_source_in_a_dict_is_a_source_and_several_run_side_by_side() {
    check(
        "SELECT * FROM sigma(rules=Rules, field_mapping=Mapping, log_sources=sigma_log_sources(\
           `*/windows/security`={ SELECT * FROM parse_evtx(filename='{}/Security.evtx') }, \
           `*/linux/*`={ SELECT 'ran NCat -e /bin/sh' AS Message, (1, 'x') AS List FROM scope() }), \
           rule_filter='x=>x.Level = \"low\"')",
        expect![[
            r#"{"Message":"ran NCat -e /bin/sh","List":[1,"x"],"_Match":{"Match":true,"ConditionResults":[true]},"_Rule":{"Title":"Words of an intruder","Id":null,"Name":null,"Level":"low","Status":null,"Description":"","Author":"","Date":null,"Modified":null,"References":[],"Tags":[],"Fields":[],"FalsePositives":[],"Logsource":{"Category":null,"Product":"linux","Service":null},"AdditionalFields":{}},"_References":[],"Details":null}"#
        ]],
    );
    check(
        "SELECT EventData.TargetUserName AS User, _Rule.Title AS Title FROM sigma(rules=Rules, \
           field_mapping=Mapping, log_sources=sigma_log_sources(\
           `*/windows/security`={ SELECT * FROM parse_evtx(filename='{}/Security.evtx') }, \
           `*/linux/*`={ SELECT 'ran mimikatz' AS Message FROM scope() })) ORDER BY Title",
        expect![[r#"
            {"User":"Administrator","Title":"Logon of an administrator over the network"}
            {"User":null,"Title":"Words of an intruder"}
            log: WARN:sigma: no log source for `Encoded command of a shell` (process_creation/windows/*)
            log: ERROR:Symbol EventData not found; the names here are Details, Mapping, Message, Rules, Sources, _Match, _References, _Rule"#]],
    );
}

#[test]
fn details_come_from_the_rule_or_from_a_default() {
    check(
        "SELECT Details FROM sigma(rules=regex_replace(source=Rules, re='details: .*', \
           replace='details: x=>x.EventData.CommandLine'), \
           log_sources=Sources, field_mapping=Mapping, rule_filter='x=>x.Level = \"high\"')",
        expect![[r#"{"Details":"powershell /ENC SQBFAFgA"}"#]],
    );
    check(
        "SELECT Details FROM sigma(rules=regex_replace(source=Rules, re='details: .*', replace=''), \
           log_sources=Sources, field_mapping=Mapping, rule_filter='x=>x.Level = \"high\"', \
           default_details='x=>format(format=\"record %v\", args=x.System.EventRecordID)')",
        expect![[r#"{"Details":"record 1"}"#]],
    );
}

#[test]
fn debug_tells_about_every_rule_and_row() {
    check(
        "SELECT _Match FROM sigma(rules=Rules, log_sources=Sources, field_mapping=Mapping, \
           rule_filter='x=>x.Level = \"high\"', debug=TRUE)",
        expect![[r#"
            {"_Match":{"Match":true,"ConditionResults":[true],"Fields":{"Image":"C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\PowerShell.exe","CommandLine":"powershell /ENC SQBFAFgA","ParentImage":"C:\\Windows\\explorer.exe"}}}
            {"_Match":{"Match":false,"ConditionResults":[false],"Fields":{"Image":"C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\PowerShell.exe","CommandLine":"powershell -enc SQBFAFgA","ParentImage":"C:\\tools\\deploy.exe"}}}
            {"_Match":{"Match":false,"ConditionResults":[false],"Fields":{"Image":"C:\\Windows\\notepad.exe","CommandLine":"notepad -enc x","ParentImage":"C:\\Windows\\explorer.exe"}}}"#]],
    );
}

#[test]
fn what_is_wrong_is_said_and_the_rest_runs() {
    let tree = Tree::new(&[]);
    let ask = |arguments: &str, wanted: Expect| {
        wanted.assert_eq(&tree.ask(&format!("SELECT a, _Rule.Title AS T FROM sigma({arguments})")));
    };
    let rule = |title: &str, modifier: &str| {
        format!(
            "title: {title}\\nlogsource: {{product: p}}\\ndetection:\\n  s: {{a{modifier}: 1}}\\n  condition: s\\n"
        )
    };
    let (good, bad) = (rule("good", ""), rule("bad", "|contain"));
    ask(
        &format!("rules='{good}---\\n{bad}', log_sources=dict(`*/p/*`=(dict(a=1), dict(a=2)))"),
        expect![[r#"
            {"a":1,"T":"good"}
            log: WARN:sigma: rules:10:18: detection.s.a|contain: there is no modifier `contain`; did you mean `contains`?; see the modifiers of the Sigma specification, version 2"#]],
    );
    ask(
        &format!("rules=('{good}', '{bad}'), log_sources=dict(`*/p/*`=dict(a=1))"),
        expect![[r#"
        {"a":1,"T":"good"}
        log: WARN:sigma: rules[1]:4:18: detection.s.a|contain: there is no modifier `contain`; did you mean `contains`?; see the modifiers of the Sigma specification, version 2"#]],
    );
    ask(
        &format!("rules='{good}', log_sources=sigma_log_sources(`security`=dict(a=1))"),
        expect![[r#"
            log: sigma_log_sources: `security` is not a log source; write category/product/service, with * for what does not matter, for example `*/windows/security`
            log: sigma: Field log_sources should be what sigma_log_sources() gives, not Null"#]],
    );
    ask(
        &format!("rules='{good}', log_sources=5"),
        expect![
            "log: sigma: Field log_sources should be what sigma_log_sources() gives, not int64"
        ],
    );
    ask(
        &format!("rules='{good}', log_sources=dict(`*/p/*`=dict(a=1)), field_mapping=dict(a=5)"),
        expect![
            "log: sigma: Field field_mapping: `a` should be a lambda such as x=>x.EventData.a, not int64"
        ],
    );
    ask(
        &format!(
            "rules='{good}', log_sources=dict(`*/p/*`=dict(a=1)), field_mapping=dict(a='x=>')"
        ),
        expect![[r#"
            log: sigma: Field field_mapping: `a`: error: the text ends too early
             --> query:1:4
              |
            1 | x=>
              |    ^ expected an expression after `=>`
        "#]],
    );
}
