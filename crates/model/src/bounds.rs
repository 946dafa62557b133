//! How far a hunt may go: budgets of the whole hunt, the share of failures at which it stops, and
//! the few clients that it is tried on first.

/// What all flows of a hunt together may use. Zero means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// Rows of finished attempts.
    pub rows_max: u64,
    /// Bytes of files of finished attempts.
    pub upload_bytes_max: u64,
    /// Processor time of finished attempts, in seconds.
    pub cpu_secs_max: u64,
}

/// What the finished attempts of a hunt have used, over all its rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Rows.
    pub rows: u64,
    /// Files.
    pub uploads: u64,
    /// Bytes of them.
    pub upload_bytes: u64,
    /// Processor time, in milliseconds.
    pub cpu_millis: u64,
}

impl Spent {
    /// With what one more attempt used.
    pub fn and(self, more: &crate::flow::FlowYield) -> Self {
        Self {
            rows: self.rows.saturating_add(more.rows),
            uploads: self.uploads.saturating_add(more.uploads),
            upload_bytes: self.upload_bytes.saturating_add(more.upload_bytes),
            cpu_millis: self.cpu_millis.saturating_add(more.cpu_millis),
        }
    }
}

/// Ends a hunt whose clients fail too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopWhen {
    /// Failed clients among those that have finished, in percent, 1 to 100.
    pub failed_percent: u32,
    /// Not before so many clients of the round have finished.
    pub after_clients: u64,
}

/// Tries a hunt on a few clients before all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canary {
    /// So many clients are admitted first.
    pub clients: u64,
    /// Who lets the others in.
    pub then: Widen,
}

/// Who lets the others in after the canaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widen {
    /// A person.
    Gate,
    /// The hunt itself, when all canaries have finished and are healthy.
    Auto,
}

impl Widen {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Auto => "auto",
        }
    }

    /// What this word says.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Gate, Self::Auto].into_iter().find(|widen| widen.name() == name)
    }
}

/// Whether clients after the canaries are let in. Says nothing in a hunt without canaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// Not yet.
    #[default]
    Closed,
    /// The canaries were not healthy: only a person lets the others in.
    Barred,
    /// They are.
    Open,
}

impl Gate {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Barred => "barred",
            Self::Open => "open",
        }
    }

    /// What this word says.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Closed, Self::Barred, Self::Open].into_iter().find(|gate| gate.name() == name)
    }
}
