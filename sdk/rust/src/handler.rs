use crate::batch::Batch;
use crate::call::{Call, Level};
use crate::event::Event;
use crate::outcome::Outcome;
use crate::services::{Services, Status};
use crate::stream::StreamFilter;
use alloc::string::String;
use alloc::sync::Arc;

/// The host as an instance sees it: for `create`, and to keep a clone of.
#[derive(Clone)]
pub struct Host {
    pub(crate) services: Arc<Services>,
}

impl Host {
    /// Of the host program, for messages.
    pub fn name(&self) -> &str {
        // SAFETY: the host outlives its instances.
        unsafe { (*self.services.host).name.text() }
    }

    /// The host program's version, for messages.
    pub fn version(&self) -> &str {
        // SAFETY: as above.
        unsafe { (*self.services.host).version.text() }
    }

    /// Writes a message that belongs to the instance and not to one event.
    pub fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        self.services.log(0, level, message, fields);
    }

    /// Only inside `create`: the handler has the events of `stream` from its start, as `Call::subscribe` says.
    pub fn subscribe(&self, name: &str, stream: &str, filter: &StreamFilter) -> Result<(), Status> {
        crate::stream::subscribe(&self.services, 0, name, stream, filter)
    }
}

/// A handler. One value is made per configured instance and called on as many threads at once as the manifest's
/// `concurrency` admits.
pub trait Handler: Sized + Send + Sync + 'static {
    /// Makes an instance. `config` is a JSON object that the manifest's schema has approved; an error refuses it and is
    /// what the operator reads.
    fn create(config: &str, host: &Host) -> Result<Self, String>;

    /// Handles one event. A panic counts as a retry.
    fn handle(&self, event: &Event<'_>, call: &Call) -> Outcome;

    /// The host wants a call to end soon, which is still to be completed. Must return promptly.
    fn cancel(&self) {}

    /// Takes another configuration while calls are open. On an error the host makes a second instance and drains this one.
    fn reconfigure(&self, _config: &str) -> Result<(), String> {
        Err("takes no new configuration while it runs".into())
    }

    /// No new call will come: end own threads before that time, in nanoseconds of CLOCK_MONOTONIC; `None`: no limit.
    fn drain(&self, _deadline_ns: Option<u64>) {}
}

/// A handler that handles several events at once, for work that is cheaper together: under `batch_handlers` in `module!`, with
/// `batch` in the manifest.
pub trait BatchHandler: Handler {
    /// Handles the batch: `batch.complete` settles one event. What it leaves is done when this returns, and tried again
    /// when it panics.
    fn handle_batch(&self, batch: &Batch<'_>);
}
