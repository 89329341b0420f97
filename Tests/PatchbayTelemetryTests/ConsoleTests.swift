import Testing

@testable import PatchbayTelemetry

struct JourneyRendererTests {
    @Test func `draws attempts, handler spans and emitted events as one tree`() {
        let expected = """
            ● com.shop.order.created  order-1042  2 done, 1 failed for good in 1.51 s
              22:13:20.000Z · source /shop · subject eu/42 · 303 B · trace b3f2e391ee2ab8a7cc48a0e2d1c77be6
              ├ received from orders                                                               +0 ns    18.0 µs
              ├ routed by audit, orders                                                         +18.0 µs    6.00 µs
              ├ ✓ audit.append  done                                                            +40.0 µs    1.20 ms
              └ ✓ billing.charge  done at attempt 3 of 6                                        +41.0 µs     1.51 s
                ├ ↻ attempt 1  failed: card network timeout · next in 500 ms                    +41.0 µs    3.06 ms
                ├ ↻ attempt 2  failed: card network timeout · next in 1.00 s · breaker open      +503 ms    2.90 ms
                └ ✓ attempt 3  done · breaker half-open                                          +1.51 s    3.10 ms
                  ├ POST /charges  amount=129.9  live=true                                       +1.51 s    2.60 ms
                  │ └ · authorised  try=1                                                        +1.51 s
                  └ ⇢ emitted com.shop.invoice.created  inv-77                                   +1.51 s    20.0 µs
                    ├ routed by mail                                                             +1.51 s    10.0 µs
                    └ ✗ mail.send  failed for good: no such mailbox · dead letter dead.jsonl     +1.51 s    1.40 ms

            """
        #expect(JourneyRenderer(colour: false).render(sampleJourney()) == expected)
        #expect(JourneyRenderer(colour: false).render(sampleJourney().reversed()) == expected)
    }

    @Test func `the order of sibling handlers raced with their start times`() {
        for audited in [UInt64(40), 900] {
            var spans = sampleJourney()
            spans[1] = .route(
                matched: ["orders", "audit"], handlers: ["billing.charge", "audit.append"], context: spans[1].context,
                parentSpanID: spans[1].parentSpanID, start: spans[1].start, end: spans[1].end)
            spans[2].start = sampleStart + audited * 1_000
            let shown = JourneyRenderer(colour: false).render(spans)
            let handlers = shown.matches(of: #/[├└] . (billing.charge|audit.append)/#).map { String($0.output.1) }
            #expect(handlers == ["billing.charge", "audit.append"])
        }
    }

    @Test func `colours change nothing but escape sequences`() {
        let coloured = JourneyRenderer(colour: true).render(sampleJourney())
        let plain = coloured.replacing(#/\u{1b}\[[0-9]+m/#, with: "")
        #expect(coloured != plain)
        #expect(plain == JourneyRenderer(colour: false).render(sampleJourney()))
    }

    @Test func `lets no event write control sequences to the terminal`() {
        var span = sampleJourney()[0]
        span[SpanKey.eventID] = "\u{1b}[2J\u{202e}\u{9b}evil\n"
        let shown = JourneyRenderer(colour: false).render([span])
        #expect(shown.contains("\u{fffd}[2J\u{fffd}\u{fffd}evil\u{fffd}"))
        #expect(!shown.unicodeScalars.contains { $0 == "\u{1b}" || $0 == "\u{202e}" || $0 == "\u{9b}" })
    }

    @Test func `shows what remains when spans are missing`() {
        let orphan = sampleJourney()[3]
        let shown = JourneyRenderer(colour: false).render([orphan], note: "still open")
        #expect(shown.hasPrefix("● earlier journey, continued"))
        #expect(shown.contains("still open") && shown.contains("billing.charge"))
        #expect(JourneyRenderer(colour: false).render([]) == "")
    }

    @Test(arguments: [
        (0, "0 ns"), (999, "999 ns"), (1_000, "1.00 µs"), (9_994, "9.99 µs"), (9_996, "10.0 µs"), (99_960, "100 µs"),
        (999_499, "999 µs"), (999_500, "1.00 ms"), (999_500_000, "1.00 s"), (59_940_000_000, "59.9 s"),
        (59_950_000_000, "0 min 59 s"), (123_000_000_000, "2 min 03 s"), (7_260_000_000_000, "2 h 01 min"),
    ])
    func `shows durations with three digits`(nanoseconds: UInt64, text: String) {
        #expect(readableDuration(nanoseconds) == text)
    }
}

struct JourneyCollectorTests {
    @Test func `prints a journey once everything that its spans promise has come, in any order`() {
        var random = SplitMix(state: 11)
        for _ in 0..<50 {
            var collector = JourneyCollector()
            let spans = sampleJourney().shuffled(using: &random)
            for (index, span) in spans.enumerated() {
                #expect(collector.take(span, now: UInt64(index)) == nil)
                #expect(collector.due(now: UInt64(index)).isEmpty)
            }
            let printed = collector.due(now: 1_000_000_000)
            #expect(printed.map { Set($0.spans) } == [Set(spans)])
            #expect(printed.allSatisfy { $0.isComplete })
            #expect(collector.nextDue == nil)
        }
    }

    @Test func `waits through an announced retry delay`() {
        var collector = JourneyCollector()
        let spans = sampleJourney()
        for span in spans[0...4] { _ = collector.take(span, now: 0) }
        // The second attempt says that the third comes in a second; patience counts from there.
        #expect(collector.due(now: 10_900_000_000).isEmpty)
        let given = collector.due(now: 11_000_000_000)
        #expect(given.count == 1 && given.allSatisfy { !$0.isComplete })
    }

    @Test func `holds a bounded number of journeys and gives up the oldest`() {
        var configuration = JourneyCollector.Configuration()
        configuration.journeysMax = 3
        configuration.spansMax = 2
        var collector = JourneyCollector(configuration)
        var given: [TraceID] = []
        for number in 1...10 {
            for _ in 0..<3 {
                var span = sampleJourney()[0]
                span.context.traceID = TraceID(high: 0, low: UInt64(number))
                if let journey = collector.take(span, now: 0) {
                    given += journey.spans.prefix(1).map(\.context.traceID)
                    #expect(journey.spans.count == 2 && journey.droppedSpans == 1)
                }
            }
        }
        #expect(given == (1...7).map { TraceID(high: 0, low: UInt64($0)) })
        #expect(collector.flush().count == 3)
        #expect(collector.flush().isEmpty)
    }
}

/// A seeded source of randomness.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
