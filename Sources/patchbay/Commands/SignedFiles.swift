import ArgumentParser
import Glibc
import PatchbayModules

/// Keys and signatures as files.
enum SignedFiles {
    /// The private key in a file.
    static func signer(_ path: String) throws(ExitCode) -> PrivateKey {
        let text = try text(of: path)
        do throws(ModuleError) {
            return try PrivateKey(pem: text, file: path)
        } catch {
            throw Output.failure("\(error)", code: 2)
        }
    }

    /// Signs a file, into one beside it.
    static func sign(_ file: String, with key: PrivateKey) throws(ExitCode) -> ModuleSignature {
        let signature: ModuleSignature
        do throws(ModuleError) {
            signature = try ModuleSignature(signing: file, with: key)
        } catch {
            throw Output.failure("\(error)", code: 1)
        }
        try write(signature.text, to: ModuleSignature.path(of: file), mode: 0o644, replaces: true)
        return signature
    }

    private static func text(of path: String) throws(ExitCode) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Output.failure("\(path): \(String(cString: strerror(errno)))", code: 2) }
        defer { close(file) }
        // A key is some hundred bytes; more is none.
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(file, &bytes, bytes.count)
        guard count >= 0 else { throw Output.failure("\(path): \(String(cString: strerror(errno)))", code: 2) }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// Writes a small file whole: in the place of another one, or none where one is.
    static func write(_ text: String, to path: String, mode: mode_t, replaces: Bool) throws(ExitCode) {
        let target = replaces ? "\(path).new" : path
        let file = open(target, O_WRONLY | O_CREAT | O_CLOEXEC | (replaces ? O_TRUNC : O_EXCL), mode)
        guard file >= 0 else { throw failure(path) }
        let bytes = Array(text.utf8)
        let isWritten = Glibc.write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
        let number = errno
        close(file)
        guard isWritten, !replaces || rename(target, path) == 0 else {
            if !isWritten { errno = number }
            throw failure(path)
        }
    }

    private static func failure(_ path: String) -> ExitCode {
        Output.failure("\(path) cannot be written: \(String(cString: strerror(errno)))", code: 1)
    }
}
