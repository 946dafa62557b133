//! Correlations: how they are read, what they find, and that slicing makes no difference.

use std::collections::BTreeSet;
use std::fmt::Write;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use rows::{Dict, Row, Value};
use sigma::correlate::{CorrelationMatch, Emit, Event, correlate};
use sigma::{
    BaseRule, Correlation, CorrelationKind, Fields, RuleFile, RuleSet, Scratch, read_files,
};

const SECOND: i64 = 1_000_000;

/// Three base rules and a correlation, whose fields are indented by two.
fn with_bases(correlation: &str) -> String {
    let mut text = String::new();
    for name in ["a", "b", "c"] {
        let _ = write!(
            text,
            "title: Base {name}\nname: {name}\nlogsource: {{product: p}}\ndetection:\n  s: {{Kind: {name}}}\n  \
             condition: s\n---\n"
        );
    }
    let indented: String = correlation.lines().map(|line| format!("  {line}\n")).collect();
    let _ = write!(text, "title: C\nname: corr\ncorrelation:\n{indented}");
    text
}

fn read(text: &str) -> RuleFile {
    read_files([("rules.yml", text)])
}

fn good(correlation: &str) -> Correlation {
    let file = read(&with_bases(correlation));
    assert!(file.problems.is_empty(), "{:#?}", file.problems);
    file.correlations.into_iter().next().unwrap()
}

/// Events from `second kind user value` lines; which base rules they satisfy is asked of the rules.
fn events(correlation: &Correlation, lines: &str) -> Vec<Event> {
    let mut events = Vec::new();
    for line in lines.split(';').map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let row = Dict::new().with("Kind", words[1]).with("User", words[2]).with(
            "N",
            words.get(3).map_or(Value::Null, |word| word.parse().map_or(Value::Null, Value::Float)),
        );
        let time = words[0].parse::<i64>().unwrap() * SECOND;
        for (leaf, rule) in correlation.leaves().into_iter().enumerate() {
            let (set, mut hits) = (RuleSet::new(&rule.conditions), Vec::new());
            set.matching(&row, &mut Scratch::default(), &mut hits);
            if !hits.is_empty() {
                events.push(Event { leaf, time, position: time, row: row.clone(), new: true });
            }
        }
    }
    events
}

fn by_name(row: &Row, name: &str) -> Option<Value> {
    row.field(name)
}

fn all(correlation: &Correlation, events: &[Event]) -> Vec<CorrelationMatch> {
    correlate(correlation, events, Emit::CompletedIn { from: i64::MIN, to: i64::MAX }, &by_name)
}

