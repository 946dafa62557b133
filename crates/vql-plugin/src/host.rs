//! What differs between an agent, a command line and a server: where time, chance, files and
//! uploads come from. A program makes one [`Host`] and hands it to every query.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Entropy};
use parking_lot::Mutex;

use crate::{Accessors, Spill, UploadFailed, UploadRecord, UploadRequest, Uploads};

/// What plugins may ask of the program they run in. Cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<HostBuilder>);

/// A host in the making.
pub struct HostBuilder {
    clock: Arc<dyn Clock>,
    entropy: Mutex<Box<dyn Entropy>>,
    accessors: Accessors,
    uploads: Arc<dyn Uploads>,
    wait: Arc<dyn Fn(Duration) + Send + Sync>,
    spill: Option<Arc<dyn Spill>>,
    ports: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

impl Host {
    /// A host without accessors that refuses uploads.
    pub fn builder(clock: Arc<dyn Clock>, entropy: Box<dyn Entropy>) -> HostBuilder {
        HostBuilder {
            clock,
            entropy: Mutex::new(entropy),
            accessors: Accessors::default(),
            uploads: Arc::new(NoUploads),
            wait: Arc::new(|_| {}),
            spill: None,
            ports: HashMap::new(),
        }
    }

    /// Tells the time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The clock, to keep.
    pub fn clock_arc(&self) -> Arc<dyn Clock> {
        self.0.clock.clone()
    }

    /// Asks the source of chance something.
    pub fn entropy<T>(&self, ask: impl FnOnce(&mut dyn Entropy) -> T) -> T {
        ask(&mut **self.0.entropy.lock())
    }

    /// The accessors by name.
    pub fn accessors(&self) -> &Accessors {
        &self.0.accessors
    }

    /// Takes files.
    pub fn uploads(&self) -> &dyn Uploads {
        &*self.0.uploads
    }

    /// Lets time pass. Plugins that wait do so in short pieces and ask in between whether to stop.
    pub fn wait(&self, time: Duration) {
        (self.0.wait)(time);
    }

    /// Room outside of memory, where there is any.
    pub fn spill(&self) -> Option<&Arc<dyn Spill>> {
        self.0.spill.as_ref()
    }

    /// Something that only some programs offer, by its type.
    pub fn port<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.ports.get(&TypeId::of::<T>())?.clone().downcast().ok()
    }
}

impl HostBuilder {
    /// With these accessors.
    #[must_use]
    pub fn accessors(mut self, accessors: Accessors) -> Self {
        self.accessors = accessors;
        self
    }

    /// Uploads go there.
    #[must_use]
    pub fn uploads(mut self, uploads: Arc<dyn Uploads>) -> Self {
        self.uploads = uploads;
        self
    }

    /// Waits like that (`std::thread::sleep` in a program); without it, waiting takes no time.
    #[must_use]
    pub fn wait(mut self, wait: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.wait = Arc::new(wait);
        self
    }

    /// What does not fit into memory goes there; without it, a query that needs more than its limit of
    /// memory ends.
    #[must_use]
    pub fn spill(mut self, spill: Arc<dyn Spill>) -> Self {
        self.spill = Some(spill);
        self
    }

    /// Offers something more, found again by its type with [`Host::port`].
    #[must_use]
    pub fn port<T: Send + Sync + 'static>(mut self, port: Arc<T>) -> Self {
        self.ports.insert(TypeId::of::<T>(), port);
        self
    }

    /// The finished host.
    pub fn build(self) -> Host {
        Host(Arc::new(self))
    }
}

/// Refuses every upload.
struct NoUploads;

impl Uploads for NoUploads {
    fn upload(&self, request: UploadRequest<'_>) -> Result<UploadRecord, UploadFailed> {
        Err(UploadFailed(format!(
            "uploads are not possible here, so `{}` was not kept",
            request.name
        )))
    }
}
