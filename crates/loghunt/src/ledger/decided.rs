//! What people and audits decide about windows, and how far the checkpoint comes by it.

use std::sync::Arc;

use base::Timestamp;
use model::log::{Lane, Position, Slice, SliceEvent, SliceId, SliceState, Window};
use model::org::Actor;

use super::Ledger;
use super::cuts::{intersection, parts};
use crate::command::Refusal;
use crate::stream::StreamStatus;

impl Ledger {
    pub(super) fn waive(
        &mut self,
        window: Window,
        actor: &Actor,
        reason: &str,
    ) -> Result<(), Refusal> {
        self.refuse_closed()?;
        let waive = SliceEvent::Waive { actor: actor.clone(), reason: reason.to_owned() };
        let meeting: Vec<Slice> =
            self.slices.values().filter(|slice| slice.window.meets(window)).cloned().collect();
        for slice in meeting {
            let free = matches!(
                slice.state,
                SliceState::Planned | SliceState::Backoff { .. } | SliceState::Quarantined { .. }
            );
            if !free {
                continue;
            }
            let inside = intersection(slice.window, window).expect("they meet");
            if inside == slice.window {
                self.move_slice(slice.window.from(), &waive)?;
                continue;
            }
            self.remove(slice.window.from());
            for (part, waived) in parts(slice.window, inside) {
                self.insert(part, slice.tick, Some(&slice));
                if waived {
                    self.move_slice(part.from(), &waive)?;
                }
            }
        }
        let planned_to = self.stream_mut().planned_to;
        if let Some(rest) = Window::new(planned_to.max(window.from()), window.to())
            && rest.from() == planned_to
        {
            let tick = self.now;
            self.insert(rest, tick, None);
            self.move_slice(rest.from(), &waive)?;
            self.stream_mut().planned_to = rest.to();
        }
        self.advance();
        Ok(())
    }

    pub(super) fn audited(
        &mut self,
        id: SliceId,
        seen: u32,
        fingerprint: Option<Arc<str>>,
        next: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        self.named = Some(id);
        let from = self.place(id)?;
        let slice = self.slices.get_mut(&from).expect("it was just found");
        if let SliceState::Committed(evidence) = &mut slice.state {
            if evidence.audits != seen {
                return Err(Refusal::AuditedAlready { slice: id });
            }
            evidence.fingerprint = fingerprint.or(evidence.fingerprint.take());
            evidence.audit_at = next;
            evidence.audits += 1;
        }
        let slice = slice.clone();
        self.put(slice);
        Ok(())
    }

    pub(super) fn refuse_closed(&mut self) -> Result<(), Refusal> {
        match &self.stream_mut().status {
            StreamStatus::Closed { reason } => {
                Err(Refusal::NotActive { status: "closed", why: reason.clone() })
            }
            StreamStatus::Active | StreamStatus::Stopped(_) => Ok(()),
        }
    }

    pub(super) fn go_on(&mut self, source_identity: Option<Arc<str>>) -> Result<(), Refusal> {
        self.refuse_closed()?;
        let stream = self.stream_mut();
        stream.status = StreamStatus::Active;
        stream.source_identity = source_identity.or(stream.source_identity.take());
        Ok(())
    }

    pub(super) fn close(&mut self, reason: &str) -> Result<(), Refusal> {
        let open: Vec<Position> = self
            .slices
            .values()
            .filter(|slice| slice.state.is_open())
            .map(|slice| slice.window.from())
            .collect();
        for from in open {
            self.move_slice(from, &SliceEvent::Supersede)?;
        }
        self.stream_mut().status = StreamStatus::Closed { reason: reason.to_owned() };
        Ok(())
    }

    /// Moves the checkpoint over settled windows that follow one another. Repairs have windows here
    /// and there and no prefix: their checkpoint stays where it was.
    pub(super) fn advance(&mut self) {
        if matches!(self.key.lane, Lane::Repair(_)) {
            return;
        }
        let mut end = self.stream_mut().checkpoint;
        for slice in self.slices.values() {
            if slice.window.from() > end {
                break;
            }
            if slice.window.to() > end {
                if !slice.state.is_settled() {
                    break;
                }
                end = slice.window.to();
            }
        }
        self.stream_mut().checkpoint = end;
    }
}
