import PatchbaySDK
import PatchbaySDKTesting

extension JSON {
    /// The same object with one more member.
    func with(_ name: String, _ value: JSON?) -> JSON {
        guard case .object(var members) = self else { return self }
        members[name] = value
        return .object(members)
    }
}

let email: JSON = [
    "server": "mail.example.com:587", "encryption": "required", "from": "Shop <shop@example.com>",
    "to": ["ops@example.com"], "subject": "{{type}}: {{data.title}}", "text": "Hello {{data.title}}\n",
    "timeoutSeconds": 30,
]

let slack: JSON = ["url": "https://hooks.slack.com/services/T/B/x", "text": "*{{data.title}}*", "timeoutSeconds": 10]

let webhook: JSON = ["url": "https://hook.example.com/in", "method": "POST", "headers": [:], "timeoutSeconds": 10]

func digest(_ limit: Int, key: String = "") -> JSON {
    [
        "limit": .integer(Int64(limit)), "intervalSeconds": 60, "key": .string(key), "subject": "{{count}} more",
        "text": "{{count}} more of {{key}}:{{#types}} {{count}}x{{type}}{{/types}}",
    ]
}

func titled(_ title: String, id: String = "7", type: String = "com.example.alarm") -> TestEvent {
    var event = TestEvent(type: type, subject: "disk", json: ["title": .string(title)])
    event.id = id
    event.idempotencyKey = "notification /monitor \(id)"
    event.time = "2026-03-02T09:00:01Z"
    return event
}

/// What a timer delivers.
func fired(_ key: String, _ type: String, id: String = "t") -> TestEvent {
    var event = TestEvent(type: "com.patchbay.notification.\(type)")
    event.attributes = ["timerkey": key]
    event.id = id
    event.idempotencyKey = "timer \(id)"
    return event
}
