use crate::abi::{self, CallId, RawDraft, SpanId, Str};
use crate::outcome::{nanoseconds, Outcome};
use crate::services::{lend, read_value, Services, Status};
use crate::stream::{Stream, StreamFilter};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// Severities of OpenTelemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// For following every step.
    Trace = 1,
    /// For finding faults.
    Debug = 5,
    /// What is worth knowing.
    Info = 9,
    /// What may become a fault.
    Warn = 13,
    /// A fault.
    Error = 17,
    /// A fault that ends something.
    Fatal = 21,
}

/// Why a call is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// Its deadline passed.
    Timeout,
    /// Its route or this instance is being drained.
    Drain,
    /// The process is stopping.
    Shutdown,
}

/// What a write of state expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expecting {
    /// No such key.
    Absent,
    /// This revision.
    Revision(u64),
    /// Anything.
    Anything,
}

impl Expecting {
    fn revision(self) -> u64 {
        match self {
            Expecting::Absent => 0,
            Expecting::Revision(revision) => revision,
            Expecting::Anything => u64::MAX,
        }
    }
}

/// A stored value and its revision, which is never 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The stored bytes.
    pub value: Vec<u8>,
    /// Changes with every write.
    pub revision: u64,
}

/// An event to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// Required.
    pub kind: String,
    /// Empty: the handler's own.
    pub source: String,
    /// Empty: none.
    pub subject: String,
    /// Empty: derived, so that a rerun repeats it.
    pub id: String,
    /// Empty: application/json when there is data.
    pub data_content_type: String,
    /// Names of a-z and 0-9, and values.
    pub extensions: Vec<(String, String)>,
    /// Empty: none.
    pub data: Vec<u8>,
    /// Held back until then, in nanoseconds since the Unix epoch; 0: at once.
    pub not_before_ns: u64,
}

impl Draft {
    /// An event with JSON data.
    pub fn json(kind: impl Into<String>, json: impl Into<String>) -> Self {
        Draft { kind: kind.into(), data: json.into().into_bytes(), ..Default::default() }
    }

    pub(crate) fn with_raw<R>(&self, body: impl FnOnce(&RawDraft) -> R) -> R {
        let pairs = lend(self.extensions.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        body(&RawDraft {
            size: core::mem::size_of::<RawDraft>() as u32,
            flags: 0,
            kind: Str::of(&self.kind),
            source: Str::of(&self.source),
            subject: Str::of(&self.subject),
            id: Str::of(&self.id),
            datacontenttype: Str::of(&self.data_content_type),
            ext: pairs.as_ptr(),
            ext_count: pairs.len() as u64,
            data: self.data.as_ptr(),
            data_len: self.data.len() as u64,
            not_before_ns: self.not_before_ns,
        })
    }
}

/// One attempt to handle one event: how a handler reaches the host while it works. Usable from any thread; once the call
/// is over its functions answer `Status::STALE` or do nothing.
pub struct Call {
    pub(crate) id: CallId,
    pub(crate) services: Arc<Services>,
}

impl Call {
    /// Why the host wants this call to end soon; `None`: it does not. Long work asks between its steps.
    pub fn cancellation(&self) -> Option<CancelReason> {
        // SAFETY: the host outlives its instance's calls.
        match unsafe { ((*self.services.host).cancelled)(self.services.host, self.id) } {
            0 => None,
            1 => Some(CancelReason::Timeout),
            2 => Some(CancelReason::Drain),
            _ => Some(CancelReason::Shutdown),
        }
    }

    /// Writes a message with the trace of this call, if the level is on.
    pub fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        self.services.log(self.id, level, message, fields);
    }

    /// Begins a span below the call's own; it ends when it is dropped.
    pub fn span(&self, name: &str) -> Span {
        let services = &self.services;
        let id = if services.trace.is_null() {
            0
        } else {
            // SAFETY: tables live as long as the host, and arguments as long as this call of it.
            unsafe { ((*services.trace).begin)(services.host, self.id, 0, Str::of(name)) }
        };
        Span { id, call: self.id, services: services.clone(), is_ok: true }
    }

    /// Emits an event once this call is done; any other outcome drops it.
    pub fn emit(&self, draft: &Draft) -> Result<(), Status> {
        let services = &self.services;
        if services.emit.is_null() {
            return Err(Status::UNSUPPORTED);
        }
        // SAFETY: as in `span`.
        Status::check(draft.with_raw(|raw| unsafe { ((*services.emit).add)(services.host, self.id, raw) }))
    }

    /// The value of a key of this handler's state.
    pub fn get(&self, key: &str) -> Result<Option<Entry>, Status> {
        let services = &self.services;
        if services.state.is_null() {
            return Err(Status::UNSUPPORTED);
        }
        let mut revision = 0;
        let value = read_value(|bytes, length| {
            // SAFETY: as in `span`; the buffer has `length` bytes.
            unsafe { ((*services.state).get)(services.host, self.id, Str::of(key), bytes, length, &mut revision) }
        })?;
        Ok(value.map(|value| Entry { value, revision }))
    }

    /// Stores a value once this call is done, for `time_to_live` from then on where that is given.
    pub fn put(
        &self,
        key: &str,
        value: &[u8],
        expecting: Expecting,
        time_to_live: Option<Duration>,
    ) -> Result<(), Status> {
        let services = &self.services;
        if services.state.is_null() {
            return Err(Status::UNSUPPORTED);
        }
        let (revision, ttl) = (expecting.revision(), time_to_live.map_or(0, |ttl| nanoseconds(ttl).max(1)));
        // SAFETY: as in `span`.
        Status::check(unsafe {
            ((*services.state).put)(
                services.host,
                self.id,
                Str::of(key),
                value.as_ptr(),
                value.len() as u64,
                revision,
                ttl,
            )
        })
    }

