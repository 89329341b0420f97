//! Streams of the test host: in memory, for one handler.

use super::journal::{Journal, Open};
use super::tables::draft;
use super::Block;
use crate::abi::*;
use crate::call::Draft;
use crate::stream::Snapshot;
use std::ffi::c_void;

pub(super) static TABLE: Stream =
    Stream { size: 72, reserved: 0, append, head, read, snapshot_get, snapshot_put, query, subscribe, unsubscribe };

/// How many events a call sees in a stream: those that are committed, and its own.
fn next(journal: &Journal, call: &Open, stream: &str) -> u64 {
    let committed = journal.streams.get(stream).map_or(0, Vec::len);
    (committed + call.appended.iter().filter(|(name, _)| name == stream).count()) as u64
}

unsafe extern "C" fn append(
    host: *const RawHost,
    call: CallId,
    stream: Str,
    drafts: *const *const RawDraft,
    count: u64,
    expected: u64,
    revision: *mut u64,
) -> RawStatus {
    let mut journal = Block::of(host).journal();
    let Some(open) = journal.open.get(&call) else {
        return E_STALE;
    };
    let next = next(&journal, open, stream.text());
    let read: Option<Vec<Draft>> = (0..count).map(|index| draft(*drafts.add(index as usize))).collect();
    let drafts = match read {
        Some(drafts) if count > 0 && stream.len > 0 && drafts.iter().all(|draft| draft.not_before_ns == 0) => drafts,
        _ => return E_ARG,
    };
    let fits = match expected {
        STREAM_ANY => true,
        STREAM_EXISTS => next > 0,
        STREAM_NONE => next == 0,
        expected => next > 0 && expected == next - 1,
    };
    if !revision.is_null() {
        *revision = match (fits, next) {
            (true, next) => next,
            (false, 0) => STREAM_NONE,
            (false, next) => next - 1,
        };
    }
    if !fits {
        return E_CONFLICT;
    }
    if let Some(open) = journal.open.get_mut(&call) {
        open.appended.extend(drafts.into_iter().map(|draft| (stream.text().into(), draft)));
    }
    OK
}

unsafe extern "C" fn head(
    host: *const RawHost,
    call: CallId,
    stream: Str,
    first: *mut u64,
    next: *mut u64,
) -> RawStatus {
    let journal = Block::of(host).journal();
    if !journal.open.contains_key(&call) {
        return E_STALE;
    }
    let count = journal.streams.get(stream.text()).map_or(0, Vec::len) as u64;
    if !first.is_null() {
        *first = 0;
    }
    if !next.is_null() {
        *next = count;
    }
    if count > 0 {
        OK
    } else {
        E_NOT_FOUND
    }
}

/// The committed events of a stream in the order of a reading: revision and event.
fn page(journal: &Journal, call: CallId, stream: &str, from: u64, flags: u32) -> Result<Vec<(u64, Draft)>, RawStatus> {
    if !journal.open.contains_key(&call) {
        return Err(E_STALE);
    }
    let events = journal.streams.get(stream).ok_or(E_NOT_FOUND)?.iter().cloned().enumerate();
    let events = events.map(|(at, draft)| (at as u64, draft));
    if flags & STREAM_BACKWARD == 0 {
        return Ok(events.filter(|(at, _)| *at >= from).collect());
    }
    let mut events: Vec<_> = events.filter(|(at, _)| *at <= from).collect();
    events.reverse();
    Ok(events)
}

/// Without the journal's lock, since the visitor may call the host.
unsafe fn show(at: u64, draft: &Draft, visit: Visit, context: *mut c_void) -> bool {
    let id = if draft.id.is_empty() { format!("derived-{at}") } else { draft.id.clone() };
    let source = if draft.source.is_empty() { "//patchbay/test" } else { &draft.source };
    let data = String::from_utf8_lossy(&draft.data);
    let data = if data.is_empty() { String::new() } else { format!(",\"data\":{data}") };
    let json = format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"{source}\",\"type\":\"{}\"{data}}}",
        draft.kind
    );
    let raw = RawStreamEvent {
        size: std::mem::size_of::<RawStreamEvent>() as u32,
        reserved: 0,
        revision: at,
        appended_ns: at + 1,
        id: Str::of(&id),
        source: Str::of(source),
        kind: Str::of(&draft.kind),
        json: Str::of(&json),
    };
    visit(context, &raw) == 0
}

unsafe extern "C" fn read(
    host: *const RawHost,
    call: CallId,
    stream: Str,
    from: u64,
    count: u64,
    flags: u32,
    visit: Visit,
    context: *mut c_void,
) -> RawStatus {
    let events = match page(&Block::of(host).journal(), call, stream.text(), from, flags) {
        Ok(events) => events,
        Err(status) => return status,
    };
    for (at, draft) in events.into_iter().take(count.min(1000) as usize) {
        if !show(at, &draft, visit, context) {
            break;
        }
    }
    OK
}

