//! A host for tests: everything in one process, through the same C functions as the runtime.
//!
//! ```
//! # use patchbay::{Call, Event, Handler, Host, Outcome};
//! # struct Hello;
//! # impl Handler for Hello {
//! #     fn create(_: &str, _: &Host) -> Result<Self, String> { Ok(Hello) }
//! #     fn handle(&self, _: &Event, _: &Call) -> Outcome { Outcome::done() }
//! # }
//! use patchbay::testing::{Kind, TestEvent, TestHost};
//!
//! let host = TestHost::new::<Hello>("{}").unwrap();
//! let report = host.send(TestEvent { subject: "Ada".into(), ..TestEvent::new("com.example.greeting.sent") });
//! assert_eq!(report.kind, Kind::Done);
//! ```
//!
//! State and timers last as long as the host; emitted events, state and timers count only after `Kind::Done`.

use crate::abi::*;
use crate::call::Draft;
use crate::glue;
use crate::handler::Handler;
use std::collections::HashMap;
use std::ffi::{c_char, c_void};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Done,
    Retry,
    Fail,
    Skip,
    Cancelled,
    Busy,
}

/// An event to be handled.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct TestEvent {
    pub id: String,
    pub source: String,
    pub kind: String,
    pub subject: String,
    pub data: Vec<u8>,
    pub extensions: Vec<(String, String)>,
    pub attempt: u32,
}

impl TestEvent {
    /// One of this type, with an id and a source of its own.
    pub fn new(kind: &str) -> Self {
        TestEvent {
            id: "1".into(),
            source: "/test".into(),
            kind: kind.into(),
            subject: String::new(),
            data: Vec::new(),
            extensions: Vec::new(),
            attempt: 1,
        }
    }
}

/// What a handler did with an event.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Report {
    pub kind: Kind,
    pub reason: String,
    pub code: i32,
    pub retry_after: Option<Duration>,
    pub spares_breaker: bool,
    pub detail_json: String,
    pub reply: Vec<u8>,
    pub reply_content_type: String,
    /// Empty unless done.
    pub emitted: Vec<Draft>,
}

/// Level, message and fields of what was logged.
pub type LogLine = (i32, String, Vec<(String, String)>);

#[derive(Default)]
struct Open {
    is_cancelled: bool,
    emitted: Vec<Draft>,
    /// `None`: deleted.
    writes: HashMap<String, Option<(Vec<u8>, u64)>>,
    timers: HashMap<String, Option<Draft>>,
}

#[derive(Default)]
struct Journal {
    calls: u64,
    open: HashMap<CallId, Open>,
    reports: HashMap<CallId, Report>,
    state: HashMap<String, (Vec<u8>, u64)>,
    timers: HashMap<String, Draft>,
    revision: u64,
    logs: Vec<LogLine>,
    spans: Vec<(String, bool)>,
    stale: usize,
    error: String,
}

/// Runs one handler. See the module.
pub struct TestHost {
    block: Box<Block>,
    table: RawHandler,
    instance: *mut RawInstance,
}

/// What the host pointer points at: the ABI's table first.
#[repr(C)]
struct Block {
    host: RawHost,
    journal: Mutex<Journal>,
    completed: Condvar,
}

impl TestHost {
    /// Makes an instance; the error is what the handler said.
    pub fn new<H: Handler>(config: &str) -> Result<Self, String> {
        let block = Box::new(Block {
            host: RawHost {
                size: std::mem::size_of::<RawHost>() as u32,
                abi_minor: 0,
                name: Str::of("patchbay-test"),
                version: Str::of("1.0.0"),
                service,
                complete,
                cancelled,
                set_error,
            },
            journal: Mutex::default(),
            completed: Condvar::new(),
        });
        let table = glue::table::<H>("test");
        let mut instance = std::ptr::null_mut();
        // SAFETY: the block outlives the instance.
        let status = unsafe { (table.create)(&block.host, Str::of(config), &mut instance) };
        if status < 0 {
            return Err(block.journal().error.clone());
        }
        Ok(TestHost { block, table, instance })
    }

