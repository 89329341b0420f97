use crate::abi::{self, Answered, CallId, Pair, RawAnswer, RawHost, RawMail, RawRequest, RawStatus, Str};
use crate::call::Call;
use crate::guard::caught;
use crate::outcome::{nanoseconds, Outcome};
use crate::services::{lend, Services, Status};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ffi::c_void;
use core::fmt;
use core::time::Duration;

/// A request to a service that the configuration lets this module reach. The trace of the call is added by the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Empty: GET without a body, POST with one.
    pub method: String,
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Empty: none.
    pub body: Vec<u8>,
    /// For the whole exchange; `None`: 30 seconds.
    pub timeout: Option<Duration>,
    /// A larger response is `FaultCode::TOO_LARGE`. 0: 1 MiB.
    pub response_bytes_max: u64,
}

impl Request {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Request { url: url.into(), ..Default::default() }
    }

    /// A POST of JSON.
    pub fn post_json(url: impl Into<String>, json: impl Into<String>) -> Self {
        Request {
            method: "POST".into(),
            url: url.into(),
            headers: [("content-type".to_string(), "application/json".to_string())].into(),
            body: json.into().into_bytes(),
            ..Default::default()
        }
    }
}

/// What a service answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// Such as 200.
    pub status: i32,
    /// Names in lowercase, in their order.
    pub headers: Vec<(String, String)>,
    /// Empty: none.
    pub body: Vec<u8>,
    /// What `Retry-After` asks for.
    pub retry_after: Option<Duration>,
}

impl Response {
    /// The first header of this name, which is in lowercase.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What the status means for an event, when nothing else is known of the service: 2xx is done; 408, 425, 429 and 5xx
    /// are tried again, after `Retry-After` where there is one; the rest, redirects included, fails for good, and spares
    /// the breaker where the request is to blame.
    ///
    /// Sources: RFC 9110, clause 15; RFC 6585, clause 4; RFC 8470, clause 5.2.
    pub fn outcome(&self) -> Outcome {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(200)]);
        let reason = format!("http_{}: {text}", self.status);
        let outcome = match (self.status, self.retry_after) {
            (200..=299, _) => return Outcome::done(),
            (408 | 425 | 429 | 500..=599, Some(wait)) => Outcome::retry_after(wait, reason),
            (408 | 425 | 429 | 500..=599, None) => Outcome::retry(reason),
            (400 | 404..=406 | 409..=411 | 413..=415 | 422, _) => Outcome::reject(reason),
            _ => Outcome::fail(reason),
        };
        outcome.with_code(self.status)
    }
}

/// A mail and its way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// `smtp://host:port` (STARTTLS), or `smtps://host:port` (TLS from the start).
    pub server: String,
    /// An address.
    pub from: String,
    /// Addresses, at least one.
    pub recipients: Vec<String>,
    /// Headers, an empty line and the body, as RFC 5322 has them; every line ends with CRLF.
    pub content: Vec<u8>,
    /// Empty: no authentication.
    pub user: String,
    /// Of the user.
    pub password: String,
    /// For a test, or a server on this machine.
    pub is_tls_optional: bool,
    /// `None`: 30 seconds.
    pub timeout: Option<Duration>,
}

/// The kinds of faults, `PATCHBAY_FAULT_*`; more may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultCode(pub i32);

impl FaultCode {
    /// The host's name is not known.
    pub const RESOLVE: FaultCode = FaultCode(1);
    /// Refused or unreachable.
    pub const CONNECT: FaultCode = FaultCode(2);
    /// The certificate is not trusted, or there is no common TLS.
    pub const TLS: FaultCode = FaultCode(3);
    /// No answer in time.
    pub const TIMEOUT: FaultCode = FaultCode(4);
    /// The connection ended, or what came is no answer.
    pub const BROKEN: FaultCode = FaultCode(5);
    /// The response is larger than `response_bytes_max`.
    pub const TOO_LARGE: FaultCode = FaultCode(6);
    /// No connection became free in time.
    pub const NO_CONNECTION: FaultCode = FaultCode(7);
    /// The host is stopping.
    pub const CANCELLED: FaultCode = FaultCode(8);
    /// A mail server refused; `status` is its code.
    pub const REFUSED: FaultCode = FaultCode(9);
    /// Out of memory.
    pub const MEMORY: FaultCode = FaultCode(10);
    /// The configuration does not let this module do that; the message says what to add.
    pub const DENIED: FaultCode = FaultCode(11);
    /// Malformed: the same request fails again.
    pub const REQUEST: FaultCode = FaultCode(12);

    fn name(self) -> &'static str {
        const NAMES: [&str; 13] = [
            "ok",
            "resolve",
            "connect",
            "tls",
            "timeout",
            "broken",
            "too_large",
            "no_connection",
            "cancelled",
            "refused",
            "memory",
            "denied",
            "request",
        ];
        NAMES.get(self.0 as usize).copied().unwrap_or("fault")
    }
}

/// Why a request or a mail has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault it is.
    pub code: FaultCode,
    /// The server's code, such as 550; 0: it gave none.
    pub status: i32,
    /// In words.
    pub message: String,
    /// Nothing has left the host, so that it is safe to send it again.
    pub is_unsent: bool,
}

impl Fault {
    /// For tests that answer in a service's place.
    pub fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Fault { code, status: 0, message: message.into(), is_unsent: false }
    }

    /// Whether another attempt may do: all but what is malformed or denied, and a mail server's refusal from 500 on.
    pub fn is_transient(&self) -> bool {
        self.code != FaultCode::DENIED
            && self.code != FaultCode::REQUEST
            && (self.code != FaultCode::REFUSED || self.status < 500)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code.name(), self.message)
    }
}

