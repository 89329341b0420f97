import PatchbaySDK
import Synchronization

/// Comments of one issue; some requests and answers get lost.
final class Comments: Sendable {
    private let comments = Mutex<[JSON]>([])
    private let troubles: Mutex<Int>

    /// `lost` are three bits: the first request is lost, the first answer is, the second one is.
    init(lost: Int) { troubles = Mutex(lost) }

    var count: Int { comments.withLock { $0.count } }

    func serve(_ request: HTTPRequest) throws -> HTTPResponse {
        guard request.method == "POST" else { return HTTPResponse(200, .array(comments.withLock { $0 })) }
        let trouble = troubles.withLock { troubles in
            defer { troubles &= troubles - 1 }
            return troubles & -troubles
        }
        if trouble == 1 { throw Fault(.connect, message: "refused", isUnsent: true) }
        let body = try JSON(parsing: request.body)["body"] ?? .null
        let count = comments.withLock { comments in
            comments.append(["id": .integer(Int64(comments.count + 1)), "body": body])
            return comments.count
        }
        if trouble != 0 { throw Fault(.timeout, message: "no answer") }
        return HTTPResponse(201, ["id": .integer(Int64(count))])
    }
}