    /// Sends an event and waits for its completion, at most a minute: then it panics.
    pub fn send(&self, event: TestEvent) -> Report {
        let call = {
            let mut journal = self.block.journal();
            journal.calls += 1;
            let call = journal.calls;
            journal.open.insert(call, Open::default());
            call
        };
        let extensions: Vec<Pair> =
            event.extensions.iter().map(|(key, value)| Pair { key: Str::of(key), value: Str::of(value) }).collect();
        let key = format!("key-{}", event.id);
        let none = Str::of("");
        let raw = RawEvent {
            size: std::mem::size_of::<RawEvent>() as u32,
            flags: 0,
            id: Str::of(&event.id),
            source: Str::of(&event.source),
            kind: Str::of(&event.kind),
            subject: Str::of(&event.subject),
            time: none,
            datacontenttype: none,
            dataschema: none,
            ext: extensions.as_ptr(),
            ext_count: extensions.len() as u64,
            data: event.data.as_ptr(),
            data_len: event.data.len() as u64,
            route: Str::of("test"),
            idempotency_key: Str::of(&key),
            traceparent: none,
            tracestate: none,
            attempt: event.attempt,
            max_attempts: 0,
            deadline_ns: 0,
        };
        // SAFETY: what the event lends lives until the call is completed.
        let status = unsafe { (self.table.handle)(self.instance, call, &raw) };
        if status != PENDING {
            let kind = if status < 0 { RETRY } else { DONE };
            self.block.journal().finish(call, &plain(kind));
        }
        self.wait(call)
    }

    /// Cancels every open call as the runtime would: to be called from another thread than `send`'s.
    pub fn cancel(&self) {
        self.block.journal().open.values_mut().for_each(|call| call.is_cancelled = true);
        if let Some(cancel) = self.table.cancel {
            // SAFETY: the instance lives as long as this.
            unsafe { cancel(self.instance, 0, 1) }
        }
    }

    /// The committed value of a state key.
    pub fn state(&self, key: &str) -> Option<Vec<u8>> {
        self.block.journal().state.get(key).map(|(value, _)| value.clone())
    }

    /// The event of a timer that is set.
    pub fn timer(&self, key: &str) -> Option<Draft> {
        self.block.journal().timers.get(key).cloned()
    }

    /// What was logged, in this order.
    pub fn logs(&self) -> Vec<LogLine> {
        self.block.journal().logs.clone()
    }

    /// Name of each span that was ended, and whether it went well.
    pub fn spans(&self) -> Vec<(String, bool)> {
        self.block.journal().spans.clone()
    }

    /// How often a call was completed that was over already.
    pub fn stale_completions(&self) -> usize {
        self.block.journal().stale
    }

