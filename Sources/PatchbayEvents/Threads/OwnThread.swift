import CPatchbaySystem

/// A thread of ours: named, with every signal blocked, outside Swift's cooperative pool.
package struct OwnThread: Sendable {
    private let handle: UInt64

    /// Starts `body`. Throws when the system has no thread left.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(ThreadError) {
        let box = Unmanaged.passRetained(Body(body))
        var handle: UInt64 = 0
        let error = pbs_thread_start(
            &handle, name,
            { context in
                guard let context else { return }
                Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
            }, box.toOpaque())
        guard error == 0 else {
            box.release()
            throw ThreadError(name: name, errno: error)
        }
        self.handle = handle
    }

    /// Waits for the end of the body. Once only, and not after `detach`.
    package func join() { pbs_thread_join(handle) }

    /// Gives up on the thread: it ends with its body or with the process.
    package func detach() { pbs_thread_detach(handle) }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}

/// The system refused a thread.
package struct ThreadError: Error, CustomStringConvertible {
    package let name: String
    package let errno: Int32
    package var description: String { "cannot start thread \(name): errno \(errno)" }
}
