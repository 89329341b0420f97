extension TypePattern {
    /// Whether it takes every type that `other` takes.
    package func covers(_ other: TypePattern) -> Bool {
        if text == "**" || text == other.text { return true }
        var (own, others) = (text.split(separator: "."), other.text.split(separator: "."))
        let (hasTail, otherHasTail) = (own.last == "**", others.last == "**")
        if hasTail { own.removeLast() }
        if otherHasTail { others.removeLast() }
        // A tail is one token or more.
        let fits =
            switch (hasTail, otherHasTail) {
            case (false, true): false
            case (false, false): own.count == others.count
            case (true, false): own.count < others.count
            case (true, true): own.count <= others.count
            }
        return fits && zip(own, others).allSatisfy { $0 == "*" || $0 == $1 }
    }
}
