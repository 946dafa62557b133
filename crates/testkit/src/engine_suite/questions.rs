//! Predicates, case rules, values of tenants, several questions at once.

use loghunt::engine::{MatchSink, Query};
use model::log::Completeness;
use rows::{Row, Value};
use sigma::{
    Anchor, Comparison, Network, Number, Piece, Predicate, RuleSet, Scratch, Test, TextPattern,
    TextTest,
};

use super::{
    Bench, Stand, asking, day, event, everything, field, pattern, scan, sql, sql_with, text_is,
};

pub(super) async fn promises(stand: &dyn Stand) {
    let bench = Bench::new(stand).await;
    predicates_mean_what_sigma_says(&bench).await;
    case_is_as_declared(&bench).await;
    values_are_never_read_as_sql(&bench).await;
    many_questions_are_answered_like_one(&bench).await;
}

/// Texts that mean something to some part of some engine.
const HOSTILE: &[&str] = &[
    "'; DROP TABLE hostile; --",
    "' OR '1'='1",
    "\\' OR 1=1 --",
    "100%",
    "100_",
    "a*b?c",
    "{from} {table} {to}",
    "$1 ? :name @p",
    "\"double\" `tick` [bracket]",
    "back\\slash\\\\twice\\",
    "line\nfeed\ttab\r",
    "/* comment */ # --",
    "Größe 世界 🦀",
    "${env} %s {{x}}",
    "null",
];

async fn predicates_mean_what_sigma_says(bench: &Bench<'_>) {
    let rows = sample();
    let (_, source) = bench.events("predicates", rows.clone()).await;
    let predicates = predicates();
    let set = RuleSet::new(&predicates);
    let mut wanted: Vec<Vec<i64>> = vec![Vec::new(); predicates.len()];
    let (mut scratch, mut hits) = (Scratch::default(), Vec::new());
    for (row, id) in rows.iter().zip(1..) {
        set.matching(row, &mut scratch, &mut hits);
        hits.iter().for_each(|hit| wanted[*hit].push(id));
    }
    let mut found_some = 0;
    for (predicate, wanted) in predicates.iter().zip(&wanted) {
        let answer = bench.ask(&source, asking(predicate.clone()), day()).await;
        assert_eq!(&answer.ids(), wanted, "{predicate:?}");
        assert_eq!(answer.report.completeness, Completeness::Complete);
        found_some += usize::from(!wanted.is_empty() && wanted.len() < rows.len());
    }
    assert!(found_some * 10 > predicates.len() * 7, "the sample tells predicates apart");
}

fn sample() -> Vec<Row> {
    let mut rows = vec![
        event(1, 1).with("host", "Web-01").with("image", "C:\\Windows\\cmd.exe").with("size", 10),
        event(2, 2).with("host", "web-01").with("image", "/usr/bin/whoami").with("size", 200),
        event(3, 3).with("host", "WEB-02").with("image", "/USR/BIN/WHOAMI").with("size", -3),
        event(4, 4).with("host", "10.1.2.3").with("image", "10.1.2.3"),
        event(5, 5).with("host", "192.168.7.1").with("size", 0),
        event(6, 6).with("image", ""),
        event(7, 7).with("host", "7").with("image", "77").with("size", 7),
        event(8, 8).with("host", "GRÖSSE").with("image", "größe straße"),
        event(9, 9).with("host", "web-01").with("image", "web-01.example").with("size", 1_000_000),
        event(10, 10).with("host", "multi\nline").with("image", "END\nline"),
    ];
    for (text, id) in HOSTILE.iter().zip(11..) {
        rows.push(event(id, id).with("host", *text).with("image", format!("x{text}y").as_str()));
    }
    rows
}