/// Why a request or a mail came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// It was sent, or tried to be.
    Fault(Fault),
    /// The host does not send it.
    Status(Status),
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Fault(fault) => fault.fmt(formatter),
            SendError::Status(status) => status.fmt(formatter),
        }
    }
}

#[cfg(feature = "std")]
impl std::error::Error for SendError {}

/// What it means for an event: what another attempt cannot mend fails, the rest is tried again.
impl From<SendError> for Outcome {
    fn from(error: SendError) -> Outcome {
        match &error {
            SendError::Fault(fault) if fault.code == FaultCode::CANCELLED => Outcome::cancelled(),
            SendError::Fault(fault) if !fault.is_transient() => {
                Outcome::fail(error.to_string()).with_code(fault.status)
            }
            _ => Outcome::retry(error.to_string()),
        }
    }
}

type Receive = Box<dyn FnOnce(Result<Response, SendError>) + Send>;

impl Call {
    /// Sends a request; `answered` is called once, on a thread of the host that carries the answers of all modules, or on
    /// this one: it takes what it needs and returns. A panic in it ends there; a `Deferred` that it owned asks for another
    /// attempt.
    pub fn send_then(&self, request: &Request, answered: impl FnOnce(Result<Response, SendError>) + Send + 'static) {
        let headers = lend(request.headers.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let raw = RawRequest {
            size: core::mem::size_of::<RawRequest>() as u32,
            flags: 0,
            method: Str::of(&request.method),
            url: Str::of(&request.url),
            headers: headers.as_ptr(),
            header_count: headers.len() as u64,
            body: request.body.as_ptr(),
            body_len: request.body.len() as u64,
            timeout_ns: request.timeout.map_or(0, nanoseconds),
            response_max: request.response_bytes_max,
        };
        let table = Services::need(self.services.http).map(|table| table.send);
        self.lend(table, &raw, Box::new(answered));
    }

    /// The same for mail.
    pub fn send_mail_then(&self, mail: &Mail, answered: impl FnOnce(Result<(), SendError>) + Send + 'static) {
        let recipients: Vec<Str> = mail.recipients.iter().map(|recipient| Str::of(recipient)).collect();
        let raw = RawMail {
            size: core::mem::size_of::<RawMail>() as u32,
            flags: if mail.is_tls_optional { abi::MAIL_TLS_OPTIONAL } else { 0 },
            server: Str::of(&mail.server),
            user: Str::of(&mail.user),
            password: Str::of(&mail.password),
            from: Str::of(&mail.from),
            recipients: recipients.as_ptr(),
            recipient_count: recipients.len() as u64,
            content: mail.content.as_ptr(),
            content_len: mail.content.len() as u64,
            timeout_ns: mail.timeout.map_or(0, nanoseconds),
        };
        let table = Services::need(self.services.mail).map(|table| table.send);
        self.lend(table, &raw, Box::new(|answer| answered(answer.map(|_| ()))));
    }

    /// Sends a request and waits for the response, whatever its status: for a handler that is `"blocking": true`.
    #[cfg(feature = "std")]
    pub fn send(&self, request: &Request) -> Result<Response, SendError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.send_then(request, move |answer| {
            // Whoever asked waits below.
            let _ = sender.send(answer);
        });
        receiver.recv().unwrap_or(Err(SendError::Status(Status(abi::E_INTERNAL))))
    }

    /// The same for mail: returns when the server has taken it on.
    #[cfg(feature = "std")]
    pub fn send_mail(&self, mail: &Mail) -> Result<(), SendError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.send_mail_then(mail, move |answer| {
            // Whoever asked waits below.
            let _ = sender.send(answer);
        });
        receiver.recv().unwrap_or(Err(SendError::Status(Status(abi::E_INTERNAL))))
    }

    fn lend<Raw>(&self, send: Result<SendFunction<Raw>, Status>, raw: &Raw, receive: Receive) {
        let refused = match send {
            Err(status) => (status, receive),
            Ok(send) => {
                let context = Box::into_raw(Box::new(receive));
                // SAFETY: arguments live as long as this call of the host; the context is taken back once, by `answered`
                // or below.
                let status = unsafe { send(self.services.host, self.id, raw, answered, context.cast()) };
                if status >= 0 {
                    return;
                }
                // SAFETY: nothing was sent, so nobody answers.
                (Status(status), *unsafe { Box::from_raw(context) })
            }
        };
        (refused.1)(Err(SendError::Status(refused.0)));
    }
}

type SendFunction<Raw> = unsafe extern "C" fn(*const RawHost, CallId, *const Raw, Answered, *mut c_void) -> RawStatus;

unsafe extern "C" fn answered(context: *mut c_void, raw: *const RawAnswer) {
    let receive = Box::from_raw(context.cast::<Receive>());
    // What it owned is dropped, and nobody else is to be told.
    let _ = caught(|| receive(copy(&*raw).map_err(SendError::Fault)));
}

unsafe fn copy(raw: &RawAnswer) -> Result<Response, Fault> {
    if raw.fault != 0 {
        return Err(Fault {
            code: FaultCode(raw.fault),
            status: raw.status,
            message: raw.message.text().into(),
            is_unsent: raw.flags & abi::ANSWER_UNSENT != 0,
        });
    }
    Ok(Response {
        status: raw.status,
        headers: Pair::copies(raw.headers, raw.header_count),
        body: Str { ptr: raw.body.cast(), len: raw.body_len }.bytes().into(),
        retry_after: (raw.retry_after_ns > 0).then(|| Duration::from_nanos(raw.retry_after_ns)),
    })
}
