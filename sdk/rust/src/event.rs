use crate::abi::{RawEvent, Str};

/// One CloudEvent, where the host keeps it. Valid while `handle` runs: what it lends does not outlive the call.
///
/// ```compile_fail
/// # use patchbay::{Call, Event, Handler, Host, Outcome};
/// struct Keeps(std::sync::Mutex<&'static str>);
///
/// impl Handler for Keeps {
///     fn create(_: &str, _: &Host) -> Result<Self, String> {
///         Ok(Keeps(std::sync::Mutex::new("")))
///     }
///
///     fn handle(&self, event: &Event, _: &Call) -> Outcome {
///         *self.0.lock().unwrap() = event.subject(); // does not live long enough
///         Outcome::done()
///     }
/// }
/// ```
pub struct Event<'a> {
    raw: &'a RawEvent,
}

impl<'a> Event<'a> {
    /// Shows what the host lends.
    ///
    /// # Safety
    /// Every text and array in `raw` is valid for `'a`.
    pub unsafe fn new(raw: &'a RawEvent) -> Self {
        Event { raw }
    }

    fn text(&self, text: Str) -> &'a str {
        // SAFETY: `new` promises it.
        unsafe { text.text() }
    }

    /// Its id; never empty.
    pub fn id(&self) -> &'a str {
        self.text(self.raw.id)
    }
    /// The context that it happened in, a URI reference; never empty.
    pub fn source(&self) -> &'a str {
        self.text(self.raw.source)
    }
    /// What happened; never empty.
    pub fn kind(&self) -> &'a str {
        self.text(self.raw.kind)
    }
    /// Whom it is about; empty when it does not say.
    pub fn subject(&self) -> &'a str {
        self.text(self.raw.subject)
    }
    /// When, in RFC 3339; empty when it does not say.
    pub fn time(&self) -> &'a str {
        self.text(self.raw.time)
    }
    /// The form of the data; empty is JSON.
    pub fn data_content_type(&self) -> &'a str {
        self.text(self.raw.datacontenttype)
    }
    /// A URI; empty when there is none.
    pub fn data_schema(&self) -> &'a str {
        self.text(self.raw.dataschema)
    }
    /// Name of the route that led here.
    pub fn route(&self) -> &'a str {
        self.text(self.raw.route)
    }
    /// The same for every attempt of one delivery, and for no other: what to pass to a service that deduplicates.
    pub fn idempotency_key(&self) -> &'a str {
        self.text(self.raw.idempotency_key)
    }
    /// W3C trace context of this attempt; empty: not sampled.
    pub fn traceparent(&self) -> &'a str {
        self.text(self.raw.traceparent)
    }
    /// W3C trace state.
    pub fn tracestate(&self) -> &'a str {
        self.text(self.raw.tracestate)
    }
    /// The first is 1.
    pub fn attempt(&self) -> u32 {
        self.raw.attempt
    }
    /// The first one counts; 0: no limit.
    pub fn max_attempts(&self) -> u32 {
        self.raw.max_attempts
    }
    /// Nanoseconds of CLOCK_MONOTONIC; 0: never.
    pub fn deadline_ns(&self) -> u64 {
        self.raw.deadline_ns
    }

    /// The payload, in the form of `data_content_type`.
    pub fn data(&self) -> &'a [u8] {
        if self.raw.data_len == 0 || self.raw.data.is_null() {
            return &[];
        }
        // SAFETY: `new` promises it.
        unsafe { core::slice::from_raw_parts(self.raw.data, self.raw.data_len as usize) }
    }

    /// Name and value of each extension attribute.
    pub fn extensions(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        let pairs = if self.raw.ext_count == 0 || self.raw.ext.is_null() {
            &[]
        } else {
            // SAFETY: `new` promises it.
            unsafe { core::slice::from_raw_parts(self.raw.ext, self.raw.ext_count as usize) }
        };
        pairs.iter().map(move |pair| (self.text(pair.key), self.text(pair.value)))
    }

    /// The extension attribute of this name.
    pub fn extension(&self, name: &str) -> Option<&'a str> {
        self.extensions().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}
