import PatchbaySDK

/// What people read about an event. A payload that lacks what is needed here throws `JSONError`, which rejects the event.
struct Message {
    let text: String

    /// `nil` when there is nothing to say about events of this type.
    init?(_ event: borrowing EventView) throws {
        let subject = String(event.subject)
        switch String(event.type) {
        case "com.example.payment.charged":
            let receipt = try event.decode(Receipt.self)
            text = "order \(receipt.order) is paid: \(receipt.amount) \(receipt.currency)"
        case "com.example.stock.low":
            text = "only \(try event.decode(Shelf.self).left) of \(subject) left"
        case "com.stripe.charge.failed", "com.stripe.charge.dispute.created":
            let object = try event.decode(Stripe.self).data.object
            text = "\(object.id): \(object.reason ?? "no reason given"), \(object.amount) \(object.currency) cents"
        case "com.github.pull_request.opened":
            let opened = try event.decode(PullRequest.self)
            text = "\(opened.sender.login) opened #\(opened.number) '\(opened.pull_request.title)'"
        case "com.github.push":
            let push = try event.decode(Push.self)
            text = "\(push.pusher.name) pushed \(push.commits.count) commits to \(push.ref)"
        default:
            return nil
        }
    }
}

private struct Receipt: Decodable {
    var order: String
    /// Decimal, as text.
    var amount: String
    var currency: String
}

private struct Shelf: Decodable { var left: Int }

private struct Stripe: Decodable {
    struct Payload: Decodable { var object: Object }
    struct Object: Decodable {
        var id: String
        var amount: Int
        var currency: String
        var reason: String?
    }
    var data: Payload
}

private struct PullRequest: Decodable {
    struct Sender: Decodable { var login: String }
    struct Content: Decodable { var title: String }
    var number: Int
    var sender: Sender
    var pull_request: Content
}

private struct Push: Decodable {
    struct Pusher: Decodable { var name: String }
    struct Commit: Decodable { var id: String }
    var ref: String
    var pusher: Pusher
    var commits: [Commit]
}
