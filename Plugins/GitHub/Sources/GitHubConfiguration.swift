import HandlerKit
import PatchbaySDK

/// The configuration that the three handlers share: the manifest's schema has checked it and filled its defaults in.
struct GitHubConfiguration: Decodable, Sendable {
    struct Comment: Decodable, Sendable {
        var body: Template
    }

    struct Label: Decodable, Sendable {
        var add: [Template]
        var remove: [Template]
    }

    struct OpenIssue: Decodable, Sendable {
        var title: Template
        var body: Template
        var labels: [Template]
        var assignees: [Template]
    }

    var token: String
    var baseURL: String
    var timeoutSeconds: Double
    var lookup: Lookup
    var repository: Template
    var number: Template
    var comment: Comment?
    var label: Label?
    var openIssue: OpenIssue?
}
