extension Configuration {
    /// Where events come from.
    package struct Source: Sendable, Equatable {
        package enum Kind: String, Sendable, CaseIterable { case file, stdin, socket, directory, timer }
        /// `json` takes any JSON value as the data of an event with `eventType` and `source`.
        package enum Format: String, Sendable, CaseIterable { case cloudevents, json }

        /// What becomes of a file of a directory once its events are accepted.
        package enum Done: String, Sendable, CaseIterable { case rename, delete }

        package var name = ""
        package var type = Kind.file
        /// The file, folder or Unix socket; empty for `stdin` and `timer`.
        package var path = ""
        /// Which files of a directory: `*`, `?` and `[…]` as in a shell.
        package var pattern = "*.json*"
        package var done = Done.rename
        /// When a timer fires; empty with `every`.
        package var cron = ""
        /// Where `cron` holds, a name of the tz database.
        package var timezone = "UTC"
        /// How often a timer fires, at multiples of it since 1970; zero with `cron`.
        package var every = Duration.zero
        package var format = Format.cloudevents
        /// The type of events that are made here: of a timer, or from plain JSON. Else empty.
        package var eventType = ""
        /// The source attribute of these events. Of a timer `//patchbay/timer/NAME` when empty.
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
