use crate::abi::{CallId, RawEvent};
use crate::call::Call;
use crate::event::Event;
use crate::outcome::Outcome;
use crate::services::{Services, Status};
use alloc::sync::Arc;

/// Events that are handled together, never two of one ordering key. Lent while `handle_batch` runs; each is settled by then,
/// so its calls cannot be deferred.
pub struct Batch<'a> {
    calls: &'a [CallId],
    events: &'a [*const RawEvent],
    services: &'a Arc<Services>,
}

impl<'a> Batch<'a> {
    /// # Safety
    /// The events are valid for `'a`, and as many as the calls.
    pub(crate) unsafe fn new(calls: &'a [CallId], events: &'a [*const RawEvent], services: &'a Arc<Services>) -> Self {
        Batch { calls, events, services }
    }

    /// At least 1.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Always false.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The event at `index`. Panics beyond the end.
    pub fn event(&self, index: usize) -> Event<'a> {
        // SAFETY: `new` promises it.
        unsafe { Event::new(&*self.events[index]) }
    }

    /// The call of the event at `index`. Panics beyond the end.
    pub fn call(&self, index: usize) -> Call {
        Call { id: self.calls[index], services: self.services.clone() }
    }

    /// Events and calls, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Event<'a>, Call)> + '_ {
        (0..self.len()).map(|index| (self.event(index), self.call(index)))
    }

    /// Settles one event. `Status::STALE`: it was settled before. Panics beyond the end.
    pub fn complete(&self, index: usize, outcome: Outcome) -> Result<(), Status> {
        self.call(index).complete(&outcome)
    }
}
