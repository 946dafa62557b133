//! The files of flow requests: one for each attempt, whose ending says where it stands.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base::FlowId;
use link::OutboxError;
use model::results::AttemptId;
use prost::Message;
use wire::{FlowRequest, Status};

use crate::durable::{
    make_folder, names_in, read_if_there, remove, tried, write_durably, write_quickly,
};
use crate::os::sync_folder;
use crate::record;

/// How many attempts that are over are remembered.
const REMEMBERED_MAX: usize = 1_000;

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    Waiting,
    Begun,
    Over,
}

impl Standing {
    fn ending(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Begun => "begun",
            Self::Over => "over",
        }
    }
}

/// The files of a spool's flow requests, and what they say.
#[derive(Debug)]
pub(crate) struct FlowFiles {
    folder: PathBuf,
    standing: BTreeMap<AttemptId, Standing>,
}

fn parse_name(name: &str) -> Option<(AttemptId, Standing)> {
    let (stem, ending) = name.rsplit_once('.')?;
    let standing = [Standing::Waiting, Standing::Begun, Standing::Over]
        .into_iter()
        .find(|standing| standing.ending() == ending)?;
    let (flow, attempt) = stem.rsplit_once('-')?;
    let flow: FlowId = flow.parse().ok()?;
    Some((AttemptId { flow, attempt: attempt.parse().ok()? }, standing))
}

impl FlowFiles {
    /// Reads which files are there. Files of no known name are left alone.
    pub(crate) fn open(folder: &Path) -> Result<Self, OutboxError> {
        make_folder(folder)?;
        let mut files = Self { folder: folder.to_owned(), standing: BTreeMap::new() };
        for name in names_in(folder)? {
            let Some((attempt, standing)) = parse_name(&name) else { continue };
            // After a crash between two files of one attempt the later stage counts.
            let known = files.standing.entry(attempt).or_insert(standing);
            let older = (*known).min(standing);
            if *known != standing {
                *known = (*known).max(standing);
                remove(&files.path(attempt, older))?;
            }
        }
        Ok(files)
    }

    fn path(&self, attempt: AttemptId, standing: Standing) -> PathBuf {
        let AttemptId { flow, attempt } = attempt;
        self.folder.join(format!("{flow}-{attempt}.{}", standing.ending()))
    }

    pub(crate) fn standing(&self, attempt: AttemptId) -> Option<Standing> {
        self.standing.get(&attempt).copied()
    }

    /// Attempts that are not over.
    pub(crate) fn held(&self) -> impl Iterator<Item = (AttemptId, bool)> {
        self.standing
            .iter()
            .filter(|(_, standing)| **standing != Standing::Over)
            .map(|(attempt, standing)| (*attempt, *standing == Standing::Begun))
    }

    pub(crate) fn over(&self) -> impl Iterator<Item = AttemptId> {
        let over = self.standing.iter().filter(|(_, standing)| **standing == Standing::Over);
        over.map(|(attempt, _)| *attempt)
    }

    pub(crate) fn add(
        &mut self,
        attempt: AttemptId,
        request: &FlowRequest,
    ) -> Result<(), OutboxError> {
        let content = record::encode(0, &request.encode_to_vec());
        write_durably(&self.path(attempt, Standing::Waiting), &content)?;
        self.standing.insert(attempt, Standing::Waiting);
        Ok(())
    }

    pub(crate) fn begin(&mut self, attempt: AttemptId) -> Result<(), OutboxError> {
        match self.standing(attempt) {
            None | Some(Standing::Over) => return Err(OutboxError::NotHeld(attempt)),
            Some(Standing::Begun) => return Ok(()),
            Some(Standing::Waiting) => {}
        }
        let begun = self.path(attempt, Standing::Begun);
        let renamed = fs::rename(self.path(attempt, Standing::Waiting), &begun)
            .and_then(|()| sync_folder(&self.folder));
        tried(renamed, || format!("rename to {}", begun.display()))?;
        self.standing.insert(attempt, Standing::Begun);
        Ok(())
    }

    /// Remembers how an attempt ended, and which report says so.
    pub(crate) fn end(
        &mut self,
        attempt: AttemptId,
        status: &Status,
        number: u64,
    ) -> Result<(), OutboxError> {
        let content = record::encode(number, &status.encode_to_vec());
        write_quickly(&self.path(attempt, Standing::Over), &content)?;
        remove(&self.path(attempt, Standing::Waiting))?;
        remove(&self.path(attempt, Standing::Begun))?;
        self.standing.insert(attempt, Standing::Over);
        self.forget_oldest()
    }

    fn forget_oldest(&mut self) -> Result<(), OutboxError> {
        let many = self.over().count().saturating_sub(REMEMBERED_MAX);
        // Flow ids sort by age.
        let oldest: Vec<AttemptId> = self.over().take(many).collect();
        for attempt in oldest {
            self.forget(attempt)?;
        }
        Ok(())
    }

    fn forget(&mut self, attempt: AttemptId) -> Result<(), OutboxError> {
        if let Some(standing) = self.standing.remove(&attempt) {
            remove(&self.path(attempt, standing))?;
        }
        Ok(())
    }

    /// The request of an attempt that is not over; `None` when its file is damaged.
    pub(crate) fn request(&self, attempt: AttemptId) -> Result<Option<FlowRequest>, OutboxError> {
        let Some(standing) = self.standing(attempt) else { return Ok(None) };
        let content = read_if_there(&self.path(attempt, standing))?;
        Ok(payload(content).and_then(|(_, bytes)| FlowRequest::decode(bytes.as_slice()).ok()))
    }

    /// How an attempt ended and which report said so; `None` when its file is damaged.
    pub(crate) fn status(&self, attempt: AttemptId) -> Result<Option<(u64, Status)>, OutboxError> {
        let content = read_if_there(&self.path(attempt, Standing::Over))?;
        Ok(payload(content).and_then(|(number, bytes)| {
            Status::decode(bytes.as_slice()).ok().map(|status| (number, status))
        }))
    }
}

fn payload(content: Option<Vec<u8>>) -> Option<(u64, Vec<u8>)> {
    let content = content?;
    let found = record::decode_at(&content, 0)?;
    Some((found.number, content[found.payload].to_vec()))
}
