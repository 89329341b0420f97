import HandlerKit

/// A mail as it goes over the wire: headers, an empty line, the body (RFC 5322, RFC 2045, RFC 2046).
struct MailContent {
    let from: Mailbox
    /// Addresses.
    let to: [String]
    let subject: String
    /// At least one of the two bodies.
    let text: String?
    let html: String?
    /// Without angle brackets.
    let id: String
    /// Nanoseconds since the Unix epoch.
    let date: UInt64

    /// With CRLF.
    var bytes: [UInt8] {
        var lines = [
            "From: \(from.header)", "To: \(to.joined(separator: ",\r\n "))",
            "Subject: \(HeaderText.unstructured(subject))", "Date: \(UnixTime.mailDate(date))", "Message-ID: <\(id)>",
            // RFC 3834: nobody's holiday answers to a machine.
            "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
        ]
        switch (text, html) {
        case (let text?, let html?):
            // Quoted-printable has no line that begins with "--=_".
            let boundary = "=_patchbay"
            lines += ["Content-Type: multipart/alternative; boundary=\"\(boundary)\"", "", "--\(boundary)"]
            lines += part("text/plain", text) + ["--\(boundary)"] + part("text/html", html) + ["--\(boundary)--", ""]
        default:
            lines += part(html == nil ? "text/plain" : "text/html", html ?? text ?? "") + [""]
        }
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    private func part(_ type: String, _ body: String) -> [String] {
        [
            "Content-Type: \(type); charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "",
            QuotedPrintable.encoded(body),
        ]
    }
}

/// RFC 2045, clause 6.7.
enum QuotedPrintable {
    /// The text in lines of at most 76 bytes, with CRLF between them.
    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        var width = 0
        let bytes = Array(text.replacing("\r\n", with: "\n").utf8)
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\n") {
                encoded += [0x0D, 0x0A]
                width = 0
                continue
            }
            let endsLine = index + 1 == bytes.count || bytes[index + 1] == UInt8(ascii: "\n")
            let isBlank = byte == 0x20 || byte == 0x09
            let isPlain = byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "=") || isBlank && !endsLine
            let piece = isPlain ? [byte] : [UInt8(ascii: "="), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            // A soft break takes one byte; the last piece of a line needs none.
            if width + piece.count > (endsLine ? 76 : 75) {
                encoded += [UInt8(ascii: "="), 0x0D, 0x0A]
                width = 0
            }
            encoded += piece
            width += piece.count
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
