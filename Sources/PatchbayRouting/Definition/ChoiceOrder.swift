/// In which order the entries of a choice are asked; one rule for matching, explaining and linting.
///
/// Entries of weight 0 are not there. Those with a condition are asked as they stand; the first ones without a
/// condition, up to the next one that has one, share by weight what no condition took, so that nothing gets to the
/// entries behind them.
package struct ChoiceOrder: Sendable, Hashable {
    /// Indices of the entries with a condition that may be asked.
    package private(set) var asked: [Int] = []
    /// Indices of the entries that share the rest; empty gives the rest to nobody.
    package private(set) var sharing: [Int] = []
    /// Indices of the entries with a weight that nothing gets to.
    package private(set) var unreachable: [Int] = []

    /// - Parameter entries: in the order of the file.
    package init(_ entries: some Sequence<(hasCondition: Bool, weight: Int)>) {
        for (index, entry) in entries.enumerated() where entry.weight > 0 {
            if !unreachable.isEmpty || (entry.hasCondition && !sharing.isEmpty) {
                unreachable.append(index)
            } else if entry.hasCondition {
                asked.append(index)
            } else {
                sharing.append(index)
            }
        }
    }

    init(_ choices: [RouteChoice]) {
        self.init(choices.lazy.map { (hasCondition: $0.match != nil, weight: Int($0.weight)) })
    }

    /// Whether nobody ever gets anything.
    package var isEmpty: Bool { asked.isEmpty && sharing.isEmpty }
}
