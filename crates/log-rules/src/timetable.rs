//! The fields of a `schedule:`.

use std::time::Duration;

use base::Timestamp;

use crate::schedule::{FirstFrom, Retry, Schedule, Ticks};
use crate::take::{Section, Take};

const LOG_BUFFER: Duration = Duration::from_secs(60);
const MAX_WINDOW: Duration = Duration::from_secs(6 * 3_600);
const MIN_WINDOW: Duration = Duration::from_secs(60);
const ATTEMPTS_MAX: u32 = 5;
/// Closer ticks are no schedule but a load.
const SHORTEST: Duration = Duration::from_secs(1);

pub(crate) fn take(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<Schedule> {
    let ticks = ticks(take, section);
    let mut length =
        |name: &str, otherwise: Duration| take.duration(section, name).unwrap_or(otherwise);
    let log_buffer = length("log_buffer", LOG_BUFFER);
    let start_delay = length("start_delay", Duration::ZERO);
    let jitter = length("jitter", Duration::ZERO);
    let max_window = length("max_window", MAX_WINDOW);
    let min_window = length("min_window", MIN_WINDOW.min(max_window));
    let every = match &ticks {
        Some(Ticks::Every { every, .. }) => Some(*every),
        _ => None,
    };
    sizes(take, section, every, [jitter, max_window, min_window]);
    let first_from = first_from(take, section);
    let retry = match take.choice(section, "retry") {
        Some("next_tick") => Retry::NextTick,
        _ => Retry::Backoff,
    };
    let attempts_max = crate::engine::count(take, section, "attempts_max", ATTEMPTS_MAX);
    Some(Schedule {
        ticks: ticks?,
        log_buffer,
        start_delay,
        jitter,
        max_window,
        min_window,
        first_from,
        retry,
        attempts_max,
    })
}

fn sizes(
    take: &mut Take<'_, '_>,
    section: &Section<'_>,
    every: Option<Duration>,
    [jitter, max_window, min_window]: [Duration; 3],
) {
    let mut wrong = |name: &str, message: String, hint: &str| {
        take.error(section.place(name), &section.at(name), message, hint);
    };
    if max_window < Duration::from_millis(1) {
        wrong("max_window", "a window cannot be empty".into(), "for example `6h`");
    } else if min_window > max_window {
        wrong("min_window", "`min_window` is longer than `max_window`".into(), "make it shorter");
    } else if min_window.is_zero() {
        wrong("min_window", "a window cannot be empty".into(), "for example `1m`");
    }
    let Some(every) = every else { return };
    let shown = base::format_duration;
    if jitter >= every && !jitter.is_zero() {
        let message = format!(
            "the jitter of {} is not shorter than the interval of {}",
            shown(jitter),
            shown(every)
        );
        wrong("jitter", message, "make it a small part of the interval");
    }
    if max_window < every {
        let message = format!(
            "`max_window` of {} is shorter than the interval of {}: every tick would need several windows",
            shown(max_window),
            shown(every)
        );
        wrong("max_window", message, "make it at least as long as `every`");
    }
}

fn ticks(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<Ticks> {
    let at = section.place("every");
    match (section.has("every"), section.has("cron")) {
        (true, false) => {}
        (false, true) => return cron(take, section),
        (true, true) => {
            let message = "a schedule has `every` or `cron`, not both";
            take.error(section.place("cron"), &section.at("cron"), message, "remove one");
            return None;
        }
        (false, false) => {
            let message = "the schedule does not say when";
            take.error(at, &section.path, message, "write `every: 10m`, or `cron: \"0 6 * * *\"`");
            return None;
        }
    }
    if section.has("zone") {
        let message = "`every` counts time itself and has no zone";
        take.error(
            section.place("zone"),
            &section.at("zone"),
            message,
            "leave it out, or use `cron`",
        );
    }
    let every = take.duration(section, "every")?;
    if every < SHORTEST {
        let message = "the interval is shorter than a second";
        take.error(at, &section.at("every"), message, "make it at least `1s`");
        return None;
    }
    let anchor = match take.text(section, "start_time") {
        None => Timestamp::EPOCH,
        Some(text) => anchor(take, section, &text)?,
    };
    Some(Ticks::Every { every, anchor })
}

/// A time of day on the first day of 1970, or a moment.
fn anchor(take: &mut Take<'_, '_>, section: &Section<'_>, text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    if let Ok(time) = text.parse::<jiff::civil::Time>() {
        let since = time.since(jiff::civil::Time::midnight()).ok()?;
        let seconds = since.total(jiff::Unit::Second).ok()?;
        return Some(Timestamp::from_secs(seconds as i64));
    }
    let message = format!("`{text}` is neither a time of day nor a moment");
    let hint = "write it as \"12:00:00\" (UTC) or 2026-01-31T12:00:00Z";
    take.error(section.place("start_time"), &section.at("start_time"), message, hint);
    None
}

fn cron(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<Ticks> {
    let expression = take.text(section, "cron")?.trim().to_owned();
    let zone = take.text(section, "zone").unwrap_or_else(|| "UTC".to_owned());
    let mut good = true;
    if section.has("start_time") {
        let message = "`start_time` belongs to `every`";
        take.error(section.place("start_time"), &section.at("start_time"), message, "leave it out");
        good = false;
    }
    if jiff::tz::TimeZone::get(&zone).is_err() {
        let message = format!("there is no time zone `{zone}`");
        let hint = "use an IANA name such as `Europe/Berlin` or `UTC`";
        take.error(section.place("zone"), &section.at("zone"), message, hint);
        good = false;
    }
    let fields = expression.split_whitespace().count();
    let wrong = match croner::parser::CronParser::new().parse(&expression) {
        _ if fields != 5 && !expression.starts_with('@') => {
            Some(format!("a cron expression has five fields, this has {fields}"))
        }
        Ok(_) => None,
        Err(error) => Some(format!("not a cron expression: {error}")),
    };
    if let Some(message) = wrong {
        let hint = "minute, hour, day of month, month, day of week, for example `30 6 * * 1-5`";
        take.error(section.place("cron"), &section.at("cron"), message, hint);
        good = false;
    }
    good.then_some(Ticks::Cron { expression, zone })
}

fn first_from(take: &mut Take<'_, '_>, section: &Section<'_>) -> FirstFrom {
    let Some(text) = take.text(section, "first_from") else { return FirstFrom::OneInterval };
    match text.trim() {
        "one_interval" => FirstFrom::OneInterval,
        "now" => FirstFrom::Now,
        "earliest" => FirstFrom::Earliest,
        other => {
            let at = section.place("first_from");
            match base::parse_duration(other) {
                Ok(_) => match take.duration_of(other, at, &section.at("first_from")) {
                    Some(ago) => FirstFrom::Ago(ago),
                    None => FirstFrom::OneInterval,
                },
                Err(_) => {
                    let message = format!("`{other}` says nothing about where to start");
                    let hint =
                        "`one_interval`, `now`, `earliest`, or a length of time such as `1h`";
                    take.error(at, &section.at("first_from"), message, hint);
                    FirstFrom::OneInterval
                }
            }
        }
    }
}
