//! Handlers through the test host, and the layout of the ABI.

use patchbay::testing::{Kind, TestEvent, TestHost};
use patchbay::{abi, Call, Draft, Event, Expecting, Handler, Host, Level, Outcome, Status};
use std::mem::{offset_of, size_of};
use std::time::Duration;

/// Does what an event's type says.
struct Everything {
    greeting: String,
}

impl Handler for Everything {
    fn create(config: &str, host: &Host) -> Result<Self, String> {
        match config {
            "{}" => Err(format!("no greeting for {}", host.name())),
            "panic" => panic!("made badly"),
            _ => Ok(Everything { greeting: config.into() }),
        }
    }

    fn handle(&self, event: &Event, call: &Call) -> Outcome {
        match event.kind() {
            "plain" => Outcome::reply(
                format!("{} {} {:?} {}", event.id(), event.subject(), event.extension("region"), event.data().len()),
                "text/plain",
            ),
            "retry" => Outcome::retry_after(Duration::from_secs(2), "later: soon").with_code(7),
            "now" => Outcome::retry_after(Duration::ZERO, "at once"),
            "reject" => Outcome::reject("invalid: no").with_detail(r#"{"a":1}"#),
            "fail" => {
                call.emit(&Draft::json("lost", "{}")).unwrap();
                call.put("key", b"lost", Expecting::Anything, None).unwrap();
                Outcome::fail("declined")
            }
            "skip" => Outcome::skip(),
            "busy" => Outcome::busy("full"),
            "panic" => panic!("went {}", "wrong"),
            "effects" => {
                let before = call.get("key").unwrap().map_or(0, |entry| entry.value.len());
                call.put("key", &vec![1; before + 300], Expecting::Anything, Some(Duration::from_secs(1))).unwrap();
                assert_eq!(call.get("key").unwrap().unwrap().value.len(), before + 300);
                assert_eq!(call.put("key", b"", Expecting::Absent, None), Err(Status::CONFLICT));
                assert_eq!(call.delete("none", Expecting::Anything), Err(Status::NOT_FOUND));
                let mut draft = Draft::json("made", &self.greeting);
                draft.extensions = vec![("region".into(), "eu".into())];
                call.emit(&draft).unwrap();
                draft.not_before_ns = 5;
                call.set_timer("later", &draft).unwrap();
                assert_eq!(call.cancel_timer("never"), Ok(false));
                call.log(Level::Warn, "noted", &[("n", "1")]);
                call.span("inner").set("n", "1");
                Outcome::done()
            }
            "deferred" => {
                let deferred = call.defer();
                std::thread::spawn(move || {
                    deferred.call().log(Level::Info, "from elsewhere", &[]);
                    deferred.complete(Outcome::done()).unwrap();
                });
                Outcome::deferred()
            }
            "forgotten" => {
                drop(call.defer());
                Outcome::deferred()
            }
            "waits" => {
                while call.cancellation().is_none() {
                    std::thread::yield_now();
                }
                Outcome::cancelled()
            }
            other => unreachable!("{other}"),
        }
    }
}

fn host() -> TestHost {
    TestHost::new::<Everything>("hi").unwrap()
}

fn send(kind: &str) -> patchbay::testing::Report {
    host().send(TestEvent::new(kind))
}

#[test]
fn shows_an_event_and_takes_a_reply() {
    let mut event = TestEvent::new("plain");
    event.subject = "eu/1".into();
    event.extensions = vec![("tenant".into(), "a".into()), ("region".into(), "eu".into())];
    event.data = vec![1, 2, 3];
    let report = host().send(event);
    assert_eq!(report.kind, Kind::Done);
    assert_eq!(String::from_utf8(report.reply).unwrap(), r#"1 eu/1 Some("eu") 3"#);
    assert_eq!(report.reply_content_type, "text/plain");
}

#[test]
fn says_every_outcome() {
    let retry = send("retry");
    assert_eq!((retry.kind, retry.code, retry.retry_after), (Kind::Retry, 7, Some(Duration::from_secs(2))));
    assert_eq!(send("now").retry_after, Some(Duration::from_nanos(1)));
    let reject = send("reject");
    assert!(reject.kind == Kind::Fail && reject.spares_breaker && reject.detail_json == r#"{"a":1}"#);
    assert_eq!(send("skip").kind, Kind::Skip);
    assert_eq!(send("busy").kind, Kind::Busy);
}

#[test]
fn catches_a_panic_at_the_border() {
    let report = send("panic");
    assert_eq!((report.kind, report.reason.as_str()), (Kind::Retry, "panic: went wrong"));
    assert_eq!(TestHost::new::<Everything>("panic").err().unwrap(), "panic: made badly");
}

#[test]
fn refuses_a_configuration_with_a_reason() {
    assert_eq!(TestHost::new::<Everything>("{}").err().unwrap(), "no greeting for patchbay-test");
}

#[test]
fn commits_effects_only_when_done() {
    let host = host();
    let failed = host.send(TestEvent::new("fail"));
    assert!(failed.kind == Kind::Fail && !failed.spares_breaker && failed.emitted.is_empty());
    assert_eq!(host.state("key"), None);

    let done = host.send(TestEvent::new("effects"));
    assert_eq!(done.kind, Kind::Done);
    assert_eq!(done.emitted[0].kind, "made");
    assert_eq!(done.emitted[0].data, b"hi");
    assert_eq!(done.emitted[0].extensions, [("region".to_string(), "eu".to_string())]);
    assert_eq!(host.state("key").unwrap().len(), 300);
    assert_eq!(host.timer("later").unwrap().not_before_ns, 5);
    assert_eq!(host.logs(), [(13, "noted".to_string(), vec![("n".to_string(), "1".to_string())])]);
    assert_eq!(host.spans(), [("inner".to_string(), true)]);
    host.send(TestEvent::new("effects"));
    assert_eq!(host.state("key").unwrap().len(), 600);
}

#[test]
fn completes_from_another_thread_and_never_forgets() {
    let host = host();
    assert_eq!(host.send(TestEvent::new("deferred")).kind, Kind::Done);
    assert_eq!(host.logs().len(), 1);
    let forgotten = host.send(TestEvent::new("forgotten"));
    assert_eq!(forgotten.kind, Kind::Retry);
    assert!(forgotten.reason.starts_with("internal: "));
    assert_eq!(host.stale_completions(), 0);
}

#[test]
fn sees_a_cancellation() {
    let host = host();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| host.send(TestEvent::new("waits")));
        while !waiting.is_finished() {
            host.cancel();
            std::thread::yield_now();
        }
        assert_eq!(waiting.join().unwrap().kind, Kind::Cancelled);
    });
}

