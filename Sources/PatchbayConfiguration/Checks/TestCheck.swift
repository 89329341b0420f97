/// Tests that name what is not there.
enum TestCheck {
    /// Names of tests that are there twice.
    static func names(_ tests: [Configuration.Test], _ reading: inout Reading) {
        NameCheck.unique(tests.map { ($0.name, $0.location) }, "test", "tests", &reading)
    }

    /// - Parameters:
    ///   - origins: of the file that the tests stand in.
    ///   - file: its name.
    static func errors(
        in tests: [Configuration.Test], of configuration: Configuration, origins: Configuration.Origins, file: String
    ) -> [ConfigurationError] {
        var check = Check(
            routes: configuration.routes.map(\.name),
            handlers: configuration.routes.flatMap(\.to).flatMap(\.handlers).map(\.name), origins: origins, file: file)
        for (index, test) in tests.enumerated() { check.run(test, "tests[\(index)]") }
        return check.errors
    }

    private struct Check {
        let routes: [String]
        let handlers: [String]
        let origins: Configuration.Origins
        let file: String
        var errors: [ConfigurationError] = []

        mutating func run(_ test: Configuration.Test, _ path: String) {
            let ids = test.eventIDs
            for (index, injection) in test.inject.items.enumerated() {
                let path = test.inject.path(index, of: "\(path).inject")
                resolve(injection.handler, handlers, "handler", "\(path).handler")
                if let event = injection.event { resolve(event, ids, "\(path).event") }
            }
            for (index, expectation) in test.expect.items.enumerated() {
                let path = test.expect.path(index, of: "\(path).expect")
                if let event = expectation.event { resolve(event, ids, "\(path).event") }
                if let handler = expectation.handler { resolve(handler, handlers, "handler", "\(path).handler") }
                if let route = expectation.route {
                    for (index, name) in route.items.enumerated() {
                        resolve(name, routes, "route", route.path(index, of: "\(path).route"))
                    }
                }
                for (index, name) in (expectation.handlers ?? []).enumerated() {
                    resolve(name, handlers, "handler", "\(path).handlers[\(index)]")
                }
                for verdict in expectation.explain ?? [] {
                    resolve(verdict.route, routes, "route", "\(path).explain".appendingKey(verdict.route))
                }
                if case .events(let order) = expectation.order {
                    for (index, id) in order.enumerated() { resolve(id, ids, "\(path).order[\(index)]") }
                }
            }
        }

        private mutating func resolve(_ name: String, _ names: [String], _ what: String, _ path: String) {
            guard !names.contains(name) else { return }
            var known: [String] = []
            for name in names where !known.contains(name) { known.append(name) }
            fail("no route names the \(what) '\(name)'", what, name, known, path)
        }

        private mutating func resolve(_ id: String, _ ids: Configuration.Test.EventIDs, _ path: String) {
            guard !ids.contains(id) else { return }
            fail("the test sends no event '\(id)'", "event", id, ids.shown, path)
        }

        private mutating func fail(_ message: String, _ what: String, _ name: String, _ known: [String], _ path: String)
        {
            let text = what == "route" ? "no route is named '\(name)'" : message
            errors.append(
                ConfigurationError(
                    code: .unresolved, message: text + Suggestion.text(for: name, among: known),
                    location: origins.nearest(to: path)?.location ?? SourceLocation(file: file, line: 1, column: 1),
                    path: path, accepted: known))
        }
    }
}

extension Configuration.Test {
    /// The ids of the events that a test can name.
    package struct EventIDs: Sendable {
        /// Of each event that is sent, in the order of `send`: id by id.
        package var sent: [[String]] = []
        fileprivate var known: Set<String> = []
        fileprivate var emitted: [String] = []

        func contains(_ id: String) -> Bool { known.contains(id) }
        var shown: [String] { Array(sent.joined().prefix(12)) + emitted.prefix(4) }
    }

    /// An event without an id has its number as one; what is sent several times gets numbers behind its id.
    package var eventIDs: EventIDs {
        var ids = EventIDs()
        var number = 0
        for sending in send.items {
            let numbers = (number + 1)...(number + sending.times)
            number += sending.times
            if let id = sending.event["id"] {
                ids.sent.append(sending.times == 1 ? [id] : (1...sending.times).map { "\(id)-\($0)" })
            } else {
                ids.sent.append(numbers.map(String.init))
            }
        }
        ids.emitted = inject.items.flatMap(\.emits.items).compactMap { $0["id"] }
        ids.known = Set(ids.sent.joined()).union(ids.emitted)
        return ids
    }
}
