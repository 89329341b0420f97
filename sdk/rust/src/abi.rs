//! `patchbay.h`, major 1, and the headers of its other services, field by field: what they mean is said there.
#![allow(missing_docs)]

use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::{c_char, c_void};

/// Counted UTF-8 text that somebody else owns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    pub ptr: *const c_char,
    pub len: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Pair {
    pub key: Str,
    pub value: Str,
}

pub type CallId = u64;
pub type SpanId = u64;
pub type RawStatus = i32;

pub const OK: RawStatus = 0;
pub const PENDING: RawStatus = 1;
pub const E_ARG: RawStatus = -1;
pub const E_STATE: RawStatus = -2;
pub const E_UNSUPPORTED: RawStatus = -3;
pub const E_STALE: RawStatus = -5;
pub const E_CONFLICT: RawStatus = -6;
pub const E_LIMIT: RawStatus = -7;
pub const E_INTERNAL: RawStatus = -8;
pub const E_NOT_FOUND: RawStatus = -9;

#[repr(C)]
pub struct RawEvent {
    pub size: u32,
    pub flags: u32,
    pub id: Str,
    pub source: Str,
    pub kind: Str,
    pub subject: Str,
    pub time: Str,
    pub datacontenttype: Str,
    pub dataschema: Str,
    pub ext: *const Pair,
    pub ext_count: u64,
    pub data: *const u8,
    pub data_len: u64,
    pub route: Str,
    pub idempotency_key: Str,
    pub traceparent: Str,
    pub tracestate: Str,
    pub attempt: u32,
    pub max_attempts: u32,
    pub deadline_ns: u64,
}

pub const DONE: i32 = 1;
pub const RETRY: i32 = 2;
pub const FAIL: i32 = 3;
pub const SKIP: i32 = 4;
pub const CANCELLED: i32 = 5;
pub const BUSY: i32 = 6;
pub const SPARE_BREAKER: u32 = 1;

#[repr(C)]
pub struct RawResult {
    pub size: u32,
    pub outcome: i32,
    pub flags: u32,
    pub code: i32,
    pub retry_after_ns: u64,
    pub reason: Str,
    pub detail_json: Str,
    pub reply: Str,
    pub reply_content_type: Str,
}

#[repr(C)]
pub struct RawHost {
    pub size: u32,
    pub abi_minor: u32,
    pub name: Str,
    pub version: Str,
    pub service: unsafe extern "C" fn(*const RawHost, Str) -> *const c_void,
    pub complete: unsafe extern "C" fn(*const RawHost, CallId, *const RawResult) -> RawStatus,
    pub cancelled: unsafe extern "C" fn(*const RawHost, CallId) -> i32,
    pub set_error: unsafe extern "C" fn(*const RawHost, Str),
}

#[repr(C)]
pub struct Logger {
    pub size: u32,
    pub reserved: u32,
    pub enabled: unsafe extern "C" fn(*const RawHost, i32) -> i32,
    pub write: unsafe extern "C" fn(*const RawHost, CallId, i32, Str, *const Pair, u64),
}

#[repr(C)]
pub struct Trace {
    pub size: u32,
    pub reserved: u32,
    pub begin: unsafe extern "C" fn(*const RawHost, CallId, SpanId, Str) -> SpanId,
    pub attr: unsafe extern "C" fn(*const RawHost, SpanId, Str, Str),
    pub event: unsafe extern "C" fn(*const RawHost, SpanId, Str, *const Pair, u64),
    pub end: unsafe extern "C" fn(*const RawHost, SpanId, i32),
    pub inject: unsafe extern "C" fn(*const RawHost, SpanId, *mut c_char, u64) -> u64,
}

pub const METER_COUNTER: i32 = 1;
pub const METER_UP_DOWN: i32 = 2;
pub const METER_GAUGE: i32 = 3;
pub const METER_HISTOGRAM: i32 = 4;

#[repr(C)]
pub struct Meter {
    pub size: u32,
    pub reserved: u32,
    pub declare: unsafe extern "C" fn(*const RawHost, i32, Str, Str, Str, *mut u32) -> RawStatus,
    pub record: unsafe extern "C" fn(*const RawHost, u32, f64, *const Pair, u64),
}

