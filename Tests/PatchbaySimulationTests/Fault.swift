import PatchbayLog

/// A kind of fault that every run meets, however its dice fall.
enum Fault: String, CaseIterable {
    case crashAtWrite = "a crash at a write"
    case crashAtSync = "a crash at a sync"
    case tornWrite = "a torn page"
    case reorderedWrites = "writes kept in another order"
    case lostPages = "lost pages"
    case noSpace = "ENOSPC"
    case writeError = "EIO of a write"
    case syncError = "EIO of a sync"
    case bitRot = "a flipped bit"
    case failure = "a failure of a handler"
    case hang = "a handler that hangs"
    case duplicate = "an event that comes twice"

    private var path: KeyPath<Counters, Int> {
        switch self {
        case .crashAtWrite: \.disk.crashesAtWrite
        case .crashAtSync: \.disk.crashesAtSync
        case .tornWrite: \.disk.tornPages
        case .reorderedWrites: \.disk.reorderedFiles
        case .lostPages: \.disk.lostPages
        case .noSpace: \.disk.noSpaceErrors
        case .writeError: \.disk.ioErrorsAtWrite
        case .syncError: \.disk.ioErrorsAtSync
        case .bitRot: \.flips
        case .failure: \.failures
        case .hang: \.hangs
        case .duplicate: \.duplicates
        }
    }

    /// Those that a run has not met.
    static func missing(in counters: Counters) -> [Fault] { allCases.filter { counters[keyPath: $0.path] == 0 } }

    /// Needs a process that loses power.
    var isCrash: Bool {
        switch self {
        case .crashAtWrite, .crashAtSync, .tornWrite, .reorderedWrites, .lostPages: true
        default: false
        }
    }

    /// Needs a disk: the run has to go on until it has met it.
    var isOfDisk: Bool {
        switch self {
        case .failure, .hang, .duplicate: false
        default: true
        }
    }

    /// Has a disk meet it at the `distance`th write or sync from now on.
    func arm(_ plan: inout FaultPlan, _ counts: FaultCounts, distance: Int) {
        switch self {
        case .crashAtWrite: plan.atWrite[counts.writes + distance] = .crash
        case .noSpace: plan.atWrite[counts.writes + distance] = .noSpace
        case .writeError: plan.atWrite[counts.writes + distance] = .io
        case .syncError: plan.atSync[counts.syncs + distance] = .io
        case .crashAtSync, .tornWrite, .reorderedWrites, .lostPages:
            plan.atSync[counts.syncs + distance] = .crash
            plan.loss =
                switch self {
                case .tornWrite: .torn
                case .reorderedWrites: .reordered
                case .lostPages: .all
                default: .byChance
                }
        case .bitRot, .failure, .hang, .duplicate: break
        }
    }
}