/// Whether a pattern as routes have it takes a type: `*` is one token, `**` the rest.
fn takes(pattern: &str, kind: &str) -> bool {
    let mut tokens = kind.split('.');
    for part in pattern.split('.') {
        match (part, tokens.next()) {
            (_, None) => return false,
            ("**", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(token)) if part == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

unsafe extern "C" fn query(
    host: *const RawHost,
    call: CallId,
    stream: Str,
    filter: *const RawStreamFilter,
    count: u64,
    visit: Visit,
    context: *mut c_void,
    next: *mut u64,
) -> RawStatus {
    let filter = &*filter;
    let events = match page(&Block::of(host).journal(), call, stream.text(), filter.from, filter.flags) {
        Ok(events) => events,
        Err(status) => return status,
    };
    let (mut left, mut go_on) = (count.min(1000), STREAM_NONE);
    for (at, draft) in &events {
        let has = |name: &str, value: &str| draft.extensions.iter().any(|(key, own)| key == name && own == value);
        let fits = (filter.kind.len == 0 || takes(filter.kind.text(), &draft.kind))
            && (filter.correlation.len == 0 || has("correlationid", filter.correlation.text()))
            && (filter.since_ns == 0 || at + 1 >= filter.since_ns)
            && (filter.as_of_ns == 0 || *at < filter.as_of_ns);
        if !fits {
            continue;
        }
        let is_over = left == 0 || !show(*at, draft, visit, context);
        left = left.saturating_sub(1);
        if is_over || left == 0 {
            let backward = filter.flags & STREAM_BACKWARD != 0;
            go_on = if backward { at.checked_sub(1).unwrap_or(STREAM_NONE) } else { at + 1 };
            break;
        }
    }
    if !next.is_null() {
        *next = go_on;
    }
    OK
}

unsafe extern "C" fn snapshot_get(
    host: *const RawHost,
    call: CallId,
    stream: Str,
    at: u64,
    into: *mut u8,
    length: *mut u64,
    revision: *mut u64,
) -> RawStatus {
    let journal = Block::of(host).journal();
    if !journal.open.contains_key(&call) {
        return E_STALE;
    }
    let room = std::mem::replace(&mut *length, 0);
    let all = journal.snapshots.get(stream.text()).map_or(&[][..], Vec::as_slice);
    let Some(found) = all.iter().filter(|snapshot| snapshot.revision <= at).max_by_key(|snapshot| snapshot.revision)
    else {
        return E_NOT_FOUND;
    };
    *length = found.value.len() as u64;
    if !revision.is_null() {
        *revision = found.revision;
    }
    if *length > room {
        return E_LIMIT;
    }
    into.copy_from_nonoverlapping(found.value.as_ptr(), found.value.len());
    OK
}

unsafe extern "C" fn snapshot_put(
    host: *const RawHost,
    call: CallId,
    stream: Str,
    revision: u64,
    bytes: *const u8,
    length: u64,
) -> RawStatus {
    let mut journal = Block::of(host).journal();
    let Some(open) = journal.open.get(&call) else {
        return E_STALE;
    };
    if revision >= next(&journal, open, stream.text()) {
        return E_NOT_FOUND;
    }
    let value = Str { ptr: bytes.cast(), len: length }.bytes().into();
    if let Some(open) = journal.open.get_mut(&call) {
        open.snapshots.push((stream.text().into(), Snapshot { value, revision }));
    }
    OK
}

unsafe extern "C" fn subscribe(
    host: *const RawHost,
    call: CallId,
    name: Str,
    stream: Str,
    filter: *const RawStreamFilter,
) -> RawStatus {
    let mut journal = Block::of(host).journal();
    let is_odd =
        filter.as_ref().is_some_and(|filter| filter.flags != 0 || filter.since_ns != 0 || filter.as_of_ns != 0);
    if name.len == 0 || stream.len == 0 || is_odd {
        return E_ARG;
    }
    if call == 0 && !journal.is_created {
        journal.subscriptions.insert(name.text().into(), stream.text().into());
        return OK;
    }
    match journal.open.get_mut(&call) {
        Some(open) => open.subscriptions.push((name.text().into(), Some(stream.text().into()))),
        None => return E_STALE,
    }
    OK
}

unsafe extern "C" fn unsubscribe(host: *const RawHost, call: CallId, name: Str) -> RawStatus {
    let mut journal = Block::of(host).journal();
    if call == 0 && !journal.is_created {
        journal.subscriptions.remove(name.text());
        return OK;
    }
    let is_committed = journal.subscriptions.contains_key(name.text());
    let Some(open) = journal.open.get_mut(&call) else {
        return E_STALE;
    };
    let own = open.subscriptions.iter().rev().find(|(own, _)| own == name.text());
    if !own.map_or(is_committed, |(_, stream)| stream.is_some()) {
        return E_NOT_FOUND;
    }
    open.subscriptions.push((name.text().into(), None));
    OK
}
