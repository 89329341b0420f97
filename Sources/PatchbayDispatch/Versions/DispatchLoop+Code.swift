import PatchbayEvents

/// A change of code, as the dispatcher follows it.
struct CodeChange {
    let replacement: Replacement
    let lanes: [Int]
    /// Numbers that no new call gets.
    let before: [UInt16]
    /// Numbers that new calls get, while no further change takes them away.
    let since: [UInt16]
    var progress: Replacement.Progress
    /// A further change has replaced the new code: its counts stay as they are.
    var isSuperseded = false
    /// The new code has a share of the calls, beside the code before; its counts at the start.
    var beside: (codes: [UInt16], start: CodeCounts)?
}

extension DispatchLoop {
    // MARK: Changes

    /// Does what is asked for: from here on calls start with the new code.
    mutating func takeReplacements() -> Bool {
        let all = dispatcher.replacements.takeAll()
        for replacement in all {
            if case .conclude(let trial, let promotes) = replacement.kind {
                conclude(trial, promotes: promotes, replacement)
            } else {
                replace(replacement)
            }
        }
        return !all.isEmpty
    }

    private mutating func replace(_ replacement: Replacement) {
        var wanted: [(lane: Int, handler: Handler)] = []
        for handler in replacement.handlers {
            let lanes = dispatcher.plan.lanes.indices.filter {
                dispatcher.plan.lanes[$0].handler.name == handler.name && !dispatcher.plan.lanes[$0].buries
            }
            guard !lanes.isEmpty else { return replacement.refuse("no route uses the handler '\(handler.name)'") }
            wanted += lanes.map { ($0, handler) }
        }
        guard !wanted.contains(where: { codes.hasCanary($0.lane) }) else {
            return replacement.refuse("another version has a share of its calls: promote it or take it back first")
        }
        guard codes.hasRoom(for: wanted.count) else {
            return replacement.refuse("too many earlier versions still have calls that do not end")
        }
        do {
            for (lane, handler) in wanted where handler.blocking && pools.isShared(lane) {
                try pools.separate(lane: lane, plan: dispatcher.plan)
            }
        } catch {
            return replacement.refuse("\(error)")
        }
        let lanes = wanted.map(\.lane)
        if case .share(let share) = replacement.kind {
            let before = lanes.map { codes.ofLane[$0] }
            let since = wanted.map { codes.addCanary(lane: $0.lane, $0.handler, share: share) }
            var change = CodeChange(
                replacement: replacement, lanes: lanes, before: [], since: since, progress: Replacement.Progress())
            change.beside = (before, before.reduce(CodeCounts()) { $0 + codes.counts[Int($1)] })
            changes.append(change)
            return replacement.applied(change.progress)
        }
        // What waits for a worker starts with the new code, and does not keep the old one.
        recallQueued()
        var progress = Replacement.Progress()
        for lane in lanes { progress.before = progress.before + codes.recent(ofLane: lane) }
        let before = wanted.map { codes.change(lane: $0.lane, to: $0.handler) }
        core.codeChanged(lanes: lanes, now: now, effects: &effects)
        for index in changes.indices where changes[index].since.contains(where: before.contains) {
            changes[index].isSuperseded = true
        }
        let since = lanes.map { codes.ofLane[$0] }
        progress.openBefore = before.reduce(0) { $0 + Int(codes.counts[Int($1)].open) }
        changes.append(
            CodeChange(replacement: replacement, lanes: lanes, before: before, since: since, progress: progress))
        replacement.applied(progress)
        sweepDue = 0
    }

    private mutating func conclude(_ trial: Replacement, promotes: Bool, _ replacement: Replacement) {
        guard let index = changes.firstIndex(where: { $0.replacement === trial && $0.beside != nil }) else {
            return replacement.refuse("it has no share of the calls")
        }
        recallQueued()
        let concluded = changes.remove(at: index)
        let before = concluded.lanes.map { codes.concludeCanary(lane: $0, promotes: promotes) }
        if !promotes { core.codeChanged(lanes: concluded.lanes, now: now, effects: &effects) }
        trial.end()
        var progress = Replacement.Progress()
        progress.openBefore = before.reduce(0) { $0 + Int(codes.counts[Int($1)].open) }
        changes.append(
            CodeChange(
                replacement: replacement, lanes: concluded.lanes, before: before,
                since: promotes ? concluded.since : [], progress: progress))
        replacement.applied(progress)
        sweepDue = 0
    }

    /// Looks at how changes go: whether the old code has ended, how the new one does.
    mutating func watchChanges() {
        codes.mark(now: now)
        guard !changes.isEmpty else { return }
        for index in changes.indices {
            var change = changes[index]
            var progress = change.progress
            if let beside = change.beside {
                progress.before = beside.codes.reduce(CodeCounts()) { $0 + codes.counts[Int($1)] } - beside.start
            } else if !progress.isRetired {
                progress.openBefore = change.before.reduce(0) { $0 + Int(codes.counts[Int($1)].open) }
                if progress.openBefore == 0 {
                    for code in change.before { codes.retire(code) }
                    progress.isRetired = true
                }
            }
            if !change.isSuperseded {
                progress.since = change.since.reduce(CodeCounts()) { $0 + codes.counts[Int($1)] }
            }
            guard progress != change.progress else { continue }
            change.progress = progress
            changes[index] = change
            change.replacement.update(progress)
        }
        changes.removeAll { $0.progress.isRetired && ($0.isSuperseded || !$0.replacement.isWatched) }
    }

    /// The dispatcher ends: nothing is changed and nothing retired any more.
    mutating func endChanges() {
        watchChanges()
        for change in changes { change.replacement.end() }
        changes = []
        dispatcher.shared.keep(codes.living)
        dispatcher.replacements.stop()
    }

    // MARK: Counting

    /// Counts the end of a call that is no plain success.
    func count(_ outcome: SettledCall, of info: CallInfo, startedAt: UInt64) {
        let counts = codes.counts.base + Int(info.code)
        if codes.isComparing, startedAt != 0 { counts.pointee.nanoseconds &+= now &- min(now, startedAt) }
        guard outcome.kind != .unstarted else {
            counts.pointee.started &-= 1
            return
        }
        counts.pointee.ended &+= 1
        // What the host gave up on was counted then.
        guard !outcome.wasClosed, outcome.details?.sparesBreaker != true else { return }
        switch outcome.kind {
        case .retry, .fail, .cancelled: counts.pointee.failed &+= 1
        case .done, .skip, .busy, .unstarted: break
        }
    }

    /// Says by which version a delivery died, among the deaths since a call was settled.
    mutating func nameVersion(_ info: CallInfo, ofDeathsFrom first: Int, _ reference: DeliveryReference) {
        guard first < effects.deaths.count else { return }
        for index in first..<effects.deaths.count where effects.deaths[index].delivery == reference.delivery {
            effects.deaths[index].handlerVersion = codes.handler(info.code).version
        }
    }
}
