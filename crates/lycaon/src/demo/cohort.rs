//! Who plays in the demo: which agents match its hunt, and what the hunt asks.

use api::{ArtifactCall, ClientFilter, HuntCondition, HuntRequest, TokenRequest};

/// What an agent is in the demo's hunt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Matches the condition.
    Office,
    /// Is asked, and refused by the server's condition.
    Lab,
    /// Is refused by its labels, before anything is asked.
    Spare,
}

/// So many of five agents match.
const MATCHING_OF_FIVE: u32 = 3;

impl Role {
    /// All roles.
    pub(crate) const ALL: [Self; 3] = [Self::Office, Self::Lab, Self::Spare];

    /// The labels that an agent of this role has, on the server and in its own configuration.
    pub(crate) fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Office => &["demo", "office"],
            Self::Lab => &["demo", "lab"],
            Self::Spare => &["spare"],
        }
    }

    /// An enrolment token for so many agents of this role.
    pub(crate) fn token_request(self, agents: usize) -> TokenRequest {
        TokenRequest {
            labels: self.labels().iter().map(|label| (*label).to_owned()).collect(),
            expires_after: "1h".into(),
            uses_max: u32::try_from(agents).unwrap_or(u32::MAX),
        }
    }

    /// The role that a client's labels say it has.
    pub(crate) fn by_labels(labels: &[String]) -> Option<Self> {
        Self::ALL.into_iter().find(|role| {
            labels.len() == role.labels().len()
                && role.labels().iter().all(|label| labels.iter().any(|has| has == label))
        })
    }
}

/// The agents of one demo by number, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Cohort {
    roles: Vec<Role>,
}

impl Cohort {
    /// So many agents: three of five match, one of the others is refused by its labels.
    pub(crate) fn of(agents: u32) -> Self {
        let matching = (agents * MATCHING_OF_FIVE).div_ceil(5);
        let roles = (1..=agents).map(|number| match number {
            number if number <= matching => Role::Office,
            number if number == agents => Role::Spare,
            _ => Role::Lab,
        });
        Self { roles: roles.collect() }
    }

    /// How many agents.
    pub(crate) fn len(&self) -> usize {
        self.roles.len()
    }

    /// The numbers of the agents with this role.
    pub(crate) fn numbers(&self, role: Role) -> Vec<u32> {
        (1..).zip(&self.roles).filter(|(_, has)| **has == role).map(|(number, _)| number).collect()
    }

    /// The demo's hunt: it uses both sides of a condition and a label.
    pub(crate) fn hunt(&self) -> HuntRequest {
        let users =
            ArtifactCall { name: "Linux.Sys.Users".into(), parameters: serde_json::Map::new() };
        HuntRequest {
            description: "Accounts of all machines in the office that run Linux.".into(),
            condition: HuntCondition {
                client: Some(
                    "SELECT OS, Architecture, Fqdn, Platform, config.Client_labels AS Labels \
                     FROM info()"
                        .into(),
                ),
                server: Some(
                    "SELECT * FROM rows WHERE OS =~ 'linux' AND 'office' IN Labels".into(),
                ),
                include: ClientFilter { labels: vec!["demo".into()], ..ClientFilter::default() },
                exclude: ClientFilter::default(),
            },
            rate: "600/min".into(),
            expires: "1d".into(),
            start: true,
            ..HuntRequest::of("Who has an account here?", vec![users])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_five_match_and_there_is_one_of_each_other_kind() {
        let cohort = Cohort::of(5);
        assert_eq!(cohort.numbers(Role::Office), [1, 2, 3]);
        assert_eq!(cohort.numbers(Role::Lab), [4]);
        assert_eq!(cohort.numbers(Role::Spare), [5]);
        assert_eq!(Cohort::of(1).numbers(Role::Office), [1]);
    }

    #[test]
    fn a_role_is_known_by_its_labels() {
        for role in Role::ALL {
            let labels: Vec<String> = role.labels().iter().map(ToString::to_string).collect();
            assert_eq!(Role::by_labels(&labels), Some(role));
        }
        assert_eq!(Role::by_labels(&["demo".into()]), None);
    }
}
