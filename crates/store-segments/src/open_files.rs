//! Segments that are open, and the order of batches over them: both are kept for the next question.

use std::sync::Arc;

use flows::hot::Segment;
use model::store::StoreError;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::file::SegmentFile;
use crate::order::{Entry, in_segments};
use crate::place::Place;
use crate::work::{permits, runtime};

/// Memory that open segments may take.
const WEIGHT_MAX: usize = 192 << 20;
/// Orders that are kept.
const ORDERS_MAX: usize = 4;

struct Open {
    key: String,
    file: Arc<SegmentFile>,
    weight: usize,
}

#[derive(Default)]
struct Kept {
    /// Those that were used last come last.
    open: Vec<Open>,
    orders: Vec<(Vec<String>, Arc<Vec<Entry>>)>,
}

/// Open segments.
pub(crate) struct OpenFiles {
    place: Place,
    kept: Mutex<Kept>,
}

impl OpenFiles {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, kept: Mutex::default() }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    fn take(&self, key: &str) -> Option<Arc<SegmentFile>> {
        let mut kept = self.kept.lock();
        let at = kept.open.iter().position(|open| open.key == key)?;
        let open = kept.open.remove(at);
        let file = open.file.clone();
        kept.open.push(open);
        Some(file)
    }

    fn keep(&self, file: &Arc<SegmentFile>) {
        let mut kept = self.kept.lock();
        let (key, weight) = (file.segment.key.clone(), file.weight());
        kept.open.retain(|open| open.key != key);
        kept.open.push(Open { key, file: file.clone(), weight });
        let mut total: usize = kept.open.iter().map(|open| open.weight).sum();
        while total > WEIGHT_MAX && kept.open.len() > 1 {
            total -= kept.open.remove(0).weight;
        }
    }

    /// Opens all of them, those that are not open yet on threads of their own.
    pub(crate) async fn all(
        &self,
        segments: &[Segment],
    ) -> Result<Vec<Arc<SegmentFile>>, StoreError> {
        let mut found: Vec<Option<Arc<SegmentFile>>> =
            segments.iter().map(|segment| self.take(&segment.key)).collect();
        let mut set = JoinSet::new();
        for (at, segment) in segments.iter().enumerate().filter(|(at, _)| found[*at].is_none()) {
            let (place, segment) = (self.place.clone(), segment.clone());
            let open = async move {
                let _permit = permits().acquire_owned().await;
                SegmentFile::open(&place, &segment).await.map(|file| (at, Arc::new(file)))
            };
            set.spawn_on(open, runtime().handle());
        }
        while let Some(ended) = set.join_next().await {
            let (at, file) =
                ended.map_err(|error| StoreError::broken("open a segment", error))??;
            self.keep(&file);
            found[at] = Some(file);
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// The order of all batches of some segments.
    pub(crate) fn order(&self, files: &[Arc<SegmentFile>]) -> Arc<Vec<Entry>> {
        let keys: Vec<String> = files.iter().map(|file| file.segment.key.clone()).collect();
        let held = self.kept.lock().orders.iter().find(|(held, _)| *held == keys).cloned();
        if let Some((_, order)) = held {
            return order;
        }
        let order = Arc::new(in_segments(files.iter().map(|file| &**file), None));
        let mut kept = self.kept.lock();
        if kept.orders.len() >= ORDERS_MAX {
            kept.orders.remove(0);
        }
        kept.orders.push((keys, order.clone()));
        order
    }
}
