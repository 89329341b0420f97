import HandlerKit
import PatchbaySDK

/// The configuration that the two handlers share: the manifest's schema has checked it and filled its defaults in.
struct LinearConfiguration: Decodable, Sendable {
    struct Create: Decodable, Sendable {
        var team: Template
        var title: Template
        var description: Template
        var priority: Template
        var assignee: Template
        var project: Template
        var state: Template
        var labels: [Template]
    }

    struct Transition: Decodable, Sendable {
        var issue: Template
        var state: Template
    }

    var token: String
    var url: String
    var timeoutSeconds: Double
    var create: Create?
    var transition: Transition?
}
