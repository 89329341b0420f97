import Glibc
import PatchbayEvents
import PatchbayModules

/// A debugger in the place of this process, with the same rerun under it.
enum DebuggerProcess {
    /// Only comes back when that cannot be; then says why.
    static func replace(_ command: RerunCommand, module: String) -> String {
        // lldb knows Swift; what knows C and Rust is there more often.
        let names = isSwift(module) ? ["lldb", "gdb"] : ["gdb", "lldb"]
        guard let (name, path) = names.lazy.compactMap({ name in find(name).map { (name, $0) } }).first else {
            return "--debugger needs gdb or lldb, and neither is in PATH: install one of them"
        }
        let program = executable()
        var rerun = ["rerun", command.file, "--module", module, "--config", command.config, "--under-debugger"]
        rerun += ["--log-level", command.logLevel]
        if command.json { rerun.append("--json") }
        let arguments =
            name == "gdb"
            ? [name, "-q", "-ex", "set breakpoint pending on", "-ex", "run", "--args", program] + rerun
            : [name, "-o", "run", "--", program] + rerun
        Output.error(
            "note: \(name) stops right before the handler's code: 'step' goes in, 'break' and 'continue' go on from there"
        )
        // The debugger is to see a fault first.
        setenv("SWIFT_BACKTRACE", "enable=no", 1)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        execv(path, words)
        return "\(path) cannot be started: \(String(cString: strerror(errno)))"
    }

    private static func isSwift(_ module: String) -> Bool {
        ModuleScanner().inspect(file: module).accepted?.manifest.runtime == .swift
    }

    private static func find(_ name: String) -> String? {
        guard let folders = getenv("PATH").map({ String(cString: $0) }) else { return nil }
        return folders.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    private static func executable() -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard length > 0 else { return CommandLine.arguments[0] }
        return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
