//! What the handler calls. Every pointer is the handler's to be right about, as the header says.

use super::journal::plain;
use super::{network, stream, Block, Measurement};
use crate::abi::*;
use crate::call::Draft;
use std::ffi::{c_char, c_void};

pub(super) unsafe fn draft(raw: *const RawDraft) -> Option<Draft> {
    let raw = raw.as_ref()?;
    let extensions = Pair::copies(raw.ext, raw.ext_count);
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

pub(super) unsafe extern "C" fn service(_host: *const RawHost, id: Str) -> *const c_void {
    static LOGGER: Logger = Logger { size: 24, reserved: 0, enabled, write: log };
    static TRACE: Trace = Trace { size: 48, reserved: 0, begin, attr, event: span_event, end, inject };
    static EMIT: Emit = Emit { size: 16, reserved: 0, add };
    static STATE: State = State { size: 32, reserved: 0, get, del, put };
    static TIMER: Timer = Timer { size: 24, reserved: 0, set: set_timer, cancel: cancel_timer };
    static METER: Meter = Meter { size: 24, reserved: 0, declare, record };
    match id.text() {
        "patchbay.logger/1" => (&raw const LOGGER).cast(),
        "patchbay.trace/1" => (&raw const TRACE).cast(),
        "patchbay.meter/1" => (&raw const METER).cast(),
        "patchbay.stream/0" => (&raw const stream::TABLE).cast(),
        "patchbay.http/1" => (&raw const network::HTTP).cast(),
        "patchbay.mail/1" => (&raw const network::MAIL).cast(),
        "patchbay.emit/1" => (&raw const EMIT).cast(),
        "patchbay.state/1" => (&raw const STATE).cast(),
        "patchbay.timer/1" => (&raw const TIMER).cast(),
        _ => std::ptr::null(),
    }
}

pub(super) unsafe extern "C" fn complete(host: *const RawHost, call: CallId, result: *const RawResult) -> RawStatus {
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

pub(super) unsafe extern "C" fn cancelled(host: *const RawHost, call: CallId) -> i32 {
    Block::of(host).journal().open.get(&call).map_or(3, |call| i32::from(call.is_cancelled))
}

pub(super) unsafe extern "C" fn set_error(host: *const RawHost, message: Str) {
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
    let line = (level, message.text().into(), Pair::copies(fields, count));
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

unsafe extern "C" fn declare(
    host: *const RawHost,
    kind: i32,
    name: Str,
    _unit: Str,
    _help: Str,
    id: *mut u32,
) -> RawStatus {
    let mut journal = Block::of(host).journal();
    if journal.is_created {
        return E_STATE;
    }
    if !(METER_COUNTER..=METER_HISTOGRAM).contains(&kind) {
        return E_UNSUPPORTED;
    }
    let known = journal.instruments.iter().position(|known| known == name.text());
    *id = known.unwrap_or_else(|| {
        journal.instruments.push(name.text().into());
        journal.instruments.len() - 1
    }) as u32;
    OK
}

unsafe extern "C" fn record(host: *const RawHost, id: u32, value: f64, attributes: *const Pair, count: u64) {
    let mut journal = Block::of(host).journal();
    if let Some(instrument) = journal.instruments.get(id as usize).cloned() {
        let attributes = Pair::copies(attributes, count);
        journal.measurements.push(Measurement { instrument, value, attributes });
    }
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
