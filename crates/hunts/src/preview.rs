//! How large a hunt would be before it starts: the same decision over the server's record as the
//! foreman makes, counted.
//!
//! Pure. What a client's own query answers, nobody knows before it was asked: a preview counts who
//! would be asked.

use std::collections::BTreeMap;
use std::time::Duration;

use base::{Rate, Timestamp};
use model::client::Client;
use model::hunt::{Condition, DEFAULT_CLIENT_QUERY, HuntSpec};

use crate::condition::decide_by_record;

/// A client that was seen within this time counts as recent.
pub const RECENT: Duration = Duration::from_secs(7 * 86_400);

/// Most clients of a sample.
const SAMPLE_MAX: usize = 16;

/// So many clients, and how many of them are connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// In all.
    pub clients: u64,
    /// Connected now.
    pub online: u64,
}

impl Tally {
    fn count(&mut self, online: bool) {
        self.clients += 1;
        self.online += u64::from(online);
    }
}

/// What include and exclude make of a fleet, client by client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Those that would be asked.
    pub asked: Tally,
    /// Of these, connected now or seen a short time ago.
    pub recent: u64,
    /// Those left out.
    pub excluded: Tally,
    /// Why they are left out.
    pub excluded_by: BTreeMap<String, Tally>,
    /// Those that would be asked, by operating system.
    pub systems: BTreeMap<String, Tally>,
    /// Those that would be asked, by label.
    pub labels: BTreeMap<String, Tally>,
    /// Some of those that would be asked, spread evenly over them in the order in which they were
    /// counted.
    pub sample: Vec<(Client, bool)>,
    /// Every so manieth is in the sample.
    stride: u64,
}

impl Survey {
    /// Counts one client; `online` is whether it is connected. Those that were revoked are no clients
    /// any more.
    pub fn count(&mut self, condition: &Condition, client: &Client, online: bool, now: Timestamp) {
        if client.revoked_at.is_some() {
            return;
        }
        if let Err(refusal) = decide_by_record(condition, client) {
            self.excluded.count(online);
            self.excluded_by.entry(refusal.detail().to_owned()).or_default().count(online);
            return;
        }
        self.sample(client, online);
        self.asked.count(online);
        self.recent += u64::from(online || client.last_seen.plus(RECENT) >= now);
        self.systems.entry(client.facts.os.clone()).or_default().count(online);
        for label in &client.labels {
            self.labels.entry(label.clone()).or_default().count(online);
        }
    }

    fn sample(&mut self, client: &Client, online: bool) {
        self.stride = self.stride.max(1);
        if !self.asked.clients.is_multiple_of(self.stride) {
            return;
        }
        if self.sample.len() == SAMPLE_MAX {
            let mut at = 0;
            self.sample.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.stride *= 2;
            if !self.asked.clients.is_multiple_of(self.stride) {
                return;
            }
        }
        self.sample.push((client.clone(), online));
    }
}

/// How long it takes to admit so many clients, when all of them match and wait from the start.
pub fn duration(spec: &HuntSpec, ceiling: Rate, clients: u64) -> Duration {
    let wanted = match spec.limits.clients_max {
        0 => clients,
        max => clients.min(max),
    };
    let per_minute = |rate: Rate| match rate {
        Rate::Unlimited => u64::MAX,
        Rate::PerMinute(rate) => u64::from(rate),
    };
    let rate = per_minute(spec.rate).min(per_minute(ceiling)).max(1);
    // The first minute's share begins at once.
    Duration::from_secs((wanted.saturating_sub(1) / rate).saturating_mul(60))
}

