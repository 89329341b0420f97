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
mod call;
mod event;
mod handler;
mod module;
mod outcome;
mod services;
#[cfg(feature = "std")]
pub mod testing;

pub use call::{Call, CancelReason, Deferred, Draft, Entry, Expecting, Level, Span};
pub use event::Event;
pub use handler::{Handler, Host};
pub use module::{glue, Note};
pub use outcome::Outcome;
pub use services::Status;