    /// Removes a key once this call is done.
    pub fn delete(&self, key: &str, expecting: Expecting) -> Result<(), Status> {
        let services = &self.services;
        if services.state.is_null() {
            return Err(Status::UNSUPPORTED);
        }
        // SAFETY: as in `span`.
        Status::check(unsafe { ((*services.state).del)(services.host, self.id, Str::of(key), expecting.revision()) })
    }

    /// Sets the timer `key`: at `draft.not_before_ns` the event comes to this handler and no other.
    pub fn set_timer(&self, key: &str, draft: &Draft) -> Result<(), Status> {
        let services = &self.services;
        if services.timer.is_null() {
            return Err(Status::UNSUPPORTED);
        }
        // SAFETY: as in `span`.
        Status::check(
            draft.with_raw(|raw| unsafe { ((*services.timer).set)(services.host, self.id, Str::of(key), raw) }),
        )
    }

    /// Cancels the timer `key`; false: none was set.
    pub fn cancel_timer(&self, key: &str) -> Result<bool, Status> {
        let services = &self.services;
        if services.timer.is_null() {
            return Err(Status::UNSUPPORTED);
        }
        // SAFETY: as in `span`.
        match unsafe { ((*services.timer).cancel)(services.host, self.id, Str::of(key)) } {
            abi::E_NOT_FOUND => Ok(false),
            status => Status::check(status).map(|()| true),
        }
    }

    /// A stream, in the hands of this call.
    pub fn stream<'a>(&'a self, name: &'a str) -> Stream<'a> {
        Stream::new(self, name)
    }

    /// Once this call is done the events of `stream` come to this handler and no other: those from `filter.from` on, then
    /// each as it is appended, in order. Repeatable: a subscription of this name that is there keeps its place.
    pub fn subscribe(&self, name: &str, stream: &str, filter: &StreamFilter) -> Result<(), Status> {
        crate::stream::subscribe(&self.services, self.id, name, stream, filter)
    }

    /// Ends the handler's subscription of this name; false: there is none.
    pub fn unsubscribe(&self, name: &str) -> Result<bool, Status> {
        crate::stream::unsubscribe(&self.services, self.id, name)
    }

    /// The right to complete the call later, from any thread; `handle` then returns `Outcome::deferred()`, having copied
    /// what it needs of the event.
    pub fn defer(&self) -> Deferred {
        Deferred { call: Some(Call { id: self.id, services: self.services.clone() }) }
    }

    pub(crate) fn complete(&self, outcome: &Outcome) -> Result<(), Status> {
        // SAFETY: the host copies the result before it returns.
        Status::check(
            outcome.with_raw(|raw| unsafe { ((*self.services.host).complete)(self.services.host, self.id, raw) }),
        )
    }
}

/// The right to complete a call. Dropped without being used it asks for another attempt, so that none is forgotten.
pub struct Deferred {
    call: Option<Call>,
}

impl Deferred {
    /// The call, for logging and services.
    pub fn call(&self) -> &Call {
        match &self.call {
            Some(call) => call,
            None => unreachable!("only `complete` and `drop` take it"),
        }
    }

    /// Completes the call. `Status::STALE`: the host has given it up.
    pub fn complete(mut self, outcome: Outcome) -> Result<(), Status> {
        match self.call.take() {
            Some(call) => call.complete(&outcome),
            None => Ok(()),
        }
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            // A call that the host has given up needs no completion.
            let _ = call.complete(&Outcome::retry("internal: the handler dropped its call"));
        }
    }
}

/// A span of a handler's own.
pub struct Span {
    id: SpanId,
    call: CallId,
    services: Arc<Services>,
    is_ok: bool,
}

impl Span {
    /// Sets an attribute; `json` is a string, number, boolean or an array of one of these.
    pub fn set(&self, key: &str, json: &str) {
        if self.id != 0 {
            // SAFETY: as in `Call::span`.
            unsafe { ((*self.services.trace).attr)(self.services.host, self.id, Str::of(key), Str::of(json)) }
        }
    }

    /// Adds an event with the present time.
    pub fn event(&self, name: &str, fields: &[(&str, &str)]) {
        if self.id != 0 {
            let fields = lend(fields.iter().copied());
            let count = fields.len() as u64;
            // SAFETY: as in `Call::span`.
            unsafe {
                ((*self.services.trace).event)(self.services.host, self.id, Str::of(name), fields.as_ptr(), count)
            }
        }
    }

    /// A span below this one; it has to end before its call is completed.
    pub fn span(&self, name: &str) -> Span {
        let (services, mut id) = (&self.services, 0);
        if self.id != 0 {
            // SAFETY: as in `Call::span`.
            id = unsafe { ((*services.trace).begin)(services.host, self.call, self.id, Str::of(name)) };
        }
        Span { id, call: self.call, services: services.clone(), is_ok: true }
    }

    /// W3C `traceparent` for a request to another system; `None`: not sampled.
    pub fn traceparent(&self) -> Option<String> {
        if self.id == 0 {
            return None;
        }
        let mut text = [0u8; 64];
        // SAFETY: as in `Call::span`; the buffer has 64 bytes.
        let length = unsafe {
            ((*self.services.trace).inject)(self.services.host, self.id, text.as_mut_ptr().cast(), text.len() as u64)
        };
        let text = text.get(..length as usize).filter(|text| !text.is_empty())?;
        core::str::from_utf8(text).ok().map(String::from)
    }

    /// Marks it as failed.
    pub fn failed(&mut self) {
        self.is_ok = false;
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if self.id != 0 {
            // SAFETY: as in `Call::span`.
            unsafe { ((*self.services.trace).end)(self.services.host, self.id, i32::from(self.is_ok)) }
        }
    }
}