/// As the C header has them, whose own test has the same numbers.
#[test]
fn keeps_the_layout_of_the_abi() {
    assert_eq!((size_of::<abi::Str>(), size_of::<abi::Pair>()), (16, 32));
    assert_eq!((size_of::<abi::RawEvent>(), size_of::<abi::RawResult>()), (232, 88));
    assert_eq!(offset_of!(abi::RawEvent, ext), 120);
    assert_eq!(offset_of!(abi::RawEvent, deadline_ns), 224);
    assert_eq!(offset_of!(abi::RawResult, reply_content_type), 72);
    assert_eq!((size_of::<abi::RawHost>(), offset_of!(abi::RawHost, set_error)), (72, 64));
    assert_eq!((size_of::<abi::RawHandler>(), offset_of!(abi::RawHandler, destroy)), (80, 72));
    assert_eq!((size_of::<abi::RawModule>(), offset_of!(abi::RawModule, component)), (48, 40));
    assert_eq!((size_of::<abi::Logger>(), size_of::<abi::Trace>()), (24, 48));
    assert_eq!((size_of::<abi::RawDraft>(), size_of::<abi::Emit>()), (128, 16));
    assert_eq!((size_of::<abi::State>(), size_of::<abi::Timer>(), size_of::<abi::Meter>()), (32, 24, 24));
    assert_eq!((size_of::<abi::Stream>(), offset_of!(abi::Stream, unsubscribe)), (72, 64));
    assert_eq!((size_of::<abi::RawStreamEvent>(), size_of::<abi::RawStreamFilter>()), (88, 64));
    assert_eq!((offset_of!(abi::RawStreamEvent, json), offset_of!(abi::RawStreamFilter, correlation)), (72, 48));
    assert_eq!((size_of::<abi::Http>(), size_of::<abi::MailService>()), (16, 16));
    assert_eq!((size_of::<abi::RawRequest>(), offset_of!(abi::RawRequest, response_max)), (88, 80));
    assert_eq!((size_of::<abi::RawAnswer>(), offset_of!(abi::RawAnswer, message)), (72, 56));
    assert_eq!((size_of::<abi::RawMail>(), offset_of!(abi::RawMail, timeout_ns)), (112, 104));
}
