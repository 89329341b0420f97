import Glibc

/// Writes a project into a folder that holds nothing yet.
struct NewFolder {
    struct Failure: Error, CustomStringConvertible {
        let description: String
        /// The user has to choose something else.
        let isUsage: Bool
    }

    private let path: String

    init(_ path: String) { self.path = path }

    func write(_ files: [Scaffold.File]) throws(Failure) {
        try checkEmpty()
        for file in files {
            let target = "\(path)/\(file.path)"
            try makeFolders(above: target)
            let descriptor = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw failure("\(target) cannot be made") }
            defer { close(descriptor) }
            var rest = Array(file.contents.utf8)[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw failure("\(target) cannot be written") }
                rest = rest.dropFirst(count)
            }
        }
    }

    private func checkEmpty() throws(Failure) {
        guard access(path, F_OK) == 0 else { return }
        guard let listing = opendir(path) else {
            if errno == ENOTDIR {
                throw Failure(
                    description: "\(path) is there and is no folder; choose another with --directory", isUsage: true)
            }
            throw failure("\(path) cannot be read")
        }
        defer { closedir(listing) }
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name == "." || name == ".." else {
                throw Failure(
                    description: "\(path) is not empty, and nothing is overwritten; choose another with --directory",
                    isUsage: true)
            }
        }
    }

    private func makeFolders(above target: String) throws(Failure) {
        var index = target.startIndex
        while let slash = target[index...].firstIndex(of: "/") {
            let folder = String(target[..<slash])
            index = target.index(after: slash)
            if !folder.isEmpty, mkdir(folder, 0o755) != 0, errno != EEXIST { throw failure("\(folder) cannot be made") }
        }
    }

    private func failure(_ what: String) -> Failure {
        Failure(description: "\(what): \(String(cString: strerror(errno)))", isUsage: false)
    }
}
