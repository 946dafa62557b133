//! Rows that rest, in segments: the result store of a server over its records and a place for segments.

use std::path::Path;
use std::sync::Arc;

use base::Chain;
use flows::HotRows;
use store_segments::{Compactor, Place, Policy, SegmentedResults, Turns};

use crate::complaint::{Complaint, Outcome};
use crate::machine::{SystemClock, SystemEntropy};

/// Segments in a folder of the data directory.
pub(crate) fn folder(data: &Path) -> Outcome<Place> {
    Place::folder(&data.join("segments"))
        .map_err(|error| Complaint::failed(Chain(&error).to_string()))
}

/// Results whose rows are moved to segments while they are in use.
pub(crate) fn results(hot: Arc<dyn HotRows>, place: Place, turns: Turns) -> SegmentedResults {
    let results = SegmentedResults::new(hot, place);
    let (clock, entropy) = (Arc::new(SystemClock), Box::new(SystemEntropy));
    let compactor = Compactor::new(results.clone(), Policy::default(), clock, entropy);
    results.kept(Arc::new(compactor), turns)
}
