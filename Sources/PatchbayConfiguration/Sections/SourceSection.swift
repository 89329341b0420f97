import PatchbaySchedule

extension Configuration.Source {
    static let section = Section<Self>(
        "a source", { Self() },
        [
            Key(
                naming: "name", \.name, .name("a source's name"), "The source's name, unique in the file.",
                example: .string("orders"), location: \.location),
            Key(
                "type", \.type, .choice(),
                "What is read: a JSON-lines file, standard input, a Unix socket behind 'patchbay send', the files of a folder, or the clock.",
                example: .string("file"), required: true),
            Key(
                "path", \.path, .text("a path") { $0.isEmpty ? "it is empty" : nil },
                "The file, folder or socket; a socket is patchbay.sock in XDG_RUNTIME_DIR, or else here, by default.",
                example: .string("./orders.jsonl"), shownIf: { $0.type != .stdin && $0.type != .timer }),
            Key(
                "pattern", \.pattern, .text("a file name with * and ?", problem: patternProblem),
                "type: directory: which files; *.json files hold one event, others one a line.",
                example: .string("*.jsonl"), shownIf: { $0.type == .directory }),
            Key(
                "done", \.done, .choice(),
                "type: directory: what becomes of a file whose events are accepted; renamed ones end with .done.",
                example: .string("delete"),
                shownIf: { $0.type == .directory }),
            Key(
                "cron", \.cron, .text("a cron expression", problem: cronProblem),
                "type: timer: when it fires: minute, hour, day of month, month, day of week; or seconds first.",
                example: .string("0 3 * * *"), shownIf: { $0.type == .timer && !$0.cron.isEmpty }),
            Key(
                "timezone", \.timezone, .text("a time zone", problem: timezoneProblem),
                "type: timer: where cron holds, such as Europe/Berlin.", example: .string("Europe/Berlin"),
                shownIf: { $0.type == .timer && !$0.cron.isEmpty }),
            Key(
                "every", \.every, .duration(.milliseconds(10)...DurationText.longest),
                "type: timer: how often it fires, at multiples of this time.", example: .string("30s"),
                shownIf: { $0.type == .timer && $0.cron.isEmpty }),
            Key(
                "format", \.format, .choice(), "What a line or file holds: a CloudEvent, or the data of one.",
                shownIf: { $0.type != .timer }),
            Key(
                "eventType", \.eventType, .text("an event type") { $0.isEmpty ? "it is empty" : nil },
                "format: json and type: timer: the type of the events.", example: .string("com.acme.order.created"),
                shownIf: { $0.format == .json || $0.type == .timer }),
            Key(
                "source", \.source, .text("a URI reference") { $0.isEmpty ? "it is empty" : nil },
                "format: json and type: timer: the source attribute of the events.", example: .string("/shop"),
                shownIf: { $0.format == .json || ($0.type == .timer && !$0.source.isEmpty) }),
        ],
        finish: finish)

    private static func patternProblem(_ text: String) -> String? {
        text.isEmpty || text.contains("/") ? "it names files of one folder" : nil
    }

    private static func cronProblem(_ text: String) -> String? {
        do throws(CronError) {
            _ = try CronSchedule(text)
            return nil
        } catch {
            return error.description
        }
    }

    private static func timezoneProblem(_ text: String) -> String? {
        ZoneRules(identifier: text) == nil ? "this system knows no such zone" : nil
    }

    private static func finish(
        _ source: inout Self, _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) {
        if source.type != .directory {
            for key in ["pattern", "done"] { reading.refuse(key, of: node, path, because: "'type: \(source.type)'") }
        }
        if source.type != .timer {
            for key in ["cron", "timezone", "every"] {
                reading.refuse(key, of: node, path, because: "'type: \(source.type)'")
            }
        }
        switch source.type {
        case .file, .directory:
            if node["path"] == nil {
                reading.fail(.missingKey, "a \(source.type) source needs the key 'path'", at: node.location, path)
            }
        case .stdin: reading.refuse("path", of: node, path, because: "'type: stdin', which has none")
        case .socket:
            if node["path"] == nil {
                source.path = Configuration.socketPathDefault(environment: reading.inputs.environment)
            }
            // sockaddr_un has room for 107 bytes and the final zero.
            if source.path.utf8.count > 107 {
                reading.fail(
                    .outOfRange, "a socket's path has at most 107 bytes, this one has \(source.path.utf8.count)",
                    at: node["path"]?.value.location ?? node.location, "\(path).path")
            }
        case .timer: return finishTimer(node, path, &reading)
        }
        for key in ["eventType", "source"] {
            switch source.format {
            case .cloudevents:
                reading.refuse(key, of: node, path, because: "'format: cloudevents', which brings its own")
            case .json:
                if node[key] == nil {
                    reading.fail(.missingKey, "'format: json' needs the key '\(key)'", at: node.location, path)
                }
            }
        }
    }

    private static func finishTimer(_ node: YAMLNode, _ path: String, _ reading: inout Reading) {
        for key in ["path", "format"] {
            reading.refuse(key, of: node, path, because: "'type: timer', which reads none")
        }
        if node["eventType"] == nil {
            reading.fail(.missingKey, "a timer source needs the key 'eventType'", at: node.location, path)
        }
        switch (node["cron"], node["every"]) {
        case (nil, nil):
            reading.fail(
                .missingKey, "a timer source needs one of the keys 'cron' and 'every'", at: node.location, path)
        case (_?, _?): reading.refuse("every", of: node, path, because: "'cron'")
        case (nil, _?): reading.refuse("timezone", of: node, path, because: "'every'")
        case (_?, nil): break
        }
    }
}

extension Reading {
    /// Reports `key` if the file has it.
    fileprivate mutating func refuse(_ key: String, of node: YAMLNode, _ path: String, because reason: String) {
        guard let entry = node[key] else { return }
        fail(
            .impossible, "'\(key)' has no meaning with \(reason)", at: entry.keyLocation, "\(path).\(key)",
            remedy: "remove it")
    }
}
