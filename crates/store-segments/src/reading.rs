//! Reads rows by their places: stretches of batches, hot or in segments.

use model::results::ResultRow;

use crate::opened::{Lost, Opened};
use crate::order::Entry;
use crate::results::SegmentedResults;

/// A stretch of a batch.
pub(crate) struct Wanted {
    pub(crate) entry: Entry,
    pub(crate) skip: u32,
    pub(crate) rows: u32,
}

impl SegmentedResults {
    /// Reads stretches of batches, in their order.
    pub(crate) async fn read(
        &self,
        opened: &Opened,
        wanted: &[Wanted],
    ) -> Result<Vec<ResultRow>, Lost> {
        let mut found: Vec<Vec<ResultRow>> = wanted.iter().map(|_| Vec::new()).collect();
        for (number, file) in (0u32..).zip(&opened.files) {
            let mut here: Vec<(u32, usize)> = Vec::new();
            for (at, one) in wanted.iter().enumerate() {
                if let Some((_, first)) = one.entry.place.filter(|(of, _)| *of == number) {
                    here.push((first + one.skip, at));
                }
            }
            if here.is_empty() {
                continue;
            }
            here.sort_unstable();
            let ranges: Vec<_> =
                here.iter().map(|(from, at)| *from..from + wanted[*at].rows).collect();
            let mut slots = here
                .iter()
                .flat_map(|(from, at)| (*from..from + wanted[*at].rows).map(move |row| (row, *at)));
            let source = &file.segment.series.source;
            file.rows(&ranges, &mut |json| {
                let Some((row, at)) = slots.next() else { return };
                let Some(run) = file.runs_of(row..row + 1).first() else { return };
                found[at].push(ResultRow {
                    client: file.clients[run.client as usize].id,
                    flow: run.flow,
                    round: Some(file.segment.series.round),
                    source: source.clone(),
                    stored: run.stored,
                    json: json.to_owned(),
                });
            })
            .await?;
        }
        let hot: Vec<(u64, usize)> = wanted
            .iter()
            .enumerate()
            .filter(|(_, one)| one.entry.place.is_none())
            .map(|(at, one)| (one.entry.arrival, at))
            .collect();
        let mut arrivals: Vec<u64> = hot.iter().map(|(arrival, _)| *arrival).collect();
        arrivals.sort_unstable();
        arrivals.dedup();
        self.each_hot(&arrivals, &mut |batch| {
            for (_, at) in hot.iter().filter(|(arrival, _)| *arrival == batch.arrival) {
                let one = &wanted[*at];
                let rows = batch.rows.iter().skip(one.skip as usize).take(one.rows as usize);
                found[*at].extend(rows.map(|json| batch.row(json)));
            }
            Ok(())
        })
        .await?;
        Ok(found.into_iter().flatten().collect())
    }
}
