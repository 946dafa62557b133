//! Bounds of hunts as people write them, as values the minds work with. All problems are reported at
//! once, with the field that each is about. Pure.

use std::time::Duration;

use api::{HuntBudgets, HuntCanary, HuntSchedule, Problem, RetryRequest, RetryRules, StopWhen};
use base::{ByteSize, format_duration};
use model::bounds::{Budgets, Canary, Widen};
use model::flow::FlowFailure;
use model::retry::{LimitChange, RetryPlan, RetryRule};
use model::window::{Schedule, Ticks};

use super::ask::duration;
use super::error::problem;

fn percent(text: &str) -> Option<u32> {
    text.trim().trim_end_matches('%').trim().parse().ok()
}

fn bytes(text: &str, field: &str, wrong: &mut Vec<Problem>) -> u64 {
    text.parse::<ByteSize>().map_or_else(
        |bad| {
            wrong.push(problem(field, bad.to_string()));
            0
        },
        |size| size.0,
    )
}

/// Reads the budgets of a hunt.
pub(crate) fn budgets(said: &HuntBudgets, wrong: &mut Vec<Problem>) -> Budgets {
    Budgets {
        rows_max: said.rows,
        upload_bytes_max: bytes(&said.upload_bytes, "limits.total.upload_bytes", wrong),
        cpu_secs_max: said.cpu_seconds,
    }
}

/// Reads at which share of failures a hunt ends.
pub(crate) fn stop_when(
    said: Option<&StopWhen>,
    wrong: &mut Vec<Problem>,
) -> Option<model::bounds::StopWhen> {
    let said = said?;
    let failed_percent = percent(&said.failed_share)
        .filter(|share| (1..=100).contains(share))
        .unwrap_or_else(|| {
            let message = format!("`{}` is not a share from `1%` to `100%`", said.failed_share);
            wrong.push(problem("limits.stop_when.failed_share", message));
            100
        });
    Some(model::bounds::StopWhen { failed_percent, after_clients: said.after_clients })
}

/// Reads the canaries of a hunt.
pub(crate) fn canary(said: Option<&HuntCanary>, wrong: &mut Vec<Problem>) -> Option<Canary> {
    let said = said?;
    if said.clients == 0 {
        wrong.push(problem("canary.clients", "a canary needs at least one client"));
    }
    let then = Widen::from_name(said.then.trim()).unwrap_or_else(|| {
        let message = format!("`{}` is neither `gate` nor `auto`", said.then);
        wrong.push(problem("canary.then", message));
        Widen::Gate
    });
    Some(Canary { clients: said.clients, then })
}

/// Reads which failures are repeated.
pub(crate) fn retry(said: &RetryRules, wrong: &mut Vec<Problem>) -> RetryPlan {
    said.iter().fold(RetryPlan::of_hunts(), |plan, (name, rule)| {
        let field = format!("retry.{name}");
        let limit_percent = percent(&rule.limit)
            .filter(|limit| (100..=10_000).contains(limit))
            .unwrap_or_else(|| {
                let message = format!("`{}` is not from `100%` to `10000%`", rule.limit);
                wrong.push(problem(format!("{field}.limit"), message));
                100
            });
        if rule.times > 10 {
            wrong.push(problem(format!("{field}.times"), "more than 10 attempts are a loop"));
        }
        match class(name, &field, wrong) {
            Some(class) => plan.with(class, RetryRule { times: rule.times, limit_percent }),
            None => plan,
        }
    })
}

/// Reads a class of failure.
fn class(name: &str, field: &str, wrong: &mut Vec<Problem>) -> Option<&'static str> {
    let known = FlowFailure::class_named(name);
    if known.is_none() {
        let message = format!(
            "`{name}` is not a class of failure; choose agent_restarted, timeout, no_progress, \
             row_limit, upload_limit, query, incomplete or refused"
        );
        wrong.push(problem(field, message));
    }
    known
}

/// Reads when a hunt asks again.
pub(crate) fn schedule(said: Option<&HuntSchedule>, wrong: &mut Vec<Problem>) -> Option<Schedule> {
    let said = said?;
    let ticks = match (&said.every, &said.cron) {
        (Some(every), None) => Ticks::Every(duration(every, || "schedule.every".to_owned(), wrong)),
        (None, Some(expression)) => Ticks::Cron(expression.trim().to_owned()),
        (Some(_), Some(_)) | (None, None) => {
            let message = "give one of `every` and `cron`, for example `every: 1h`";
            wrong.push(problem("schedule", message));
            return None;
        }
    };
    let all = said.first.as_deref().map(str::trim).filter(|first| !first.is_empty());
    let schedule = Schedule {
        ticks,
        buffer: duration(&said.buffer, || "schedule.buffer".to_owned(), wrong),
        first: all.map(|first| duration(first, || "schedule.first".to_owned(), wrong)),
    };
    if wrong.iter().all(|problem| !problem.field.starts_with("schedule"))
        && let Err(bad) = hunts::rounds::check(&schedule)
    {
        wrong.push(problem("schedule", bad.to_string()));
    }
    Some(schedule)
}

