//! The scenarios of sdk/scenarios/README.md in Rust.

use patchbay::{
    AppendError, Batch, BatchHandler, Call, Counter, Direction, Draft, Event, Expected, Expecting,
    Handler, Host, Level, Mail, Outcome, Request, Status, StreamFilter,
};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Duration;

struct Run {
    host: Host,
    url: String,
    denied: String,
    mail: String,
    greeting: Mutex<String>,
    events: Counter,
}

/// The text of a member of a flat JSON object.
fn member(json: &str, name: &str) -> Result<String, String> {
    let missing = || format!("{name} is missing");
    let rest = json
        .split_once(&format!("\"{name}\""))
        .ok_or_else(missing)?
        .1;
    rest.split('"').nth(1).map(String::from).ok_or_else(missing)
}

impl Handler for Run {
    fn create(config: &str, host: &Host) -> Result<Self, String> {
        let events = host
            .counter("scenario.events", "{event}", "events seen")
            .map_err(|status| status.to_string())?;
        host.subscribe("own", "bookings", &StreamFilter::default())
            .map_err(|status| status.to_string())?;
        host.log(Level::Info, "made by the host", &[]);
        Ok(Run {
            host: host.clone(),
            url: member(config, "url")?,
            denied: member(config, "denied")?,
            mail: member(config, "mail")?,
            greeting: Mutex::new(member(config, "greeting")?),
            events,
        })
    }

