use crate::abi::{self, Str};
use crate::handler::Host;
use crate::services::{lend, Services, Status};
use alloc::sync::Arc;

struct Instrument {
    services: Arc<Services>,
    id: u32,
}

impl Instrument {
    fn record(&self, value: f64, attributes: &[(&str, &str)]) {
        let Ok(meter) = Services::need(self.services.meter) else {
            return;
        };
        let pairs = lend(attributes.iter().copied());
        // SAFETY: arguments live as long as this call of the host.
        unsafe { (meter.record)(self.services.host, self.id, value, pairs.as_ptr(), pairs.len() as u64) }
    }
}

/// Only grows. Recording is cheap and never blocks.
pub struct Counter(Instrument);

impl Counter {
    /// Adds a value that is not negative.
    pub fn add(&self, value: f64, attributes: &[(&str, &str)]) {
        self.0.record(value, attributes);
    }
}

/// May shrink.
pub struct UpDownCounter(Instrument);

impl UpDownCounter {
    /// Adds a value.
    pub fn add(&self, value: f64, attributes: &[(&str, &str)]) {
        self.0.record(value, attributes);
    }
}

/// Is replaced.
pub struct Gauge(Instrument);

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: f64, attributes: &[(&str, &str)]) {
        self.0.record(value, attributes);
    }
}

/// A distribution.
pub struct Histogram(Instrument);

impl Histogram {
    /// Adds a value to the distribution.
    pub fn observe(&self, value: f64, attributes: &[(&str, &str)]) {
        self.0.record(value, attributes);
    }
}

/// Instruments, only inside `create`. `unit` is a UCUM unit such as `By`, `ms` or `{order}`. `Status::STATE`: too late;
/// `Status::CONFLICT`: the name has another kind or unit; `Status::LIMIT`: too many. Without a metering host an instrument
/// does nothing.
impl Host {
    /// Declares a counter that only grows.
    pub fn counter(&self, name: &str, unit: &str, help: &str) -> Result<Counter, Status> {
        self.instrument(abi::METER_COUNTER, name, unit, help).map(Counter)
    }

    /// Declares a counter that may shrink.
    pub fn up_down_counter(&self, name: &str, unit: &str, help: &str) -> Result<UpDownCounter, Status> {
        self.instrument(abi::METER_UP_DOWN, name, unit, help).map(UpDownCounter)
    }

    /// Declares a value that is replaced.
    pub fn gauge(&self, name: &str, unit: &str, help: &str) -> Result<Gauge, Status> {
        self.instrument(abi::METER_GAUGE, name, unit, help).map(Gauge)
    }

    /// Declares a distribution.
    pub fn histogram(&self, name: &str, unit: &str, help: &str) -> Result<Histogram, Status> {
        self.instrument(abi::METER_HISTOGRAM, name, unit, help).map(Histogram)
    }

    fn instrument(&self, kind: i32, name: &str, unit: &str, help: &str) -> Result<Instrument, Status> {
        let mut id = 0;
        if let Ok(meter) = Services::need(self.services.meter) {
            // SAFETY: arguments live as long as this call of the host.
            Status::check(unsafe {
                (meter.declare)(self.services.host, kind, Str::of(name), Str::of(unit), Str::of(help), &mut id)
            })?;
        }
        Ok(Instrument { services: self.services.clone(), id })
    }
}
