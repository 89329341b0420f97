//! The scenarios of sdk/scenarios/README.md in Rust.

use patchbay::{Call, Draft, Event, Expecting, Handler, Host, Level, Outcome, Status};
use std::time::Duration;

struct Run;

impl Handler for Run {
    fn create(_config: &str, _host: &Host) -> Result<Self, String> {
        Ok(Run)
    }

    fn handle(&self, event: &Event, call: &Call) -> Outcome {
        match event.kind() {
            "scenario.echo" => echo(event, call),
            "scenario.retry" if event.attempt() == 1 => Outcome::retry_after(Duration::ZERO, "later: soon"),
            "scenario.retry" => emit(call, "seen.retry", format!(r#"{{"attempt": {}}}"#, event.attempt())),
            "scenario.fail" => {
                emit(call, "seen.never", "{}".into());
                Outcome::fail("declined: no funds").with_code(7).with_detail(r#"{"a": 1}"#)
            }
            "scenario.reject" => Outcome::reject("invalid: no amount"),
            "scenario.skip" => Outcome::skip(),
            "scenario.throw" => panic!("went wrong"),
            "scenario.state" => count(call),
            "scenario.timer" => {
                let draft = Draft { kind: "scenario.fired".into(), not_before_ns: 1, ..Draft::default() };
                done(call.set_timer("soon", &draft))
            }
            "scenario.fired" => {
                let key = event.extension("timerkey").unwrap_or("");
                emit(call, "seen.fired", format!(r#"{{"key": "{key}"}}"#))
            }
            "scenario.log" => {
                call.log(Level::Warn, "noted by the handler", &[("detail", "with a detail")]);
                drop(call.span("inner"));
                Outcome::done()
            }
            "scenario.deferred" => {
                let owed = call.defer();
                std::thread::spawn(move || {
                    let outcome = emit(owed.call(), "seen.deferred", "{}".into());
                    // A call that the host has given up is not this handler's any more.
                    let _ = owed.complete(outcome);
                });
                Outcome::deferred()
            }
            _ => Outcome::fail("unknown scenario"),
        }
    }
}

fn done(result: Result<(), Status>) -> Outcome {
    match result {
        Ok(()) => Outcome::done(),
        Err(status) => Outcome::retry(status.to_string()),
    }
}

fn emit(call: &Call, kind: &str, data: String) -> Outcome {
    done(call.emit(&Draft::json(kind, data)))
}

fn echo(event: &Event, call: &Call) -> Outcome {
    let data = format!(
        concat!(
            r#"{{"id": "{}", "source": "{}", "subject": "{}", "time": "{}", "region": "{}", "bytes": {}, "#,
            r#""route": "{}", "attempt": {}, "most": {}, "key": {}}}"#
        ),
        event.id(),
        event.source(),
        event.subject(),
        event.time(),
        event.extension("region").unwrap_or(""),
        event.data().len(),
        event.route(),
        event.attempt(),
        event.max_attempts(),
        !event.idempotency_key().is_empty(),
    );
    emit(call, "seen.echo", data)
}

/// A number that is kept under `n`, one more with each event.
fn count(call: &Call) -> Outcome {
    let number = |result: Result<(), Status>| result.map_or_else(|status| status.0, |()| 0);
    let entry = match call.get("n") {
        Ok(entry) => entry,
        Err(status) => return Outcome::retry(status.to_string()),
    };
    let text = entry.as_ref().map(|entry| String::from_utf8_lossy(&entry.value).into_owned());
    let n = text.and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
    let expected = entry.map_or(Expecting::Absent, |entry| Expecting::Revision(entry.revision));
    let value = n.to_string();
    let stored = number(call.put("n", value.as_bytes(), expected, None));
    let again = number(call.put("n", value.as_bytes(), Expecting::Absent, None));
    let gone = number(call.delete("none", Expecting::Anything));
    emit(call, "seen.state", format!(r#"{{"n": {n}, "stored": {stored}, "again": {again}, "gone": {gone}}}"#))
}

patchbay::module! {
    manifest: r#""name": "scenarios", "version": "1.0.0",
        "handlers": [{"id": "run", "accepts": ["scenario.*"], "emits": ["seen.*"]}]"#,
    handlers: { "run" => Run },
}
