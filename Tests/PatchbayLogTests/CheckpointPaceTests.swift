import Testing

@testable import PatchbayLog

/// When a log asks for its next checkpoint.
@Suite struct CheckpointPaceTests {
    /// Regression: only what a process wrote itself counted, so hosts that were killed early never made one, and each
    /// start read more than the one before.
    @Test func `what earlier runs wrote behind the last checkpoint counts`() throws {
        let storage = MemoryStorage()
        var settings = LogSettings()
        settings.checkpointBytes = 8_192
        var asked: [Bool] = []
        for run in 0..<6 {
            let opened = try OpenedLog(storage, lock: nil, settings: settings) { (_, _) throws(LogFormatError) in
            } other: { (_, _) throws(LogFormatError) in
            }
            // About 2 KiB a run, as names.
            let routes = (0..<25 * (run + 1)).map { "route \($0) " + String(repeating: "x", count: 60) }
            let committer = try opened.committer(routes: routes, handlers: [], unixNow: 1)
            asked.append(committer.wantsCheckpoint)
        }
        #expect(asked.first == false && asked.last == true, "\(asked)")
        #expect(asked == asked.sorted { !$0 && $1 })
    }

    @Test func `a log whose checkpoint holds everything does not ask for the next one at its start`() throws {
        let storage = MemoryStorage()
        var settings = LogSettings()
        settings.checkpointBytes = 8_192
        for run in 0..<3 {
            let opened = try OpenedLog(storage, lock: nil, settings: settings) { (_, _) throws(LogFormatError) in
            } other: { (_, _) throws(LogFormatError) in
            }
            let routes = (0..<300).map { "route \($0) " + String(repeating: "x", count: 60) }
            var committer = try opened.committer(routes: routes, handlers: [], unixNow: 1)
            let wantsBefore = committer.wantsCheckpoint
            try committer.checkpoint([], unixNow: 1)
            let wantsAfter = committer.wantsCheckpoint
            #expect(wantsBefore == (run == 0))
            #expect(!wantsAfter)
        }
    }
}