fn shown(found: &[CorrelationMatch]) -> String {
    let one = |one: &CorrelationMatch| {
        let group: Vec<String> =
            one.group.iter().map(|(name, value)| format!("{name}={}", value.to_text())).collect();
        format!("{} {} {} {:?}", one.instant / SECOND, group.join(","), one.amount, one.events)
    };
    found.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn check(correlation: &str, lines: &str, wanted: Expect) {
    let correlation = good(correlation);
    wanted.assert_eq(&shown(&all(&correlation, &events(&correlation, lines))));
}

#[test]
fn a_threshold_fires_when_it_is_crossed_and_is_armed_again_below() {
    check(
        "type: event_count\nrules: a\ngroup-by: [User]\ntimespan: 10s\ncondition: {gte: 3}",
        "0 a x; 1 a x; 2 a y; 3 a x; 4 a x; 12 a x; 13 a x; 30 a x; 31 a x; 40 a x",
        expect![[r#"
            3 User=x 3 [0, 1, 3]
            12 User=x 3 [3, 4, 5]
            40 User=x 3 [7, 8, 9]"#]],
    );
}

#[test]
fn values_are_counted_and_computed() {
    let rest = "rules: [a]\ngroup-by: [User]\ntimespan: 1m";
    let lines = "0 a x 1; 1 a x 1; 2 a x 5; 3 b x 9; 4 a x 2; 5 a x; 6 a x 10";
    let on =
        |condition: &str, wanted: Expect| check(&format!("{condition}\n{rest}"), lines, wanted);
    on("type: value_count\ncondition: {gte: 3, field: N}", expect!["4 User=x 3 [0, 1, 2, 3]"]);
    on("type: value_sum\ncondition: {gt: 8, field: N}", expect!["4 User=x 9 [0, 1, 2, 3]"]);
    on(
        "type: value_avg\ncondition: {gte: 3, field: N}",
        expect!["6 User=x 3.8 [0, 1, 2, 3, 4, 5]"],
    );
    on(
        "type: value_percentile\ncondition: {gt: 4.9, field: N, percentile: 90}",
        expect!["6 User=x 8 [0, 1, 2, 3, 4, 5]"],
    );
    on("type: value_median\ncondition: {gte: 1.5, field: N}", expect!["4 User=x 1.5 [0, 1, 2, 3]"]);
    on("type: event_count\ncondition: {lt: 2}", expect!["0 User=x 1 [0]"]);
    on("type: event_count\ncondition: {eq: 2}", expect!["1 User=x 2 [0, 1]"]);
}

#[test]
fn temporal_kinds_want_several_rules() {
    let rest = "rules: [a, b, c]\ngroup-by: [User]\ntimespan: 10s";
    let lines = "0 c x; 1 b x; 2 a x; 3 b x; 4 c x; 20 a y; 21 b y; 21 c y; 31 b y";
    let on = |kind: &str, wanted: Expect| check(&format!("{kind}\n{rest}"), lines, wanted);
    on(
        "type: temporal",
        expect![[r#"
        2 User=x 3 [0, 1, 2]
        21 User=y 3 [5, 6, 7]"#]],
    );
    on(
        "type: temporal_ordered",
        expect![[r#"
        4 User=x 3 [0, 1, 2, 3, 4]
        21 User=y 3 [5, 6, 7]"#]],
    );
    on(
        "type: temporal\ncondition: {gte: 2}",
        expect![[r#"
        1 User=x 2 [0, 1]
        21 User=y 3 [5, 6, 7]"#]],
    );
    on(
        "type: temporal\ncondition: a and (b or c)",
        expect![[r#"
        2 User=x 3 [0, 1, 2]
        21 User=y 3 [5, 6, 7]"#]],
    );
}

#[test]
fn aliases_name_a_field_of_each_rule() {
    check(
        "type: temporal\nrules: [a, b]\ngroup-by: [who]\ntimespan: 10s\naliases:\n  who: {a: User, b: Kind}",
        "0 a b; 1 b x; 2 a x",
        expect!["1 who=b 2 [0, 1]"],
    );
}

#[test]
fn a_correlation_may_rest_on_another() {
    let text = with_bases(
        "type: event_count\nrules: [a]\ngroup-by: [User]\ntimespan: 10s\ncondition: {gte: 2}",
    );
    let text = format!(
        "{text}---\ntitle: Outer\ncorrelation:\n  type: temporal_ordered\n  rules: [corr, b]\n  group-by: [User]\n  timespan: 1m\n"
    );
    let file = read(&text);
    assert!(file.problems.is_empty(), "{:#?}", file.problems);
    let [outer] = &file.correlations[..] else { panic!("only the outer one stands by itself") };
    assert_eq!(file.rules.iter().map(|rule| rule.title.as_str()).collect::<Vec<_>>(), ["Base c"]);
    assert!(matches!(outer.bases[0].rule, BaseRule::Correlation(_)));
    assert_eq!(outer.reach().as_secs(), 70);
    let events = events(outer, "0 a x; 5 a x; 9 b x; 20 a x; 25 b x");
    expect!["9 User=x 2 [0, 1, 2]"].assert_eq(&shown(&all(outer, &events)));
}

#[test]
fn rules_of_other_files_are_found_by_name_and_id() {
    let base =
        "title: B\nid: 0000-1\nlogsource: {product: p}\ndetection:\n  s: {A: 1}\n  condition: s\n";
    let filter = "title: F\nlogsource: {product: p}\nfilter:\n  rules: [0000-1]\n  s: {User: admin}\n  condition: not s\n";
    let correlation = "title: C\ncorrelation:\n  type: event_count\n  rules: ['0000-1']\n  timespan: 1h\n  generate: true\n  condition: {gte: 2}\n";
    let file = read_files([("c.yml", correlation), ("f.yml", filter), ("b.yml", base)]);
    assert!(file.problems.is_empty(), "{:#?}", file.problems);
    assert_eq!((file.rules.len(), file.correlations.len()), (1, 1));
    assert_eq!(&*file.rules[0].file, "b.yml");
    let (set, mut hits) = (RuleSet::new(&file.rules[0].conditions), Vec::new());
    set.matching(
        &Dict::new().with("A", 1).with("User", "admin"),
        &mut Scratch::default(),
        &mut hits,
    );
    assert!(hits.is_empty(), "the filter of the other file narrows the rule");
}

#[test]
fn mistakes_are_shown_in_place() {
    let on = |correlation: &str, wanted: Expect| {
        let file = read(&with_bases(correlation));
        let shown: Vec<String> = file.problems.iter().map(ToString::to_string).collect();
        wanted.assert_eq(&shown.join("\n"));
        assert!(file.correlations.is_empty());
    };
    let rest = "rules: [a, b]\ntimespan: 5m\ncondition: {gte: 2}";
    on(
        &format!("type: event_cuont\n{rest}"),
        expect![
            "rules.yml:25:9: correlation.type: there is no type `event_cuont`; did you mean `event_count`?"
        ],
    );
    on(
        "type: event_count\nrules: [a, d]\ntimespan: 5m\ncondition: {gte: 2}",
        expect![
            "rules.yml:26:14: correlation.rules: there is no rule `d` in the files read; did you mean `a`?"
        ],
    );
    on(
        "type: event_count\nrules: [a, a]\ntimespan: 5 minutes\ncondition: {gte: x}",
        expect![[r#"
        rules.yml:26:14: correlation.rules: `a` is written twice; remove one
        rules.yml:27:13: correlation.timespan: `5 minutes` is not a time span; a number and one of s, m, h, d, w, M, y: for example 15m
        rules.yml:28:20: correlation.condition.gte: a number is wanted here; for example 10"#]],
    );
    on(
        "type: value_count\nrules: a\ntimespan: 5m\ncondition: {gte: 2}",
        expect![
            "rules.yml:28:14: correlation.condition.field: the values of which field are counted?; add `field:` with the field whose values are counted"
        ],
    );
    on(
        "type: value_percentile\nrules: a\ntimespan: 5m\ncondition: {gte: 2, field: N, percentile: 101}",
        expect![
            "rules.yml:28:45: correlation.condition.percentile: this is no percentile; a number from 0 to 100"
        ],
    );
    on(
        "type: temporal\nrules: [a, b]\ntimespan: 5m\ncondition: a and not b",
        expect![
            "rules.yml:28:14: correlation.condition: that something did not happen cannot complete a match; use `and`, `or`, `of` and parentheses only"
        ],
    );
    on(
        "type: temporal\nrules: [a, b]\ntimespan: 5m\ncondition: {lt: 1}",
        expect![
            "rules.yml:28:14: correlation.condition: this counts how many of the rules have an event, which only grows; use `gte` or `gt`, or leave the condition out: then all must have one"
        ],
    );
    on(
        "type: event_count\nrules: [corr]\ntimespan: 5m\ncondition: {gte: 2}",
        expect![
            "rules.yml:26:11: correlation.rules: through `corr` this rests on itself, or nests too deep; remove the circle"
        ],
    );
    on(
        "type: event_count\nrules: a\ntimespan: 5m\ncondition: {gte: 2}\naliases: {x: {b: F}}\ngroup_by: x",
        expect![[r#"
            rules.yml:30:3: correlation.group_by: there is no field `group_by`; did you mean `group-by`?
            rules.yml:29:20: correlation.aliases: `b` is not one of this correlation's rules; name a rule of `rules`"#]],
    );
}

/// A correlation of any kind over the three base rules.
fn correlation() -> impl Strategy<Value = Correlation> {
    let kind = prop_oneof![
        (1..4).prop_map(|count| format!("type: event_count\ncondition: {{gte: {count}}}")),
        (1..4).prop_map(|count| format!("type: event_count\ncondition: {{lt: {count}}}")),
        (1..4).prop_map(|count| format!("type: event_count\ncondition: {{eq: {count}}}")),
        (1..4)
            .prop_map(|count| format!("type: value_count\ncondition: {{gte: {count}, field: N}}")),
        (0..9).prop_map(|sum| format!("type: value_sum\ncondition: {{gt: {sum}, field: N}}")),
        (0..4).prop_map(|mean| format!("type: value_avg\ncondition: {{gt: {mean}, field: N}}")),
        (0..4).prop_map(|than| {
            format!("type: value_percentile\ncondition: {{gte: {than}, field: N, percentile: 75}}")
        }),
        Just("type: temporal".to_owned()),
        (1..4).prop_map(|count| format!("type: temporal\ncondition: {{gte: {count}}}")),
        Just("type: temporal_ordered".to_owned()),
    ];
    (kind, 1..8, any::<bool>()).prop_map(|(kind, span, grouped)| {
        let group = if grouped { "group-by: [User]\n" } else { "" };
        good(&format!("{kind}\n{group}rules: [a, b, c]\ntimespan: {span}s"))
    })
}

/// Events of which several share an instant, in no order.
fn some_events() -> impl Strategy<Value = Vec<Event>> {
    let event = (
        0_usize..3,
        0_i64..40,
        0_i64..3,
        "[xy]",
        prop_oneof![Just(None), (0_i64..4).prop_map(Some)],
    );
    let event = event.prop_map(|(leaf, time, late, user, number)| {
        let number = number.map_or(Value::Null, |number| Value::Float(number as f64 / 2.0));
        let row = Dict::new().with("User", user.as_str()).with("N", number);
        Event { leaf, time: time * SECOND / 2, position: time + late * 40, row, new: true }
    });
    proptest::collection::vec(event, 0..30)
}

/// What makes a match itself.
fn ids(found: &[CorrelationMatch]) -> BTreeSet<(i64, String)> {
    found.iter().map(|one| (one.instant, format!("{:?}", one.group))).collect()
}

/// The meaning, without any cleverness: at every instant, the window with it and without it.
fn plainly(correlation: &Correlation, events: &[Event]) -> BTreeSet<(i64, String)> {
    let span = i64::try_from(correlation.timespan.as_micros()).unwrap();
    let group_of = |event: &Event| -> String {
        let names = correlation.group_by.iter();
        let pairs: Vec<_> =
            names.map(|name| (name.clone(), event.row.field(name).unwrap())).collect();
        format!("{pairs:?}")
    };
    let mut found = BTreeSet::new();
    for completing in events {
        let (now, group) = (completing.time, group_of(completing));
        let window = |last: &dyn Fn(i64) -> bool| -> Vec<&Event> {
            let inside =
                |one: &&Event| one.time >= now - span && last(one.time) && group_of(one) == group;
            let mut window: Vec<&Event> = events.iter().filter(inside).collect();
            window.sort_by_key(|one| (one.time, one.leaf));
            window
        };
        let with = window(&|time| time <= now);
        let without = window(&|time| time < now);
        if holds(correlation, &with) && !holds(correlation, &without) {
            found.insert((now, group));
        }
    }
    found
}

fn holds(correlation: &Correlation, window: &[&Event]) -> bool {
    if window.is_empty() {
        return false;
    }
    let mut numbers: Vec<f64> = window
        .iter()
        .filter_map(|one| match one.row.get("N") {
            Some(Value::Float(number)) => Some(*number),
            _ => None,
        })
        .collect();
    numbers.sort_by(f64::total_cmp);
    match &correlation.kind {
        CorrelationKind::EventCount(than) => than.holds(window.len() as f64),
        CorrelationKind::ValueCount { than, .. } => {
            numbers.dedup();
            than.holds(numbers.len() as f64)
        }
        CorrelationKind::Value { .. } if numbers.is_empty() => false,
        CorrelationKind::Value { by, than, .. } => {
            let sum: f64 = numbers.iter().sum();
            let last = numbers.len() - 1;
            than.holds(match by {
                sigma::Aggregate::Sum => sum,
                sigma::Aggregate::Average => sum / numbers.len() as f64,
                sigma::Aggregate::Percentile(percent) => {
                    let rank = percent / 100.0 * last as f64;
                    let (low, high) =
                        (numbers[rank.floor() as usize], numbers[rank.ceil() as usize]);
                    low + (high - low) * rank.fract()
                }
            })
        }
        CorrelationKind::Temporal(wanted) => {
            let leaves: BTreeSet<usize> = window.iter().map(|one| one.leaf).collect();
            let needed = match wanted {
                sigma::Predicate::AtLeast { count, .. } => *count,
                _ => 3,
            };
            leaves.len() >= needed
        }
        CorrelationKind::TemporalOrdered => {
            let mut wanted = 0;
            for one in window {
                wanted += usize::from(one.leaf == wanted);
            }
            wanted == 3
        }
    }
}

proptest! {
    #[test]
    fn it_means_what_is_written(correlation in correlation(), events in some_events()) {
        prop_assert_eq!(ids(&all(&correlation, &events)), plainly(&correlation, &events));
    }

    #[test]
    fn slices_give_what_evaluating_at_once_gives(
        correlation in correlation(),
        events in some_events(),
        cuts in proptest::collection::btree_set(-1_i64..45, 0..6),
    ) {
        let mut bounds: Vec<i64> = cuts.into_iter().map(|cut| cut * SECOND / 2).collect();
        bounds.insert(0, -100 * SECOND);
        bounds.push(100 * SECOND);
        let reach = i64::try_from(correlation.reach().as_micros()).unwrap();
        let mut sliced: Vec<(i64, String, String, i64)> = Vec::new();
        let whole = |one: &CorrelationMatch, events: &[Event]| {
            let rows: Vec<String> =
                one.events.iter().map(|at| format!("{:?}", (events[*at].time, &events[*at].row))).collect();
            (one.instant, format!("{:?} {}", one.group, one.amount), rows.join(" "), one.position)
        };
        for slice in bounds.windows(2) {
            let (from, to) = (slice[0], slice[1]);
            let read: Vec<Event> = events
                .iter()
                .filter(|one| one.time >= from - reach && one.time < to)
                .cloned()
                .collect();
            let found = correlate(&correlation, &read, Emit::CompletedIn { from, to }, &by_name);
            sliced.extend(found.iter().map(|one| whole(one, &read)));
        }
        sliced.sort();
        let mut at_once: Vec<_> = all(&correlation, &events).iter().map(|one| whole(one, &events)).collect();
        at_once.sort();
        prop_assert_eq!(sliced, at_once);
    }

    #[test]
    fn late_rows_complete_what_they_belong_to(
        correlation in correlation(),
        events in some_events(),
        cuts in proptest::collection::btree_set(0_i64..120, 0..4),
    ) {
        // Rows come by position, which has little to do with their time.
        let mut bounds: Vec<i64> = cuts.into_iter().collect();
        bounds.insert(0, 0);
        bounds.push(1_000);
        let reach = i64::try_from(correlation.reach().as_micros()).unwrap();
        let mut emitted = BTreeSet::new();
        for slice in bounds.windows(2) {
            let is_new = |one: &Event| (slice[0]..slice[1]).contains(&one.position);
            let times = || events.iter().filter(|one| is_new(one)).map(|one| one.time);
            let (Some(first), Some(last)) = (times().min(), times().max()) else { continue };
            let read: Vec<Event> = events
                .iter()
                .filter(|one| one.position < slice[1])
                .filter(|one| (first - reach..=last + reach).contains(&one.time))
                .map(|one| Event { new: is_new(one), ..one.clone() })
                .collect();
            let found = correlate(&correlation, &read, Emit::WithNew, &by_name);
            for one in &found {
                prop_assert!(one.position >= slice[0] && one.position < slice[1], "{:?}", one);
            }
            emitted.extend(ids(&found));
        }
        let at_once = ids(&all(&correlation, &events));
        prop_assert!(at_once.is_subset(&emitted), "{:?} of {:?}", emitted, at_once);
    }
}
