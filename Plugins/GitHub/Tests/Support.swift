import Foundation
import PatchbaySDK
import PatchbaySDKTesting

/// What the manifest's defaults make of a configuration with the token alone.
let gitHub: JSON = [
    "token": "ghp_secret", "baseURL": "https://api.github.com", "timeoutSeconds": 15, "lookup": "retries",
    "repository": "{{data.repository.full_name}}",
    "number": "{{data.issue.number | data.pull_request.number | data.number}}",
]

extension JSON {
    /// The same object with one more member.
    func with(_ name: String, _ value: JSON?) -> JSON {
        guard case .object(var members) = self else { return self }
        members[name] = value
        return .object(members)
    }
}

extension HTTPResponse {
    init(_ status: Int, _ body: JSON, headers: [HTTPRequest.Header] = [], retryAfter: Duration? = nil) {
        self.init(status: status, headers: headers, body: Array(body.description.utf8), retryAfter: retryAfter)
    }
}

func opened(attempt: Int = 1, title: String = "It breaks", number: JSON = 7) -> TestEvent {
    let data: JSON = [
        "action": "opened", "repository": ["full_name": "shop/web"],
        "issue": ["number": number, "title": .string(title), "user": ["login": "ada"]],
    ]
    var event = TestEvent(type: "com.github.issues.opened", subject: "shop/web", json: data)
    event.id = "gh-1"
    event.idempotencyKey = "github.comment //gh gh-1"
    event.time = "2026-03-02T09:00:01Z"
    event.attempt = attempt
    return event
}

/// Payloads of real webhooks, where the suites are.
enum Suites {
    static var folder: String {
        ProcessInfo.processInfo.environment["PATCHBAY_SUITES"] ?? "/nowhere"
    }

    static var isThere: Bool { FileManager.default.fileExists(atPath: "\(folder)/realdata/github-webhooks.jsonl") }

    static func rows(_ name: String) throws -> [(id: String, payload: JSON)] {
        let content = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/realdata/\(name).jsonl"))
        return try content.split(separator: UInt8(ascii: "\n")).map { line in
            let row = try JSON(parsing: Array(line))
            return (row["id"]?.string ?? "", row["payload"] ?? .null)
        }
    }
}
