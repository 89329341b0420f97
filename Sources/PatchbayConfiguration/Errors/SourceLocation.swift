/// A place in the configuration file; prints as `file:line:column`, the form that editors jump to.
package struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
    package var file: String
    /// Counted from 1.
    package var line: Int
    /// Counted from 1, in Unicode scalars.
    package var column: Int

    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    package var description: String { "\(file):\(line):\(column)" }

    /// `file:line`, for listings.
    package var fileAndLine: String { "\(file):\(line)" }
}
