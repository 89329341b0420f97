import CPatchbay
import PatchbaySDK

/// What the test host remembers. A plain value; `TestCore` locks it.
struct TestJournal {
    struct Stored {
        var value: [UInt8]
        var revision: UInt64
    }

    /// An open call, and what it would commit.
    struct OpenCall {
        var cancelled: Int32 = 0
        var emitted: [EventDraft] = []
        var spans: [UInt64] = []
        /// nil: deleted.
        var writes: [String: Stored?] = [:]
        var timers: [String: EventDraft?] = [:]
        var appended: [(String, EventDraft)] = []
        var snapshots: [String: [UInt64: [UInt8]]] = [:]
        /// nil: ended.
        var subscriptions: [String: String?] = [:]
    }

    var nextCall: patchbay_call = 1
    var open: [patchbay_call: OpenCall] = [:]
    var reports: [patchbay_call: TestReport] = [:]
    var spans: [TestSpan] = []
    var committed: [String: Stored] = [:]
    var timers: [String: EventDraft] = [:]
    var streams: [String: [EventDraft]] = [:]
    var snapshots: [String: [UInt64: [UInt8]]] = [:]
    var subscriptions: [String: String] = [:]
    var revision: UInt64 = 0
    var instruments: [String] = []
    var logs: [TestLog] = []
    var measurements: [TestMeasurement] = []
    var staleCompletions = 0
    var errorMessage = ""
    var isCreated = false
    var service: (@Sendable (HTTPRequest) throws -> HTTPResponse)?
    var mailServer: (@Sendable (Mail) throws -> Void)?
    var requests: [HTTPRequest] = []
    var mails: [Mail] = []

    mutating func begin() -> patchbay_call {
        defer { nextCall += 1 }
        open[nextCall] = OpenCall()
        return nextCall
    }

    mutating func complete(_ id: patchbay_call, _ result: patchbay_result) -> patchbay_status {
        guard let call = open.removeValue(forKey: id) else {
            staleCompletions += 1
            return patchbay_status(PATCHBAY_E_STALE)
        }
        var report = TestReport(outcome: TestReport.Outcome(rawValue: result.outcome) ?? .retry)
        report.reason = String(result.reason)
        report.retryAfter = result.retry_after_ns == 0 ? nil : .nanoseconds(result.retry_after_ns)
        report.code = result.code
        report.sparesBreaker = result.flags & UInt32(PATCHBAY_R_SPARE_BREAKER) != 0
        report.detail = String(result.detail_json)
        report.reply = Array(String(result.reply).utf8)
        report.replyContentType = String(result.reply_content_type)
        report.spans = call.spans.map { spans[Int($0) - 1] }
        if report.outcome == .done {
            report.emitted = call.emitted
            for (key, value) in call.writes { committed[key] = value }
            for (key, draft) in call.timers { timers[key] = draft }
            commitStreams(of: call)
        }
        reports[id] = report
        return patchbay_status(PATCHBAY_OK)
    }

    func stored(_ key: String, in id: patchbay_call) -> Stored? {
        guard let call = open[id] else { return nil }
        if let written = call.writes[key] { return written }
        return committed[key]
    }

    mutating func write(_ key: String, _ value: [UInt8]?, expecting: UInt64, in id: patchbay_call) -> patchbay_status {
        guard open[id] != nil else { return patchbay_status(PATCHBAY_E_STALE) }
        let old = stored(key, in: id)
        if value == nil && old == nil { return patchbay_status(PATCHBAY_E_NOT_FOUND) }
        if expecting != .max, expecting != old?.revision ?? 0 { return patchbay_status(PATCHBAY_E_CONFLICT) }
        revision += 1
        let revision = revision
        open[id]?.writes.updateValue(value.map { Stored(value: $0, revision: revision) }, forKey: key)
        return patchbay_status(PATCHBAY_OK)
    }

    mutating func setTimer(_ key: String, _ draft: EventDraft?, in id: patchbay_call) -> patchbay_status {
        guard let call = open[id] else { return patchbay_status(PATCHBAY_E_STALE) }
        let old: EventDraft? = if let changed = call.timers[key] { changed } else { timers[key] }
        if draft == nil && old == nil { return patchbay_status(PATCHBAY_E_NOT_FOUND) }
        open[id]?.timers.updateValue(draft, forKey: key)
        return patchbay_status(PATCHBAY_OK)
    }
}
