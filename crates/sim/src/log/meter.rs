//! What schedulers measure, summed over all of them that ever lived: the counters of the metrics that
//! the oracle compares with the truth.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use model::log::TenantName;
use parking_lot::Mutex;

/// Counters by name and labels.
#[derive(Default)]
pub(crate) struct Meter(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Meter {
    /// A counter of one tenant, over all of its datasets.
    pub(crate) fn of_tenant(&self, name: &str, tenant: &TenantName) -> u64 {
        let label = format!("{name} tenant={tenant} ");
        let counters = self.0.lock();
        let of = counters.iter().filter(|(key, _)| key.starts_with(&label));
        of.map(|(_, count)| count.load(Ordering::SeqCst)).sum()
    }
}

fn told_apart(key: &Key) -> String {
    let mut labels: Vec<String> =
        key.labels().map(|label| format!("{}={} ", label.key(), label.value())).collect();
    // The tenant first.
    labels.sort_by_key(|label| (!label.starts_with("tenant="), label.clone()));
    format!("{} {}", key.name(), labels.concat())
}

impl Recorder for Meter {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.0.lock().entry(told_apart(key)).or_default().clone())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
