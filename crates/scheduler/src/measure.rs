//! What is measured, under which names.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `lycaon_log_runs_total` | counter | `outcome`, `lane` | runs that ended |
//! | `lycaon_log_findings_total` | counter | `tenant` | findings that nobody had before |
//! | `lycaon_log_bytes_total` | counter | `tenant` | bytes that engines read |
//! | `lycaon_log_start_lag_seconds` | histogram | | from a tick to the start of its run |
//! | `lycaon_log_failures_total` | counter | `tenant`, `class` | failures by class |
//! | `lycaon_log_late_rows_total` | counter | `tenant`, `dataset` | rows that came after their window's commit, where the source counts them |
//! | `lycaon_log_late_windows_total` | counter | `tenant`, `dataset` | windows whose source changed after their commit |
//! | `lycaon_log_queue` | gauge | `class` | streams that wait |
//! | `lycaon_log_running` | gauge | | pieces of work that run |
//! | `lycaon_log_breakers_open` | gauge | | tenants' engines that are left alone |
//! | `lycaon_log_streams_held` | gauge | | streams that wait for a change |
//! | `lycaon_log_lag_seconds_max` | gauge | `tenant` | how far the checkpoint of the tenant's last stream is behind |
//! | `lycaon_log_deliveries_total` | counter | `channel`, `outcome` | messages |
//! | `lycaon_log_forgotten_total` | counter | | old windows, attempts and findings that were forgotten |
//! | `lycaon_log_store_healthy` | gauge | | 1 while the state store answers |

use loghunt::choice::Class;
use metrics::{counter, gauge, histogram};
use model::log::Lane;

use crate::prepare::{Job, Moment};
use crate::record::Recorded;
use crate::shared::State;

pub(crate) fn started(job: &Job, moment: Moment) {
    if job.key.lane == Lane::Live && !moment.replay {
        let lag = moment.now.since(job.slice.tick);
        histogram!("lycaon_log_start_lag_seconds").record(lag.as_secs_f64());
    }
}

pub(crate) fn ended(job: &Job, recorded: &Recorded) {
    let tenant = || job.key.tenant.to_string();
    let outcome = match recorded {
        Recorded::Committed { findings_new, bytes, .. } => {
            counter!("lycaon_log_findings_total", "tenant" => tenant()).increment(*findings_new);
            counter!("lycaon_log_bytes_total", "tenant" => tenant()).increment(*bytes);
            "committed"
        }
        Recorded::Failed { failure, .. } => {
            let class = failure.class.word();
            counter!("lycaon_log_failures_total", "tenant" => tenant(), "class" => class)
                .increment(1);
            "failed"
        }
        Recorded::Lost(_) => "lost",
    };
    let lane = match &job.key.lane {
        Lane::Live => "live",
        Lane::Repair(_) => "repair",
        Lane::Backfill(_) => "backfill",
    };
    counter!("lycaon_log_runs_total", "outcome" => outcome, "lane" => lane).increment(1);
}

pub(crate) fn state(state: &State) {
    for (class, waiting) in Class::ALL.iter().zip(state.choice.waiting()) {
        gauge!("lycaon_log_queue", "class" => class.word()).set(waiting as f64);
    }
    gauge!("lycaon_log_running").set(f64::from(state.choice.running()));
    let open = state.breakers.values().filter(|breaker| breaker.open_until().is_some());
    gauge!("lycaon_log_breakers_open").set(open.count() as f64);
    gauge!("lycaon_log_streams_held").set(state.tally.held().len() as f64);
    let healthy = state.store.open_until().is_none();
    gauge!("lycaon_log_store_healthy").set(f64::from(u8::from(healthy)));
}
