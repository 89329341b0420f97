import PatchbayConfiguration
package import PatchbayEvents

/// What came of all tests, for people, for scripts and for continuous integration. Nothing in it depends on the clock:
/// the same tests and seeds give the same bytes.
package struct TestReport: Sendable {
    package var files: [TestFileResult]

    package init(_ files: [TestFileResult]) { self.files = files }

    private var results: [TestResult] { files.flatMap(\.results) }
    package var failed: Int { results.count { !$0.passed } }
    package var passed: Int { results.count - failed }

    // MARK: For people

    /// Lines without a line end; `paint` colours marks and differences.
    package func text(_ paint: Paint) -> [String] {
        var lines: [String] = []
        for file in files {
            lines.append(paint.bold(file.file))
            for result in file.results { lines += text(result, paint) }
        }
        let summary = "\(passed) passed, \(failed) failed"
        return lines + [failed == 0 ? paint.green(summary) : paint.red(summary)]
    }

    /// How marks are coloured.
    package struct Paint {
        package var bold: (String) -> String
        package var green: (String) -> String
        package var red: (String) -> String
        package var dim: (String) -> String

        package init(
            bold: @escaping (String) -> String, green: @escaping (String) -> String,
            red: @escaping (String) -> String, dim: @escaping (String) -> String
        ) {
            self.bold = bold
            self.green = green
            self.red = red
            self.dim = dim
        }

        /// No colour.
        package static var none: Paint { Paint(bold: { $0 }, green: { $0 }, red: { $0 }, dim: { $0 }) }
    }

    private func text(_ result: TestResult, _ paint: Paint) -> [String] {
        func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
        let facts =
            "\(counted(result.events, "event")), \(counted(result.calls, "call")) in \(result.durationText)"
        guard !result.passed else { return ["  \(paint.green("✓")) \(result.name)  \(paint.dim(facts))"] }
        var lines = ["  \(paint.red("✗")) \(result.name)  \(paint.dim("\(facts), seed \(result.seed)"))"]
        for failure in result.failures {
            lines.append("      \(failure.location): \(failure.what)")
            lines += failure.difference.map { line in
                let shown = "        \(line)"
                return line.hasPrefix("- ") ? paint.red(shown) : line.hasPrefix("+ ") ? paint.green(shown) : shown
            }
        }
        if result.failures.contains(where: { !$0.difference.isEmpty }) {
            lines.append(paint.dim("        - expected, + actual"))
        }
        return lines + result.journey.map { paint.dim("      \($0)") }
    }

    // MARK: For scripts

    /// One map.
    package var value: Value {
        .object([
            ("passed", .int(Int64(passed))), ("failed", .int(Int64(failed))),
            (
                "files",
                .list(
                    files.map { file in
                        .object([("file", .string(file.file)), ("tests", .list(file.results.map(\.value)))])
                    })
            ),
        ])
    }

    /// JUnit's XML, one suite a file. Times are virtual and stand in properties, since readers take `time` for real.
    package var junit: String {
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text += "<testsuites tests=\"\(passed + failed)\" failures=\"\(failed)\">\n"
        for file in files {
            let failures = file.results.count { !$0.passed }
            text +=
                "  <testsuite name=\"\(file.file.xml)\" tests=\"\(file.results.count)\" failures=\"\(failures)\">\n"
            for result in file.results { text += junit(result, of: file) }
            text += "  </testsuite>\n"
        }
        return text + "</testsuites>\n"
    }

    private func junit(_ result: TestResult, of file: TestFileResult) -> String {
        var text =
            "    <testcase name=\"\(result.name.xml)\" classname=\"\(file.file.xml)\" file=\"\(file.file.xml)\" "
            + "line=\"\(result.location.line)\">\n      <properties>\n"
        for (name, value) in [
            ("virtualTime", result.durationText), ("seed", "\(result.seed)"), ("events", "\(result.events)"),
            ("calls", "\(result.calls)"),
        ] {
            text += "        <property name=\"\(name)\" value=\"\(value.xml)\"/>\n"
        }
        text += "      </properties>\n"
        for failure in result.failures {
            let body = failure.difference.joined(separator: "\n")
            text += "      <failure message=\"\("\(failure.location): \(failure.what)".xml)\">\(body.xml)</failure>\n"
        }
        if !result.journey.isEmpty {
            text += "      <system-out>\(result.journey.joined(separator: "\n").xml)</system-out>\n"
        }
        return text + "    </testcase>\n"
    }
}

extension TestResult {
    fileprivate var durationText: String { VirtualTime.rounded(duration.nanosecondsForClock) }

    fileprivate var value: Value {
        .object([
            ("name", .string(name)), ("passed", .bool(passed)), ("file", .string(location.file)),
            ("line", .int(Int64(location.line))), ("seed", .int(Int64(seed))), ("events", .int(Int64(events))),
            ("calls", .int(Int64(calls))), ("virtualTime", .string(VirtualTime.exact(duration.nanosecondsForClock))),
            (
                "failures",
                .list(
                    failures.map { failure in
                        .object([
                            ("file", .string(failure.location.file)), ("line", .int(Int64(failure.location.line))),
                            ("column", .int(Int64(failure.location.column))), ("what", .string(failure.what)),
                            ("expected", .list(failure.expected.map { .string($0) })),
                            ("actual", .list(failure.actual.map { .string($0) })),
                        ])
                    })
            ), ("journey", .list(journey.map { .string($0) })),
        ])
    }
}

extension String {
    /// As text or an attribute's value in XML 1.0, which has no way to write most control characters.
    fileprivate var xml: String {
        var text = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "\n": text += "&#10;"
            case "\t": text += "&#9;"
            case let control where control.value < 0x20 || [0xFFFE, 0xFFFF].contains(control.value):
                text += "\u{FFFD}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
