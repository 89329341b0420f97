extension Configuration {
    /// Where events come from.
    package struct Source: Sendable, Equatable {
        package enum Kind: String, Sendable, CaseIterable { case file, stdin, socket }
        /// `json` takes any JSON value as the data of an event with `eventType` and `source`.
        package enum Format: String, Sendable, CaseIterable { case cloudevents, json }

        package var name = ""
        package var type = Kind.file
        /// The file or Unix socket; empty for `stdin`.
        package var path = ""
        package var format = Format.cloudevents
        /// The type of events made from plain JSON; empty with `cloudevents`.
        package var eventType = ""
        /// The source attribute of events made from plain JSON; empty with `cloudevents`.
        package var source = ""
        /// Where the source's name stands.
        package var location = SourceLocation.none

        package init() {}

        /// Where this source listens; `nil` when it is not a socket.
        package var socketPath: String? { type == .socket ? path : nil }
    }

    /// `${XDG_RUNTIME_DIR}/patchbay.sock`, or `./patchbay.sock` where that variable is not set.
    package static func socketPathDefault(environment: [String: String]) -> String {
        guard let folder = environment["XDG_RUNTIME_DIR"], !folder.isEmpty else { return "./patchbay.sock" }
        return folder + "/patchbay.sock"
    }
}