    fn handle(&self, event: &Event, call: &Call) -> Outcome {
        self.events.add(1.0, &[("type", event.kind())]);
        match event.kind() {
            "scenario.echo" => echo(event, call),
            "scenario.retry" if event.attempt() == 1 => {
                Outcome::retry_after(Duration::ZERO, "later: soon")
            }
            "scenario.retry" => emit(
                call,
                "seen.retry",
                format!(r#"{{"attempt": {}}}"#, event.attempt()),
            ),
            "scenario.fail" => {
                emit(call, "seen.never", "{}".into());
                Outcome::fail("declined: no funds")
                    .with_code(7)
                    .with_detail(r#"{"a": 1}"#)
            }
            "scenario.reject" => Outcome::reject("invalid: no amount"),
            "scenario.skip" => Outcome::skip(),
            "scenario.throw" => panic!("went wrong"),
            "scenario.state" => count(call),
            "scenario.timer" => {
                let draft = Draft {
                    kind: "scenario.fired".into(),
                    not_before_ns: 1,
                    ..Draft::default()
                };
                done(call.set_timer("soon", &draft))
            }
            "scenario.fired" => {
                let key = event.extension("timerkey").unwrap_or("");
                emit(call, "seen.fired", format!(r#"{{"key": "{key}"}}"#))
            }
            "scenario.log" => {
                call.log(
                    Level::Warn,
                    "noted by the handler",
                    &[("detail", "with a detail")],
                );
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
            "scenario.append" => {
                append(call).unwrap_or_else(|error| Outcome::fail(error.to_string()))
            }
            "scenario.read" => {
                read(call).unwrap_or_else(|status| Outcome::fail(status.to_string()))
            }
            "scenario.booked" => {
                let revision = event.extension("streamrevision").unwrap_or("");
                emit(
                    call,
                    "seen.booked",
                    format!(r#"{{"revision": "{revision}"}}"#),
                )
            }
            "scenario.http" => self.http(call),
            "scenario.busy" => match call.send(&Request::get(format!("{}/busy", self.url))) {
                Ok(response) if event.attempt() > 1 => {
                    emit(
                        call,
                        "seen.busy",
                        format!(r#"{{"attempt": {}}}"#, event.attempt()),
                    );
                    response.outcome()
                }
                Ok(response) => response.outcome(),
                Err(error) => error.into(),
            },
            "scenario.denied" => {
                let answer = call.send(&Request::get(self.denied.clone()));
                answer.map_or_else(Outcome::from, |response| response.outcome())
            }
            "scenario.mail" => self.mail(call),
            "scenario.life" => {
                let greeting = self.greeting.lock().unwrap();
                emit(
                    call,
                    "seen.life",
                    format!(r#"{{"greeting": "{greeting}"}}"#),
                )
            }
            _ => Outcome::fail("unknown scenario"),
        }
    }

    fn reconfigure(&self, config: &str) -> Result<(), String> {
        *self.greeting.lock().unwrap() = member(config, "greeting")?;
        Ok(())
    }

    fn drain(&self, _deadline_ns: Option<u64>) {
        self.host.log(Level::Info, "drained by the host", &[]);
    }
}

impl Run {
    fn mail(&self, call: &Call) -> Outcome {
        let mail = Mail {
            server: self.mail.clone(),
            from: "shop@example.com".into(),
            recipients: vec!["ada@example.com".into(), "bob@example.com".into()],
            content: b"Subject: paid\r\n\r\nthank you\r\n".into(),
            is_tls_optional: true,
            ..Mail::default()
        };
        call.send_mail(&mail)
            .map_or_else(Outcome::from, |()| emit(call, "seen.mail", "{}".into()))
    }

    fn http(&self, call: &Call) -> Outcome {
        let owed = call.defer();
        let request = Request {
            url: format!("{}/echo", self.url),
            headers: vec![("x-scenario".into(), "yes".into())],
            body: b"ping".into(),
            ..Request::default()
        };
        call.send_then(&request, move |answer| {
            let outcome = match &answer {
                Ok(response) => {
                    let (body, header) = (
                        String::from_utf8_lossy(&response.body),
                        response.header("x-answer"),
                    );
                    let data = format!(
                        r#"{{"status": {}, "body": "{body}", "header": "{}"}}"#,
                        response.status,
                        header.unwrap_or("")
                    );
                    emit(owed.call(), "seen.http", data)
                }
                Err(error) => error.clone().into(),
            };
            // A call that the host has given up is not this handler's any more.
            let _ = owed.complete(outcome);
        });
        Outcome::deferred()
    }
}

struct Bulk;

impl Handler for Bulk {
    fn create(_config: &str, _host: &Host) -> Result<Self, String> {
        Ok(Bulk)
    }

    fn handle(&self, event: &Event, _call: &Call) -> Outcome {
        if event.kind() == "bulk.crash" {
            std::process::abort();
        }
        Outcome::fail("alone: not in a batch")
    }

    /// An instance takes a configuration when all of its handlers do.
    fn reconfigure(&self, _config: &str) -> Result<(), String> {
        Ok(())
    }
}

impl BatchHandler for Bulk {
    fn handle_batch(&self, batch: &Batch) {
        for (index, (event, call)) in batch.iter().enumerate() {
            emit(
                &call,
                "seen.bulk",
                format!(r#"{{"id": "{}", "of": {}}}"#, event.id(), batch.len()),
            );
            if event.kind() == "bulk.later" {
                let (owed, id) = (batch.defer(index), event.id().to_string());
                std::thread::spawn(move || {
                    emit(owed.call(), "seen.owed", format!(r#"{{"id": "{id}"}}"#));
                    owed.complete(Outcome::done())
                });
            }
            if event.kind() == "bulk.bad" {
                batch
                    .complete(index, Outcome::reject("invalid: bad"))
                    .expect("it was not settled before");
            }
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
    let text = entry
        .as_ref()
        .map(|entry| String::from_utf8_lossy(&entry.value).into_owned());
    let n = text.and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
    let expected = entry.map_or(Expecting::Absent, |entry| {
        Expecting::Revision(entry.revision)
    });
    let value = n.to_string();
    let stored = number(call.put("n", value.as_bytes(), expected, None));
    let again = number(call.put("n", value.as_bytes(), Expecting::Absent, None));
    let gone = number(call.delete("none", Expecting::Anything));
    emit(
        call,
        "seen.state",
        format!(r#"{{"n": {n}, "stored": {stored}, "again": {again}, "gone": {gone}}}"#),
    )
}

/// Two events in a stream that does not exist, a third where it ought not to, and a snapshot.
fn append(call: &Call) -> Result<Outcome, AppendError> {
    let stream = call.stream("bookings");
    let booked = |data: &str| Draft::json("scenario.booked", data);
    let first = stream.append(
        &[booked(r#"{"n": 1}"#), booked(r#"{"n": 2}"#)],
        Expected::Absent,
    )?;
    let found = match stream.append(&[booked("{}")], Expected::Absent) {
        Err(AppendError::Conflict(Some(revision))) => revision,
        _ => 99,
    };
    stream
        .keep_snapshot(1, b"sum 3")
        .map_err(AppendError::Status)?;
    Ok(emit(
        call,
        "seen.append",
        format!(r#"{{"first": {first}, "found": {found}}}"#),
    ))
}

fn read(call: &Call) -> Result<Outcome, Status> {
    let stream = call.stream("bookings");
    let next = stream.head()?.map_or(0, |head| head.next);
    let (mut forward, mut backward, mut asked) = (String::new(), String::new(), String::new());
    let note = |into: &mut String, event: &patchbay::StreamEvent| {
        *into += &format!("{} {}", event.revision, &event.json[..1]);
        ControlFlow::Continue(())
    };
    stream.read(0, 10, Direction::Forward, |event| note(&mut forward, event))?;
    stream.read(next - 1, 10, Direction::Backward, |event| {
        note(&mut backward, event)
    })?;
    let filter = StreamFilter {
        from: 1,
        kind: "scenario.*".into(),
        ..StreamFilter::default()
    };
    stream.query(&filter, 10, |event| note(&mut asked, event))?;
    let snapshot = stream.snapshot(None)?.ok_or(Status::NOT_FOUND)?;
    let data = format!(
        concat!(
            r#"{{"next": {}, "forward": "{}", "backward": "{}", "asked": "{}", "snapshot": "{}", "at": {}, "#,
            r#""none": {}}}"#
        ),
        next,
        forward,
        backward,
        asked,
        String::from_utf8_lossy(&snapshot.value),
        snapshot.revision,
        call.stream("none").head()?.is_none(),
    );
    Ok(emit(call, "seen.read", data))
}

patchbay::module! {
    manifest: r#""name": "scenarios", "version": "1.0.0",
        "requires": ["patchbay.meter/1", "patchbay.emit/1", "patchbay.state/1",
                    "patchbay.timer/1", "patchbay.http/1", "patchbay.mail/1", "patchbay.stream/0"],
        "capabilities": {"network": ["127.0.0.1"]},
        "handlers": [{"id": "run", "accepts": ["scenario.*"], "emits": ["seen.*"], "config": {"type": "object"}},
                     {"id": "bulk", "accepts": ["bulk.*"], "emits": ["seen.*"], "config": {"type": "object"},
                      "batch": {"max": 8}}]"#,
    handlers: { "run" => Run },
    batch_handlers: { "bulk" => Bulk },
}
