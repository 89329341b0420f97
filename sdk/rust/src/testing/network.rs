//! HTTP and mail of the test host: the test plays the service.

use super::Block;
use crate::abi::*;
use crate::network::{Fault, FaultCode, Mail, Request, Response};
use std::ffi::c_void;
use std::time::Duration;

pub(super) static HTTP: Http = Http { size: 16, reserved: 0, send };
pub(super) static MAIL: MailService = MailService { size: 16, reserved: 0, send: send_mail };

fn wait(nanoseconds: u64) -> Option<Duration> {
    (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
}

unsafe extern "C" fn send(
    host: *const RawHost,
    call: CallId,
    raw: *const RawRequest,
    answered: Answered,
    context: *mut c_void,
) -> RawStatus {
    let raw = &*raw;
    let body = Str { ptr: raw.body.cast(), len: raw.body_len }.bytes();
    let method = if raw.method.len > 0 { raw.method.text() } else { ["POST", "GET"][usize::from(body.is_empty())] };
    let request = Request {
        method: method.into(),
        url: raw.url.text().into(),
        headers: Pair::copies(raw.headers, raw.header_count),
        body: body.into(),
        timeout: wait(raw.timeout_ns),
        response_bytes_max: raw.response_max,
    };
    let service = {
        let mut journal = Block::of(host).journal();
        if !journal.open.contains_key(&call) {
            return E_STALE;
        }
        journal.requests.push(request.clone());
        journal.service.clone()
    };
    answer(service.map_or_else(nobody, |service| service(&request)), answered, context);
    OK
}

unsafe extern "C" fn send_mail(
    host: *const RawHost,
    call: CallId,
    raw: *const RawMail,
    answered: Answered,
    context: *mut c_void,
) -> RawStatus {
    let raw = &*raw;
    if raw.recipient_count == 0 {
        return E_ARG;
    }
    let recipients = std::slice::from_raw_parts(raw.recipients, raw.recipient_count as usize);
    let mail = Mail {
        server: raw.server.text().into(),
        from: raw.from.text().into(),
        recipients: recipients.iter().map(|recipient| recipient.text().into()).collect(),
        content: Str { ptr: raw.content.cast(), len: raw.content_len }.bytes().into(),
        user: raw.user.text().into(),
        password: raw.password.text().into(),
        is_tls_optional: raw.flags & MAIL_TLS_OPTIONAL != 0,
        timeout: wait(raw.timeout_ns),
    };
    let server = {
        let mut journal = Block::of(host).journal();
        if !journal.open.contains_key(&call) {
            return E_STALE;
        }
        journal.mails.push(mail.clone());
        journal.mail_server.clone()
    };
    let taken = server.map_or_else(|| nobody().map(|_| ()), |server| server(&mail));
    answer(taken.map(|()| Response { status: 250, ..Response::default() }), answered, context);
    OK
}

fn nobody() -> Result<Response, Fault> {
    Err(Fault::new(FaultCode::CONNECT, "the test serves nothing"))
}

/// Before `send` returns, as a host may.
unsafe fn answer(answer: Result<Response, Fault>, answered: Answered, context: *mut c_void) {
    let none = Str::of("");
    let (response, fault) = match answer {
        Ok(response) => (response, None),
        Err(fault) => (Response { status: fault.status, ..Response::default() }, Some(fault)),
    };
    let headers: Vec<Pair> =
        response.headers.iter().map(|(key, value)| Pair { key: Str::of(key), value: Str::of(value) }).collect();
    let raw = RawAnswer {
        size: std::mem::size_of::<RawAnswer>() as u32,
        flags: fault.as_ref().map_or(0, |fault| if fault.is_unsent { ANSWER_UNSENT } else { 0 }),
        fault: fault.as_ref().map_or(0, |fault| fault.code.0),
        status: response.status,
        headers: headers.as_ptr(),
        header_count: headers.len() as u64,
        body: response.body.as_ptr(),
        body_len: response.body.len() as u64,
        retry_after_ns: response.retry_after.map_or(0, |wait| wait.as_nanos() as u64),
        message: fault.as_ref().map_or(none, |fault| Str::of(&fault.message)),
    };
    answered(context, &raw);
}
