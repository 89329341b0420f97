//! Handlers for Patchbay in Rust: a safe face over `patchbay.h`, without dependencies.
//!
//! ```
//! use patchbay::{Call, Event, Handler, Host, Level, Outcome};
//!
//! struct Hello;
//!
//! impl Handler for Hello {
//!     fn create(_config: &str, _host: &Host) -> Result<Self, String> {
//!         Ok(Hello)
//!     }
//!
//!     fn handle(&self, event: &Event, call: &Call) -> Outcome {
//!         if event.subject().is_empty() {
//!             return Outcome::reject("invalid: nobody to greet");
//!         }
//!         call.log(Level::Info, "hello", &[("detail", event.subject())]);
//!         Outcome::done()
//!     }
//! }
//!
//! patchbay::module! {
//!     manifest: r#""name": "greeter", "version": "1.0.0",
//!         "handlers": [{"id": "hello", "accepts": ["com.example.greeting.*"], "blocking": false}]"#,
//!     handlers: { "hello" => Hello },
//! }
//! # fn main() {}
//! ```
//!
//! Built as a `cdylib`, that is a module which exports one symbol. A panic is caught at the border and counts as a retry.
#![cfg_attr(not(feature = "std"), no_std)]
#![warn(missing_docs)]

extern crate alloc;

pub mod abi;
mod batch;
mod call;
mod event;
mod guard;
mod handler;
mod metrics;
mod module;
mod network;
mod outcome;
mod services;
mod stream;
#[cfg(feature = "std")]
pub mod testing;

pub use batch::Batch;
pub use call::{Call, CancelReason, Deferred, Draft, Entry, Expecting, Level, Span};
pub use event::Event;
pub use handler::{BatchHandler, Handler, Host};
pub use metrics::{Counter, Gauge, Histogram, UpDownCounter};
pub use module::{glue, Note};
pub use network::{Fault, FaultCode, Mail, Request, Response, SendError};
pub use outcome::Outcome;
pub use services::Status;
pub use stream::{AppendError, Direction, Expected, Head, Snapshot, Stream, StreamEvent, StreamFilter};
