//! What becomes of the findings of a commit: which are new, who is told of them, and in which messages.
//!
//! A store looks up or inserts what it must, in this order, in the transaction of the step:
//! [`check`], [`arrived`], insert them (which tells the new ones), claim the buckets that [`claims`]
//! wants (which tells the won ones), [`messages`], [`count`].
//!
//! # Invariants
//!
//! - A finding is told at most once to each channel: when it is new.
//! - A bucket belongs to the first finding that is told; one that falls under an exception, or that
//!   nobody is told of, takes no bucket from those that come later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Timestamp;
use model::log::{Finding, FindingId, RuleName, SliceId, SliceState, TenantName};
use model::store::StoreError;

use crate::command::{Applied, Command};
use crate::ids::delivery_key;
use crate::ports::{Step, Tell, TellHow};
use crate::stream::{Changes, RunOutcome};

/// What groups findings of which only the first is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    /// Whose.
    pub tenant: TenantName,
    /// Of which rule.
    pub rule: RuleName,
    /// Its name, by the rule's columns and the match's instant.
    pub name: Arc<str>,
}

/// A message for the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Tells it apart for the receiver.
    pub key: Arc<str>,
    /// Which channel.
    pub channel: String,
    /// Of what.
    pub findings: Vec<FindingId>,
}

impl Tell {
    /// Whether anybody is told at all.
    pub fn tells(&self) -> bool {
        self.how != TellHow::Nothing && !self.channels.is_empty()
    }
}

/// The commit of a step: its slice and token.
fn commit_of(step: &Step) -> Option<(SliceId, u64)> {
    step.commands.iter().rev().find_map(|command| match command {
        Command::Commit { slice, evidence, .. } => Some((*slice, evidence.token)),
        _ => None,
    })
}

/// Refuses findings that no commit found, and those of another tenant or rule than the stream's.
///
/// # Errors
///
/// [`StoreError::Refused`]: a fault in the program that asks.
pub fn check(step: &Step) -> Result<(), StoreError> {
    if !step.findings.is_empty() && commit_of(step).is_none() {
        let why = format!("findings of {} come without the commit that found them", step.key);
        return Err(StoreError::refused(why));
    }
    let key = &step.key;
    let stranger =
        step.findings.iter().find(|found| found.tenant != key.tenant || found.rule != key.rule);
    match stranger {
        Some(found) => Err(StoreError::refused(format!(
            "finding {} of {}/{} cannot be found in the stream {key}",
            found.id, found.tenant, found.rule
        ))),
        None => Ok(()),
    }
}

/// The findings of a step, each identity once, as they are stored when they are new.
pub fn arrived(step: &Step, now: Timestamp) -> Vec<Finding> {
    let mut places: BTreeMap<FindingId, usize> = BTreeMap::new();
    let mut distinct: Vec<Finding> = Vec::with_capacity(step.findings.len());
    for found in &step.findings {
        match places.get(&found.id) {
            Some(place) => distinct[*place].revision_last = found.revision_last.clone(),
            None => {
                places.insert(found.id, distinct.len());
                distinct.push(Finding { found_at: now, notified: false, ..found.clone() });
            }
        }
    }
    distinct
}

/// The buckets that new findings ask for, each once, with the first finding that asks.
pub fn claims(new: &[Finding], tell: &Tell) -> BTreeMap<Bucket, FindingId> {
    let mut wanted = BTreeMap::new();
    if !tell.tells() {
        return wanted;
    }
    for found in new.iter().filter(|found| found.suppressed_by.is_none()) {
        let Some(name) = found.bucket.clone() else { continue };
        let bucket = Bucket { tenant: found.tenant.clone(), rule: found.rule.clone(), name };
        wanted.entry(bucket).or_insert(found.id);
    }
    wanted
}