    fn wait(&self, call: CallId) -> Report {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut journal = self.block.journal();
        loop {
            if let Some(report) = journal.reports.remove(&call) {
                return report;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the handler did not complete its call within a minute");
            journal = self.block.completed.wait_timeout(journal, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

// SAFETY: the handler is `Send` and `Sync`, and the journal locks itself.
unsafe impl Send for TestHost {}
// SAFETY: as above.
unsafe impl Sync for TestHost {}

impl Drop for TestHost {
    fn drop(&mut self) {
        // SAFETY: no call is open, since `send` waits for each.
        unsafe { (self.table.destroy)(self.instance) }
    }
}

impl Block {
    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// SAFETY of the callers: `host` is the one that `TestHost::new` handed out.
    unsafe fn of<'a>(host: *const RawHost) -> &'a Block {
        &*host.cast::<Block>()
    }
}

impl Journal {
    fn finish(&mut self, id: CallId, result: &RawResult) -> RawStatus {
        let Some(call) = self.open.remove(&id) else {
            return E_STALE;
        };
        let kind = match result.outcome {
            DONE => Kind::Done,
            FAIL => Kind::Fail,
            SKIP => Kind::Skip,
            CANCELLED => Kind::Cancelled,
            BUSY => Kind::Busy,
            _ => Kind::Retry,
        };
        let is_done = kind == Kind::Done;
        // SAFETY: a result is lent for this call.
        let report = unsafe {
            Report {
                kind,
                reason: result.reason.text().into(),
                code: result.code,
                retry_after: (result.retry_after_ns > 0).then(|| Duration::from_nanos(result.retry_after_ns)),
                spares_breaker: result.flags & SPARE_BREAKER != 0,
                detail_json: result.detail_json.text().into(),
                reply: result.reply.bytes().into(),
                reply_content_type: result.reply_content_type.text().into(),
                emitted: if is_done { call.emitted } else { Vec::new() },
            }
        };
        self.reports.insert(id, report);
        if is_done {
            for (key, value) in call.writes {
                match value {
                    Some(value) => self.state.insert(key, value),
                    None => self.state.remove(&key),
                };
            }
            for (key, draft) in call.timers {
                match draft {
                    Some(draft) => self.timers.insert(key, draft),
                    None => self.timers.remove(&key),
                };
            }
        }
        OK
    }

    fn stored(&self, call: &Open, key: &str) -> Option<(Vec<u8>, u64)> {
        call.writes.get(key).cloned().unwrap_or_else(|| self.state.get(key).cloned())
    }

    fn write(&mut self, id: CallId, key: String, value: Option<Vec<u8>>, expecting: u64) -> RawStatus {
        let Some(call) = self.open.get(&id) else {
            return E_STALE;
        };
        let old = self.stored(call, &key);
        if value.is_none() && old.is_none() {
            return E_NOT_FOUND;
        }
        if expecting != u64::MAX && expecting != old.map_or(0, |(_, revision)| revision) {
            return E_CONFLICT;
        }
        self.revision += 1;
        let entry = value.map(|value| (value, self.revision));
        if let Some(call) = self.open.get_mut(&id) {
            call.writes.insert(key, entry);
        }
        OK
    }
}

fn plain(outcome: i32) -> RawResult {
    let none = Str::of("");
    RawResult {
        size: std::mem::size_of::<RawResult>() as u32,
        outcome,
        flags: 0,
        code: 0,
        retry_after_ns: 0,
        reason: none,
        detail_json: none,
        reply: none,
        reply_content_type: none,
    }
}

unsafe fn draft(raw: *const RawDraft) -> Option<Draft> {
    let raw = raw.as_ref()?;
    let extensions = pairs(raw.ext, raw.ext_count);
    let data = Str { ptr: raw.data.cast(), len: raw.data_len };
    let draft = Draft {
        kind: raw.kind.text().into(),
        source: raw.source.text().into(),
        subject: raw.subject.text().into(),
        id: raw.id.text().into(),
        data_content_type: raw.datacontenttype.text().into(),
        extensions,
        data: data.bytes().into(),
        not_before_ns: raw.not_before_ns,
    };
    (!draft.kind.is_empty()).then_some(draft)
}

unsafe fn pairs(first: *const Pair, count: u64) -> Vec<(String, String)> {
    let at = |index| &*first.add(index as usize);
    (0..count).map(|index| (at(index).key.text().into(), at(index).value.text().into())).collect()
}

// ---- What the handler calls. Every pointer is the handler's to be right about, as the header says. ----

unsafe extern "C" fn service(_host: *const RawHost, id: Str) -> *const c_void {
    static LOGGER: Logger = Logger { size: 24, reserved: 0, enabled, write: log };
    static TRACE: Trace = Trace { size: 48, reserved: 0, begin, attr, event: span_event, end, inject };
    static EMIT: Emit = Emit { size: 16, reserved: 0, add };
    static STATE: State = State { size: 32, reserved: 0, get, del, put };
    static TIMER: Timer = Timer { size: 24, reserved: 0, set: set_timer, cancel: cancel_timer };
    match id.text() {
        "patchbay.logger/1" => (&raw const LOGGER).cast(),
        "patchbay.trace/1" => (&raw const TRACE).cast(),
        "patchbay.emit/1" => (&raw const EMIT).cast(),
        "patchbay.state/1" => (&raw const STATE).cast(),
        "patchbay.timer/1" => (&raw const TIMER).cast(),
        _ => std::ptr::null(),
    }
}

unsafe extern "C" fn complete(host: *const RawHost, call: CallId, result: *const RawResult) -> RawStatus {
    let block = Block::of(host);
    let mut journal = block.journal();
    let status = match result.as_ref() {
        Some(result) => journal.finish(call, result),
        None => journal.finish(call, &plain(DONE)),
    };
    if status == E_STALE {
        journal.stale += 1;
    }
    block.completed.notify_all();
    status
}

unsafe extern "C" fn cancelled(host: *const RawHost, call: CallId) -> i32 {
    Block::of(host).journal().open.get(&call).map_or(3, |call| i32::from(call.is_cancelled))
}

unsafe extern "C" fn set_error(host: *const RawHost, message: Str) {
    Block::of(host).journal().error = message.text().into();
}

unsafe extern "C" fn enabled(_host: *const RawHost, _level: i32) -> i32 {
    1
}

unsafe extern "C" fn log(
    host: *const RawHost,
    _call: CallId,
    level: i32,
    message: Str,
    fields: *const Pair,
    count: u64,
) {
    let line = (level, message.text().into(), pairs(fields, count));
    Block::of(host).journal().logs.push(line);
}

unsafe extern "C" fn begin(host: *const RawHost, call: CallId, _parent: SpanId, name: Str) -> SpanId {
    let mut journal = Block::of(host).journal();
    if !journal.open.contains_key(&call) {
        return 0;
    }
    journal.spans.push((name.text().into(), false));
    journal.spans.len() as SpanId
}

unsafe extern "C" fn attr(_host: *const RawHost, _span: SpanId, _key: Str, _value: Str) {}

unsafe extern "C" fn span_event(_: *const RawHost, _: SpanId, _: Str, _: *const Pair, _: u64) {}

unsafe extern "C" fn end(host: *const RawHost, span: SpanId, ok: i32) {
    if let Some(span) = Block::of(host).journal().spans.get_mut((span as usize).wrapping_sub(1)) {
        span.1 = ok != 0;
    }
}

unsafe extern "C" fn inject(_host: *const RawHost, _span: SpanId, _into: *mut c_char, _room: u64) -> u64 {
    0
}

unsafe extern "C" fn add(host: *const RawHost, call: CallId, raw: *const RawDraft) -> RawStatus {
    let Some(draft) = draft(raw) else {
        return E_ARG;
    };
    match Block::of(host).journal().open.get_mut(&call) {
        Some(call) => call.emitted.push(draft),
        None => return E_STALE,
    }
    OK
}

unsafe extern "C" fn get(
    host: *const RawHost,
    call: CallId,
    key: Str,
    into: *mut u8,
    length: *mut u64,
    revision: *mut u64,
) -> RawStatus {
    let journal = Block::of(host).journal();
    let Some(call) = journal.open.get(&call) else {
        return E_STALE;
    };
    let room = *length;
    let stored = journal.stored(call, key.text());
    *length = stored.as_ref().map_or(0, |(value, _)| value.len() as u64);
    if !revision.is_null() {
        *revision = stored.as_ref().map_or(0, |(_, revision)| *revision);
    }
    match stored {
        None => E_NOT_FOUND,
        Some((value, _)) if value.len() as u64 > room => E_LIMIT,
        Some((value, _)) => {
            into.copy_from_nonoverlapping(value.as_ptr(), value.len());
            OK
        }
    }
}

unsafe extern "C" fn del(host: *const RawHost, call: CallId, key: Str, revision: u64) -> RawStatus {
    Block::of(host).journal().write(call, key.text().into(), None, revision)
}

unsafe extern "C" fn put(
    host: *const RawHost,
    call: CallId,
    key: Str,
    value: *const u8,
    length: u64,
    revision: u64,
    _ttl: u64,
) -> RawStatus {
    let value = Str { ptr: value.cast(), len: length }.bytes().to_vec();
    Block::of(host).journal().write(call, key.text().into(), Some(value), revision)
}

unsafe extern "C" fn set_timer(host: *const RawHost, call: CallId, key: Str, raw: *const RawDraft) -> RawStatus {
    let (Some(draft), false) = (draft(raw), key.len == 0) else {
        return E_ARG;
    };
    if draft.not_before_ns == 0 {
        return E_ARG;
    }
    match Block::of(host).journal().open.get_mut(&call) {
        Some(call) => call.timers.insert(key.text().into(), Some(draft)),
        None => return E_STALE,
    };
    OK
}

unsafe extern "C" fn cancel_timer(host: *const RawHost, call: CallId, key: Str) -> RawStatus {
    let mut journal = Block::of(host).journal();
    let is_set = journal.timers.contains_key(key.text());
    let Some(call) = journal.open.get_mut(&call) else {
        return E_STALE;
    };
    let is_set = call.timers.get(key.text()).map_or(is_set, |draft| draft.is_some());
    call.timers.insert(key.text().into(), None);
    if is_set {
        OK
    } else {
        E_NOT_FOUND
    }
}
