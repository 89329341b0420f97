import PatchbayDispatch
import PatchbayEvents
import Testing

@Suite struct PriorityTests {
    @Test func `starts higher priorities first and equal ones in log order`() {
        let bench = Bench()
        bench.send([
            Given("a0"), Given("b9", priority: 9), Given("c5", priority: 5), Given("d9", priority: 9), Given("e0"),
        ])
        bench.run()
        #expect(bench.startedIDs == ["b9", "d9", "c5", "a0", "e0"])
        #expect(bench.released == 1)
    }

    @Test func `treats a priority above nine as nine`() {
        let bench = Bench()
        bench.send([Given("a", priority: 9), Given("b", priority: 200), Given("c", priority: 8)])
        bench.run()
        #expect(bench.startedIDs == ["a", "b", "c"])
    }
}
