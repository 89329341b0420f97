import CPatchbay
import PatchbayEvents
import PatchbayTransfers

/// `patchbay.http/1`: requests over the host's connections, to services that the configuration grants.
enum HTTPService {
    /// All fields of the structure's first revision.
    private static let sizeMin =
        (MemoryLayout<patchbay_http_request>.offset(of: \.response_max) ?? 0) + MemoryLayout<UInt64>.size
    static let urlBytesMax = 16 << 10
    static let headersMax = 256
    static let bodyBytesMax = 16 << 20
    static let responseBytes = 1 << 20
    static let responseBytesMax = 16 << 20

    static var table: patchbay_http {
        patchbay_http(
            size: UInt32(MemoryLayout<patchbay_http>.size), reserved: 0,
            send: { host, call, request, answered, receiver in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        guard let request, let answered else { throw .badArgument }
                        try HTTPService.send(context, call, request, answered, receiver)
                    }
                } ?? .badArgument
            })
    }

    private static func send(
        _ context: HostContext, _ call: patchbay_call, _ wire: UnsafePointer<patchbay_http_request>,
        _ answered: @escaping patchbay_answered, _ receiver: UnsafeMutableRawPointer?
    ) throws(ServiceRefusal) {
        _ = try context.requiredScope()
        try NetworkService.send(
            .http(try request(wire)), for: call, timeout: wire.pointee.timeout_ns, of: context, answered,
            receiver)
    }

    /// What a module wants sent, copied and checked.
    static func request(
        _ wire: UnsafePointer<patchbay_http_request>
    ) throws(ServiceRefusal) -> Transfer.Request {
        guard Int(wire.pointee.size) >= sizeMin else { throw .badArgument }
        return try read(wire.pointee)
    }

    private static func read(_ wire: patchbay_http_request) throws(ServiceRefusal) -> Transfer.Request {
        guard wire.header_count <= UInt64(headersMax) else { throw .limit }
        guard wire.headers != nil || wire.header_count == 0 else { throw .badArgument }
        var headers: [(name: String, value: String)] = []
        for pair in ForeignText.pairs(wire.headers, wire.header_count, max: headersMax) {
            headers.append(
                (
                    try ForeignText.string(pair.key, max: urlBytesMax),
                    try ForeignText.string(pair.value, max: urlBytesMax)
                ))
        }
        let body = try ForeignText.bytes(wire.body, wire.body_len, max: bodyBytesMax)
        let method = try ForeignText.string(wire.method, max: 32)
        let most = wire.response_max == 0 ? responseBytes : Int(clamping: wire.response_max)
        guard most <= responseBytesMax else { throw .limit }
        return Transfer.Request(
            method: method.isEmpty ? (body.isEmpty ? "GET" : "POST") : method,
            url: try ForeignText.string(wire.url, max: urlBytesMax), headers: headers, body: body,
            responseBytesMax: most)
    }
}
