use crate::abi::{CallId, RawEvent};
use crate::call::{Call, Deferred};
use crate::event::Event;
use crate::outcome::Outcome;
use crate::services::{Services, Status};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

/// Events that are handled together, never two of one ordering key. Lent while `handle_batch` runs: what that neither
/// settles nor defers is done when it returns, and tried again when it panics.
pub struct Batch<'a> {
    calls: &'a [CallId],
    events: &'a [*const RawEvent],
    services: &'a Arc<Services>,
    /// Empty: none is.
    settled: RefCell<Vec<bool>>,
    has_deferred: Cell<bool>,
}

impl<'a> Batch<'a> {
    /// # Safety
    /// The events are valid for `'a`, and as many as the calls.
    pub(crate) unsafe fn new(calls: &'a [CallId], events: &'a [*const RawEvent], services: &'a Arc<Services>) -> Self {
        Batch { calls, events, services, settled: RefCell::default(), has_deferred: Cell::new(false) }
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
        self.settle(index);
        self.call(index).complete(&outcome)
    }

    /// The right to complete one call later, from any thread, having copied what is needed of the event. Panics beyond
    /// the end.
    pub fn defer(&self, index: usize) -> Deferred {
        self.settle(index);
        self.has_deferred.set(true);
        self.call(index).defer()
    }

    /// Where calls are deferred the status of the batch would be theirs, too: the others are settled here, one by one.
    /// False: none is deferred.
    pub(crate) fn settles_rest(&self, outcome: &Outcome) -> bool {
        if !self.has_deferred.get() {
            return false;
        }
        for (index, is_settled) in self.settled.borrow().iter().enumerate() {
            if !is_settled {
                // A call that the host has given up needs no completion.
                let _ = self.call(index).complete(outcome);
            }
        }
        true
    }

    /// Nobody else is to settle it.
    fn settle(&self, index: usize) {
        let mut settled = self.settled.borrow_mut();
        if settled.is_empty() {
            *settled = vec![false; self.calls.len()];
        }
        settled[index] = true;
    }
}
