/// What is wrong with one key of a policy; configuration adds file, line and column.
package struct PolicyProblem: Error, Sendable, Hashable {
    /// The key below the policy, such as `maxInterval` or `budget.ratio`.
    package let key: String
    /// Why the value is impossible.
    package let message: String
    /// What would be accepted, such as `greater than 0`.
    package let accepted: String

    package init(key: String, message: String, accepted: String) {
        self.key = key
        self.message = message
        self.accepted = accepted
    }
}
