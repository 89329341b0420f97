extension Configuration {
    /// Which handler modules are loaded, and how they are configured.
    package struct Modules: Sendable, Equatable {
        /// Every `.so` here is scanned; relative to the working directory.
        package var directory = "./plugins"
        package var load: [Load] = []
        package var functions: [Function] = []

        package init() {}
    }

    /// Whose modules may run.
    package struct Security: Sendable, Equatable {
        /// Without a signature of a trusted key none does.
        package var requireSignedModules = false
        /// Files of public keys; relative to the working directory.
        package var trustedKeys: [String] = []

        package init() {}
    }

    /// What a module may do beside handling events.
    package struct Grant: Sendable, Equatable {
        /// The services that it may reach through the host: `host`, `host:port`, `*.example.com` or `*`.
        package var network: [String] = []
        /// Files and folders that an isolated module may read, beside the system's libraries.
        package var read: [String] = []
        /// Files and folders that it may read, write, create and remove.
        package var write: [String] = []

        package init() {}
    }

    /// How much an isolated module may use.
    package struct WorkerLimits: Sendable, Equatable {
        /// Bytes of private memory; 0 is no limit, here and below.
        package var memory = 0
        package var openFiles = 256
        /// Threads that the module starts itself.
        package var threads = 64
        /// Processor time of one call.
        package var cpuTime = Duration.zero

        package init() {}
    }

    /// One module instance that the file configures or adds.
    package struct Load: Sendable, Equatable {
        package enum Isolation: String, Sendable, CaseIterable { case inline, process }
        package enum Builtin: String, Sendable, CaseIterable {
            case log, fail, exec, http

            /// `builtin.NAME` alone says nothing that it could do.
            var needsConfiguration: Bool { self == .exec || self == .http }
        }

        /// The instance's name, as `billing` in `billing.charge`; unique, and never `builtin`.
        package var name = ""
        /// The file. Empty: the module of `modules.directory` whose manifest has this name, or else the one whose file
        /// does, as `<name>.so` or `lib<name>.so`.
        package var path = ""
        /// Expected SHA-256 of the file in lower-case hexadecimal; empty checks nothing.
        package var sha256 = ""
        package var isolation = Isolation.inline
        /// A handler of the host instead of a file: `{name: flaky, builtin: fail}` is named `flaky.fail`.
        package var builtin: Builtin?
        package var limits = WorkerLimits()
        package var grant = Grant()
        /// Handed to the module as JSON; an empty map when absent.
        package var config = ConfigurationValue.map([])
        /// Where the entry stands.
        package var location = SourceLocation.none

        package init() {}
    }
}

extension SourceLocation {
    /// The place of a value that no file holds.
    package static let none = SourceLocation(file: "", line: 0, column: 0)
}
