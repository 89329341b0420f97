//! `patchbay.h`, major 1, and the drafts `emit.h`, `state.h` and `timer.h`, field by field: what they mean is said there.
#![allow(missing_docs)]

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
