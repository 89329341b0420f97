import HandlerCrypto
import Testing

@Suite struct SHA256Tests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ]) func `computes what FIPS 180-4 has`(text: String, hash: String) throws {
        #expect(try SHA256.hexadecimal(text.utf8) == hash)
    }

    @Test func `makes the same UUID of the same text`() throws {
        #expect(try SHA256.uuid(of: "abc") == "ba7816bf-8f01-4fea-8141-40de5dae2223")
        #expect(try SHA256.uuid(of: "abd") != SHA256.uuid(of: "abc"))
    }
}
