/// The API's address in a configuration: `https://api.stripe.com`.
enum BaseURL {
    /// Whether a secret may be sent there: it is encrypted on its way, or does not leave this machine.
    static func isPrivate(_ url: String) -> Bool {
        guard url.hasPrefix("http://") else { return true }
        let authority = url.dropFirst("http://".count).prefix { $0 != "/" }
        let host: Substring
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            host = authority[...end]
        } else {
            host = authority.prefix { $0 != ":" }
        }
        let port = authority[host.endIndex...]
        // What comes before an @ is no host.
        guard port.isEmpty || port.first == ":" && port.dropFirst().allSatisfy({ ("0"..."9").contains($0) }) else {
            return false
        }
        return host.lowercased() == "localhost" || host == "[::1]" || isLoopback(host)
    }

    /// 127.0.0.0/8, in four numbers.
    private static func isLoopback(_ host: Substring) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

/// The secret key would be readable on its way.
struct ClearKeyError: Error, CustomStringConvertible {
    /// What to write instead.
    var description: String {
        "baseURL: http:// is for this machine alone (localhost, 127.0.0.0/8, [::1]), since the key would be sent "
            + "readable; use https://"
    }
}