#[repr(C)]
pub struct RawDraft {
    pub size: u32,
    pub flags: u32,
    pub kind: Str,
    pub source: Str,
    pub subject: Str,
    pub id: Str,
    pub datacontenttype: Str,
    pub ext: *const Pair,
    pub ext_count: u64,
    pub data: *const u8,
    pub data_len: u64,
    pub not_before_ns: u64,
}

#[repr(C)]
pub struct Emit {
    pub size: u32,
    pub reserved: u32,
    pub add: unsafe extern "C" fn(*const RawHost, CallId, *const RawDraft) -> RawStatus,
}

#[repr(C)]
pub struct State {
    pub size: u32,
    pub reserved: u32,
    pub get: unsafe extern "C" fn(*const RawHost, CallId, Str, *mut u8, *mut u64, *mut u64) -> RawStatus,
    pub del: unsafe extern "C" fn(*const RawHost, CallId, Str, u64) -> RawStatus,
    pub put: unsafe extern "C" fn(*const RawHost, CallId, Str, *const u8, u64, u64, u64) -> RawStatus,
}

#[repr(C)]
pub struct Timer {
    pub size: u32,
    pub reserved: u32,
    pub set: unsafe extern "C" fn(*const RawHost, CallId, Str, *const RawDraft) -> RawStatus,
    pub cancel: unsafe extern "C" fn(*const RawHost, CallId, Str) -> RawStatus,
}

pub const STREAM_ANY: u64 = u64::MAX;
pub const STREAM_EXISTS: u64 = u64::MAX - 1;
pub const STREAM_NONE: u64 = u64::MAX - 2;
pub const STREAM_END: u64 = u64::MAX - 3;
pub const STREAM_BACKWARD: u32 = 1;

#[repr(C)]
pub struct RawStreamEvent {
    pub size: u32,
    pub reserved: u32,
    pub revision: u64,
    pub appended_ns: u64,
    pub id: Str,
    pub source: Str,
    pub kind: Str,
    pub json: Str,
}

#[repr(C)]
pub struct RawStreamFilter {
    pub size: u32,
    pub flags: u32,
    pub from: u64,
    pub since_ns: u64,
    pub as_of_ns: u64,
    pub kind: Str,
    pub correlation: Str,
}

pub type Visit = unsafe extern "C" fn(*mut c_void, *const RawStreamEvent) -> i32;

#[repr(C)]
pub struct Stream {
    pub size: u32,
    pub reserved: u32,
    pub append:
        unsafe extern "C" fn(*const RawHost, CallId, Str, *const *const RawDraft, u64, u64, *mut u64) -> RawStatus,
    pub head: unsafe extern "C" fn(*const RawHost, CallId, Str, *mut u64, *mut u64) -> RawStatus,
    pub read: unsafe extern "C" fn(*const RawHost, CallId, Str, u64, u64, u32, Visit, *mut c_void) -> RawStatus,
    pub snapshot_get: unsafe extern "C" fn(*const RawHost, CallId, Str, u64, *mut u8, *mut u64, *mut u64) -> RawStatus,
    pub snapshot_put: unsafe extern "C" fn(*const RawHost, CallId, Str, u64, *const u8, u64) -> RawStatus,
    #[allow(clippy::type_complexity)]
    pub query: unsafe extern "C" fn(
        *const RawHost,
        CallId,
        Str,
        *const RawStreamFilter,
        u64,
        Visit,
        *mut c_void,
        *mut u64,
    ) -> RawStatus,
    pub subscribe: unsafe extern "C" fn(*const RawHost, CallId, Str, Str, *const RawStreamFilter) -> RawStatus,
    pub unsubscribe: unsafe extern "C" fn(*const RawHost, CallId, Str) -> RawStatus,
}

pub const ANSWER_UNSENT: u32 = 1;

#[repr(C)]
pub struct RawAnswer {
    pub size: u32,
    pub flags: u32,
    pub fault: i32,
    pub status: i32,
    pub headers: *const Pair,
    pub header_count: u64,
    pub body: *const u8,
    pub body_len: u64,
    pub retry_after_ns: u64,
    pub message: Str,
}

pub type Answered = unsafe extern "C" fn(*mut c_void, *const RawAnswer);

