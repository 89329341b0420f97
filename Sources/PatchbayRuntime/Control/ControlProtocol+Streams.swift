package import PatchbayEvents
import PatchbayLog

/// Changes of streams on the control socket:
///
///     {"patchbay":1,"do":"append","stream":"order-7","expected":"4","events":["{…}"],"by":"ada"}
///     {"patchbay":1,"do":"truncate","stream":"order-7","before":100,"by":"ada"}
///     {"patchbay":1,"do":"delete","stream":"order-7","expected":"any","by":"ada"}
///     {"patchbay":1,"do":"snapshot","stream":"order-7","revision":99,"bytes":"7b7d","by":"ada"}
///     {"patchbay":1,"do":"subscription","name":"mailer","stream":"","next":812,"by":"ada"}
///
/// `expected` is `any`, `none`, `exists` or a revision; `bytes` are hexadecimal; without `next` the subscription is
/// forgotten. The answer says whether anything was changed, and the revisions of what was appended:
///
///     {"patchbay":1,"changed":true,"first":5,"count":1}
///     {"patchbay":1,"error":"stream","message":"stream 'order-7' is at revision 7, expected was revision 4"}
extension StreamChange {
    static let verbs: Set<String> = ["append", "truncate", "delete", "snapshot", "subscription"]

    var members: [(String, Value)] {
        switch self {
        case .append(let stream, let events, let expected):
            [
                ("do", .string("append")), ("stream", .string(stream)), ("expected", .string(expected.word)),
                ("events", .list(events.map { .string(String(decoding: $0.bytes, as: UTF8.self)) })),
            ]
        case .truncate(let stream, let before):
            [("do", .string("truncate")), ("stream", .string(stream)), ("before", .uint(before))]
        case .delete(let stream, let expected):
            [("do", .string("delete")), ("stream", .string(stream)), ("expected", .string(expected.word))]
        case .snapshot(let stream, let revision, let bytes):
            [
                ("do", .string("snapshot")), ("stream", .string(stream)), ("revision", .uint(revision)),
                ("bytes", .string(Hexadecimal.text(bytes))),
            ]
        case .subscription(let name, let stream, let next):
            [("do", .string("subscription")), ("name", .string(name)), ("stream", .string(stream))]
                + (next.map { [("next", .uint($0))] } ?? [])
        }
    }

    init(_ verb: String, _ fields: ControlFields) throws(ControlFailure) {
        switch verb {
        case "append":
            let codec = CloudEventsCodec.ofStored()
            var lines: [StreamLine] = []
            for text in try fields.texts("events") {
                do throws(CloudEventsError) {
                    lines.append(StreamLine(try codec.event(Array(text.utf8))))
                } catch {
                    throw ControlFailure(.malformed, "an event: \(error.message)")
                }
            }
            self = .append(stream: try fields.text("stream"), events: lines, expected: try fields.expected())
        case "truncate": self = .truncate(stream: try fields.text("stream"), before: try fields.number("before"))
        case "delete": self = .delete(stream: try fields.text("stream"), expected: try fields.expected())
        case "snapshot":
            guard let bytes = Hexadecimal.bytes(try fields.text("bytes")) else {
                throw ControlFailure(.malformed, "'bytes' are not hexadecimal")
            }
            self = .snapshot(
                stream: try fields.text("stream"), revision: try fields.number("revision"), bytes: bytes)
        default:
            self = .subscription(
                name: try fields.text("name"), stream: try fields.text("stream"),
                next: try fields.optionalNumber("next"))
        }
    }
}

extension ExpectedRevision {
    /// As commands and the control socket have it.
    package var word: String {
        switch self {
        case .any: "any"
        case .noStream: "none"
        case .streamExists: "exists"
        case .exact(let revision): "\(revision)"
        }
    }

    package init?(word: String) {
        switch word {
        case "any": self = .any
        case "none": self = .noStream
        case "exists": self = .streamExists
        default:
            guard let revision = UInt64(word) else { return nil }
            self = .exact(revision)
        }
    }
}

/// What became of a change of streams.
package struct StreamResult: Sendable, Equatable {
    /// False when everything was so already.
    package var isChanged: Bool
    /// Of the events of an append.
    package var revisions: Range<UInt64>?

    /// The append was done before.
    package var isRepeat: Bool { !isChanged && revisions != nil }

    init(_ answer: StreamAnswer) {
        isChanged = answer.record != nil
        revisions = answer.revisions
    }

    var members: [(String, Value)] {
        [("changed", .bool(isChanged))]
            + (revisions.map { [("first", .uint($0.lowerBound)), ("count", .uint(UInt64($0.count)))] } ?? [])
    }

    init(_ fields: ControlFields) throws(ControlFailure) {
        isChanged = fields.flag("changed")
        guard let first = try fields.optionalNumber("first") else { return }
        let (end, overflow) = first.addingReportingOverflow(try fields.number("count"))
        guard !overflow else { throw ControlFailure(.malformed, "'count' is too high") }
        revisions = first..<end
    }
}

extension ControlFields {
    fileprivate func expected() throws(ControlFailure) -> ExpectedRevision {
        guard let expected = ExpectedRevision(word: try text("expected")) else {
            throw ControlFailure(.malformed, "'expected' is any, none, exists or a revision")
        }
        return expected
    }
}

private enum Hexadecimal {
    static func text(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    static func bytes(_ text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
        guard digits.count == text.utf8.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
