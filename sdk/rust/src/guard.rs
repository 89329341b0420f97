//! Panics at the border: none leaves through a function of the host.

use alloc::string::String;

/// `body`, or the message of its panic.
#[cfg(feature = "std")]
pub(crate) fn caught<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    use alloc::string::ToString;
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| text.to_string())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        text.unwrap_or_default()
    })
}

#[cfg(not(feature = "std"))]
pub(crate) fn caught<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    Ok(body())
}

/// Keeps a panic while the host's function is under way.
#[derive(Default)]
pub(crate) struct Caught {
    #[cfg(feature = "std")]
    panic: Option<alloc::boxed::Box<dyn core::any::Any + Send>>,
}

impl Caught {
    /// `None`: it panicked.
    #[cfg(feature = "std")]
    pub fn run<R>(&mut self, body: impl FnOnce() -> R) -> Option<R> {
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
            Ok(result) => Some(result),
            Err(panic) => {
                self.panic = Some(panic);
                None
            }
        }
    }

    /// Goes on with the panic, if there was one.
    #[cfg(feature = "std")]
    pub fn resume(self) {
        if let Some(panic) = self.panic {
            std::panic::resume_unwind(panic);
        }
    }

    #[cfg(not(feature = "std"))]
    pub fn run<R>(&mut self, body: impl FnOnce() -> R) -> Option<R> {
        Some(body())
    }

    #[cfg(not(feature = "std"))]
    pub fn resume(self) {}
}
