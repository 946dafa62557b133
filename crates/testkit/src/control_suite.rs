//! What every store of operators' decisions must do.

use loghunt::ports::{AuditNote, Job, JobState, Pause, PauseMode, TellHow};
use model::log::TenantName;
use model::org::Actor;
use model::store::Paging;

use crate::log_stores::{LogStores, at, key};

/// Runs all promises, each on records of its own.
pub async fn control_suite(fresh: impl AsyncFn() -> LogStores) {
    a_pause_is_kept_until_it_ends(fresh().await).await;
    jobs_are_listed_newest_first(fresh().await).await;
    the_audit_trail_is_read_backwards(fresh().await).await;
}

fn tenant(name: &str) -> TenantName {
    TenantName::new(name).expect("a name")
}

fn note(action: &str, secs: i64) -> AuditNote {
    AuditNote {
        at: at(secs),
        actor: Actor::User("ada".into()),
        action: action.into(),
        subject: "acme".into(),
        reason: "the audit is over; ‘really’".into(),
    }
}

async fn a_pause_is_kept_until_it_ends(stores: LogStores) {
    let control = &stores.control;
    let pause = |name: &str, mode| Pause {
        tenant: tenant(name),
        mode,
        since: at(5),
        actor: Actor::User("ada".into()),
        reason: "maintenance".into(),
    };
    let (acme, other) = (pause("acme", PauseMode::Hold), pause("other", PauseMode::Skip));
    for pause in [&other, &acme] {
        control.pause(pause).await.unwrap();
    }
    assert_eq!(control.pauses().await.unwrap(), [acme.clone(), other.clone()]);
    let skip = pause("acme", PauseMode::Skip);
    control.pause(&skip).await.unwrap();
    assert_eq!(control.pauses().await.unwrap(), [skip.clone(), other.clone()]);
    let ended = control.resume(&tenant("acme"), &note("resume", 9)).await.unwrap();
    assert_eq!(ended, Some(skip.clone()));
    assert_eq!(control.resume(&tenant("acme"), &note("resume", 10)).await.unwrap(), None);
    assert_eq!(control.pauses().await.unwrap().len(), 1);
    let notes = control.notes(Paging::ALL).await.unwrap().items;
    assert_eq!(notes, [note("resume", 9), skip.note(), acme.note(), other.note()]);
}

async fn jobs_are_listed_newest_first(stores: LogStores) {
    let control = &stores.control;
    let job = |name: &str, secs: i64| Job {
        name: name.into(),
        rule: key("acme", "whoami").rule,
        tenants: vec![tenant("other"), tenant("acme")],
        from: at(-5),
        to: at(500),
        tell: TellHow::Digest,
        bytes_max: Some(1 << 40),
        at: at(secs),
        actor: Actor::System,
        reason: "a new revision".into(),
        state: JobState::Running,
    };
    let mut jobs = vec![job("new", 9), job("b", 5), job("c", 5), job("old", 1)];
    for job in jobs.iter().rev() {
        control.put_job(job).await.unwrap();
    }
    let page = control.jobs(Paging::first(10)).await.unwrap();
    assert_eq!((page.items, page.total), (jobs.clone(), 4));
    for (state, tell) in [
        (JobState::OverBudget, TellHow::Nothing),
        (JobState::Cancelled, TellHow::Each),
        (JobState::Done, TellHow::Digest),
    ] {
        jobs[1] = Job { state, tell, bytes_max: None, tenants: Vec::new(), ..job("b", 5) };
        control.put_job(&jobs[1]).await.unwrap();
        let page = control.jobs(Paging { offset: 1, limit: 1 }).await.unwrap();
        assert_eq!((&page.items[..], page.total), (&jobs[1..2], 4));
    }
}

async fn the_audit_trail_is_read_backwards(stores: LogStores) {
    let control = &stores.control;
    for number in 0..5 {
        control.note(&note("waive", number)).await.unwrap();
    }
    let page = control.notes(Paging { offset: 1, limit: 2 }).await.unwrap();
    assert_eq!((page.items, page.total), (vec![note("waive", 3), note("waive", 2)], 5));
}
