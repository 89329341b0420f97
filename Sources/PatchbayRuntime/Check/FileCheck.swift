package import PatchbayModules

/// What a module's file shows before any of its code runs.
package enum FileCheck {
    /// The findings, and the file where it can be loaded.
    package static func run(_ path: String) -> (findings: [CheckFinding], file: ModuleFile?) {
        switch ModuleScanner().inspect(file: path) {
        case .rejected(let error): return ([CheckFinding(error)], nil)
        case .accepted(let file):
            var findings = file.warnings.map {
                CheckFinding($0.code.rawValue, .warning, $0.message, remedy: $0.remedy)
            }
            if file.image.hasExecutableStack {
                findings.append(
                    CheckFinding(
                        "executableStack", .error, "asks for stacks that code can be run from, for the whole process",
                        remedy: "link with -z noexecstack; assembler files need a .note.GNU-stack section"))
            }
            if file.image.hasTextRelocations {
                findings.append(
                    CheckFinding(
                        "textRelocations", .error, "has relocations in its code",
                        remedy: "compile all of it with -fPIC"))
            }
            if let soname = file.image.soname {
                findings.append(
                    CheckFinding(
                        "soname", .warning,
                        "has the SONAME \(soname), by which the loader may take another version of it for it",
                        remedy: "link modules without -soname"))
            }
            return (findings, file)
        }
    }
}

extension CheckFinding {
    /// A fault that keeps a module from being loaded, or a handler from being made.
    init(_ error: ModuleError, handler: String = "", seed: UInt64? = nil) {
        self.init(
            error.code.rawValue, .error, error.cause.map { "\(error.message) (\($0))" } ?? error.message,
            remedy: error.remedy, handler: handler, seed: seed)
    }
}
