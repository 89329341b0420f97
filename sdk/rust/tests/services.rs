//! Batches, streams, metrics, requests and mail through the test host.

use patchbay::testing::{Kind, Measurement, Report, TestEvent, TestHost};
use patchbay::{
    AppendError, Batch, BatchHandler, Call, Counter, Direction, Draft, Event, Expected, Fault, FaultCode, Handler,
    Host, Mail, Outcome, Request, Response, StreamFilter,
};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Duration;

struct Everything {
    config: Mutex<String>,
    seen: Counter,
}

impl Handler for Everything {
    fn create(config: &str, host: &Host) -> Result<Self, String> {
        let filter = StreamFilter { kind: "order.*".into(), ..Default::default() };
        host.subscribe("orders", "all-orders", &filter).map_err(|status| status.to_string())?;
        let seen = host.counter("test.seen", "{event}", "events seen").map_err(|status| status.to_string())?;
        Ok(Everything { config: Mutex::new(config.into()), seen })
    }

    fn handle(&self, event: &Event, call: &Call) -> Outcome {
        self.seen.add(1.0, &[("kind", event.kind())]);
        match event.kind() {
            "config" => Outcome::reply(self.config.lock().unwrap().clone(), "text/plain"),
            "stream" => stream(event, call),
            "conflict" => match call.stream("s").append(&[Draft::json("x", "{}")], Expected::Absent) {
                Err(AppendError::Conflict(revision)) => Outcome::reply(format!("{revision:?}"), ""),
                other => Outcome::fail(format!("{other:?}")),
            },
            "visitor panics" => {
                let read = call.stream("s").read(0, 10, Direction::Forward, |_| panic!("enough"));
                Outcome::fail(format!("{read:?}"))
            }
            "get" => {
                let mut request = Request::get("https://api.example/1");
                request.headers = vec![("accept".into(), "text/plain".into())];
                request.timeout = Some(Duration::from_secs(2));
                match call.send(&request) {
                    Ok(response) if response.status == 200 => Outcome::reply(response.body, "text/plain"),
                    Ok(response) => response.outcome(),
                    Err(error) => error.into(),
                }
            }
            "get later" => {
                let owed = call.defer();
                call.send_then(&Request::post_json("https://api.example/2", "{}"), move |answer| {
                    let outcome = answer.map_or_else(Outcome::from, |response| response.outcome());
                    owed.complete(outcome).unwrap();
                });
                Outcome::deferred()
            }
            "receiver panics" => {
                let owed = call.defer();
                call.send_then(&Request::get("https://api.example/3"), move |_| {
                    let _owed = owed;
                    panic!("went wrong");
                });
                Outcome::deferred()
            }
            "mail" => {
                let mail = Mail {
                    server: "smtp://mail.example:25".into(),
                    from: "a@example.com".into(),
                    recipients: vec!["b@example.com".into(), "c@example.com".into()],
                    content: b"subject: x\r\n\r\ny\r\n".into(),
                    ..Default::default()
                };
                call.send_mail(&mail).map_or_else(Outcome::from, |()| Outcome::done())
            }
            "subscribe" => {
                assert_eq!(call.unsubscribe("none"), Ok(false));
                call.subscribe("one", "s", &StreamFilter::default()).unwrap();
                assert_eq!(call.unsubscribe("orders"), Ok(true));
                Outcome::done()
            }
            "too late" => Outcome::reply(format!("{:?}", call.stream("none").head()), ""),
            other => Outcome::fail(other.to_string()),
        }
    }

    fn reconfigure(&self, config: &str) -> Result<(), String> {
        match config {
            "refuse" => Err("never".into()),
            "panic" => panic!("made badly"),
            config => {
                *self.config.lock().unwrap() = config.into();
                Ok(())
            }
        }
    }

    fn drain(&self, deadline_ns: Option<u64>) {
        *self.config.lock().unwrap() = format!("drained until {deadline_ns:?}");
    }
}