/// What a preview cannot know, a sentence each.
pub fn unknown(spec: &HuntSpec) -> Vec<&'static str> {
    let mut found = Vec::new();
    let condition = &spec.condition;
    let is_usual = condition.client == DEFAULT_CLIENT_QUERY;
    match (is_usual, condition.server.trim().is_empty()) {
        (true, true) => {}
        (_, false) => found.push(
            "The server condition decides on what each client answers; fewer may match than are asked.",
        ),
        (false, true) => found.push(
            "The client query decides on each client; those on which it gives no row do not match.",
        ),
    }
    if spec.limits.running_max > 0 {
        found.push(
            "Only so many flows run at once; how long one takes is known when the first have ended.",
        );
    }
    found
        .push("Clients that are not connected are asked when they come back, until the hunt ends.");
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{example_client, example_hunt};
    use crate::foreman::{Answer, Foreman};
    use crate::ports::{ActiveHunts, HuntSummary, Progress};
    use base::ClientId;
    use model::hunt::{Filter, Hunt, HuntState, OfferSeq, QueueCounts};
    use proptest::prelude::*;

    const DAY: i64 = 86_400;

    fn client(id: u128, os: &str, labels: &[&str], seen_days_ago: i64) -> Client {
        let mut client = example_client(id);
        client.facts.os = os.to_owned();
        client.labels = labels.iter().map(|label| (*label).to_owned()).collect();
        client.last_seen = Timestamp::from_secs((100 - seen_days_ago) * DAY);
        client
    }

    fn survey(condition: &Condition, clients: &[Client]) -> Survey {
        let mut survey = Survey::default();
        for client in clients {
            let online = client.id.bits().is_multiple_of(2);
            survey.count(condition, client, online, Timestamp::from_secs(100 * DAY));
        }
        survey
    }

    #[test]
    fn a_fleet_is_counted_by_system_label_and_reason() {
        let exclude = Filter { labels: ["db".to_owned()].into(), ..Filter::default() };
        let include = Filter { os: Some("linux".into()), ..Filter::default() };
        let condition = Condition { include, exclude, ..Condition::default() };
        let mut gone = client(9, "linux", &[], 0);
        gone.revoked_at = Some(Timestamp::EPOCH);
        let clients = [
            client(1, "linux", &["web", "eu"], 1),
            client(2, "linux", &["web"], 30),
            client(3, "linux", &["db"], 1),
            client(4, "windows", &[], 1),
            client(5, "linux", &[], 30),
            gone,
        ];
        let found = survey(&condition, &clients);
        assert_eq!((found.asked, found.recent), (Tally { clients: 3, online: 1 }, 2));
        assert_eq!(found.excluded, Tally { clients: 2, online: 1 });
        let names: Vec<&str> = found.excluded_by.keys().map(String::as_str).collect();
        assert_eq!(names, ["has the label `db`", "its system is windows, not linux"]);
        assert_eq!(found.labels["web"], Tally { clients: 2, online: 1 });
        assert_eq!(found.systems["linux"], Tally { clients: 3, online: 1 });
        assert_eq!(found.sample.len(), 3);
    }

    #[test]
    fn a_sample_is_spread_over_a_large_fleet() {
        let clients: Vec<Client> = (0..10_000).map(|id| client(id, "linux", &[], 1)).collect();
        let ids: Vec<u128> = survey(&Condition::default(), &clients)
            .sample
            .iter()
            .map(|(client, _)| client.id.bits())
            .collect();
        assert!((SAMPLE_MAX / 2..=SAMPLE_MAX).contains(&ids.len()), "{ids:?}");
        assert!(ids[0] == 0 && ids[ids.len() - 1] > 8_000, "{ids:?}");
    }

    #[test]
    fn the_time_follows_from_rate_ceiling_and_limit() {
        let check = |rate, clients_max, clients, minutes: u64| {
            let mut spec = example_hunt(1).spec;
            (spec.rate, spec.limits.clients_max) = (rate, clients_max);
            let found = duration(&spec, Rate::PerMinute(1_000), clients);
            assert_eq!(found, Duration::from_secs(minutes * 60), "{rate:?} {clients}");
        };
        check(Rate::PerMinute(20), 0, 0, 0);
        check(Rate::PerMinute(20), 0, 20, 0);
        check(Rate::PerMinute(20), 0, 21, 1);
        check(Rate::PerMinute(20), 0, 200, 9);
        check(Rate::PerMinute(20), 40, 200, 1);
        check(Rate::Unlimited, 0, 5_000, 4);
        check(Rate::PerMinute(9_999), 0, 5_000, 4);
    }

    #[test]
    fn what_cannot_be_known_is_said() {
        let mut spec = example_hunt(1).spec;
        assert_eq!(unknown(&spec).len(), 1);
        spec.condition.server = "SELECT * FROM rows".into();
        spec.limits.running_max = 3;
        assert_eq!(unknown(&spec).len(), 3);
    }

    fn any_labels() -> impl Strategy<Value = Vec<&'static str>> {
        prop::sample::subsequence(vec!["web", "web-old", "db", "we"], 0..4)
    }

    fn any_filter() -> impl Strategy<Value = Filter> {
        let os = prop::option::of(prop::sample::select(vec!["linux", "windows"]));
        (any_labels(), os, prop::collection::btree_set(0u128..6, 0..3)).prop_map(
            |(labels, os, clients)| Filter {
                labels: labels.into_iter().map(str::to_owned).collect(),
                os: os.map(str::to_owned),
                clients: clients.into_iter().map(ClientId::from_bits).collect(),
            },
        )
    }

    proptest! {
        /// An estimate that matches otherwise than scheduling is worse than none.
        #[test]
        fn a_preview_counts_whom_the_foreman_asks(
            include in any_filter(),
            exclude in any_filter(),
            fleet in prop::collection::vec((any_labels(), prop::bool::ANY), 0..6),
        ) {
            let condition = Condition { include, exclude, ..Condition::default() };
            let clients: Vec<Client> = (0u128..)
                .zip(&fleet)
                .map(|(id, (labels, linux))| {
                    client(id, if *linux { "linux" } else { "windows" }, labels, 1)
                })
                .collect();
            let mut hunt = Hunt { state: HuntState::Running, ..example_hunt(1) };
            (hunt.offer, hunt.spec.condition) = (OfferSeq(5), condition.clone());
            let counts = QueueCounts::default();
            let active = ActiveHunts {
                hunts: vec![HuntSummary { hunt, counts, progress: Progress::default() }],
                newest: OfferSeq(5),
            };
            let foreman = Foreman::new(active);
            let asks = |client: &&Client| match foreman.newer(OfferSeq(0), client) {
                Answer::UpToDate => false,
                Answer::Newer(newer) => !newer.queries.is_empty(),
            };
            let asked = clients.iter().filter(asks).count() as u64;
            prop_assert_eq!(survey(&condition, &clients).asked.clients, asked);
        }

        /// Whoever is named in an exclusion stays out, whatever else is asked for.
        #[test]
        fn an_exclusion_always_wins(
            include in any_filter(),
            exclude in any_filter(),
            labels in any_labels(),
            linux in prop::bool::ANY,
        ) {
            let one = client(1, if linux { "linux" } else { "windows" }, &labels, 1);
            let named = one.labels.iter().any(|label| exclude.labels.contains(label))
                || exclude.os.as_deref() == Some(one.facts.os.as_str())
                || exclude.clients.contains(&one.id);
            let condition = Condition { include, exclude, ..Condition::default() };
            prop_assert!(!named || decide_by_record(&condition, &one).is_err());
        }
    }
}
