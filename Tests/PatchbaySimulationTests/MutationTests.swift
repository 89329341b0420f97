import Testing

/// The simulation finds what it is told to do wrong.
@Suite struct Mutations {
    @Test(arguments: Mutation.allCases) func `a mistake in what matters is seen`(_ mutation: Mutation) {
        let result = SeedRuns.run(Array(1..<400), mutation, stopsEarly: true)
        #expect(!result.violations.isEmpty, "\(mutation) went unseen")
    }
}
