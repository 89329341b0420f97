use crate::abi::{self, CallId, RawDraft, RawStatus, RawStreamEvent, RawStreamFilter, Str};
use crate::call::{Call, Draft};
use crate::guard::Caught;
use crate::services::{read_value, Services, Status};
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::c_void;
use core::fmt;
use core::ops::ControlFlow;

/// What an append expects of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Anything.
    Anything,
    /// The stream exists.
    Exists,
    /// It does not exist.
    Absent,
    /// Its last revision, appends of this call included.
    Revision(u64),
}

impl Expected {
    fn raw(self) -> u64 {
        match self {
            Expected::Anything => abi::STREAM_ANY,
            Expected::Exists => abi::STREAM_EXISTS,
            Expected::Absent => abi::STREAM_NONE,
            Expected::Revision(revision) => revision,
        }
    }
}

/// Why nothing is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendError {
    /// Somebody else appended first; the revision that the stream has, `None`: it does not exist.
    Conflict(Option<u64>),
    /// `Status::STATE` for a deleted stream, `Status::LIMIT`, and so on.
    Status(Status),
}

impl fmt::Display for AppendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Conflict(Some(revision)) => write!(formatter, "the stream is at revision {revision}"),
            AppendError::Conflict(None) => write!(formatter, "the stream does not exist"),
            AppendError::Status(status) => status.fmt(formatter),
        }
    }
}

#[cfg(feature = "std")]
impl std::error::Error for AppendError {}

/// Which way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// From a revision on.
    #[default]
    Forward,
    /// From a revision down.
    Backward,
}

/// Which events of a stream: those for which all of this holds. What is 0 or empty is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamFilter {
    /// Begin with this revision; backward, go down from it.
    pub from: u64,
    /// Which way.
    pub direction: Direction,
    /// Appended then or later, in nanoseconds since the Unix epoch.
    pub since_ns: u64,
    /// Appended then or before.
    pub as_of_ns: u64,
    /// A pattern as routes have it: `*` is one token, `**` the rest.
    pub kind: String,
    /// The event's `correlationid`.
    pub correlation: String,
}

impl StreamFilter {
    fn raw(&self) -> RawStreamFilter {
        RawStreamFilter {
            size: core::mem::size_of::<RawStreamFilter>() as u32,
            flags: flags(self.direction),
            from: self.from,
            since_ns: self.since_ns,
            as_of_ns: self.as_of_ns,
            kind: Str::of(&self.kind),
            correlation: Str::of(&self.correlation),
        }
    }
}

fn flags(direction: Direction) -> u32 {
    match direction {
        Direction::Forward => 0,
        Direction::Backward => abi::STREAM_BACKWARD,
    }
}

/// An event of a stream, while it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamEvent<'a> {
    /// Its place in the stream.
    pub revision: u64,
    /// When it was appended, in nanoseconds since the Unix epoch.
    pub appended_ns: u64,
    /// Its id.
    pub id: &'a str,
    /// Its source.
    pub source: &'a str,
    /// Its type.
    pub kind: &'a str,
    /// All of it: a structured CloudEvent.
    pub json: &'a str,
}

/// Where a stream begins and goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The first revision that is not truncated.
    pub first: u64,
    /// The revision that comes next.
    pub next: u64,
}

/// What the events of a stream amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The bytes that were kept.
    pub value: Vec<u8>,
    /// The last revision that it includes.
    pub revision: u64,
}