/// Reads what attempts by hand are about.
pub(crate) fn retry_request(
    said: &RetryRequest,
    wrong: &mut Vec<Problem>,
) -> (Option<&'static str>, LimitChange) {
    let class = said.class.as_deref().and_then(|name| class(name, "class", wrong));
    let mut time = |text: &Option<String>, field: &str| {
        text.as_deref().map(|text| duration(text, || field.to_owned(), wrong))
    };
    let (timeout, progress_timeout): (Option<Duration>, Option<Duration>) =
        (time(&said.timeout, "timeout"), time(&said.progress_timeout, "progress_timeout"));
    let upload_bytes_max =
        said.upload_bytes.as_deref().map(|text| bytes(text, "upload_bytes", wrong));
    (class, LimitChange { rows_max: said.rows, upload_bytes_max, timeout, progress_timeout })
}

/// Budgets as somebody would write them.
pub(crate) fn show_budgets(budgets: &Budgets) -> HuntBudgets {
    HuntBudgets {
        rows: budgets.rows_max,
        upload_bytes: ByteSize(budgets.upload_bytes_max).to_string(),
        cpu_seconds: budgets.cpu_secs_max,
    }
}

/// A share of failures as somebody would write it.
pub(crate) fn show_stop_when(stop: &model::bounds::StopWhen) -> StopWhen {
    let failed_share = format!("{}%", stop.failed_percent);
    StopWhen { failed_share, after_clients: stop.after_clients }
}

/// Canaries as somebody would write them.
pub(crate) fn show_canary(canary: &Canary) -> HuntCanary {
    HuntCanary { clients: canary.clients, then: canary.then.name().to_owned() }
}

/// Rules of repetition as somebody would write them; usual ones that do not hold have `times` of 0.
pub(crate) fn show_retry(plan: &RetryPlan) -> RetryRules {
    let none = |(class, _): (&'static str, RetryRule)| {
        (class.to_owned(), api::RetryRule { times: 0, limit: "100%".into() })
    };
    let shown = |(class, rule): (&'static str, RetryRule)| {
        let limit = format!("{}%", rule.limit_percent);
        (class.to_owned(), api::RetryRule { times: rule.times, limit })
    };
    let mut rules: RetryRules = RetryPlan::of_hunts().rules().map(none).collect();
    rules.extend(plan.rules().map(shown));
    rules
}

/// A schedule as somebody would write it.
pub(crate) fn show_schedule(schedule: &Schedule) -> HuntSchedule {
    let (every, cron) = match &schedule.ticks {
        Ticks::Every(every) => (Some(format_duration(*every)), None),
        Ticks::Cron(expression) => (None, Some(expression.clone())),
    };
    HuntSchedule {
        every,
        cron,
        buffer: format_duration(schedule.buffer),
        first: schedule.first.map(format_duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn told(wrong: &[Problem]) -> String {
        let lines = wrong.iter().map(|problem| format!("{}: {}", problem.field, problem.message));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn bounds_read_what_their_form_shows() {
        let mut wrong = Vec::new();
        let rules: RetryRules = serde_json::from_value(json!({
            "row_limit": { "times": 2, "limit": 150 }, "agent_restarted": { "times": 0 }
        }))
        .unwrap();
        let plan = retry(&rules, &mut wrong);
        assert_eq!(retry(&show_retry(&plan), &mut wrong), plan);
        assert_eq!(
            plan.rules().map(|(class, _)| class).collect::<Vec<_>>(),
            ["row_limit", "timeout"]
        );
        let said: HuntSchedule =
            serde_json::from_value(json!({ "every": "1h", "first": "7d" })).unwrap();
        let read = schedule(Some(&said), &mut wrong).unwrap();
        assert_eq!(schedule(Some(&show_schedule(&read)), &mut wrong).unwrap(), read);
        let said: HuntBudgets = serde_json::from_value(json!({ "upload_bytes": 2048 })).unwrap();
        let read = budgets(&said, &mut wrong);
        assert_eq!(read.upload_bytes_max, 2_048);
        assert_eq!(budgets(&show_budgets(&read), &mut wrong), read);
        assert_eq!(told(&wrong), "");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        let check = |read: &dyn Fn(&mut Vec<Problem>), want: Expect| {
            let mut wrong = Vec::new();
            read(&mut wrong);
            want.assert_eq(&told(&wrong));
        };
        let stop = StopWhen { failed_share: "0%".into(), after_clients: 1 };
        check(
            &|wrong| assert!(stop_when(Some(&stop), wrong).is_some()),
            expect!["limits.stop_when.failed_share: `0%` is not a share from `1%` to `100%`"],
        );
        let bird = HuntCanary { clients: 0, then: "fly".into() };
        check(
            &|wrong| assert!(canary(Some(&bird), wrong).is_some()),
            expect![[r#"
                canary.clients: a canary needs at least one client
                canary.then: `fly` is neither `gate` nor `auto`"#]],
        );
        let often = HuntSchedule {
            every: Some("10ms".into()),
            cron: None,
            buffer: "1m".into(),
            first: None,
        };
        check(
            &|wrong| drop(schedule(Some(&often), wrong)),
            expect!["schedule: rounds every 10ms are too close; give at least `1s`"],
        );
        let both = HuntSchedule { cron: Some("0 6 * * *".into()), ..often };
        check(
            &|wrong| drop(schedule(Some(&both), wrong)),
            expect!["schedule: give one of `every` and `cron`, for example `every: 1h`"],
        );
        let odd = RetryRequest { class: Some("bad luck".into()), ..RetryRequest::default() };
        check(
            &|wrong| assert_eq!(retry_request(&odd, wrong).0, None),
            expect![
                "class: `bad luck` is not a class of failure; choose agent_restarted, timeout, no_progress, row_limit, upload_limit, query, incomplete or refused"
            ],
        );
    }
}
