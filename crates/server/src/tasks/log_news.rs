//! Tells browsers that something moved in log hunts. A busy scheduler commits hundreds of windows a
//! second; who looks is told at most every two seconds, and what moved last is always told.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::live::Touched;

const AT_MOST_EVERY: Duration = Duration::from_secs(2);

/// Runs until `stop`; ends at once where no scheduler runs in this server.
pub(crate) async fn run(core: Arc<Core>, stop: CancellationToken) {
    let Some(mut moved) = core.log.as_ref().and_then(|log| log.ports.desk.moved()) else { return };
    let telling = async {
        while moved.changed().await.is_ok() {
            core.live.touch(Touched::Log);
            tokio::time::sleep(AT_MOST_EVERY).await;
        }
    };
    tokio::select! {
        () = telling => {}
        () = stop.cancelled() => {}
    }
}
