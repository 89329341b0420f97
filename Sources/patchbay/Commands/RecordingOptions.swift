import ArgumentParser
import PatchbayModules

/// Which calls `patchbay run` records.
struct RecordingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Record calls of modules' handlers to files in this folder, for 'patchbay rerun'.", valueName: "folder"),
        completion: .directory)
    var record: String?

    @Option(
        help: ArgumentHelp(
            "Record this handler's calls only; may be given more than once.", valueName: "handler"),
        completion: .handlers)
    var recordHandler: [String] = []

    @Option(help: ArgumentHelp("How many calls are recorded at most.", valueName: "count"))
    var recordCalls = 100

    @Option(help: ArgumentHelp("How many bytes the recordings may have together.", valueName: "count"))
    var recordBytes = 256 << 20

    @Flag(help: "Keep the recordings of calls that end neither done nor skipped.")
    var recordFailed = false

    func validate() throws {
        guard recordCalls > 0, recordBytes > 0 else {
            throw ValidationError("--record-calls and --record-bytes have to be more than 0")
        }
        guard record != nil || recordHandler.isEmpty && !recordFailed else {
            throw ValidationError("--record-handler and --record-failed need --record FOLDER")
        }
    }

    /// `nil`: nothing is recorded.
    var value: (folder: String, bounds: CallRecorder.Bounds)? {
        record.map { folder in
            var bounds = CallRecorder.Bounds()
            bounds.handlers = recordHandler
            bounds.calls = recordCalls
            bounds.bytes = recordBytes
            bounds.isForFailures = recordFailed
            return (folder, bounds)
        }
    }
}
