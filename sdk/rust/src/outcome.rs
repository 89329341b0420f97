use crate::abi::{self, RawResult, Str};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// What became of an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    kind: i32,
    flags: u32,
    code: i32,
    retry_after_ns: u64,
    reason: String,
    detail_json: String,
    reply: Vec<u8>,
    reply_content_type: String,
}

/// No outcome of the ABI's: somebody else completes the call.
pub(crate) const DEFERRED: i32 = -1;

impl Outcome {
    fn new(kind: i32, reason: impl Into<String>) -> Self {
        Outcome { kind, reason: reason.into(), ..Default::default() }
    }

    /// Handled: what was emitted and stored is committed.
    pub fn done() -> Self {
        Self::new(abi::DONE, "")
    }
    /// Handled, with an answer for whoever waits.
    pub fn reply(reply: impl Into<Vec<u8>>, content_type: impl Into<String>) -> Self {
        Outcome { reply: reply.into(), reply_content_type: content_type.into(), ..Self::done() }
    }
    /// Failed for now. `reason` begins with a short, stable class such as `card_declined`.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::new(abi::RETRY, reason)
    }
    /// Failed for now, to be tried again after that time; zero is at once.
    pub fn retry_after(wait: Duration, reason: impl Into<String>) -> Self {
        Outcome { retry_after_ns: nanoseconds(wait).max(1), ..Self::retry(reason) }
    }
    /// Failed for good: the event becomes a dead letter.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::new(abi::FAIL, reason)
    }
    /// The event itself is bad: as `fail`, and the circuit breaker does not count it.
    pub fn reject(reason: impl Into<String>) -> Self {
        Outcome { flags: abi::SPARE_BREAKER, ..Self::fail(reason) }
    }
    /// Not for this handler.
    pub fn skip() -> Self {
        Self::new(abi::SKIP, "")
    }
    /// Gave up because the host cancelled the call.
    pub fn cancelled() -> Self {
        Self::new(abi::CANCELLED, "")
    }
    /// Refused for lack of capacity: costs no attempt.
    pub fn busy(reason: impl Into<String>) -> Self {
        Self::new(abi::BUSY, reason)
    }
    /// What `handle` returns after `Call::defer`.
    pub fn deferred() -> Self {
        Self::new(DEFERRED, "")
    }
    /// With a number of the handler's own, for telemetry and dead letters.
    pub fn with_code(mut self, code: i32) -> Self {
        self.code = code;
        self
    }
    /// With a JSON value for whoever inspects the dead letter.
    pub fn with_detail(mut self, json: impl Into<String>) -> Self {
        self.detail_json = json.into();
        self
    }

    pub(crate) fn is_deferred(&self) -> bool {
        self.kind == DEFERRED
    }

    pub(crate) fn with_raw<R>(&self, body: impl FnOnce(&RawResult) -> R) -> R {
        body(&RawResult {
            size: core::mem::size_of::<RawResult>() as u32,
            outcome: self.kind,
            flags: self.flags,
            code: self.code,
            retry_after_ns: self.retry_after_ns,
            reason: Str::of(&self.reason),
            detail_json: Str::of(&self.detail_json),
            reply: Str { ptr: self.reply.as_ptr() as *const _, len: self.reply.len() as u64 },
            reply_content_type: Str::of(&self.reply_content_type),
        })
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
