import HandlerTestKit
import PatchbaySDK
import Testing

@testable import Notification

@Suite struct MailTests {
    private func mail(subject: String, text: String? = "hi", html: String? = nil) throws -> String {
        let content = MailContent(
            from: try Mailbox("Shop <shop@example.com>"), to: ["a@example.com", "b@example.com"], subject: subject,
            text: text, html: html, id: "key@example.com", date: 1_772_442_001_000_000_000)
        return String(decoding: content.bytes, as: UTF8.self)
    }

    @Test func `writes headers, an empty line and the body`() throws {
        #expect(
            try mail(subject: "Order 7", text: "Hello,\nit costs 5 €=\n")
                == [
                    "From: \"Shop\" <shop@example.com>", "To: a@example.com,", " b@example.com", "Subject: Order 7",
                    "Date: Mon, 02 Mar 2026 09:00:01 +0000", "Message-ID: <key@example.com>",
                    "Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
                    "Content-Transfer-Encoding: quoted-printable", "", "Hello,", "it costs 5 =E2=82=AC=3D", "", "",
                ].joined(separator: "\r\n"))
    }

    @Test func `offers both bodies as alternatives`() throws {
        let text = try mail(subject: "x", text: "--=_patchbay--\n", html: "<p>hi</p>")
        #expect(text.contains("Content-Type: multipart/alternative; boundary=\"=_patchbay\"\r\n\r\n--=_patchbay\r\n"))
        #expect(text.components(of: "\r\n--=_patchbay\r\n") == 2)
        #expect(text.components(of: "\r\n--=_patchbay--\r\n") == 1)
        #expect(text.contains("--=3D_patchbay--"))
    }

    @Test(arguments: [
        "x\r\nBcc: evil@example.com", "x\nBcc: e", "x\rBcc: e", "x\u{2028}Bcc: e", "x\u{85}Bcc: e", "x\u{0}\u{B}y",
    ])
    func `lets no subject begin another header`(subject: String) throws {
        let text = try mail(subject: subject)
        let head = text.prefix(text.range(of: "\r\n\r\n")?.lowerBound)
        #expect(!head.contains("\r\nBcc") && !head.contains("\nBcc") && !head.contains("\rBcc"))
        #expect(head.unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\r" || $0 == "\n" })
        #expect(head.split(separator: "\r\n").count == 10)
    }

    @Test(arguments: [
        "Grüße aus Köln", "日本語の件名はとても長いので、いくつかの行に分けて書かなければなりません。そうでしょう?", "looks =?utf-8?B?eA==?= encoded",
        String(repeating: "long ", count: 60), "👩‍👩‍👧‍👦 family",
    ]) func `encodes a subject that is more than short ASCII`(subject: String) throws {
        let value = HeaderText.unstructured(subject)
        #expect(value.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F || $0 == 0x0D || $0 == 0x0A })
        var decoded: [UInt8] = []
        for (index, word) in value.lines.enumerated() {
            let word = index == 0 ? word : String(word.dropFirst())
            #expect(word.hasPrefix("=?utf-8?B?") && word.hasSuffix("?=") && word.utf8.count <= 75)
            let bytes = try #require(base64(String(word.dropFirst(10).dropLast(2))))
            // Each word is whole characters.
            #expect(String(validating: bytes, as: UTF8.self) != nil)
            decoded += bytes
        }
        #expect(String(decoding: decoded, as: UTF8.self) == subject)
    }

    @Test func `quotes bodies so that they come out the same`() {
        for seed in UInt64(1)...500 {
            var random = Seeded(seed)
            let alphabet: [Character] = ["a", "=", " ", "\t", "\n", ".", "é", "€", "\u{0}", "-", "日"]
            let text = String(
                (0..<Int.random(in: 0...300, using: &random)).map { _ in
                    alphabet.randomElement(using: &random) ?? "a"
                })
            let encoded = QuotedPrintable.encoded(text)
            for line in encoded.lines {
                #expect(line.utf8.count <= 76, "seed \(seed)")
                #expect(line.last != " " && line.last != "\t", "seed \(seed)")
                #expect(line.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F || $0 == 9 }, "seed \(seed)")
            }
            #expect(unquoted(encoded) == text, "seed \(seed)")
        }
    }

    @Test(arguments: [
        ("a@example.com", "a@example.com"), ("Shop <a@example.com>", "\"Shop\" <a@example.com>"),
        ("\"A \\ B\" <a@example.com>", "\"A \\\\ B\" <a@example.com>"),
        ("Köln <a@example.com>", "=?utf-8?B?S8O2bG4=?= <a@example.com>"),
    ]) func `reads a mailbox`(text: String, header: String) throws {
        let mailbox = try Mailbox(text)
        #expect(mailbox.address == "a@example.com")
        #expect(mailbox.domain == "example.com")
        #expect(mailbox.header == header)
    }

    @Test(arguments: [
        "", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\r\nRCPT TO:<x@y>", "a@b, c@d", "a@b;c@d", "<a@b>x",
        "ä@example.com",
        "a@b>", "<a@b", "a\u{0}@b",
    ]) func `refuses what is not one plain address`(text: String) {
        #expect(throws: MailboxError.self) { try Mailbox(text) }
    }

    @Test func `keys become ids that differ where the keys do`() throws {
        #expect(try Identifier.short("notification.email /shop a=b") == "notification=2Eemail=20=2Fshop=20a=3Db")
        let long = String(repeating: "x", count: 300)
        #expect(try Identifier.short(long + "a") != Identifier.short(long + "b"))
        #expect(try Identifier.short(long).utf8.count == 160)
    }
}

extension String {
    fileprivate var lines: [String] {
        var lines = [""]
        for scalar in unicodeScalars where scalar != "\r" {
            if scalar == "\n" { lines.append("") } else { lines[lines.count - 1].unicodeScalars.append(scalar) }
        }
        return lines
    }

    fileprivate func range(of text: String) -> Range<String.Index>? { firstRange(of: text) }

    fileprivate func components(of text: String) -> Int { ranges(of: text).count }

    fileprivate func prefix(_ end: String.Index?) -> String { String(self[..<(end ?? endIndex)]) }
}

private func base64(_ text: String) -> [UInt8]? {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var bits = 0
    var count = 0
    var bytes: [UInt8] = []
    for byte in text.utf8 where byte != UInt8(ascii: "=") {
        guard let value = digits.firstIndex(of: byte) else { return nil }
        bits = (bits << 6 | value) & 0xFFFFFF
        count += 6
        if count >= 8 {
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> count))
        }
    }
    return bytes
}

private func unquoted(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "=") {
            let two = rest.prefix(2)
            rest = rest.dropFirst(2)
            if two.elementsEqual([0x0D, 0x0A]) { continue }
            bytes.append(UInt8(String(decoding: two, as: UTF8.self), radix: 16) ?? 0)
        } else if byte != 0x0D {
            bytes.append(byte)
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}
