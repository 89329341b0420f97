use crate::abi::{self, RawHost, RawStatus, Str};
use core::fmt;

/// What a host service answered instead of doing what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(
    /// The `patchbay_status`, which is negative.
    pub i32,
);

impl Status {
    /// An argument is malformed; the same call fails again.
    pub const ARGUMENT: Status = Status(abi::E_ARG);
    /// Not allowed now.
    pub const STATE: Status = Status(abi::E_STATE);
    /// This host lacks the service.
    pub const UNSUPPORTED: Status = Status(abi::E_UNSUPPORTED);
    /// The call is over.
    pub const STALE: Status = Status(abi::E_STALE);
    /// Somebody else changed it first.
    pub const CONFLICT: Status = Status(abi::E_CONFLICT);
    /// Too large, or too many.
    pub const LIMIT: Status = Status(abi::E_LIMIT);
    /// No such entry.
    pub const NOT_FOUND: Status = Status(abi::E_NOT_FOUND);

    pub(crate) fn check(status: RawStatus) -> Result<(), Status> {
        if status < 0 {
            Err(Status(status))
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "status {}", self.0)
    }
}

#[cfg(feature = "std")]
impl std::error::Error for Status {}

/// The host and its tables, asked for once an instance.
pub(crate) struct Services {
    pub host: *const RawHost,
    pub logger: *const abi::Logger,
    pub trace: *const abi::Trace,
    pub emit: *const abi::Emit,
    pub state: *const abi::State,
    pub timer: *const abi::Timer,
}

// SAFETY: the host's functions may be called from any thread, and its tables never change.
unsafe impl Send for Services {}
// SAFETY: as above.
unsafe impl Sync for Services {}

impl Services {
    /// # Safety
    /// `host` is valid as long as the instance that this belongs to.
    pub unsafe fn new(host: *const RawHost) -> Self {
        let table = |id: &str| ((*host).service)(host, Str::of(id));
        Services {
            host,
            logger: table("patchbay.logger/1").cast(),
            trace: table("patchbay.trace/1").cast(),
            emit: table("patchbay.emit/1").cast(),
            state: table("patchbay.state/1").cast(),
            timer: table("patchbay.timer/1").cast(),
        }
    }
}
