// patchbay-module MANIFEST OUTPUT: writes the Swift source of a module's note, registration and entry.
import Glibc

func read(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = fread(&buffer, 1, buffer.count, file)
        if count == 0 { return ferror(file) == 0 ? bytes : nil }
        bytes.append(contentsOf: buffer[..<count])
    }
}

func write(_ text: String, to path: String) -> Bool {
    guard let file = fopen(path, "w") else { return false }
    let isWritten = fputs(text, file) >= 0
    return fclose(file) == 0 && isWritten
}

func fail(_ message: String) -> Never {
    print(message)
    exit(1)
}

guard CommandLine.arguments.count == 3 else { fail("usage: patchbay-module MANIFEST OUTPUT") }
let (manifest, output) = (CommandLine.arguments[1], CommandLine.arguments[2])
guard let bytes = read(manifest) else { fail("\(manifest): error: cannot be read") }
// major.minor of the compiler: this tool is built by the same one as the module, and runs with its library.
let compiler = "\(_SwiftStdlibVersion.current)".split(separator: ".").prefix(2).joined(separator: ".")
do {
    let source = try ModuleSource(manifest: JSON(parsing: bytes), compiler: compiler)
    guard write(source.text, to: output) else { fail("\(output): error: cannot be written") }
} catch let error as ManifestError {
    fail("\(manifest): error: \(error.message)")
} catch let error as JSONError {
    let before = bytes[..<(error.offset ?? 0)]
    let line = before.count { $0 == UInt8(ascii: "\n") } + 1
    let column = before.reversed().prefix { $0 != UInt8(ascii: "\n") }.count + 1
    fail("\(manifest):\(line):\(column): error: \(error.message)")
} catch {
    fail("\(manifest): error: \(error)")
}
