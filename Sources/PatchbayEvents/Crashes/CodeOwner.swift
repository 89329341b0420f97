package import CPatchbaySystem

/// A module, or one handler of it, as the handler of fatal signals names it.
///
/// Never freed: a crash may name it as long as the process lives, and there are as many as handlers were made.
package struct CodeOwner: Sendable {
    // Invariant: written by `init` only, and never freed.
    package nonisolated(unsafe) let pointer: UnsafePointer<pbs_crash_owner>

    /// - Parameter module: empty for the host's own handlers.
    /// - Parameter handler: as routes name it; empty for the module as a whole.
    package init(module: String, version: String, handler: String = "") {
        let owner = UnsafeMutablePointer<pbs_crash_owner>.allocate(capacity: 1)
        owner.initialize(
            to: pbs_crash_owner(
                module: StaticName(module).text, version: StaticName(version).text, handler: StaticName(handler).text))
        pointer = UnsafePointer(owner)
    }

    /// Runs a function of the module that is no call; a crash in it is told as `phase`, such as `create`.
    ///
    /// [any thread; the phases of one thread may lie within each other]
    package func running<T: ~Copyable, E>(_ phase: StaticString, _ body: () throws(E) -> T) throws(E) -> T {
        let site = pbs_crash_here()!
        let before = site.pointee
        site.pointee.owner = pointer
        phase.withUTF8Buffer { text in
            site.pointee.phase = UnsafeRawPointer(text.baseAddress)?.assumingMemoryBound(to: CChar.self)
        }
        defer { site.pointee = before }
        return try body()
    }
}
