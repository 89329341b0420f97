import CPatchbaySystem

/// Where a service is: what has connections of its own.
package struct ServiceAddress: Hashable, Sendable, CustomStringConvertible {
    /// Lowercase: `http`, `https`, `smtp` or `smtps`.
    package let scheme: String
    /// Lowercase; an address of version 6 has its brackets.
    package let host: String
    package let port: String

    /// The address in a URL as libcurl, which will connect, reads it. Throws `request`: malformed, another scheme than
    /// those, or a user in it.
    package init(url: String, schemes: Set<String>) throws(TransferError) {
        var parts = pbh_url()
        guard !url.utf8.contains(where: { $0 < 0x21 || $0 == 0x7F }), pbh_url_parse(url, &parts) != 0 else {
            throw TransferError("the URL is malformed")
        }
        guard parts.has_user == 0 else {
            throw TransferError("the URL carries a user: send an Authorization header instead")
        }
        scheme = Self.text(of: parts.scheme)
        host = Self.text(of: parts.host).lowercased()
        port = Self.text(of: parts.port)
        guard schemes.contains(scheme) else {
            throw TransferError("the URL's scheme is '\(scheme)': use \(schemes.sorted().joined(separator: " or "))")
        }
    }

    /// As a URL without path.
    package var description: String { "\(scheme)://\(host):\(port)" }

    private static func text<Characters>(of tuple: Characters) -> String {
        withUnsafeBytes(of: tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// Why a transfer cannot be made: what is wrong with what was asked for.
package struct TransferError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