/// Marks those of the new findings that people are told of, and writes the messages. `won` are the
/// findings whose claim of a bucket succeeded.
pub fn messages(new: &mut [Finding], tell: &Tell, won: &BTreeSet<FindingId>) -> Vec<Message> {
    let mut told = Vec::new();
    for found in new.iter_mut() {
        let first = found.bucket.is_none() || won.contains(&found.id);
        found.notified = tell.tells() && found.suppressed_by.is_none() && first;
        if found.notified {
            told.push(found.id);
        }
    }
    let groups: Vec<Vec<FindingId>> = match tell.how {
        TellHow::Nothing => Vec::new(),
        TellHow::Each => told.into_iter().map(|id| vec![id]).collect(),
        TellHow::Digest if told.is_empty() => Vec::new(),
        TellHow::Digest => vec![told],
    };
    let channels: BTreeSet<&String> = tell.channels.iter().collect();
    let to_all = |findings: Vec<FindingId>| {
        let message = move |channel: &&String| Message {
            key: delivery_key(channel, &findings),
            channel: (*channel).clone(),
            findings: findings.clone(),
        };
        channels.iter().map(message).collect::<Vec<_>>()
    };
    groups.into_iter().flat_map(to_all).collect()
}

/// Writes how many findings were new into the answer, the committed slice and its run.
pub fn count(step: &Step, new: u64, applied: &mut Applied, changes: &mut Changes) {
    applied.findings_new = new;
    let Some((id, token)) = commit_of(step) else { return };
    let slices = changes.put.iter_mut().chain(applied.slice.iter_mut());
    for slice in slices.filter(|slice| slice.id == id) {
        if let SliceState::Committed(evidence) = &mut slice.state {
            evidence.findings_new = new;
        }
    }
    for run in changes.runs.iter_mut().filter(|run| run.token == token) {
        if let RunOutcome::Committed { findings_new, .. } = &mut run.outcome {
            *findings_new = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{finding, key};

    fn tell(how: TellHow) -> Tell {
        Tell { channels: vec!["mail".into(), "hook".into()], how }
    }

    /// `name`s are the buckets of findings 0, 1, ...; `!` in front falls under an exception.
    fn new(buckets: &[&str]) -> Vec<Finding> {
        let one = |(number, bucket): (usize, &&str)| {
            let mut found = finding(number as u128);
            let name = bucket.trim_start_matches('!');
            found.suppressed_by = (name != *bucket).then(|| "an exception".into());
            found.bucket = (!name.is_empty()).then(|| name.into());
            found
        };
        buckets.iter().enumerate().map(one).collect()
    }

    #[track_caller]
    fn check_told(how: TellHow, buckets: &[&str], taken: &[&str], expected: &[&[u128]]) {
        let mut new = new(buckets);
        let claims = claims(&new, &tell(how));
        let free = claims.iter().filter(|(bucket, _)| !taken.contains(&&*bucket.name));
        let won = free.map(|(_, id)| *id).collect();
        let messages = messages(&mut new, &tell(how), &won);
        let mails = messages.iter().filter(|message| message.channel == "mail");
        let told: Vec<Vec<u128>> =
            mails.map(|message| message.findings.iter().map(|id| id.0).collect()).collect();
        assert_eq!(told, expected);
        assert_eq!(messages.len(), told.len() * 2, "both channels are told the same");
        let notified = new.iter().filter(|found| found.notified).count();
        assert_eq!(notified, told.iter().map(Vec::len).sum::<usize>());
    }

    #[test]
    fn the_first_of_a_bucket_is_told() {
        check_told(TellHow::Each, &["", ""], &[], &[&[0], &[1]]);
        check_told(TellHow::Each, &["a", "a", "b"], &[], &[&[0], &[2]]);
        check_told(TellHow::Each, &["a", "b"], &["a"], &[&[1]]);
        check_told(TellHow::Each, &["!a", "a", "!"], &[], &[&[1]]);
        check_told(TellHow::Digest, &["a", "a", "b", ""], &[], &[&[0, 2, 3]]);
        check_told(TellHow::Digest, &["!a"], &[], &[]);
        check_told(TellHow::Nothing, &["a", ""], &[], &[]);
    }

    #[test]
    fn a_repeated_identity_arrives_once_with_its_last_revision() {
        let mut again = finding(1);
        again.revision_last = "r2".into();
        let findings = vec![finding(1), finding(2), again];
        let step = Step { findings, ..Step::of(key(), Vec::new()) };
        let arrived = arrived(&step, Timestamp::from_secs(9));
        let told: Vec<_> =
            arrived.iter().map(|found| (found.id.0, &*found.revision_last)).collect();
        assert_eq!(told, [(1, "r2"), (2, "r1")]);
        assert_eq!(arrived[0].found_at, Timestamp::from_secs(9));
        let said = check(&step).expect_err("nothing committed them").to_string();
        assert_eq!(
            said,
            "findings of acme/process_creation/whoami come without the commit that found them"
        );
    }
}
