/// An address, maybe with a name: `shop@example.com`, `Shop <shop@example.com>`.
struct Mailbox: Sendable, Equatable {
    /// Empty: none.
    let name: String
    /// `local@domain`, in ASCII.
    let address: String

    /// The part behind the `@`.
    var domain: String { String(address[address.index(after: address.lastIndex(of: "@") ?? address.startIndex)...]) }

    /// Reads one mailbox. Throws for anything that could be more than one, or that a header could break at.
    init(_ text: String) throws(MailboxError) {
        var text = Substring(text)
        var name = Substring()
        if let open = text.lastIndex(of: "<"), text.last == ">" {
            name = text[..<open]
            text = text[text.index(after: open)...].dropLast()
        }
        let address = String(text)
        let parts = address.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, address.utf8.count <= 254 else {
            throw MailboxError(message: "'\(Self.shown(address))' is not of the form name@example.com")
        }
        let isPlain = address.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !#"<>()[]\,;:""#.utf8.contains($0) }
        guard isPlain else {
            throw MailboxError(message: "'\(Self.shown(address))' has characters that no address should have")
        }
        guard HeaderText.clean(String(name)) == name, !name.contains(where: { "<>@".contains($0) }) else {
            throw MailboxError(message: "'\(Self.shown(String(name)))' before an address is no name")
        }
        self.name = String(name).trimmingQuotes
        self.address = address
    }

    /// As a header has it (RFC 5322, clause 3.4).
    var header: String {
        guard !name.isEmpty else { return address }
        let isPlain = name.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        let shown =
            isPlain
            ? "\"\(name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\"" : HeaderText.encodedWords(name)
        return "\(shown) <\(address)>"
    }

    private static func shown(_ address: String) -> String { HeaderText.clean(String(address.prefix(100))) }
}

/// Why a text is no mailbox.
struct MailboxError: Error, Equatable, CustomStringConvertible {
    let message: String

    var description: String { message }
}

extension String {
    fileprivate var trimmingQuotes: String {
        var text = Substring(self)
        while text.first == " " { text = text.dropFirst() }
        while text.last == " " { text = text.dropLast() }
        if text.count >= 2, text.first == "\"", text.last == "\"" { text = text.dropFirst().dropLast() }
        return String(text)
    }
}