fn predicates() -> Vec<Predicate> {
    let like = |cased: bool, pieces: Vec<Piece>| {
        let pattern = TextPattern::of(pieces);
        field("image", Test::Text(TextTest { pattern, cased }))
    };
    let cased = |name: &str, anchor: Anchor, text: &str| {
        field(name, Test::Text(TextTest { pattern: pattern(anchor, text), cased: true }))
    };
    let regex = |name: &str, pattern: &str, flags: [bool; 3]| {
        let [ignore_case, multi_line, dot_all] = flags;
        field(name, Test::Regex { pattern: pattern.into(), ignore_case, multi_line, dot_all })
    };
    let number = |is, than| field("size", Test::Number { is, than });
    let other =
        |anchor, cased| field("image", Test::OtherField { field: "host".into(), anchor, cased });
    let network = |text: &str| Test::Cidr(Network::parse(text).expect("it is one"));
    let not = |one: Predicate| Predicate::Not(Box::new(one));
    let mut all = vec![
        Predicate::And(Vec::new()),
        Predicate::Or(Vec::new()),
        text_is("host", Anchor::Whole, "WEB-01"),
        cased("host", Anchor::Whole, "web-01"),
        text_is("image", Anchor::Start, "/usr/"),
        cased("image", Anchor::Start, "/usr/"),
        text_is("image", Anchor::End, "\\CMD.exe"),
        text_is("image", Anchor::Anywhere, "windows"),
        text_is("host", Anchor::Anywhere, "größe"),
        text_is("image", Anchor::Whole, ""),
        text_is("size", Anchor::Whole, "7"),
        text_is("size", Anchor::Start, "1"),
        not(text_is("host", Anchor::Start, "web")),
        not(text_is("image", Anchor::Anywhere, "whoami")),
        like(false, vec![Piece::AnyMany, Piece::Literal("bin/who".into()), Piece::AnyMany]),
        like(true, vec![Piece::Literal("/usr".into()), Piece::AnyMany, Piece::AnyOne]),
        like(false, vec![Piece::AnyOne, Piece::Literal("7".into())]),
        like(false, vec![Piece::Literal("x100%".into()), Piece::AnyMany]),
        regex("image", "bin/(who|where)", [false, false, false]),
        regex("image", "BIN/WHO", [true, false, false]),
        regex("host", "^line$", [false, true, false]),
        regex("host", "multi.line", [false, false, true]),
        regex("host", "multi.line", [false, false, false]),
        regex("host", "^\\d+$", [false, false, false]),
        number(Comparison::Less, Number::Int(0)),
        number(Comparison::AtMost, Number::Int(7)),
        number(Comparison::Equal, Number::Int(200)),
        number(Comparison::AtLeast, Number::Float(9.5)),
        number(Comparison::Greater, Number::Int(i64::MAX)),
        not(number(Comparison::Greater, Number::Int(5))),
        field("host", Test::Number { is: Comparison::AtLeast, than: Number::Int(5) }),
        field("host", network("10.0.0.0/8")),
        field("host", network("192.168.0.0/16")),
        not(field("host", network("0.0.0.0/0"))),
        field("image", Test::Exists(true)),
        field("size", Test::Exists(false)),
        field("size", Test::Null),
        not(field("image", Test::Null)),
        other(Anchor::Whole, true),
        other(Anchor::Start, false),
        other(Anchor::Anywhere, true),
        not(other(Anchor::Anywhere, true)),
        Predicate::Keyword(Test::Text(TextTest {
            pattern: pattern(Anchor::Anywhere, "whoami"),
            cased: false,
        })),
        Predicate::AtLeast {
            count: 2,
            of: vec![
                text_is("host", Anchor::Start, "web"),
                text_is("image", Anchor::Anywhere, "whoami"),
                number(Comparison::Greater, Number::Int(0)),
            ],
        },
        Predicate::And(vec![
            text_is("host", Anchor::Start, "web"),
            not(Predicate::Or(vec![
                text_is("image", Anchor::End, "whoami"),
                field("size", Test::Exists(false)),
            ])),
        ]),
    ];
    for text in HOSTILE {
        all.push(text_is("host", Anchor::Whole, text));
        all.push(cased("host", Anchor::Whole, text));
        all.push(text_is("image", Anchor::Anywhere, text));
        all.push(not(cased("image", Anchor::Anywhere, text)));
    }
    all
}

async fn case_is_as_declared(bench: &Bench<'_>) {
    if !bench.habits.sql {
        return;
    }
    let rows = vec![
        event(1, 1).with("host", "Alpha"),
        event(2, 2).with("host", "alpha"),
        event(3, 3).with("host", "beta"),
    ];
    let (_, source) = bench.events("cases", rows).await;
    let check = async |condition: &str, wanted: &[i64]| {
        let text = format!("SELECT id FROM {{table}} WHERE {condition}");
        assert_eq!(bench.ask(&source, sql(&text), day()).await.ids(), wanted, "{condition}");
    };
    check("host = 'alpha'", &[2]).await;
    let cased = bench.engine.capabilities().like_is_cased;
    check("host LIKE 'al%'", if cased { &[2] } else { &[1, 2] }).await;
    check("host LIKE '_lpha'", &[1, 2]).await;
    check("host NOT LIKE '%lph%'", &[3]).await;
    assert_eq!(bench.habits.regex.is_some(), bench.engine.capabilities().regex.is_some());
    if let Some(regex) = bench.habits.regex {
        check(&regex("host", "^al"), &[2]).await;
        check(&regex("host", "a$"), &[1, 2, 3]).await;
        check(&regex("host", "^(A|b)"), &[1, 3]).await;
    }
}

