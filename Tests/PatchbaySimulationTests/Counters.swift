import PatchbayLog

@testable import PatchbayDispatch

/// How often what the simulation is about was really met.
struct Counters {
    var runs = 0
    var events = 0
    var lives = 0
    var reducedLives = 0
    var changes = 0
    var reloads = 0
    var reloadCrashes = 0
    var decidedAnew = 0
    var decisionsRead = 0
    var outlived = 0
    var codeChanges = 0
    var codeChangesMidway = 0
    var requests = 0
    var crashes = 0
    var powerCuts = 0
    var kills = 0
    var crashesWhileOpening = 0
    var drained = 0
    var cutShort = 0
    var finished = 0
    var resent = 0
    var calls = 0
    var repeats = 0
    var failures = 0
    var hangs = 0
    var duplicates = 0
    var conflicts = 0
    var streamConflicts = 0
    var appended = 0
    var carried = 0
    var followed = 0
    var full = 0
    var subscribed = 0
    var doubled = 0
    var unsubscribed = 0
    var ended = 0
    var unwanted = 0
    var truncations = 0
    var deletedStreams = 0
    var truncatedPast = 0
    var dead = 0
    var obituaries = 0
    var redriven = 0
    var purged = 0
    var emitted = 0
    var released = 0
    var firedTimers = 0
    var cancelledTimers = 0
    var timeouts = 0
    var late = 0
    var busy = 0
    var opened = 0
    var probes = 0
    var reloaded = 0
    var unreadable = 0
    var orphaned = 0
    var refusedGroups = 0
    var resumedFailures = 0
    var doubtful = 0
    var doubtfulKept = 0
    var flips = 0
    var flipsSeen = 0
    var disk = FaultCounts()

    mutating func count(_ end: DispatchEnd.Reason) {
        switch end {
        case .finished: finished += 1
        case .kept: drained += 1
        case .deadline: cutShort += 1
        case .stuck, .stopped: break
        }
    }

    static func + (a: Counters, b: Counters) -> Counters {
        var sum = a
        for path in paths { sum[keyPath: path.1] += b[keyPath: path.1] }
        return sum
    }

    static var paths: [(String, WritableKeyPath<Counters, Int>)] {
        [
            ("runs", \.runs), ("events", \.events), ("processes", \.lives),
            ("of these without a handler", \.reducedLives), ("changed configurations", \.changes),
            ("configurations taken over by a process that runs", \.reloads),
            ("crashes right behind a step of that", \.reloadCrashes),
            ("events that came in after it", \.decidedAnew), ("decisions read back", \.decisionsRead),
            ("calls that the routes in force would not make", \.outlived),
            ("changes of handlers' code", \.codeChanges), ("of these amid open calls", \.codeChangesMidway),
            ("crashes", \.crashes), ("power cuts", \.powerCuts),
            ("kills", \.kills), ("crashes while opening", \.crashesWhileOpening), ("drains", \.drained),
            ("drains at their deadline", \.cutShort), ("ends with all settled", \.finished),
            ("events sent again", \.resent), ("of the same twice", \.duplicates),
            ("calls", \.calls), ("repeated calls", \.repeats), ("failures", \.failures), ("hangs", \.hangs),
            ("conflicts of state", \.conflicts), ("conflicts of streams", \.streamConflicts),
            ("events appended to streams", \.appended), ("streams read back", \.carried),
            ("of appended events delivered to who follows", \.followed),
            ("frames after which one has as many unsettled as may be", \.full),
            ("subscriptions made by calls", \.subscribed), ("of a stream that the handler follows", \.doubled),
            ("of these ended by calls", \.unsubscribed), ("by operators", \.ended),
            ("events that they do not want", \.unwanted), ("streams truncated", \.truncations),
            ("deleted", \.deletedStreams), ("events that were gone before they came", \.truncatedPast),
            ("dead letters", \.dead), ("of these come in again", \.obituaries),
            ("of these redriven", \.redriven), ("of these purged", \.purged),
            ("requests of operators while it runs", \.requests),
            ("emitted events", \.emitted), ("of these later", \.released), ("timers fired", \.firedTimers),
            ("timers cancelled", \.cancelledTimers), ("timeouts", \.timeouts), ("late completions", \.late),
            ("busy", \.busy), ("breakers opened", \.opened), ("probes", \.probes), ("frames read back", \.reloaded),
            ("frames that could not be read", \.unreadable), ("orphaned deliveries", \.orphaned),
            ("groups that the disk refused", \.refusedGroups), ("failures taken over", \.resumedFailures),
            ("frames in doubt", \.doubtful), ("of these on disk", \.doubtfulKept), ("flipped bits", \.flips),
            ("of these reported", \.flipsSeen), ("disk operations", \.disk.operations),
            ("crashes at a write", \.disk.crashesAtWrite), ("crashes at a sync", \.disk.crashesAtSync),
            ("EIO", \.disk.ioErrors), ("of these of a write", \.disk.ioErrorsAtWrite),
            ("of these of a sync", \.disk.ioErrorsAtSync), ("ENOSPC", \.disk.noSpaceErrors),
            ("lost pages", \.disk.lostPages), ("torn pages", \.disk.tornPages),
            ("files written in another order", \.disk.reorderedFiles),
            ("phantom pages", \.disk.phantomPages), ("lost names", \.disk.lostEntries),
        ]
    }

    var text: String { Self.paths.map { "  \($0.0): \(self[keyPath: $0.1])" }.joined(separator: "\n") }
}