/// A stream in the hands of one call. Appends and snapshots count once the call is done; reading shows what is committed.
pub struct Stream<'a> {
    call: &'a Call,
    name: &'a str,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(call: &'a Call, name: &'a str) -> Self {
        Stream { call, name }
    }

    fn table(&self) -> Result<&'static abi::Stream, Status> {
        Services::need(self.call.services.stream)
    }

    /// Appends after what this call has appended before; gives the first event's revision.
    pub fn append(&self, drafts: &[Draft], expected: Expected) -> Result<u64, AppendError> {
        let table = self.table().map_err(AppendError::Status)?;
        let mut revision = 0;
        let status = with_all(drafts, &mut Vec::new(), &mut |raw| {
            // SAFETY: arguments live as long as this call of the host.
            unsafe {
                let (host, name) = (self.call.services.host, Str::of(self.name));
                let count = raw.len() as u64;
                (table.append)(host, self.call.id, name, raw.as_ptr(), count, expected.raw(), &mut revision)
            }
        });
        if status == abi::E_CONFLICT {
            return Err(AppendError::Conflict((revision != abi::STREAM_NONE).then_some(revision)));
        }
        Status::check(status).map_err(AppendError::Status)?;
        Ok(revision)
    }

    /// `None`: there is no such stream.
    pub fn head(&self) -> Result<Option<Head>, Status> {
        let (table, mut head) = (self.table()?, Head { first: 0, next: 0 });
        // SAFETY: as in `append`.
        let status = unsafe {
            let (host, name) = (self.call.services.host, Str::of(self.name));
            (table.head)(host, self.call.id, name, &mut head.first, &mut head.next)
        };
        Ok(is_there(status)?.then_some(head))
    }

    /// Shows at most `count` events (1000 a page), from a revision on or down. False: there is no such stream.
    pub fn read(
        &self,
        from: u64,
        count: u64,
        direction: Direction,
        mut visit: impl FnMut(&StreamEvent<'_>) -> ControlFlow<()>,
    ) -> Result<bool, Status> {
        let (table, mut visitor) = (self.table()?, Visitor { visit: &mut visit, caught: Caught::default() });
        // SAFETY: as in `append`; the visitor lives as long as this call of the host.
        let status = unsafe {
            let (host, name) = (self.call.services.host, Str::of(self.name));
            let context = (&raw mut visitor).cast();
            (table.read)(host, self.call.id, name, from, count, flags(direction), show, context)
        };
        visitor.caught.resume();
        is_there(status)
    }

    /// Shows at most `count` events that `filter` takes (1000 a page; 10000 are looked at). Gives the `from` with which the
    /// next query goes on; `None`: all are seen, or there is no such stream.
    pub fn query(
        &self,
        filter: &StreamFilter,
        count: u64,
        mut visit: impl FnMut(&StreamEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Option<u64>, Status> {
        let (table, mut visitor) = (self.table()?, Visitor { visit: &mut visit, caught: Caught::default() });
        let mut next = abi::STREAM_NONE;
        // SAFETY: as in `read`.
        let status = unsafe {
            let (host, name) = (self.call.services.host, Str::of(self.name));
            let context = (&raw mut visitor).cast();
            (table.query)(host, self.call.id, name, &filter.raw(), count, show, context, &mut next)
        };
        visitor.caught.resume();
        Ok((is_there(status)? && next != abi::STREAM_NONE).then_some(next))
    }

    /// The latest snapshot at this revision or before; `None` asks for the latest of all.
    pub fn snapshot(&self, at: Option<u64>) -> Result<Option<Snapshot>, Status> {
        let (table, mut revision) = (self.table()?, 0);
        let at = at.unwrap_or(abi::STREAM_ANY);
        let value = read_value(|bytes, length| {
            // SAFETY: as in `append`; the buffer has `length` bytes.
            unsafe {
                let (host, name) = (self.call.services.host, Str::of(self.name));
                (table.snapshot_get)(host, self.call.id, name, at, bytes, length, &mut revision)
            }
        })?;
        Ok(value.map(|value| Snapshot { value, revision }))
    }

    /// Keeps what the events up to `revision` amount to; those that this call appends count.
    pub fn keep_snapshot(&self, revision: u64, value: &[u8]) -> Result<(), Status> {
        let table = self.table()?;
        // SAFETY: as in `append`.
        Status::check(unsafe {
            let (host, name) = (self.call.services.host, Str::of(self.name));
            (table.snapshot_put)(host, self.call.id, name, revision, value.as_ptr(), value.len() as u64)
        })
    }
}

pub(crate) fn subscribe(
    services: &Services,
    call: CallId,
    name: &str,
    stream: &str,
    filter: &StreamFilter,
) -> Result<(), Status> {
    let table = with_subscriptions(services)?;
    // SAFETY: as in `Stream::append`.
    Status::check(unsafe { (table.subscribe)(services.host, call, Str::of(name), Str::of(stream), &filter.raw()) })
}

pub(crate) fn unsubscribe(services: &Services, call: CallId, name: &str) -> Result<bool, Status> {
    let table = with_subscriptions(services)?;
    // SAFETY: as in `Stream::append`.
    is_there(unsafe { (table.unsubscribe)(services.host, call, Str::of(name)) })
}

/// The table, where it has what was appended last.
fn with_subscriptions(services: &Services) -> Result<&'static abi::Stream, Status> {
    let table = Services::need(services.stream)?;
    if (table.size as usize) < core::mem::size_of::<abi::Stream>() {
        return Err(Status::UNSUPPORTED);
    }
    Ok(table)
}

fn is_there(status: RawStatus) -> Result<bool, Status> {
    if status == abi::E_NOT_FOUND {
        return Ok(false);
    }
    Status::check(status).map(|()| true)
}

/// Lends all drafts at once.
fn with_all(
    drafts: &[Draft],
    lent: &mut Vec<*const RawDraft>,
    body: &mut dyn FnMut(&[*const RawDraft]) -> RawStatus,
) -> RawStatus {
    match drafts.split_first() {
        None => body(lent),
        Some((draft, rest)) => draft.with_raw(|raw| {
            lent.push(raw);
            with_all(rest, lent, body)
        }),
    }
}

type Show<'a> = &'a mut dyn FnMut(&StreamEvent<'_>) -> ControlFlow<()>;

/// Carries what the visitor throws around the host.
struct Visitor<'a> {
    visit: Show<'a>,
    caught: Caught,
}

unsafe extern "C" fn show(context: *mut c_void, raw: *const RawStreamEvent) -> i32 {
    let visitor = &mut *context.cast::<Visitor<'_>>();
    let raw = &*raw;
    let event = StreamEvent {
        revision: raw.revision,
        appended_ns: raw.appended_ns,
        id: raw.id.text(),
        source: raw.source.text(),
        kind: raw.kind.text(),
        json: raw.json.text(),
    };
    let visit = &mut visitor.visit;
    match visitor.caught.run(|| visit(&event)) {
        Some(ControlFlow::Continue(())) => 0,
        _ => 1,
    }
}
