use crate::call::Call;
use crate::event::Event;
use crate::outcome::Outcome;
use crate::services::Services;
use alloc::string::String;
use alloc::sync::Arc;

/// The host as an instance sees it while it is made.
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
}
