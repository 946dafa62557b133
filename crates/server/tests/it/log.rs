//! Remembers the server's events, so that a test can ask whether something was logged.

use std::fmt::{self, Write};
use std::sync::OnceLock;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static STARTED: OnceLock<()> = OnceLock::new();

struct Remember;

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl<S: tracing::Subscriber> Layer<S> for Remember {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(event.metadata().name().to_owned());
        event.record(&mut fields);
        LINES.lock().push(fields.0);
    }
}

/// Remembers from now on; once for all tests.
pub(crate) fn start() {
    STARTED.get_or_init(|| {
        let subscriber = tracing_subscriber::registry().with(Remember);
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
}

/// Fails unless an event of this name was logged that has all of these texts in it.
#[track_caller]
pub(crate) fn assert_logged(name: &str, texts: &[&str]) {
    let lines = LINES.lock();
    let fits =
        |line: &&String| line.starts_with(name) && texts.iter().all(|text| line.contains(text));
    let alike: Vec<&String> = lines.iter().filter(|line| line.starts_with(name)).collect();
    assert!(lines.iter().any(|line| fits(&line)), "no {name} with {texts:?} among {alike:#?}");
}
