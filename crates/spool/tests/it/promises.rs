//! The suites of the ports.

use spool::{DiskBookmarks, DiskOutbox};
use tempfile::TempDir;
use testkit::outbox::{BYTES_MAX, bookmark_suite, suite};

/// A port's implementation with the folder that it lives in.
struct Housed<T> {
    port: T,
    folder: TempDir,
}

mod forward {
    use super::*;
    use link::*;
    use model::results::AttemptId;
    use wire::{FlowRequest, OfferId, ReportSays, Status};

    impl Outbox for Housed<DiskOutbox> {
        fn accept(&self, id: AttemptId, request: &FlowRequest) -> Result<Admission, OutboxError> {
            self.port.accept(id, request)
        }
        fn held(&self) -> Result<Vec<HeldFlow>, OutboxError> {
            self.port.held()
        }
        fn begin(&self, id: AttemptId) -> Result<(), OutboxError> {
            self.port.begin(id)
        }
        fn append(&self, id: AttemptId, says: ReportSays) -> Result<u64, OutboxError> {
            self.port.append(id, says)
        }
        fn finish(&self, id: AttemptId, status: Status) -> Result<u64, OutboxError> {
            self.port.finish(id, status)
        }
        fn read(&self, after: u64, bytes_max: usize) -> Result<Vec<StoredReport>, OutboxError> {
            self.port.read(after, bytes_max)
        }
        fn acknowledge(&self, up_to: u64) -> Result<(), OutboxError> {
            self.port.acknowledge(up_to)
        }
        fn census(&self) -> Census {
            self.port.census()
        }
    }

    impl Bookmarks for Housed<DiskBookmarks> {
        fn bookmark(&self) -> Bookmark {
            self.port.bookmark()
        }
        fn save(&self, bookmark: Bookmark) -> Result<(), OutboxError> {
            self.port.save(bookmark)
        }
        fn begin_query(&self, offers: &[OfferId]) -> Result<(), OutboxError> {
            self.port.begin_query(offers)
        }
        fn end_query(&self) -> Result<(), OutboxError> {
            self.port.end_query()
        }
        fn monitoring(&self) -> wire::Monitoring {
            self.port.monitoring()
        }

        fn save_monitoring(&self, wanted: &wire::Monitoring) -> Result<(), OutboxError> {
            self.port.save_monitoring(wanted)
        }

        fn crashed(&self) -> Vec<OfferId> {
            self.port.crashed()
        }
    }
}

#[test]
fn the_outbox_on_disk_keeps_its_promises() {
    let open = |folder: &TempDir| DiskOutbox::open(folder.path(), BYTES_MAX).unwrap().0;
    let fresh = || {
        let folder = tempfile::tempdir().unwrap();
        Housed { port: open(&folder), folder }
    };
    suite(fresh, |housed| {
        let Housed { port, folder } = housed;
        drop(port);
        Housed { port: open(&folder), folder }
    });
}

#[test]
fn the_bookmarks_on_disk_keep_their_promises() {
    let open = |folder: &TempDir| DiskBookmarks::open(folder.path()).unwrap();
    let fresh = || {
        let folder = tempfile::tempdir().unwrap();
        Housed { port: open(&folder), folder }
    };
    bookmark_suite(fresh, |housed| {
        let folder = housed.folder;
        Housed { port: open(&folder), folder }
    });
}
