import Foundation
import Testing

/// What shells offer while a command is typed.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct CommandLineCompletionTests {
    private let bench: CommandLineBench

    init() throws {
        bench = try CommandLineBench()
        try bench.write(CommandLineSamples.host, to: "host.yaml")
        try bench.write("", to: "notes.txt")
        try FileManager.default.createDirectory(atPath: "\(bench.folder)/data", withIntermediateDirectories: true)
    }

    /// What bash offers at the end of `line`, by the generated script.
    private func offers(_ line: String) throws -> [String] {
        let script = """
            PATH="$(dirname "$0"):$PATH"
            source <(patchbay --generate-completion-script bash)
            function=$(complete -p patchbay | sed 's/.*-F \\([^ ]*\\).*/\\1/')
            read -ra COMP_WORDS <<< "$1"
            [[ "$1" == *' ' ]] && COMP_WORDS+=("")
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE="$1" COMP_POINT=${#1} COMP_TYPE=9
            "$function" patchbay "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let executable = try #require(CommandLineBench.executable)
        let result = try bench.start(["-c", script, executable, line], program: "/bin/bash").end(within: 60)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
        return result.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func `prints a script for each shell`(shell: String) throws {
        let result = try bench.run("--generate-completion-script", shell)
        #expect(result.status == 0 && result.errors.isEmpty && result.output.contains("patchbay"), "\(result)")
        guard shell == "bash" else { return }
        let parsed = try bench.start(["-n"], input: result.output, program: "/bin/bash").end(within: 60)
        #expect(parsed.status == 0 && parsed.errors.isEmpty, "\(parsed)")
    }

    @Test(arguments: [
        ("patchbay repl", ["replay"]), ("patchbay config l", ["lint"]),
        ("patchbay run --trace ", ["console", "otlp", "file"]), ("patchbay run --log-level w", ["warning"]),
        ("patchbay new handler x --language ", ["c", "cpp", "rust", "swift"]),
        ("patchbay dlq list --class p", ["permanent"]),
        ("patchbay run -c ", ["host.yaml", "data"]), ("patchbay log stat ", ["data"]),
        ("patchbay replay -c host.yaml --route ", ["hello", "stuck"]),
        ("patchbay replay --config host.yaml --handler s", ["stuck.fail"]),
        ("patchbay replay -c host.yaml --into builtin", ["builtin.log"]),
        // Nothing is said where there is nothing to read.
        ("patchbay replay --route ", []), ("patchbay replay -c notes.txt --handler ", []),
    ])
    func `offers commands, words, files and names that exist`(line: String, expected: [String]) throws {
        let offered = try offers(line).filter { !$0.isEmpty && !$0.hasPrefix("-") && $0 != "help" }
        #expect(offered.sorted() == expected.sorted())
    }
}
