use crate::abi::{self, Pair, RawHost, RawStatus, Str};
use crate::call::Level;
use alloc::vec;
use alloc::vec::Vec;
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
    pub meter: *const abi::Meter,
    pub emit: *const abi::Emit,
    pub state: *const abi::State,
    pub timer: *const abi::Timer,
    pub stream: *const abi::Stream,
    pub http: *const abi::Http,
    pub mail: *const abi::MailService,
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
            meter: table("patchbay.meter/1").cast(),
            emit: table("patchbay.emit/1").cast(),
            state: table("patchbay.state/1").cast(),
            timer: table("patchbay.timer/1").cast(),
            stream: table("patchbay.stream/0").cast(),
            http: table("patchbay.http/1").cast(),
            mail: table("patchbay.mail/1").cast(),
        }
    }

    /// A table that the host has.
    pub fn need<T>(table: *const T) -> Result<&'static T, Status> {
        // SAFETY: tables live as long as the host, which outlives all that asks here.
        unsafe { table.as_ref() }.ok_or(Status::UNSUPPORTED)
    }

    pub fn log(&self, call: abi::CallId, level: Level, message: &str, fields: &[(&str, &str)]) {
        let Ok(logger) = Services::need(self.logger) else {
            return;
        };
        // SAFETY: arguments live as long as this call of the host.
        unsafe {
            if (logger.enabled)(self.host, level as i32) == 0 {
                return;
            }
            let fields = lend(fields.iter().copied());
            let count = fields.len() as u64;
            (logger.write)(self.host, call, level as i32, Str::of(message), fields.as_ptr(), count);
        }
    }
}

/// Pairs in the form of the ABI, as long as what they show lives.
pub(crate) fn lend<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Pair> {
    pairs.map(|(key, value)| Pair { key: Str::of(key), value: Str::of(value) }).collect()
}

/// Reads a value whose length is not known: `get(bytes, length)` as `patchbay_state.get`. `None`: there is none.
pub(crate) fn read_value(mut get: impl FnMut(*mut u8, &mut u64) -> RawStatus) -> Result<Option<Vec<u8>>, Status> {
    let mut room = 256;
    loop {
        let mut value = vec![0u8; room];
        let mut length = room as u64;
        match get(value.as_mut_ptr(), &mut length) {
            abi::E_NOT_FOUND => return Ok(None),
            abi::E_LIMIT if length as usize > room => room = length as usize,
            status => {
                Status::check(status)?;
                value.truncate(length as usize);
                return Ok(Some(value));
            }
        }
    }
}
