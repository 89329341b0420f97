//! What the test host remembers.

use super::{Kind, LogLine, Measurement, Report};
use crate::abi::*;
use crate::call::Draft;
use crate::network::{Fault, Mail, Request, Response};
use crate::stream::Snapshot;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

#[derive(Default)]
pub(super) struct Open {
    pub is_cancelled: bool,
    pub emitted: Vec<Draft>,
    /// `None`: deleted.
    pub writes: HashMap<String, Option<(Vec<u8>, u64)>>,
    pub timers: HashMap<String, Option<Draft>>,
    pub appended: Vec<(String, Draft)>,
    pub snapshots: Vec<(String, Snapshot)>,
    /// Name and stream; `None`: ended.
    pub subscriptions: Vec<(String, Option<String>)>,
}

#[derive(Default)]
pub(super) struct Journal {
    pub calls: u64,
    pub open: HashMap<CallId, Open>,
    pub reports: HashMap<CallId, Report>,
    pub state: HashMap<String, (Vec<u8>, u64)>,
    pub timers: HashMap<String, Draft>,
    pub revision: u64,
    pub logs: Vec<LogLine>,
    pub spans: Vec<(String, bool)>,
    pub stale: usize,
    pub error: String,
    pub streams: HashMap<String, Vec<Draft>>,
    pub snapshots: HashMap<String, Vec<Snapshot>>,
    pub subscriptions: HashMap<String, String>,
    pub is_created: bool,
    pub instruments: Vec<String>,
    pub measurements: Vec<Measurement>,
    pub requests: Vec<Request>,
    pub mails: Vec<Mail>,
    pub service: Option<Service>,
    pub mail_server: Option<MailServer>,
}

pub(super) type Service = Arc<dyn Fn(&Request) -> Result<Response, Fault> + Send + Sync>;
pub(super) type MailServer = Arc<dyn Fn(&Mail) -> Result<(), Fault> + Send + Sync>;

impl Journal {
    pub fn begin(&mut self) -> CallId {
        self.calls += 1;
        self.open.insert(self.calls, Open::default());
        self.calls
    }

    pub fn finish(&mut self, id: CallId, result: &RawResult) -> RawStatus {
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
            for (stream, draft) in call.appended {
                self.streams.entry(stream).or_default().push(draft);
            }
            for (stream, snapshot) in call.snapshots {
                self.snapshots.entry(stream).or_default().push(snapshot);
            }
            for (name, stream) in call.subscriptions {
                match stream {
                    Some(stream) => self.subscriptions.insert(name, stream),
                    None => self.subscriptions.remove(&name),
                };
            }
        }
        OK
    }

    pub fn stored(&self, call: &Open, key: &str) -> Option<(Vec<u8>, u64)> {
        call.writes.get(key).cloned().unwrap_or_else(|| self.state.get(key).cloned())
    }

    pub fn write(&mut self, id: CallId, key: String, value: Option<Vec<u8>>, expecting: u64) -> RawStatus {
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

pub(super) fn plain(outcome: i32) -> RawResult {
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
