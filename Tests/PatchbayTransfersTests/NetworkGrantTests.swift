import Testing

@testable import PatchbayTransfers

@Suite struct NetworkGrantTests {
    private func allows(_ declared: [String], _ granted: [String], _ url: String) throws -> Bool {
        let service = try ServiceAddress(url: url, schemes: ["http", "https"])
        do throws(TransferError) {
            try NetworkGrant(declared: declared, granted: granted).check(service)
            return true
        } catch {
            return false
        }
    }

    @Test(arguments: [
        ("api.stripe.com", "https://api.stripe.com/v1", true), ("API.stripe.com", "https://api.STRIPE.com/v1", true),
        ("api.stripe.com", "https://stripe.com/", false), ("api.stripe.com", "https://api.stripe.com.evil.org/", false),
        ("api.stripe.com", "https://evilapi.stripe.com/", false), ("*.stripe.com", "https://api.stripe.com/", true),
        ("*.stripe.com", "https://a.b.stripe.com/", true), ("*.stripe.com", "https://stripe.com/", false),
        ("*.stripe.com", "https://evilstripe.com/", false), ("a.com:8443", "https://a.com:8443/", true),
        ("a.com:8443", "https://a.com/", false), ("a.com:443", "https://a.com/", true),
        ("[::1]:80", "http://[::1]/", true), ("[::1]", "http://[::1]:8080/", true), ("*", "http://any.where/", true),
        ("127.0.0.1", "http://127.0.0.1.evil.org/", false),
    ]) func `grants what the pattern says and nothing beside`(pattern: String, url: String, isAllowed: Bool) throws {
        #expect(try allows(["*"], [pattern], url) == isAllowed)
        #expect(try allows([pattern], ["*"], url) == isAllowed)
    }

    @Test func `grants nothing that the manifest does not name or the configuration does not say`() throws {
        #expect(try !allows(["a.com"], [], "https://a.com/"))
        #expect(try !allows([], ["a.com"], "https://a.com/"))
        #expect(try !allows(["a.com"], ["b.com"], "https://b.com/"))
    }

    @Test func `reads a URL as the client that connects will, and refuses what hides another host`() throws {
        // The host before a user's sign, a backslash or a fragment is not the one that is spoken to.
        for url in [
            "https://api.stripe.com@evil.org/", "https://user:pass@api.stripe.com/", "ftp://a.com/", "https://",
            "a.com",
            "https://a.com:99999/", "https://a b.com/", "https://a.com/\r\nX: y", "file:///etc/passwd", "",
        ] {
            #expect(throws: TransferError.self, "\(url)") { try ServiceAddress(url: url, schemes: ["http", "https"]) }
        }
        let service = try ServiceAddress(url: "https://A.com#@evil.org", schemes: ["https"])
        #expect(service.description == "https://a.com:443")
    }

    @Test func `knows which grants a manifest can make use of`() {
        #expect(NetworkGrant.covers(["*"], "a.com:81"))
        #expect(NetworkGrant.covers(["*.a.com"], "b.a.com"))
        #expect(NetworkGrant.covers(["b.a.com"], "*.a.com"))
        #expect(NetworkGrant.covers(["a.com"], "a.com:443"))
        #expect(NetworkGrant.covers(["a.com"], "*"))
        #expect(!NetworkGrant.covers(["a.com:80"], "a.com:443"))
        #expect(!NetworkGrant.covers(["a.com"], "b.com"))
        #expect(!NetworkGrant.covers([], "a.com"))
    }
}
