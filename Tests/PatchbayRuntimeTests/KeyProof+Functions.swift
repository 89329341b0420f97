import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents

@testable import PatchbayRuntime

extension KeyProof {
    /// The keys of a function: strtol is asked about each event, and what it gives comes in as an event that `lab` notes.
    static let functions: [KeyProof] = {
        @Sendable func whole(
            _ key: String, _ first: String, _ second: String, _ text: @escaping @Sendable (String) -> String
        ) -> KeyProof {
            KeyProof("modules.functions[].\(key)", first, second) { value in
                let bench = try RunBench()
                try bench.install("lab")
                try bench.write("events.jsonl", Events.lines(3, type: "com.acme.number", data: #"{"text":"0x1f"}"#))
                do {
                    let report = try bench.run(text(value))
                    let letters = try bench.deadLetters().map { "\($0["dlqclass"] ?? "") \($0["dlqreason"] ?? "")" }
                    return "\(try bench.lines("seen").count) \(report.status.counts.done) \(letters)"
                } catch let errors as ConfigurationErrors {
                    return "refused: \(errors.errors.map(\.code))"
                }
            }
        }
        @Sendable func parsing(_ change: String) -> String {
            var keys = [
                "name": "parse", "library": "libc.so.6", "symbol": "strtol",
                "signature": "\"i64(string, string, i32)\"", "args": "[event.data.text, \"null\", \"16\"]",
                "emit": "{type: com.acme.parsed}",
            ]
            let parts = change.split(separator: ":", maxSplits: 1)
            keys[String(parts[0])] = String(parts[1])
            return """
                modules:
                  directory: FOLDER/plugins
                  load: [{name: lab, config: {path: FOLDER/seen}}]
                  functions: [{\(keys.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", "))}]
                policies: {retries: {default: {duration: 1ms, maxRetries: 1}}}
                sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
                routes:
                  - {name: numbers, type: com.acme.number, to: [{handler: functions.parse}]}
                  - {name: parsed, type: com.acme.parsed, to: [{handler: lab.record}]}
                unmatched: drop

                """
        }
        /// What a function gives in a process of its own, once for all of its keys.
        @Sendable func bounded(_ key: String, _ first: String, _ second: String, _ call: String) -> KeyProof {
            KeyProof("modules.functions[].\(key)", first, second) { value in
                let bench = try RunBench()
                try bench.write("events.jsonl", Events.line(1) + "\n")
                let names = key.split(separator: ".").map(String.init)
                let setting = names.count == 1 ? "\(key): \(value)" : "\(names[0]): {\(names[1]): \(value)}"
                do {
                    _ = try bench.run(
                        """
                        modules:
                          functions: [{name: f, library: \(try PlainLibrary.path()), \(call), fail: "true", \(setting)}]
                        policies: {retries: {default: {policy: none}}}
                        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
                        routes: [{name: all, to: [{handler: functions.f}]}]

                        """)
                } catch let errors as ConfigurationErrors {
                    return "refused: \(errors.errors.map(\.code))"
                }
                // The first words: the rest names numbers that differ from run to run.
                return try bench.deadLetters().map { letter in
                    (letter["dlqreason"] ?? "").split(separator: " ").prefix(4).joined(separator: " ")
                }.joined()
            }
        }
        let plain = ["name", "library", "symbol", "signature", "args", "fail", "retry"]
        let values = [
            ("parse", "scan"), ("libc.so.6", "libnone.so.6"), ("strtol", "strtal"),
            ("\"i64(string, string, i32)\"", "\"i64(string, string)\""),
            ("[event.data.text, \"null\", \"16\"]", "[event.data.text, \"null\", \"event.data.none\"]"),
            ("result != 31", "result == 31"), ("\"false\"", "errno == 0 && result == 31"),
        ]
        return zip(plain, values).map { key, values in
            whole(key, values.0, values.1) { value in parsing("\(key):\(value)") }
        } + [
            whole("emit.type", "com.acme.parsed", "com.acme.other") { parsing("emit:{type: \($0)}") },
            KeyProof("modules.functions[].concurrency", "1", "3") { value in
                let bench = try RunBench()
                try bench.install("lab")
                let preparation = try bench.preparation(parsing("concurrency:\(value)"))
                return "\(preparation.configuration.modules.functions.map(\.concurrency))"
            },
            KeyProof("modules.functions[].blocking", "true", "false") { value in
                let bench = try RunBench()
                try bench.install("lab")
                try bench.write("events.jsonl", Events.lines(3, type: "com.acme.number", data: #"{"text":"1"}"#))
                let yaml = parsing("blocking:\(value), isolation: inline")
                let report = try bench.run(yaml.replacing("lab.record", with: "builtin.log"))
                return "\(report.status.threads)"
            },
            // In a process of its own it may not open files.
            bounded(
                "isolation", "inline", "process", "symbol: reads, signature: i32(string), args: ['\"/etc/passwd\"']"),
            bounded("limits.memory", "0", "64MiB", "symbol: grabs, signature: i32(u64), args: ['256 * 1024 * 1024']"),
            bounded("limits.openFiles", "64", "8", "symbol: opens, signature: i32(i32), args: ['40']"),
            bounded("limits.threads", "0", "2", "symbol: starts, signature: i32(i32), args: ['5']"),
            bounded("limits.cpuTime", "0s", "20ms", "symbol: burns, signature: i32(i64), args: ['300']"),
            bounded(
                "grant.read", "[]", "[/etc/hostname]",
                "symbol: reads, signature: i32(string), args: ['\"/etc/hostname\"']"),
            bounded(
                "grant.write", "[]", "[FOLDER]", "symbol: writes, signature: i32(string), args: ['\"FOLDER/new\"']"),
            bounded("grant.network", "[]", "[a.com]", "symbol: same_i32, signature: i32(i32), args: ['1']"),
        ]
    }()
}
