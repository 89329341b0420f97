import PatchbayEvents
import PatchbayLog

/// What handlers append to streams: all of a call, at the revision that it expected, together with its outcome.
extension World {
    static func stream(of subject: String) -> String { "s-\(subject)" }
    /// The id of what a call appends.
    static func streamed(_ id: DeliveryID, number: UInt64) -> String { "a-\(id.position)-\(number)" }

    /// A stream was changed meanwhile: the call that wanted to append this said nothing.
    func unsay(streamed id: String) {
        counters.streamConflicts += 1
        let handler = names.first { $0.value == Scenario.Part.streaming.handler }?.key
        guard let handler, let position = id.split(separator: "-").dropFirst().first.flatMap({ UInt64($0) }) else {
            return fail("\(id) was not appended by a call")
        }
        unsay(DeliveryID(position: position, handler: handler))
    }

    /// What a call said that it appends is in the log; how its record has to look.
    func append(_ appended: (stream: String, expected: ExpectedRevision, ids: [String]), _ id: DeliveryID) -> String {
        let next = streams[appended.stream]?.count ?? 0
        let fits =
            switch appended.expected {
            case .any: true
            case .noStream: next == 0
            case .streamExists: next > 0
            case .exact(let revision): Int(revision) + 1 == next
            }
        if !fits { fail("\(name(id)) appended to \(appended.stream) of \(next) events, for \(appended.expected)") }
        streams[appended.stream, default: []] += appended.ids
        counters.appended += appended.ids.count
        return "\(appended.stream) \(next) \(appended.ids)"
    }

    /// A stream is truncated or deleted, which an operator wanted.
    func shorten(_ record: StreamRecord) {
        guard let wanted = streamsToChange.first, wanted == record else {
            return fail("stream \(record.name) is shortened to \(record.revision), which nobody wanted")
        }
        streamsToChange.removeFirst()
        truncated[record.name] = Int(record.revision)
        if record.kind == .delete { counters.deletedStreams += 1 } else { counters.truncations += 1 }
    }

    /// How a record looks.
    func text(of record: StreamRecord) -> String {
        do {
            let ids = try (0..<record.eventCount).map { try codec.event(Array(record.line($0))).id }
            return "\(record.name) \(record.revision) \(ids)"
        } catch {
            return "\(record.name) \(record.revision) \(error)"
        }
    }

    /// Streams have what was appended, in its order and with no gap.
    func check(_ store: StreamStore) {
        for (name, ids) in streams {
            if store[name]?.next != UInt64(ids.count) {
                fail("stream \(name) has \(ids.count) events, and \(store[name]?.next ?? 0) in the log")
            }
            if let info = store[name], info.first != UInt64(truncated[name] ?? 0), !info.isDeleted {
                fail("stream \(name) begins with \(truncated[name] ?? 0), and with \(info.first) in the log")
            }
        }
        // All of them one after the other, which is less to read.
        let names = streams.keys.sorted()
        guard !names.isEmpty else { return }
        let name = names[counters.lives % names.count]
        do {
            let events = try store.read(name, count: .max)
            let found = try events.map { try codec.event($0.line).id }
            let first = truncated[name] ?? 0
            let wanted = Array((streams[name] ?? [])[first...])
            if found != wanted || events.map(\.revision) != (first..<(first + wanted.count)).map({ UInt64($0) }) {
                fail("stream \(name) has \(wanted), and \(found) in the log")
            }
            counters.carried += 1
        } catch let error as LogError where error.code == .io || (error.code == .corrupt && hasFlippedBit) {
            // The disk does not give it now, or is known to give something else.
        } catch {
            fail("stream \(name) cannot be read: \(error)")
        }
    }
}
