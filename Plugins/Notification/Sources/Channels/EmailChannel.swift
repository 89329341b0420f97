import HandlerKit
import PatchbaySDK

/// Mail through an SMTP server.
struct EmailChannel: Channel {
    static let name = "email"

    private let configuration: NotificationConfiguration.Email
    private let from: Mailbox
    private let to: [MustacheText]
    private let subject: MustacheText
    private let text: MustacheText?
    private let html: MustacheText?

    init(_ configuration: NotificationConfiguration) throws {
        let section = try MissingSection.require(configuration.email, Self.name, for: "notification.\(Self.name)")
        self.configuration = section
        from = try Mailbox(section.from)
        to = try section.to.map { try MustacheText($0, for: .plain) }
        subject = try MustacheText(section.subject, for: .plain)
        text = try section.text.map { try MustacheText($0, for: .plain) }
        html = try section.html.map { try MustacheText($0, for: .html) }
    }

    func compose(_ event: JSON) throws(Refusal) -> JSON {
        compose(
            to: try recipients(event), subject: subject.fill(from: event), text: text?.fill(from: event),
            html: html?.fill(from: event))
    }

    func audience(of message: JSON) -> JSON { message["to"] ?? .null }

    func compose(digest: DigestSummary, _ digester: Digester) throws(JSONError) -> JSON {
        let object = JSON.object(digest.json)
        return compose(
            to: try digest.audience.decode([String].self),
            subject: digester.subject.fill(from: object), text: digester.text.fill(from: object), html: nil)
    }

    func deliver(_ message: JSON, key: String, _ call: Call) throws -> [String: JSON] {
        let message = try message.decode(Composed.self)
        let id = "\(try Identifier.short(key))@\(from.domain)"
        let content = MailContent(
            from: from, to: message.to, subject: message.subject, text: message.text, html: message.html, id: id,
            date: UnixTime.now)
        var mail = Mail(
            server: configuration.server, from: from.address, recipients: message.to, content: content.bytes)
        mail.timeout = .seconds(configuration.timeoutSeconds)
        mail.encryption =
            switch configuration.encryption {
            case .required: .required
            case .whereOffered: .whereOffered
            case .fromTheStart: .fromTheStart
            }
        if let user = configuration.user { mail.login = (user, configuration.password ?? "") }
        try call.send(mail)
        return ["messageId": .string(id), "recipients": .integer(Int64(message.to.count))]
    }

    // MARK: Private

    private struct Composed: Decodable {
        var to: [String]
        var subject: String
        var text: String?
        var html: String?
    }

    private func compose(to: [String], subject: String, text: String?, html: String?) -> JSON {
        var members: [String: JSON] = ["to": .array(to.map { .string($0) }), "subject": .string(subject)]
        members["text"] = text.map { .string($0) }
        members["html"] = html.map { .string($0) }
        return .object(members)
    }

    private func recipients(_ event: JSON) throws(Refusal) -> [String] {
        var addresses: [String] = []
        for template in to {
            do throws(MailboxError) {
                addresses.append(try Mailbox(template.fill(from: event)).address)
            } catch {
                throw .reject("invalid_address: \(error.message)")
            }
        }
        return addresses
    }
}
