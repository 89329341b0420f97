import PatchbayConfiguration
import Testing

@testable import PatchbayRuntime

/// `patchbay test`: what tests of a configuration say of it.
@Suite struct `tests of the configuration` {
    @Test(arguments: [
        // Attempts, delays, times.
        "inject: {handler: billing.charge, fail: [transient, transient, ok]}\n"
            + "expect: {route: orders, attempts: 3, delays: [1s, 2s], outcome: done, ends: 3s, within: 3s}",
        "inject: {handler: billing.charge, then: transient, takes: 100ms}\n"
            + "expect: {attempts: 6, delays: [1s, 2s, 4s, 8s, 16s], outcome: dead, "
            + "deadLetter: {dlqreason: 'transient: scripted', dlqroute: orders, dlqhandler: billing.charge, "
            + "dlqattempts: 6, dlqfirst: '2026-01-01T00:00:00.1Z', dlqlast: '2026-01-01T00:00:31.6Z'}}",
        "inject: {handler: billing.charge, fail: [{outcome: permanent, reason: 'no: x', code: 7}]}\n"
            + "expect: {attempts: 1, deadLetter: {dlqclass: permanent, dlqreason: 'no: x', knativeerrorcode: 7}}",
        "inject: {handler: billing.charge, fail: [{reason: 'invalid: x'}]}\nexpect: {attempts: 1, outcome: dead}",
        "inject: {handler: billing.charge, fail: [{retryAfter: 9s}, {busy: 2s}]}\n"
            + "expect: {attempts: 2, delays: [9s, 2s], counts: {busy: 1, retries: 1}}",
        "inject: {handler: billing.charge, fail: [timeout]}\n"
            + "expect: {attempts: 2, ends: 6s, delays: 1s, counts: {timeouts: 1}}",
        // One that hangs is given up after its grace, and keeps its permit.
        "inject: {handler: billing.charge, fail: [hang]}\nexpect: {attempts: 2, ends: 7s, counts: {timeouts: 1}}",
        "inject: {handler: billing.charge, fail: [skip]}\nexpect: {attempts: 1, outcome: skipped}",
        "inject: {handler: billing.charge, between: 0s..10s, then: transient}\nexpect: {attempts: 5, ends: 15s}",
    ])
    func `one event`(test: String) throws {
        #expect(try Tested.failures("send: {type: order.paid, data: {total: 5}}\n\(test)") == [])
    }

