import Glibc
import PatchbayEvents

/// A command's side of a host's control socket. One thread.
package final class ControlClient {
    /// The data folder, or the socket, whose host it talks to.
    package let folder: String
    private let file: Int32
    private var input: [UInt8] = []
    /// Milliseconds between looks at whether the user waits no longer.
    private static let glance: Int32 = 100

    /// `nil` when no host of the folder listens: none runs, or it ends just now.
    package init?(folder: String) {
        guard let file = UnixSocket.connect(to: ControlProtocol.path(folder: folder)) else { return nil }
        self.folder = folder
        self.file = file
    }

    /// The same for the socket of a host that was told where to have it.
    package init?(path: String) {
        guard let file = UnixSocket.connect(to: path) else { return nil }
        folder = path
        self.file = file
    }

    deinit { close(file) }

    /// Asks and waits for the answer.
    ///
    /// - Parameter isGivenUp: asked now and then; true ends the wait with `.interrupted`, and nothing is known of the
    ///   request then.
    package func ask(
        _ request: ControlRequest, isGivenUp: () -> Bool = { false }
    ) throws(ControlFailure) -> ControlAnswer {
        try write(request.line)
        while true {
            if let end = input.firstIndex(of: 0x0A) {
                let answer = try ControlAnswer(input[..<end])
                input.removeSubrange(...end)
                if case .failed(let failure) = answer { throw failure }
                return answer
            }
            guard input.count < ControlProtocol.answerBytesMax else {
                throw ControlFailure(.malformed, "the host's answer has no end")
            }
            try read(isGivenUp)
        }
    }

    /// Asks for a step of a replay.
    package func replay(
        _ request: ReplayRequest, by who: String, isGivenUp: () -> Bool = { false }
    ) throws(ControlFailure) -> ReplayAnswer {
        guard case .replayed(let answer) = try ask(.replay(request, by: who), isGivenUp: isGivenUp) else {
            throw ControlFailure(.malformed, "the host answers something else than a replay's step")
        }
        return answer
    }

    private func read(_ isGivenUp: () -> Bool) throws(ControlFailure) {
        var ready = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
        guard poll(&ready, 1, Self.glance) > 0 else {
            if isGivenUp() { throw ControlFailure(.interrupted, "interrupted before the host answered") }
            return
        }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(file, &buffer, buffer.count)
        if count < 0, errno == EINTR { return }
        guard count > 0 else { throw ended }
        input += buffer[..<count]
    }

    private func write(_ bytes: [UInt8]) throws(ControlFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw ended }
            rest = rest.dropFirst(count)
        }
    }

    private var ended: ControlFailure {
        ControlFailure(.ending, "the host of \(folder) ended before it answered; look what was done, and try again")
    }
}
