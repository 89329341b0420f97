/// A whole configuration file, resolved: defaults filled in, references checked, text interpolated.
///
/// Every stored property is one key of the file, under the key's own name unless the table of that section says
/// otherwise; the defaults here are the defaults of the file.
package struct Configuration: Sendable, Equatable {
    /// The only version so far is `patchbay/v1`.
    package var apiVersion = "patchbay/v1"
    package var modules = Modules()
    package var policies = Policies()
    /// In the file's order; the router sorts by `order`, stably.
    package var routes: [Route] = []
    package var unmatched = Unmatched.deadLetter
    package var sources: [Source] = []
    package var log = Log()
    package var limits = Limits()
    package var shutdown = Shutdown()
    package var reload = Reload()
    package var security = Security()
    package var telemetry = Telemetry()
    package var tests: [Test] = []
    /// As written, until it is translated to routes.
    var eventRouting: EventRouting?
    /// Where each written value stands, by path (`routes[0].use.retry`); a default has no entry.
    package var origins = Origins()
    /// Every value that came through `${secret:…}`; `secrets.redacted(_:)` cleans a text of them.
    package var secrets = Secrets()

    package init() {}

    /// `text` as it may be shown, where it tells of the value at `path`: what came through a secret is not shown as a
    /// whole, since parts of it would not be recognised; elsewhere secrets are replaced.
    package func redacted(_ text: String, at path: String) -> String {
        origins[path]?.isSecret == true ? Secrets.mark : secrets.redacted(text)
    }

    /// What happens to an event that no route takes.
    package enum Unmatched: String, Sendable, CaseIterable {
        case drop, deadLetter, error
    }

    /// The event log in front of the lanes.
    package struct Log: Sendable, Equatable {
        package enum Backend: String, Sendable, CaseIterable { case memory, file }
        package enum Sync: String, Sendable, CaseIterable { case always, interval, never }

        /// How long what is done stays in the log's files.
        package struct Retention: Sendable, Equatable {
            package var age = Duration.seconds(30 * 86_400)
            /// 0 is no bound.
            package var bytes = 0

            package init() {}
        }

        package var backend = Backend.memory
        /// The data folder of the file backend.
        package var path = "./data"
        package var sync = Sync.always
        /// With `sync: interval`.
        package var syncInterval = Duration.milliseconds(100)
        package var retention = Retention()
        /// How many bytes of events may be pending before sources pause; at least `limits.eventBytes`. 0 leaves it to the
        /// backend.
        package var bytes = 0

        /// What `bytes` comes to; `nil` is no bound.
        package var pendingBytesMax: Int? {
            if bytes > 0 { return bytes }
            return backend == .memory ? 256 << 20 : nil
        }

        package init() {}
    }

    /// Bounds on what comes in and on what handlers emit.
    package struct Limits: Sendable, Equatable {
        /// The largest event that is accepted, in bytes of its encoded form.
        package var eventBytes = 1 << 20
        /// How deep JSON may nest.
        package var nesting = 64
        /// How many times an emitted event may cause another one.
        package var emitDepth = 16

        package init() {}
    }

    package struct Shutdown: Sendable, Equatable {
        /// How long a drain waits for deliveries before it writes down what is pending.
        package var drain = Duration.seconds(60)

        package init() {}
    }

    /// How a running host takes a changed file.
    package struct Reload: Sendable, Equatable {
        /// Looks for changes of the file and of modules' files every second.
        package var watch = false
        /// After that long the log says that a version of a module that was replaced still has calls.
        package var moduleDrain = Duration.seconds(60)

        package init() {}
    }

    package struct Telemetry: Sendable, Equatable {
        /// How a span refers to the trace context that came with the event.
        package enum Context: String, Sendable, CaseIterable { case link, parent }

        /// Base URL of an OTLP/HTTP collector, such as `http://127.0.0.1:4318`; empty exports nothing.
        package var otlp = ""
        package var context = Context.link
        /// Share of events that are traced, 0 to 1.
        package var sampleRatio = 1.0

        package init() {}
    }

    /// The first `socket` source's path, where `patchbay send` connects; `nil` without such a source.
    package var socketPath: String? { sources.lazy.compactMap(\.socketPath).first }
}