    @Test(arguments: [
        // Breaker: open, probe, doubled, closed; what waits loses no attempt.
        """
        send: {type: guarded, every: 1ms, times: 4}
        inject: {handler: guarded.do, fail: [{outcome: transient, times: 3}]}
        expect:
          - {breaker: [open: 1ms, halfOpen: 10.001s, open: 10.001s, halfOpen: 30.001s, closed: 30.001s]}
          - {outcome: done, counts: {done: 4, attempts: 7}}
        """,
        // Rate limit: what a window lets through.
        "send: {type: limited, every: 1ns, times: 4}\nexpect: {counts: {done: 4}, starts: [0s, 1ns, 500ms, 1s]}",
        // Bulkhead.
        """
        send: {type: narrow, every: 1ms, times: 6}
        inject: {handler: narrow.do, takes: 1s}
        expect: {inFlight: 2, ends: 1s..3.1s}
        """,
        // Order by key: the failing one holds up its own key alone.
        """
        send:
          - {id: a1, type: order.paid, partitionkey: a}
          - {id: a2, type: order.paid, partitionkey: a}
          - {id: b1, type: order.paid, partitionkey: b}
        inject: {handler: billing.charge, event: a1, fail: [transient]}
        expect: [{handler: billing.charge, order: byKey}, {handler: billing.charge, order: [b1, a1, a2]}]
        """,
        // Routes and their verdicts.
        """
        send: {type: order.paid, data: {total: 200}}
        expect: {route: [orders, audit], handlers: [billing.charge, audit.append], explain: {audit: matched}}
        """,
        "send: {type: order.paid, data: {total: 1}}\nexpect: {route: orders, explain: {audit: notMatched}}",
        "send: {type: order.paid}\nexpect: {route: orders, explain: {audit: failed}}",
        // Unmatched events become dead letters, after their policy.
        "send: {type: other}\nexpect: {unmatched: true, deadLetter: {dlqclass: unmatched}, counts: {unmatched: 1}}",
        // What is emitted comes in again, with its cause, until it is too deep.
        """
        send: {id: o, type: order.paid, data: {total: 1}}
        inject: {handler: billing.charge, emits: {type: order.again, data: {n: [1, {m: 2}], k: 3}}}
        expect:
          - {emitted: {type: order.again, causationid: o, emitdepth: 1, data: {n: [1, {m: 2}]}}}
          - {emitted: {emitdepth: 2, correlationid: o}, counts: {emitted: 3, done: 3}}
          - {deadLetter: {dlqclass: emitdepth, dlqhandler: billing.charge}}
        """,
        // A transform that has nothing to work on is the event's fault.
        "send: {type: changed}\nexpect: {attempts: 1, outcome: dead}",
        "send: {type: changed, data: {total: 1}}\nexpect: {attempts: 1, outcome: done}",
    ])
    func `several events`(test: String) throws { #expect(try Tested.failures(test) == []) }

    @Test func `the same seed gives the same test, another one another`() throws {
        func delays(_ seed: Int) throws -> [String] {
            let test = "send: {type: jittery}\nseed: \(seed)\ninject: {handler: jittery.do, then: transient}\n"
            return try Tested.failures(test + "expect: {delays: 0s}")
        }
        #expect(try delays(1) == delays(1))
        #expect(try delays(1) != delays(2))
        let test = "send: {type: jittery}\nname: t\ninject: {handler: jittery.do, fail: [transient]}\n"
        #expect(try Tested.run(test + "expect: {delays: [0s..1s]}").passed)
    }

    @Test(arguments: [
        ("expect: {attempts: 2}", "attempts of billing.charge, event 1: -2 +3"),
        ("expect: {delays: [1s, 1s]}", "delays of billing.charge, event 1: -1s,1s +1s,2s"),
        ("expect: {delays: 1s..1.5s}", "delays of billing.charge, event 1: -1s..1s500ms +1s..2s"),
        ("expect: {route: audit}", "routes of event 1: -audit +orders"),
        ("expect: {handlers: []}", "handlers of event 1: - +billing.charge"),
        ("expect: {outcome: dead}", "outcome of billing.charge, event 1: -dead +done"),
        ("expect: {ends: ..2s}", "the end of billing.charge, event 1: -..2s +3s"),
        ("expect: {within: 2s}", "the end of everything: -within 2s +3s"),
        ("expect: {breaker: [open]}", "changes of the breakers: -open +(none)"),
        ("expect: {unmatched: true}", "whether no route takes it: of event 1: -true +false"),
        ("expect: {deadLetter: {dlqclass: x}}", "dead letters: -dlqclass: x +(no dead letter)"),
        ("expect: {emitted: {type: x}}", #"emitted events: -{"type":"x"} +(none)"#),
        ("expect: {counts: {attempts: 4..}}", "attempts: -4.. +3"),
        ("expect: {explain: {orders: notMatched}}", "the routes of event 1: -orders: notMatched +orders: matched"),
        ("expect: {starts: [0s, 1s]}", "starts: -0s,1s +0s,1s,3s"),
        ("expect: {inFlight: 2}", "most calls open at once: -2 +1"),
        ("expect: {handler: audit.append, attempts: 1}", "deliveries of audit.append: -at least one delivery +(none)"),
        ("expect: {order: byKey}", "events with an ordering key: -at least one +(none)"),
    ])
    func `an expectation that does not hold says what there is instead`(expect: String, failure: String) throws {
        let test = "send: {type: order.paid, data: {total: 5}}\ninject: {handler: billing.charge, fail: "
        #expect(try Tested.failures(test + "[transient, transient]}\n\(expect)") == [failure])
    }

    @Test func `a failure has its place, a difference and the way of its event`() throws {
        let result = try Tested.run(
            """
            name: an outage
            send: {id: o, type: order.paid}
            inject: {handler: billing.charge, fail: [transient, permanent]}
            expect:
              outcome: dead
              attempts: 3
            """)
        let failure = try #require(result.failures.first)
        #expect("\(failure.location)".hasSuffix(":17"), "\(failure.location)")
        #expect(failure.location.line == Tested.shop.lines + 7)
        #expect(failure.difference == ["- 3", "+ 2"])
        #expect(
            result.journey == [
                "event o (order.paid)", "  +0s         came in, routed by orders",
                "  +0s         billing.charge attempt 1 transient (transient: scripted), next in 1s",
                "  +1s         billing.charge attempt 2 permanent (permanent: scripted), given up",
                "  +1s         billing.charge dead letter, class permanent: permanent: scripted",
            ])
    }

    @Test func `extensions that are numbers or truth values come in as such, as from a source`() throws {
        let result = try Tested.run(
            """
            name: extensions
            send:
              - {id: number, type: x, hop: 2, beta: true}
              - {id: text, type: x, hop: "2", beta: true}
            expect:
              - {event: number, route: few}
              - {event: text, unmatched: true}
            """, of: "routes: [{name: few, match: event.hop < 3 && event.beta, to: [{handler: m.a}]}]")
        #expect(result.failures == [])
    }

    @Test func `a duplicate is known within the window and taken after it`() throws {
        let result = try Tested.run(
            """
            name: duplicates
            send:
              - {id: first, type: x, subject: s}
              - {id: again, type: x, subject: s, at: 4m}
              - {id: other, type: x, subject: t, at: 4m}
              - {id: later, type: x, subject: s, at: 6m}
            inject: {handler: m.a, event: first, fail: [transient]}
            expect:
              - {event: first, attempts: 2, outcome: done}
              - {event: again, handlers: []}
              - {event: other, outcome: done}
              - {event: later, outcome: done}
              - {counts: {duplicates: 1, done: 3}}
            """,
            of: "routes: [{name: once, dedup: {key: event.subject, window: 5m}, to: [{handler: m.a}]}]")
        #expect(result.failures == [])
    }

    @Test func `a failure tells changes of breakers apart from the event's way`() throws {
        let result = try Tested.run(
            """
            name: breaker
            send: {id: g, type: guarded}
            inject: {handler: guarded.do, fail: [transient, transient]}
            expect: {attempts: 1}
            """)
        #expect(result.journey.contains("circuit breakers"))
        #expect(result.journey.suffix(3).allSatisfy { $0.contains("quick of guarded.do: ") }, "\(result.journey)")
    }

    @Test func `a difference shows what both have once`() {
        let place = SourceLocation(file: "f", line: 1, column: 1)
        let failure = TestFailure(
            location: place, what: "", expected: ["a", "b", "c", "d"], actual: ["a", "c", "x", "d"])
        #expect(failure.difference == ["  a", "- b", "  c", "+ x", "  d"])
    }

    @Test(arguments: [
        (
            "send: {type: x}, expect: {attempts: 1}, inject: {handler: biling.charge}",
            "tests[0].inject.handler: no route names the handler 'biling.charge'; did you mean 'billing.charge'?"
        ),
        (
            "send: {type: x}, expect: {route: order}",
            "tests[0].expect.route: no route is named 'order'; did you mean 'orders'?"
        ),
        ("send: {type: x}, expect: {event: 2, attempts: 1}", "tests[0].expect.event: the test sends no event '2'"),
        ("send: {type: x}, expect: {event: 1}", "tests[0].expect: it expects nothing"),
        ("send: {typ: x}, expect: {attempts: 1}", "tests[0].send: an event needs the key 'type'"),
        (
            "send: {type: x, every: 1s}, expect: {attempts: 1}",
            "tests[0].send.every: 'every' has no meaning with 'times: 1'"
        ),
        ("send: {type: x, time: noon}, expect: {attempts: 1}", "tests[0].send: it is no CloudEvent: "),
        ("send: {type: x}, expect: {attempts: 5..2}", "tests[0].expect.attempts: '5..2' ends before it begins"),
        ("send: {type: x}, expect: {delays: 5}", "tests[0].expect.delays: '5' is not a duration or a range"),
        (
            "send: {type: x}, expect: {breaker: [opn]}",
            "tests[0].expect.breaker[0]: 'opn' is not accepted; did you mean 'open'?"
        ),
        (
            "send: {type: x}, expect: {attempts: 1}, inject: {handler: many.do, fail: [panic]}",
            "tests[0].inject.fail[0]: 'panic' is known, not in this version; the modules work brings it"
        ),
        (
            "send: {type: x}, expect: {attempts: 1}, inject: {handler: many.do, fail: [{outcome: skip, retryAfter: 1s}]}",
            "tests[0].inject.fail[0].retryAfter: 'retryAfter' has no meaning with 'outcome: skip'"
        ),
        (
            "send: {type: x}, expct: {attempts: 1}",
            "tests[0].expct: unknown key 'expct' in a test; did you mean 'expect'?"
        ),
    ])
    func `a test that is wrong says where and why`(test: String, error: String) {
        let errors = Tested.errors(test)
        #expect(errors.contains { $0.hasPrefix(error) }, "\(errors)")
    }

    @Test func `thousands of virtual hours of failures are counted exactly`() throws {
        // 1,666 hours, an attempt a minute.
        let result = try Tested.run(
            """
            name: t
            send: {type: many}
            inject: {handler: many.do, fail: [{outcome: transient, times: 100000}]}
            expect: {attempts: 100001, delays: 60s, ends: 6000000s, outcome: done}
            """)
        #expect(result.failures.isEmpty, "\(result.failures)")
    }

    @Test func `builtin.fail plays the script that the configuration gives it`() throws {
        let configuration = """
            modules: {load: [{name: flaky, builtin: fail, config: {script: [transient, ok], repeat: true}}]}
            policies: {retries: {default: {duration: 1s, jitter: none}}}
            routes: [{name: all, to: [{handler: flaky.fail}]}]
            """
        let test = "name: t\nsend: {type: x, every: 10s, times: 2}\n"
        #expect(try Tested.run(test + "expect: {attempts: 2, delays: [1s]}", of: configuration).failures == [])
    }
}

extension String {
    fileprivate var lines: Int { split(separator: "\n", omittingEmptySubsequences: false).count }
}
