extension Configuration {
    /// A plain C function of a shared library, as the handler `functions.NAME`.
    package struct Function: Sendable, Equatable {
        /// What a call makes known.
        package struct Emit: Sendable, Equatable {
            /// Of the event that has result, errno and `out` parameters in its data.
            package var type = ""

            package init() {}
        }

        /// The part after `functions.`; unique.
        package var name = ""
        /// As the dynamic linker takes it: a name that it searches for, or a path.
        package var library = ""
        package var symbol = ""
        /// Such as `u64(u64, bytes, u32)`.
        package var signature = ""
        /// A CEL value for each parameter that is not `out`.
        package var args: [ExpressionSource] = []
        /// Conditions over `result`, `errno` and `outs`: the event fails for good, or is tried again. Empty: never.
        package var fail = ExpressionSource("")
        package var retry = ExpressionSource("")
        package var emit: Emit?
        /// Calls at once; 0: no bound.
        package var concurrency = 1
        /// `false` promises that it returns promptly.
        package var blocking = true
        /// Where it runs: with the host's memory and rights, or in a process of its own.
        package var isolation = Load.Isolation.process
        package var limits = WorkerLimits()
        package var grant = Grant()
        /// Where the entry stands.
        package var location = SourceLocation.none

        package init() {}
    }
}
