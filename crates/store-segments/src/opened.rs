//! A view whose segments are open, and why it could not be read to its end.

use std::sync::Arc;

use base::FlowId;
use flows::hot::View;
use model::results::ResultScope;
use model::store::StoreError;

use crate::columns::Piece;
use crate::file::{SegmentFile, is_gone};

/// Why a view could not be read to its end.
pub(crate) enum Lost {
    /// A batch has left the record store, or an object is gone; then what was said of it.
    Moved(Option<StoreError>),
    Failed(StoreError),
}

impl From<StoreError> for Lost {
    fn from(error: StoreError) -> Self {
        if is_gone(&error) { Self::Moved(Some(error)) } else { Self::Failed(error) }
    }
}

/// A view whose segments are open.
pub(crate) struct Opened {
    pub(crate) view: View,
    pub(crate) files: Vec<Arc<SegmentFile>>,
    /// Of this flow only.
    pub(crate) flow: Option<FlowId>,
}

impl Opened {
    /// The row groups that have rows of the view, as numbers of file and group.
    pub(crate) fn groups(&self) -> Vec<(usize, usize)> {
        let mut groups = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            for (group, rows) in file.groups().into_iter().enumerate() {
                let of_flow = |flow| file.runs_of(rows.clone()).iter().any(|run| run.flow == flow);
                if self.flow.is_none_or(of_flow) {
                    groups.push((number, group));
                }
            }
        }
        groups
    }

    /// Takes from a piece the rows of other flows.
    pub(crate) fn restrict(&self, piece: &mut Piece<'_>) {
        let Some(flow) = self.flow else { return };
        for run in piece.runs().iter().filter(|run| run.flow != flow) {
            let rows = piece.rows_of(run);
            piece.kept[rows].fill(false);
        }
    }
}

pub(crate) fn flow_of(scope: ResultScope) -> Option<FlowId> {
    match scope {
        ResultScope::Flow(flow) => Some(flow),
        ResultScope::Hunt { .. } | ResultScope::Rounds(_) => None,
    }
}