async fn values_are_never_read_as_sql(bench: &Bench<'_>) {
    let rows: Vec<Row> = HOSTILE
        .iter()
        .zip(1..)
        .map(|(text, id)| event(id, id).with("host", *text).with("size", id))
        .collect();
    let (_, source) = bench.events("hostile", rows).await;
    let all: Vec<i64> = (1..).take(HOSTILE.len()).collect();
    if bench.habits.sql {
        for (text, id) in HOSTILE.iter().zip(1..) {
            let asked = "SELECT id, host FROM {table} WHERE host = {wanted}";
            let values = [("wanted", Value::text(*text))];
            let answer = bench.ask(&source, sql_with(asked, &values), day()).await;
            assert_eq!(answer.ids(), [id], "{text:?}");
            assert_eq!(answer.with_id(id).row.get("host"), Some(&Value::text(*text)));
        }
        let asked = "SELECT id FROM {table} WHERE host IN {wanted} AND size < {most}";
        let list = Value::array(HOSTILE.iter().copied());
        let values = [("wanted", list), ("most", Value::Int(4))];
        assert_eq!(bench.ask(&source, sql_with(asked, &values), day()).await.ids(), [1, 2, 3]);
        let values = [("wanted", Value::array(["x"])), ("most", Value::Int(4))];
        let none = bench.ask(&source, sql_with(asked, &values), day()).await;
        assert_eq!(none.ids(), [] as [i64; 0]);
        let text = "SELECT id FROM {table} WHERE host = '{from} {table} {to}' OR host = '100%'";
        assert_eq!(bench.ask(&source, sql(text), day()).await.ids(), [4, 7], "texts are texts");
    }
    assert_eq!(bench.ids(&source, day()).await, all, "the table is as it was");
}

async fn many_questions_are_answered_like_one(bench: &Bench<'_>) {
    let rows = sample();
    let (_, source) = bench.events("together", rows).await;
    let mut questions: Vec<Query> = predicates().into_iter().take(12).map(asking).collect();
    questions.push(everything());
    if bench.habits.sql {
        questions.push(sql("SELECT id FROM {table} WHERE host = 'web-01'"));
        questions.push(sql("SELECT nosuchcolumn FROM {table}"));
        questions.push(sql("SELECT id FROM {table} WHERE size > 0"));
    }
    let scans: Vec<_> =
        questions.into_iter().map(|question| scan(&source, question, day())).collect();
    let (seen, mut sinks): (Vec<_>, Vec<Box<dyn MatchSink>>) = scans
        .iter()
        .map(|_| {
            let seen = Shared::default();
            (seen.clone(), Box::new(seen) as Box<dyn MatchSink>)
        })
        .unzip();
    let together = bench.engine.run_together(&scans, &mut sinks).await;
    assert_eq!(together.len(), scans.len());
    for ((asked, answer), seen) in scans.iter().zip(together).zip(seen) {
        match (answer, bench.try_ask(asked).await) {
            (Ok(report), Ok(alone)) => {
                assert_eq!(report.completeness, alone.report.completeness, "{:?}", asked.query);
                let mut ids = seen.0.lock().clone();
                ids.sort_unstable();
                assert_eq!(ids, alone.ids(), "{:?}", asked.query);
            }
            (Err(error), Err(alone)) => assert_eq!(error.class, alone.class),
            (together, alone) => {
                let alone = alone.map(|answer| answer.report);
                panic!("{:?}: {together:?} together, {alone:?} alone", asked.query)
            }
        }
    }
}

/// The `id`s of what came, behind a lock that the test keeps.
#[derive(Clone, Default)]
struct Shared(std::sync::Arc<parking_lot::Mutex<Vec<i64>>>);

impl MatchSink for Shared {
    fn take(&mut self, matches: Vec<loghunt::engine::Match>) -> std::ops::ControlFlow<()> {
        let ids = matches.iter().map(|one| match one.row.get("id") {
            Some(Value::Int(id)) => *id,
            other => panic!("`id` is {other:?}"),
        });
        self.0.lock().extend(ids);
        std::ops::ControlFlow::Continue(())
    }
}
