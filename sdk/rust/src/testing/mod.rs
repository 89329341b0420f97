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
//! State, timers and streams last as long as the host; effects count only after `Kind::Done`. `serve` and `take_mail` play
//! the services that a handler sends to.

mod journal;
mod network;
mod stream;
mod tables;

use crate::abi::*;
use crate::call::Draft;
use crate::glue;
use crate::handler::{BatchHandler, Handler};
use crate::network::{Fault, Mail, Request, Response};
use crate::stream::Snapshot;
use journal::{plain, Journal};
use std::sync::Arc;
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

/// Something that was measured.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Measurement {
    pub instrument: String,
    pub value: f64,
    pub attributes: Vec<(String, String)>,
}

/// Level, message and fields of what was logged.
pub type LogLine = (i32, String, Vec<(String, String)>);

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
        Self::make(glue::table::<H>("test"), config)
    }

    /// Makes an instance of a handler that takes batches.
    pub fn with_batches<H: BatchHandler>(config: &str) -> Result<Self, String> {
        Self::make(glue::batch_table::<H>("test"), config)
    }

    fn make(table: RawHandler, config: &str) -> Result<Self, String> {
        let block = Box::new(Block {
            host: RawHost {
                size: std::mem::size_of::<RawHost>() as u32,
                abi_minor: 0,
                name: Str::of("patchbay-test"),
                version: Str::of("1.0.0"),
                service: tables::service,
                complete: tables::complete,
                cancelled: tables::cancelled,
                set_error: tables::set_error,
            },
            journal: Mutex::default(),
            completed: Condvar::new(),
        });
        let mut instance = std::ptr::null_mut();
        // SAFETY: the block outlives the instance.
        let status = unsafe { (table.create)(&block.host, Str::of(config), &mut instance) };
        if status < 0 {
            return Err(block.journal().error.clone());
        }
        block.journal().is_created = true;
        Ok(TestHost { block, table, instance })
    }

    /// Sends an event and waits for its completion, at most a minute: then it panics.
    pub fn send(&self, event: TestEvent) -> Report {
        let call = self.block.journal().begin();
        let lent = Lent::new(&event);
        // SAFETY: what the event lends lives until the call is completed.
        let status = unsafe { (self.table.handle)(self.instance, call, &lent.raw(&event)) };
        self.settle(&[call], status);
        self.wait(call)
    }

    /// Sends events as one batch, to a host that `with_batches` made. One report for each event, in their order.
    pub fn send_batch(&self, events: &[TestEvent]) -> Vec<Report> {
        let Some(handle_batch) = self.table.handle_batch else {
            panic!("the handler is no BatchHandler: make the host by with_batches");
        };
        let calls: Vec<CallId> = events.iter().map(|_| self.block.journal().begin()).collect();
        let lent: Vec<Lent> = events.iter().map(Lent::new).collect();
        let raw: Vec<RawEvent> = events.iter().zip(&lent).map(|(event, lent)| lent.raw(event)).collect();
        let views: Vec<*const RawEvent> = raw.iter().map(|raw| raw as *const RawEvent).collect();
        // SAFETY: as in `send`.
        let status = unsafe { handle_batch(self.instance, calls.len() as u64, calls.as_ptr(), views.as_ptr()) };
        self.settle(&calls, status);
        calls.into_iter().map(|call| self.wait(call)).collect()
    }

    /// What a status of handle or handle_batch means for calls that were not completed.
    fn settle(&self, calls: &[CallId], status: RawStatus) {
        if status == PENDING {
            return;
        }
        let mut journal = self.block.journal();
        for call in calls {
            if !journal.open.contains_key(call) {
                continue;
            }
            let reason = if status < 0 { journal.error.clone() } else { String::new() };
            let result = RawResult { reason: Str::of(&reason), ..plain(if status < 0 { RETRY } else { DONE }) };
            journal.finish(*call, &result);
        }
    }

    /// Gives the instance another configuration; the error is what it said.
    pub fn reconfigure(&self, config: &str) -> Result<(), String> {
        let Some(reconfigure) = self.table.reconfigure else {
            return Err(String::new());
        };
        // SAFETY: the instance lives as long as this.
        if unsafe { reconfigure(self.instance, Str::of(config)) } < 0 {
            return Err(self.block.journal().error.clone());
        }
        Ok(())
    }

    /// Says that no new call will come, as the runtime does before it drops an instance.
    pub fn drain(&self, deadline_ns: Option<u64>) {
        if let Some(drain) = self.table.drain {
            // SAFETY: the instance lives as long as this.
            unsafe { drain(self.instance, deadline_ns.unwrap_or(0)) };
        }
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

    /// Answers requests in their service's place, on the handler's thread. Until this is called, each is refused a connection.
    pub fn serve(&self, body: impl Fn(&Request) -> Result<Response, Fault> + Send + Sync + 'static) {
        self.block.journal().service = Some(Arc::new(body));
    }

    /// The same for mail.
    pub fn take_mail(&self, body: impl Fn(&Mail) -> Result<(), Fault> + Send + Sync + 'static) {
        self.block.journal().mail_server = Some(Arc::new(body));
    }

    /// The requests that the handler sent, in this order.
    pub fn requests(&self) -> Vec<Request> {
        self.block.journal().requests.clone()
    }

    /// The mails that the handler sent, in this order.
    pub fn mails(&self) -> Vec<Mail> {
        self.block.journal().mails.clone()
    }

    /// Appends an event to a stream, as somebody else would.
    pub fn append(&self, stream: &str, draft: Draft) {
        self.block.journal().streams.entry(stream.into()).or_default().push(draft);
    }

    /// The committed events of a stream, by revision.
    pub fn stream(&self, stream: &str) -> Vec<Draft> {
        self.block.journal().streams.get(stream).cloned().unwrap_or_default()
    }

    /// The snapshot of a stream that was committed last.
    pub fn snapshot(&self, stream: &str) -> Option<Snapshot> {
        self.block.journal().snapshots.get(stream).and_then(|all| all.last().cloned())
    }

    /// The stream that a subscription of this name reads. Subscriptions are kept and bring nothing: a test hands their
    /// events in itself.
    pub fn subscription(&self, name: &str) -> Option<String> {
        self.block.journal().subscriptions.get(name).cloned()
    }

    /// What the handler measured, in this order.
    pub fn measurements(&self) -> Vec<Measurement> {
        self.block.journal().measurements.clone()
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

/// What an event lends beside itself.
struct Lent {
    extensions: Vec<Pair>,
    key: String,
}

impl Lent {
    fn new(event: &TestEvent) -> Self {
        let pair = |(key, value): &(String, String)| Pair { key: Str::of(key), value: Str::of(value) };
        Lent { extensions: event.extensions.iter().map(pair).collect(), key: format!("key-{}", event.id) }
    }

    fn raw(&self, event: &TestEvent) -> RawEvent {
        let none = Str::of("");
        RawEvent {
            size: std::mem::size_of::<RawEvent>() as u32,
            flags: 0,
            id: Str::of(&event.id),
            source: Str::of(&event.source),
            kind: Str::of(&event.kind),
            subject: Str::of(&event.subject),
            time: none,
            datacontenttype: none,
            dataschema: none,
            ext: self.extensions.as_ptr(),
            ext_count: self.extensions.len() as u64,
            data: event.data.as_ptr(),
            data_len: event.data.len() as u64,
            route: Str::of("test"),
            idempotency_key: Str::of(&self.key),
            traceparent: none,
            tracestate: none,
            attempt: event.attempt,
            max_attempts: 0,
            deadline_ns: 0,
        }
    }
}
