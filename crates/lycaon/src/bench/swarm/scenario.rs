//! Which simulated agents behave how. Everything about an agent follows from its number, so that two runs of
//! one scenario have the same agents.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the agents of a swarm are like. Shares are fractions of all agents.
#[derive(clap::Args, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Scenario {
    /// Rows that a flow brings from each source
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) rows: u32,
    /// About so many bytes in each row
    #[arg(long, default_value_t = 120, value_name = "BYTES")]
    pub(crate) row_bytes: usize,
    /// Agents that are killed and started again all the time, as a share of all
    #[arg(long, default_value_t = 0.0, value_parser = share, value_name = "SHARE")]
    pub(crate) churn: f64,
    /// Agents that lie: forged rows, false totals, cursors from the future
    #[arg(long, default_value_t = 0.0, value_parser = share, value_name = "SHARE")]
    pub(crate) liars: f64,
    /// Agents whose disk takes its time with every report
    #[arg(long, default_value_t = 0.0, value_parser = share, value_name = "SHARE")]
    pub(crate) slow: f64,
    /// Agents that forget what was acknowledged, and send it again after each connection
    #[arg(long, default_value_t = 0.0, value_parser = share, value_name = "SHARE")]
    pub(crate) duplicates: f64,
    /// Agents whose network breaks in the middle of what is sent
    #[arg(long, default_value_t = 0.0, value_parser = share, value_name = "SHARE")]
    pub(crate) loss: f64,
    /// Agents' clocks are wrong by up to so much, either way
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub(crate) skew_secs: u32,
    /// Another number, another order of everything
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("give a share between 0 and 1, such as 0.05".into()),
    }
}

/// How an agent lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Its rows have columns that would hide what the server knows.
    Forged,
    /// It declares more rows than it sends.
    Totals,
    /// It claims to know hunts that nobody has started.
    Cursor,
}

/// What one agent is like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Habits {
    pub(crate) lie: Option<Lie>,
    /// So long it lives between two deaths.
    pub(crate) lives: Option<Duration>,
    /// So long each report takes to its disk.
    pub(crate) disk: Option<Duration>,
    pub(crate) forgetful: bool,
    /// Its connection breaks after so many bytes, one way or the other.
    pub(crate) breaks_after: Option<u64>,
    /// Its clock is ahead by so much.
    pub(crate) skew_micros: i64,
}

impl Scenario {
    /// Honest agents on good machines.
    pub(crate) fn plain() -> Self {
        Self {
            rows: 1,
            row_bytes: 120,
            churn: 0.0,
            liars: 0.0,
            slow: 0.0,
            duplicates: 0.0,
            loss: 0.0,
            skew_secs: 0,
            seed: 1,
        }
    }

    /// What the agent with this number is like.
    pub(crate) fn habits(&self, number: u32) -> Habits {
        let fraction = |salt: u64| (self.mixed(number, salt) >> 11) as f64 / (1u64 << 53) as f64;
        let is = |share: f64, salt| fraction(salt) < share;
        let lie = || match self.mixed(number, 11) % 3 {
            0 => Lie::Forged,
            1 => Lie::Totals,
            _ => Lie::Cursor,
        };
        Habits {
            lie: is(self.liars, 1).then(lie),
            lives: is(self.churn, 2).then(|| Duration::from_secs_f64(3.0 + 12.0 * fraction(12))),
            disk: is(self.slow, 3).then(|| Duration::from_secs_f64(0.05 + 0.45 * fraction(13))),
            forgetful: is(self.duplicates, 4),
            breaks_after: is(self.loss, 5).then(|| 4_000 + self.mixed(number, 15) % 12_000),
            skew_micros: (f64::from(self.skew_secs) * 1e6 * (2.0 * fraction(6) - 1.0)) as i64,
        }
    }

    /// Bits that depend on the scenario's seed, an agent and what they are for.
    pub(crate) fn mixed(&self, number: u32, salt: u64) -> u64 {
        let mut bits = self.seed ^ (u64::from(number) << 20) ^ (salt << 52);
        // The finalizer of splitmix64.
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(liars: f64) -> Scenario {
        Scenario { churn: 0.1, liars, skew_secs: 60, ..Scenario::plain() }
    }

    #[test]
    fn an_agents_number_says_all_about_it() {
        let one = scenario(0.3);
        let liars = (1..=10_000).filter(|n| one.habits(*n).lie.is_some()).count();
        assert!((2_800..3_200).contains(&liars), "{liars} of 10,000 lie");
        assert!((1..=100).all(|n| one.habits(n) == one.clone().habits(n)));
        assert!((1..=1_000).all(|n| one.habits(n).skew_micros.abs() <= 60_000_000));
        assert!((1..=1_000).all(|n| scenario(0.0).habits(n).lie.is_none()));
    }
}
