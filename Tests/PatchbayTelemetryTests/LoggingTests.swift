import Foundation
import Logging
import Synchronization
import Testing

@testable import PatchbayTelemetry

struct LoggingTests {
    private let context = TraceContext(traceID: TraceID(high: 1, low: 2), spanID: 3, flags: 1)

    private func lines(_ format: LogFormat, _ body: (Logger) -> Void) throws -> [String] {
        let pipe = Pipe()
        let writer = LogWriter(format: format, colour: false, file: pipe.fileHandleForWriting.fileDescriptor)
        var logger = Logger(label: "dispatch") { label in
            LineLogHandler(label: label, level: .info, writer: writer)
        }
        logger[metadataKey: "module"] = "billing"
        body(logger)
        #expect(writer.flush(timeout: 60_000_000_000))
        try pipe.fileHandleForWriting.close()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func `writes JSON lines that carry the trace, the event and the logger's own metadata`() throws {
        let written = try lines(.json) { logger in
            logger.warning("late \"news\"\n", metadata: Logger.Metadata(context: context, eventID: "e-1"))
            logger.debug("not shown")
            logger.info("x", metadata: ["time": "mine", "list": ["a", ["k": "v"]]])
        }
        #expect(written.count == 2)
        let first = try #require(try JSONSerialization.jsonObject(with: Data(written[0].utf8)) as? [String: String])
        #expect(first["message"] == "late \"news\"\n" && first["level"] == "warning" && first["logger"] == "dispatch")
        #expect(first["trace_id"] == "00000000000000010000000000000002" && first["span_id"] == "0000000000000003")
        #expect(first["event_id"] == "e-1" && first["module"] == "billing")
        #expect(first["time"]?.wholeMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/#) != nil)
        let second = try #require(try JSONSerialization.jsonObject(with: Data(written[1].utf8)) as? [String: Any])
        #expect(second["_time"] as? String == "mine")
    }

    @Test func `writes one harmless line for people whatever the message holds`() throws {
        let written = try lines(.human) { $0.error("a\nb\u{1b}[31m", metadata: ["k": "v"]) }
        #expect(written.count == 1)
        #expect(written[0].hasSuffix("error   dispatch: a\u{fffd}b\u{fffd}[31m  k=v  module=billing"))
    }

    @Test func `a handler's log lines had no bound, and a reader that stalls stopped the handler`() throws {
        let pipe = Pipe()
        let writer = LogWriter(format: .json, colour: false, file: pipe.fileHandleForWriting.fileDescriptor)
        let logger = Logger(label: "babble") { LineLogHandler(label: $0, level: .info, writer: writer) }
        let text = String(repeating: "x", count: 1500)
        // Nobody reads: that this ends at all shows that nothing waits.
        for number in 0..<20_000 { logger.info("\(number) \(text)") }
        #expect(writer.waitingBytes > 0 && writer.waitingBytes <= LogWriter.bytesMax)
        let dropped = Int(writer.dropped)
        #expect(dropped > 20_000 - LogWriter.linesMax - 200)
        let read = Mutex(Data())
        let reader = Thread { read.withLock { $0 = pipe.fileHandleForReading.readDataToEndOfFile() } }
        reader.start()
        #expect(writer.flush(timeout: 60_000_000_000))
        logger.info("after")
        #expect(writer.flush(timeout: 60_000_000_000))
        try pipe.fileHandleForWriting.close()
        while !reader.isFinished { usleep(1_000) }
        let messages = try read.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: "\n").map {
            try (JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])?["message"] as? String ?? ""
        }
        #expect(messages.count == 20_000 - dropped + 2)
        #expect(messages.filter { $0.hasPrefix("\(dropped) log lines were dropped") }.count == 1)
        // In order, with none lost between those that found room and the end.
        #expect(messages.prefix(20_000 - dropped).enumerated().allSatisfy { $1.hasPrefix("\($0) ") })
        #expect(messages.last == "after")
    }

    @Test func `says nothing of a trace where there is none`() {
        #expect(Logger.Metadata(context: .none, eventID: "").isEmpty)
    }

    @Test(arguments: [("info", Logger.Level.info), ("WARN", .warning), ("err", .error), ("trace", .trace)])
    func `reads level names`(text: String, level: Logger.Level) {
        #expect(Logger.Level(parsing: text) == level)
        #expect(Logger.Level(parsing: text + "x") == nil)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
        (1_700_000_000, "2023-11-14T22:13:20.000Z"), (4_102_444_799, "2099-12-31T23:59:59.000Z"),
    ])
    func `writes RFC 3339 times`(seconds: UInt64, text: String) {
        #expect(readableTimestamp(seconds * 1_000_000_000) == text)
    }
}
