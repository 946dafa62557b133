//! Kill -9 of server and agents at random moments during hunts, as real processes.
//!
//! Each round is one hunt to 20 agents, of which 15 match; during the round the server, some agents, or both
//! are killed and started again. At the end of each round nothing is lost and nothing is there twice: every agent
//! has one member record, every matching one the rows of exactly one finished attempt, the counters
//! equal a recount. An agent that is killed while it evaluates the hunt's question is refused with that reason and
//! asked again.
//!
//! `LYCAON_SOAK_ROUNDS` asks for more rounds than the usual 50, `LYCAON_SOAK_SEED` repeats a run.

use std::time::Duration;

use base::{Entropy, SeededEntropy};

use crate::fleet::Fleet;
use crate::judge::{Cohort, ask_again_who_was_killed_in_the_question, judge, question};

const COHORT: Cohort = Cohort { matching: 15, others: 5 };
const ROUNDS: u64 = 50;

pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Kills somebody after a moment, and starts them again. Gives the number of agents that were killed.
async fn disturb(fleet: &mut Fleet, chance: &mut SeededEntropy) -> usize {
    let moment = Duration::from_millis(chance.next_u64() % 400);
    tokio::time::timeout(moment, std::future::pending::<()>()).await.ok();
    let whom = chance.next_u64() % 4;
    if whom != 0 {
        fleet.kill_server();
    }
    let mut killed = Vec::new();
    if whom != 1 {
        for _ in 0..=chance.next_u64() % 5 {
            let index = (chance.next_u64() % fleet.agents() as u64) as usize;
            fleet.kill_agent(index);
            killed.push(index);
        }
    }
    killed.sort_unstable();
    killed.dedup();
    if whom != 0 {
        fleet.start_server();
        fleet.until_server_answers().await;
    }
    for index in &killed {
        fleet.start_agent(*index);
    }
    killed.len()
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_anybody_is_killed_at_any_moment() {
    let seed = number("LYCAON_SOAK_SEED", std::process::id().into());
    let rounds = number("LYCAON_SOAK_ROUNDS", ROUNDS);
    eprintln!("LYCAON_SOAK_SEED={seed} repeats the order of kills");
    let mut chance = SeededEntropy::new(seed);
    let mut fleet = Fleet::new().await;
    let client = fleet.admin().await;
    fleet.enrol(&client, COHORT.matching, &["office"]).await;
    fleet.enrol(&client, COHORT.others, &["lab"]).await;
    for round in 1..=rounds {
        let question = question(&format!("round {round}"), "Linux.Sys.Users");
        let hunt = fleet.hunt(&client, &question).await;
        let killed = disturb(&mut fleet, &mut chance).await;
        fleet.until_quiet(&client, &hunt.id).await;
        ask_again_who_was_killed_in_the_question(&fleet, &client, &hunt.id, (round, killed)).await;
        judge(&client, &hunt.id, COHORT, round).await;
    }
}
