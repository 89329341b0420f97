import CPatchbay
import PatchbayEvents
import PatchbayTransfers

/// `patchbay.mail/1`: mail through servers that the configuration grants.
enum MailService {
    /// All fields of the structure's first revision.
    private static let sizeMin =
        (MemoryLayout<patchbay_mail_message>.offset(of: \.timeout_ns) ?? 0) + MemoryLayout<UInt64>.size
    static let textBytesMax = 4 << 10
    static let recipientsMax = 1_000

    static var table: patchbay_mail {
        patchbay_mail(
            size: UInt32(MemoryLayout<patchbay_mail>.size), reserved: 0,
            send: { host, call, message, answered, receiver in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        guard let message, let answered else { throw .badArgument }
                        try MailService.send(context, call, message, answered, receiver)
                    }
                } ?? .badArgument
            })
    }

    private static func send(
        _ context: HostContext, _ call: patchbay_call, _ wire: UnsafePointer<patchbay_mail_message>,
        _ answered: @escaping patchbay_answered, _ receiver: UnsafeMutableRawPointer?
    ) throws(ServiceRefusal) {
        _ = try context.requiredScope()
        try NetworkService.send(
            .mail(try mail(wire)), for: call, timeout: wire.pointee.timeout_ns, of: context, answered,
            receiver)
    }

    /// What a module wants sent, copied and checked.
    static func mail(_ wire: UnsafePointer<patchbay_mail_message>) throws(ServiceRefusal) -> Transfer.Mail {
        guard Int(wire.pointee.size) >= sizeMin else { throw .badArgument }
        return try read(wire.pointee)
    }

    private static func read(_ wire: patchbay_mail_message) throws(ServiceRefusal) -> Transfer.Mail {
        func text(_ text: patchbay_str) throws(ServiceRefusal) -> String {
            try ForeignText.string(text, max: textBytesMax)
        }
        guard wire.recipient_count <= UInt64(recipientsMax) else { throw .limit }
        guard let first = wire.recipients, wire.recipient_count > 0 else { throw .badArgument }
        var recipients: [String] = []
        for place in 0..<Int(wire.recipient_count) { recipients.append(try text(first[place])) }
        return Transfer.Mail(
            url: try text(wire.server), user: try text(wire.user), password: try text(wire.password),
            from: try text(wire.from), recipients: recipients,
            content: try ForeignText.bytes(wire.content, wire.content_len, max: HTTPService.bodyBytesMax),
            isTLSOptional: wire.flags & UInt32(PATCHBAY_MAIL_TLS_OPTIONAL) != 0)
    }
}
