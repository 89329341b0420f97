import Testing

@testable import PatchbayModules

@Suite struct `restart of workers` {
    @Test func `happens at once, then after waits that double up to a ceiling`() {
        var backoff = RestartBackoff()
        let waits = (0..<20).map { _ in backoff.delay(succeeded: false) }
        #expect(waits.prefix(4) == [0, 10_000_000, 20_000_000, 40_000_000])
        #expect(waits.last == RestartBackoff.most)
        #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test func `begins anew once a call has succeeded`() {
        var backoff = RestartBackoff()
        for _ in 0..<10 { _ = backoff.delay(succeeded: false) }
        let after = backoff.delay(succeeded: true)
        let next = backoff.delay(succeeded: false)
        #expect(after == 0)
        #expect(next == RestartBackoff.first)
    }
}

/// Who pays for a worker's death, in every combination.
@Suite struct `charge of an attempt` {
    private func death(_ culprit: WorkerDeath.Culprit) -> WorkerDeath {
        WorkerDeath(culprit: culprit, ending: "SIGSEGV", reason: "crashed")
    }

    @Test func `is never for a call that was not entered`() {
        for culprit in [WorkerDeath.Culprit.channel(3), .call(7), .anyCall, .host] {
            #expect(!death(culprit).charges(7, entered: false, channel: 3))
        }
    }

    @Test func `is for the call whose thread crashed, and for no other one`() {
        #expect(death(.channel(3)).charges(7, entered: true, channel: 3))
        #expect(!death(.channel(3)).charges(8, entered: true, channel: 4))
        #expect(!death(.channel(3)).charges(9, entered: true, channel: nil))
    }

    @Test func `is for the call that overstayed, and for no other one`() {
        #expect(death(.call(7)).charges(7, entered: true, channel: 1))
        #expect(!death(.call(7)).charges(8, entered: true, channel: 2))
    }

    @Test func `is for every open call when nobody knows, and for none when the host ended it`() {
        for channel in [1, nil] as [UInt32?] {
            #expect(death(.anyCall).charges(7, entered: true, channel: channel))
            #expect(!death(.host).charges(7, entered: true, channel: channel))
        }
    }
}
