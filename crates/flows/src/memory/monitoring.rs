//! The monitoring table and rows of event artifacts in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use base::{ClientId, Timestamp};
use model::monitoring::{
    Day, EventBatch, EventDay, EventKind, EventPage, EventQuery, EventRow, EventScope,
    MonitoringTable, RunId,
};
use model::store::StoreError;

use super::MemFlows;
use crate::monitoring::{
    EventPiece, EventPlace, EventScan, EventsAppended, MonitoringStore, as_results,
};
use crate::query::{Origin, Sifter, check, note_columns, on_one_line};

/// Days that are forgotten at once.
const FORGOTTEN_AT_ONCE: usize = 100;

type Series = (ClientId, String, EventKind);

#[derive(Default)]
pub(super) struct Events {
    table: MonitoringTable,
    /// The number that each run continues with.
    runs: BTreeMap<(Series, RunId), u64>,
    days: BTreeMap<(Series, Day), EventDay>,
    batches: BTreeMap<EventPlace, Kept>,
    newest: EventPlace,
}

struct Kept {
    series: Series,
    stored: Timestamp,
    rows: Vec<EventRow>,
}

impl Events {
    fn append(&mut self, client: ClientId, batch: &EventBatch, now: Timestamp) -> EventsAppended {
        let series = (client, batch.source.clone(), batch.kind);
        let run = (series.clone(), batch.run);
        if self.runs.get(&run).is_some_and(|next| batch.seq < *next) {
            return EventsAppended::Duplicate;
        }
        let day = Day::of(now);
        let held = self.days.get(&(series.clone(), day)).cloned();
        let mut of_day = held.unwrap_or_else(|| EventDay {
            client,
            source: batch.source.clone(),
            kind: batch.kind,
            day,
            rows: 0,
            bytes: 0,
            columns: Vec::new(),
        });
        let mut rows = Vec::with_capacity(batch.events.len());
        for (index, event) in batch.events.iter().enumerate() {
            if let Err(why) = note_columns(&event.json, &mut of_day.columns) {
                return EventsAppended::Refused(format!("row {index} is not a JSON object: {why}"));
            }
            let json = on_one_line(&event.json).into_owned();
            of_day.rows += 1;
            of_day.bytes += json.len() as u64;
            rows.push(EventRow {
                client,
                source: batch.source.clone(),
                stored: now,
                observed: event.observed,
                json,
            });
        }
        self.runs.insert(run, batch.seq + 1);
        self.days.insert((series.clone(), day), of_day);
        let place = EventPlace { day: day.0, batch: self.newest.batch + 1 };
        self.newest = EventPlace { day: self.newest.day.max(day.0), batch: place.batch };
        self.batches.insert(place, Kept { series, stored: now, rows });
        EventsAppended::Stored
    }

    fn of(
        &self,
        scope: &EventScope,
        after: EventPlace,
    ) -> impl Iterator<Item = (&EventPlace, &Kept)> {
        self.batches.iter().filter(move |(place, kept)| {
            let (client, source, kind) = &kept.series;
            **place > after
                && *source == scope.source
                && *kind == scope.kind
                && scope.client.is_none_or(|wanted| wanted == *client)
                && scope.from.is_none_or(|from| kept.stored >= from)
                && scope.to.is_none_or(|to| kept.stored < to)
        })
    }
}

#[async_trait]
impl MonitoringStore for MemFlows {
    async fn monitoring_table(&self) -> Result<MonitoringTable, StoreError> {
        Ok(self.records.lock().events.table.clone())
    }

    async fn keep_monitoring_table(&self, table: &MonitoringTable) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        if table.revision != records.events.table.revision + 1 {
            return Err(StoreError::conflict(
                "somebody else changed what is monitored meanwhile; look again and repeat",
            ));
        }
        records.events.table = table.clone();
        Ok(())
    }

    async fn append_events(
        &self,
        client: ClientId,
        batch: &EventBatch,
        now: Timestamp,
    ) -> Result<EventsAppended, StoreError> {
        Ok(self.records.lock().events.append(client, batch, now))
    }

    async fn event_days(&self, client: Option<ClientId>) -> Result<Vec<EventDay>, StoreError> {
        let records = self.records.lock();
        let days = records.events.days.values();
        Ok(days.filter(|day| client.is_none_or(|client| client == day.client)).cloned().collect())
    }

    async fn event_page(&self, query: &EventQuery) -> Result<EventPage, StoreError> {
        let rules = as_results(query);
        check(&rules)?;
        let records = self.records.lock();
        let mut sifter = Sifter::new(&rules);
        for (_, kept) in records.events.of(&query.scope, EventPlace { day: i64::MIN, batch: 0 }) {
            let client = kept.series.0.to_string();
            let hostname = self.hostname(kept.series.0);
            for row in &kept.rows {
                let origin = Origin {
                    client: &client,
                    hostname: &hostname,
                    flow: "",
                    round: None,
                    source: &row.source,
                    stored: row.stored,
                    observed: Some(row.observed),
                };
                sifter.offer(origin, &row.json, || row.clone());
            }
        }
        let (rows, total) = sifter.rows();
        Ok(EventPage { rows, total })
    }

    async fn scan_events(&self, scan: &EventScan) -> Result<EventPiece, StoreError> {
        let records = self.records.lock();
        let mut piece = EventPiece { rows: Vec::new(), place: scan.after, end: true };
        for (place, kept) in records.events.of(&scan.scope, scan.after) {
            if piece.rows.len() as u64 >= scan.rows.max(1) {
                piece.end = false;
                break;
            }
            piece.rows.extend(kept.rows.iter().cloned());
            piece.place = *place;
        }
        Ok(piece)
    }

    async fn newest_event(&self) -> Result<EventPlace, StoreError> {
        Ok(self.records.lock().events.newest)
    }

    async fn forget_events(&self, first: Day) -> Result<bool, StoreError> {
        let mut records = self.records.lock();
        let events = &mut records.events;
        let old = events.days.keys().filter(|(_, day)| *day < first).cloned();
        let old: Vec<_> = old.take(FORGOTTEN_AT_ONCE).collect();
        for (series, day) in &old {
            events.days.remove(&(series.clone(), *day));
            events.batches.retain(|place, kept| place.day != day.0 || kept.series != *series);
        }
        Ok(old.len() == FORGOTTEN_AT_ONCE)
    }
}