#[repr(C)]
pub struct RawRequest {
    pub size: u32,
    pub flags: u32,
    pub method: Str,
    pub url: Str,
    pub headers: *const Pair,
    pub header_count: u64,
    pub body: *const u8,
    pub body_len: u64,
    pub timeout_ns: u64,
    pub response_max: u64,
}

#[repr(C)]
pub struct Http {
    pub size: u32,
    pub reserved: u32,
    pub send: unsafe extern "C" fn(*const RawHost, CallId, *const RawRequest, Answered, *mut c_void) -> RawStatus,
}

pub const MAIL_TLS_OPTIONAL: u32 = 1;

#[repr(C)]
pub struct RawMail {
    pub size: u32,
    pub flags: u32,
    pub server: Str,
    pub user: Str,
    pub password: Str,
    pub from: Str,
    pub recipients: *const Str,
    pub recipient_count: u64,
    pub content: *const u8,
    pub content_len: u64,
    pub timeout_ns: u64,
}

#[repr(C)]
pub struct MailService {
    pub size: u32,
    pub reserved: u32,
    pub send: unsafe extern "C" fn(*const RawHost, CallId, *const RawMail, Answered, *mut c_void) -> RawStatus,
}

/// Opaque to the host.
#[repr(C)]
pub struct RawInstance {
    _private: [u8; 0],
}

pub type Create = unsafe extern "C" fn(*const RawHost, Str, *mut *mut RawInstance) -> RawStatus;
pub type Handle = unsafe extern "C" fn(*mut RawInstance, CallId, *const RawEvent) -> RawStatus;
pub type HandleBatch = unsafe extern "C" fn(*mut RawInstance, u64, *const CallId, *const *const RawEvent) -> RawStatus;

#[repr(C)]
pub struct RawHandler {
    pub size: u32,
    pub flags: u32,
    pub id: Str,
    pub create: Create,
    pub handle: Handle,
    pub handle_batch: Option<HandleBatch>,
    pub cancel: Option<unsafe extern "C" fn(*mut RawInstance, CallId, i32)>,
    pub reconfigure: Option<unsafe extern "C" fn(*mut RawInstance, Str) -> RawStatus>,
    pub drain: Option<unsafe extern "C" fn(*mut RawInstance, u64) -> RawStatus>,
    pub destroy: unsafe extern "C" fn(*mut RawInstance),
}

#[repr(C)]
pub struct RawModule {
    pub size: u32,
    pub abi_minor: u32,
    pub unload: u32,
    pub reserved: u32,
    pub handlers: *const *const RawHandler,
    pub handler_count: u64,
    pub shutdown: Option<unsafe extern "C" fn()>,
    pub component: Option<unsafe extern "C" fn(Str) -> *const c_void>,
}

// SAFETY: tables are immutable, and what they point to is static.
unsafe impl Sync for RawHandler {}
// SAFETY: as above.
unsafe impl Sync for RawModule {}

impl Str {
    /// Lends `text` for as long as it lives, which the borrower is trusted with.
    pub const fn of(text: &str) -> Str {
        Str { ptr: text.as_ptr() as *const c_char, len: text.len() as u64 }
    }

    /// The same for bytes.
    pub const fn of_bytes(bytes: &[u8]) -> Str {
        Str { ptr: bytes.as_ptr() as *const c_char, len: bytes.len() as u64 }
    }

    /// The bytes, for as long as the lender says.
    ///
    /// # Safety
    /// The pointer is valid for `len` bytes for `'a`, or `len` is 0.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.len == 0 || self.ptr.is_null() {
            return &[];
        }
        core::slice::from_raw_parts(self.ptr as *const u8, self.len as usize)
    }

    /// The text; empty when it is not UTF-8, which a host never lends.
    ///
    /// # Safety
    /// As `bytes`.
    pub unsafe fn text<'a>(self) -> &'a str {
        core::str::from_utf8(self.bytes()).unwrap_or("")
    }
}

impl Pair {
    /// Copies of `count` pairs.
    ///
    /// # Safety
    /// They are valid, or `count` is 0.
    pub unsafe fn copies(first: *const Pair, count: u64) -> Vec<(String, String)> {
        if count == 0 || first.is_null() {
            return Vec::new();
        }
        let pairs = core::slice::from_raw_parts(first, count as usize);
        pairs.iter().map(|pair| (pair.key.text().into(), pair.value.text().into())).collect()
    }
}
