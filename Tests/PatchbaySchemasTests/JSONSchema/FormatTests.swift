import PatchbayEvents
import PatchbaySchemas
import Testing

@Suite struct FormatTests {
    @Test func `takes a format as a note unless it is asked to decide`() throws {
        let schema = try json(#"{"format": "ipv4"}"#)
        #expect(try JSONSchema(compiling: schema).isValid(.string("x")))
        var options = JSONSchema.Options()
        options.assertsFormat = true
        let found = try JSONSchema(compiling: schema, options: options).validate(.string("x"))
        #expect(found.map(\.message) == [#"must be an IPv4 address, got string "x""#])
        #expect(try JSONSchema(compiling: schema, options: options).isValid(.int(5)))
        #expect(try JSONSchema(compiling: json(#"{"format": "colour"}"#), options: options).isValid(.string("x")))
    }

    @Test(arguments: [
        (
            "date-time", ["2026-02-28T23:59:59.5z", "1990-12-31T15:59:60-08:00"],
            ["2026-02-29T00:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00"]
        ),
        ("date", ["2024-02-29"], ["2100-02-29", "2026-13-01", "26-01-01"]),
        ("time", ["23:59:60Z", "00:00:00+23:59"], ["22:59:60Z", "24:00:00Z", "00:00:00.Z"]),
        ("duration", ["P1Y2M3DT4H5M6S", "PT0S", "P4W", "P1M"], ["P", "PT", "P1D2W", "P1Y2D", "1D", "P1", "PT1D"]),
        ("email", ["a.b+c@example.com", "\"a b\"@[127.0.0.1]"], ["a@", "a..b@c", "a b@c.de", "\"a\\\"@c"]),
        ("hostname", ["a", "example.com", "xn--nxasmq6b"], ["", "-a", "a_b", "a..b", "ab--cd", "é"]),
        ("ipv4", ["0.0.0.0"], ["01.2.3.4", "1.2.3", "256.1.1.1", "1.2.3.4."]),
        (
            "ipv6", ["::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1::8"],
            [
                "", ":", ":::", "1:2:3:4:5:6:7", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", ":1:2:3:4:5:6:7", "::1.2.3",
                "1:2:3:4:5:6:7:1.2.3.4", "::%eth0", "1:2:3:4:5:6:7:8::",
            ]
        ),
        (
            "uri", ["http://a/b?c#d", "urn:x:y", "http://[::1]:80/"],
            ["//a", "a", "http://a b", "http://%zz", "1http://a", "http://[::1", "http://a:b/"]
        ),
        ("uri-reference", ["", "#a", "../b?c=d", "//h/p"], ["\\a", "a b", "#a#b", "1:2"]),
        ("iri", ["http://ƒøø.ßår/?∂=π"], ["/a", "http://\u{E000}/"]),
        ("uri-template", ["http://a/{+b}{?c,d*}{e:3}"], ["{", "}", "{}", "{a b}", "{a:0}", "%2"]),
        (
            "uuid", ["2EB8AA08-aa98-11ea-b4aa-73b441d16380"],
            ["2eb8aa08aa98-11ea-b4aa-73b441d16380-", "2eb8aa08-aa98-11ea-b4aa-73b441d1638g"]
        ),
        ("json-pointer", ["", "/", "/a~0b~1c"], ["a", "/~", "/~2"]),
        ("relative-json-pointer", ["0", "1/a", "0#"], ["", "01", "-1", "0##", "/a"]),
        ("regex", ["a+", "(?<=x)y", "(?<n>a)\\k<n>"], ["(", "\\a", "[", "a{2,1}"]),
    ])
    func `tells a format's members from what is close to them`(
        _ format: String, _ valid: [String], _ invalid: [String]
    ) throws {
        var options = JSONSchema.Options()
        options.assertsFormat = true
        let schema = try JSONSchema(compiling: json("{\"format\": \"\(format)\"}"), options: options)
        for text in valid { #expect(schema.isValid(.string(text)), "\(format) \(text)") }
        for text in invalid { #expect(!schema.isValid(.string(text)), "\(format) \(text)") }
    }
}
