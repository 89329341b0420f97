/// Where a log is kept: a folder, or in tests a disk that fails as it is told. All functions throw `AuditError`.
protocol AuditStorage: Sendable {
    /// Makes this the only writer until the storage is gone.
    func lock() throws(AuditError)
    /// Names of the log's files, sorted, which is their order.
    func files() throws(AuditError) -> [String]
    /// At most so many bytes from the end of a file, and how long it is.
    func tail(of file: String, bytesMax: Int) throws(AuditError) -> (bytes: [UInt8], length: Int)
    /// Makes a file that is not there yet, durably.
    func create(_ file: String) throws(AuditError)
    func append(_ bytes: [UInt8], to file: String) throws(AuditError)
    func truncate(_ file: String, to length: Int) throws(AuditError)
    func sync(_ file: String) throws(AuditError)
    /// The head file; nil: there is none.
    func head() throws(AuditError) -> [UInt8]?
    /// Puts another head file in its place, in one step.
    func replaceHead(_ bytes: [UInt8], isDurable: Bool) throws(AuditError)
}
