import Testing

/// `#expect` for inner loops: costs nothing while the condition holds.
func check(
    _ condition: Bool, _ comment: @autoclosure () -> String, sourceLocation: SourceLocation = #_sourceLocation
) {
    if !condition { Issue.record("\(comment())", sourceLocation: sourceLocation) }
}
