import HandlerCrypto
import HandlerKit
import PatchbaySDK

/// A line of the log: `{…,"prev":"…","seq":7,"time":"…","hash":"…"}`. The hash is of all bytes before `,"hash"`, so that
/// nothing has to be written again the same way to check it; they include the hash of the line before.
struct AuditLine: Equatable, Sendable {
    /// What stands where the first line has no line before it.
    static let origin = String(repeating: "0", count: 64)
    /// `,"hash":"`, 64 digits, `"}`.
    private static let suffixBytes = 75

    /// From 1, without gaps, across files.
    let number: UInt64
    let hash: String
    /// The event's idempotency key; empty for a notice.
    let key: String
    /// Of the event as it is in the line, to know it again.
    let content: String
    /// With the newline.
    let bytes: [UInt8]

    /// Composes a line. `body` are the members that come before the chain's own, as JSON text without braces;
    /// `content` is the part that tells one event from another.
    init(body: String, key: String, content: String, after previous: String, number: UInt64, time: UInt64)
        throws(AuditError)
    {
        let head = "{\(body),\"prev\":\"\(previous)\",\"seq\":\(number),\"time\":\"\(UnixTime.text(time))\""
        self.number = number
        self.key = key
        self.content = content
        hash = try Self.hash(Array(head.utf8))
        bytes = Array("\(head),\"hash\":\"\(hash)\"}\n".utf8)
    }

    /// Reads a line, without its newline. nil: it is none, or its hash is not its own.
    init?(parsing bytes: some Collection<UInt8>) throws(AuditError) {
        let head = Array(bytes.dropLast(Self.suffixBytes))
        guard bytes.count > Self.suffixBytes, let json = Self.json(Array(bytes)), let hash = json["hash"]?.string,
            let number = json["seq"]?.integer, number > 0, try Self.hash(head) == hash
        else { return nil }
        self.number = UInt64(number)
        self.hash = hash
        key = json["key"]?.string ?? ""
        content = Self.content(of: head)
        self.bytes = Array(bytes) + [UInt8(ascii: "\n")]
    }

    static func hash(_ bytes: [UInt8]) throws(AuditError) -> String {
        do throws(HashError) {
            return try SHA256.hexadecimal(bytes)
        } catch {
            throw AuditError(.hash, "libcrypto computes no SHA-256")
        }
    }

    private static func json(_ bytes: [UInt8]) -> JSON? {
        do {
            return try JSON(parsing: bytes)
        } catch {
            return nil
        }
    }

    /// The event's text in a line: what is between `{"event":` and `,"key":`. Keys cannot hold a quote that is not escaped,
    /// so the last one is meant.
    private static func content(of head: [UInt8]) -> String {
        let text = String(decoding: head, as: UTF8.self)
        guard text.hasPrefix("{\"event\":"), let end = text.ranges(of: ",\"key\":\"").last else { return "" }
        return String(text[text.index(text.startIndex, offsetBy: 9)..<end.lowerBound])
    }
}

/// An event as the log keeps it.
struct AuditEntry: Sendable {
    let key: String
    /// Structured CloudEvents JSON on one line. Data is as it came, numbers included; only line breaks between its parts are
    /// blanks.
    let text: String

    init(key: String, text: String) {
        self.key = key
        self.text = text
    }

    init(_ event: Event) {
        key = event.idempotencyKey
        var members: [(name: String, text: String)] = [("specversion", "\"1.0\"")]
        for (name, value) in event.attributes { members.append((name, JSON.string(value).description)) }
        let known = [
            ("id", event.id), ("source", event.source), ("type", event.type), ("subject", event.subject),
            ("time", event.time), ("datacontenttype", event.dataContentType), ("dataschema", event.dataSchema),
        ]
        for (name, value) in known where !value.isEmpty { members.append((name, JSON.string(value).description)) }
        if !event.data.isEmpty { members.append(Self.data(event.data)) }
        let sorted = members.sorted { $0.name < $1.name }
        text = "{" + sorted.map { "\(JSON.string($0.name)):\($0.text)" }.joined(separator: ",") + "}"
    }

    private static func data(_ bytes: [UInt8]) -> (String, String) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return ("data_base64", "\"\(Base64.encoded(bytes))\"")
        }
        do {
            _ = try JSON(parsing: bytes)
        } catch {
            // Whatever it calls itself: it is kept.
            return ("data", JSON.string(text).description)
        }
        let line = bytes.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
        return ("data", String(decoding: line, as: UTF8.self))
    }
}