impl BatchHandler for Everything {
    fn handle_batch(&self, batch: &Batch) {
        for (index, (event, call)) in batch.iter().enumerate() {
            call.emit(&Draft::json("from batch", "{}")).unwrap();
            match event.kind() {
                "bad" => batch.complete(index, Outcome::reject("invalid")).unwrap(),
                "later" => {
                    let owed = batch.defer(index);
                    std::thread::spawn(move || {
                        owed.call().emit(&Draft::json("from thread", "{}")).unwrap();
                        owed.complete(Outcome::skip()).unwrap();
                    });
                }
                "forgotten" => drop(batch.defer(index)),
                "panic" => panic!("the rest later"),
                _ => {}
            }
        }
        assert!(!batch.is_empty() && batch.event(0).id() == "1");
    }
}

fn stream(event: &Event, call: &Call) -> Outcome {
    let stream = call.stream("s");
    let Some(head) = stream.head().unwrap() else {
        assert_eq!(stream.read(0, 1, Direction::Forward, |_| ControlFlow::Continue(())), Ok(false));
        assert_eq!(stream.snapshot(None), Ok(None));
        let drafts = [Draft::json("one", r#"{"n":1}"#), Draft::json("two", r#"{"n":2}"#)];
        assert_eq!(stream.append(&drafts, Expected::Absent), Ok(0));
        stream.keep_snapshot(1, &[7; 1000]).unwrap();
        return Outcome::done();
    };
    let mut seen = String::new();
    let read = stream.read(head.next - 1, 10, Direction::Backward, |event| {
        seen += event.kind;
        ControlFlow::Continue(())
    });
    assert_eq!(read, Ok(true));
    let filter = StreamFilter { kind: "*".into(), ..Default::default() };
    let next = stream.query(&filter, 10, |event| {
        seen += &format!(" {}{}", event.kind, event.revision);
        ControlFlow::Break(())
    });
    let snapshot = stream.snapshot(None).unwrap().unwrap();
    let data = String::from_utf8_lossy(event.data()).into_owned();
    stream.append(&[Draft::json("three", data)], Expected::Revision(head.next - 1)).unwrap();
    Outcome::reply(format!("{seen} {:?} {}@{}", next.unwrap(), snapshot.value.len(), snapshot.revision), "")
}

fn host() -> TestHost {
    TestHost::with_batches::<Everything>("{}").unwrap()
}

fn send(host: &TestHost, kind: &str) -> Report {
    host.send(TestEvent::new(kind))
}

fn text(report: Report) -> String {
    assert_eq!(report.kind, Kind::Done, "{}", report.reason);
    String::from_utf8(report.reply).unwrap()
}

#[test]
fn settles_events_of_a_batch_one_by_one() {
    let host = host();
    let events = |kinds: &[&str]| -> Vec<TestEvent> { kinds.iter().map(|kind| TestEvent::new(kind)).collect() };
    let reports = host.send_batch(&events(&["good", "bad", "good"]));
    assert_eq!(reports.iter().map(|report| report.kind).collect::<Vec<_>>(), [Kind::Done, Kind::Fail, Kind::Done]);
    assert_eq!(reports.iter().map(|report| report.emitted.len()).collect::<Vec<_>>(), [1, 0, 1]);
    let reports = host.send_batch(&events(&["bad", "panic", "good"]));
    assert_eq!(reports.iter().map(|report| report.kind).collect::<Vec<_>>(), [Kind::Fail, Kind::Retry, Kind::Retry]);
    assert_eq!(reports[2].reason, "panic: the rest later");
    let reports = host.send_batch(&events(&["later", "good", "bad", "forgotten"]));
    assert_eq!(
        reports.iter().map(|report| report.kind).collect::<Vec<_>>(),
        [Kind::Skip, Kind::Done, Kind::Fail, Kind::Retry]
    );
    let reports = host.send_batch(&events(&["later", "panic", "good"]));
    assert_eq!(reports.iter().map(|report| report.kind).collect::<Vec<_>>(), [Kind::Skip, Kind::Retry, Kind::Retry]);
    assert_eq!(reports[2].reason, "panic: the rest later");
    assert_eq!(host.stale_completions(), 0);
}

#[test]
fn reads_and_writes_streams_as_committed() {
    let host = host();
    assert_eq!(host.subscription("orders").as_deref(), Some("all-orders"));
    assert_eq!(text(send(&host, "stream")), "");
    assert_eq!(host.stream("s").iter().map(|draft| draft.kind.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(host.snapshot("s").unwrap().value, [7; 1000]);
    let event = TestEvent { data: b"{}".into(), ..TestEvent::new("stream") };
    assert_eq!(text(host.send(event)), "twoone one0 Some(1) 1000@1");
    host.append("s", Draft::json("other", "{}"));
    assert_eq!(text(send(&host, "conflict")), "Some(3)");
    let panicked = send(&host, "visitor panics");
    assert_eq!((panicked.kind, panicked.reason.as_str()), (Kind::Retry, "panic: enough"));
    assert_eq!(text(send(&host, "subscribe")), "");
    assert_eq!((host.subscription("one").as_deref(), host.subscription("orders")), (Some("s"), None));
    assert_eq!(text(send(&host, "too late")), "Ok(None)");
}

#[test]
fn measures() {
    let host = host();
    send(&host, "config");
    let attributes = vec![("kind".to_string(), "config".to_string())];
    assert_eq!(host.measurements(), [Measurement { instrument: "test.seen".into(), value: 1.0, attributes }]);
}

#[test]
fn takes_configurations_and_drains() {
    let host = host();
    assert_eq!(host.reconfigure("refuse").unwrap_err(), "never");
    assert_eq!(host.reconfigure("panic").unwrap_err(), "panic: made badly");
    assert_eq!(host.reconfigure("new"), Ok(()));
    assert_eq!(text(send(&host, "config")), "new");
    host.drain(Some(7));
    assert_eq!(text(send(&host, "config")), "drained until Some(7)");
}

#[test]
fn says_that_it_takes_no_configuration_unless_it_does() {
    struct Plain;
    impl Handler for Plain {
        fn create(_config: &str, _host: &Host) -> Result<Self, String> {
            Ok(Plain)
        }
        fn handle(&self, _event: &Event, _call: &Call) -> Outcome {
            Outcome::done()
        }
    }
    let host = TestHost::new::<Plain>("{}").unwrap();
    assert!(host.reconfigure("{}").unwrap_err().starts_with("takes no new configuration"));
}

#[test]
fn waits_for_responses_and_takes_them_later() {
    let host = host();
    let refused = send(&host, "get");
    assert_eq!((refused.kind, refused.reason.as_str()), (Kind::Retry, "connect: the test serves nothing"));
    host.serve(|request| match request.url.as_str() {
        "https://api.example/1" => Ok(Response { status: 200, body: b"body".into(), ..Default::default() }),
        _ => Ok(Response { status: 404, body: b"not here".into(), ..Default::default() }),
    });
    assert_eq!(text(send(&host, "get")), "body");
    assert_eq!(host.requests()[1].headers, [("accept".to_string(), "text/plain".to_string())]);
    assert_eq!((host.requests()[1].method.as_str(), host.requests()[1].timeout), ("GET", Some(Duration::from_secs(2))));
    let later = send(&host, "get later");
    assert!(later.kind == Kind::Fail && later.spares_breaker && later.code == 404);
    assert_eq!(later.reason, "http_404: not here");
    let panicked = send(&host, "receiver panics");
    assert!(panicked.kind == Kind::Retry && panicked.reason.starts_with("internal: "));

    let after = Some(Duration::from_secs(3));
    host.serve(move |_| Ok(Response { status: 503, retry_after: after, ..Default::default() }));
    let busy = send(&host, "get");
    assert_eq!((busy.kind, busy.code, busy.retry_after), (Kind::Retry, 503, after));
    host.serve(|_| Err(Fault::new(FaultCode::DENIED, "not granted")));
    let denied = send(&host, "get");
    assert_eq!((denied.kind, denied.reason.as_str()), (Kind::Fail, "denied: not granted"));
    assert_eq!(host.stale_completions(), 0);
}

#[test]
fn sends_mail() {
    let host = host();
    host.take_mail(|_| Ok(()));
    assert_eq!(send(&host, "mail").kind, Kind::Done);
    assert_eq!(host.mails()[0].recipients, ["b@example.com", "c@example.com"]);
    host.take_mail(|_| Err(Fault { status: 550, ..Fault::new(FaultCode::REFUSED, "no such user") }));
    let refused = send(&host, "mail");
    assert_eq!((refused.kind, refused.code), (Kind::Fail, 550));
}
