import Glibc

/// Appends batches to a file as OTLP JSON lines, one request a line.
///
/// A disk that fails costs the batch: the half-written line is cut off, the failure reported and counted, and the file
/// opened anew for the next one.
package final class JSONLinesExporter: SpanExporter {
    package var name: String { path }
    private let path: String
    private let resource: TelemetryResource
    /// -1 while closed.
    private var file: Int32

    /// How a pipeline should be set up for a local file: a burst is kept until it is written.
    package static var pipeline: SpanPipeline.Configuration {
        var configuration = SpanPipeline.Configuration()
        configuration.backlogBytesMax = 256 << 20
        return configuration
    }

    /// Opens `path` for appending, making it if need be.
    ///
    /// - Throws: `telemetry.disk`.
    package init(path: String, resource: TelemetryResource) throws(TelemetryError) {
        self.path = path
        self.resource = resource
        file = try Self.open(path)
    }

    deinit { if file >= 0 { close(file) } }

    package func export(_ spans: [Span], control: ExportControl) -> ExportResult {
        do throws(TelemetryError) {
            if file < 0 { file = try Self.open(path) }
            try append(OTLPJSON.line(spans, resource: resource))
            return ExportResult(exported: spans.count)
        } catch {
            if file >= 0 { close(file) }
            file = -1
            return ExportResult(exported: 0, refused: spans.count, error: error)
        }
    }

    private func append(_ line: [UInt8]) throws(TelemetryError) {
        var state = stat()
        let isRegular = fstat(file, &state) == 0 && state.st_mode & S_IFMT == S_IFREG
        let problem = writeAll(line, to: file)
        if problem == 0 { return }
        if isRegular { ftruncate(file, state.st_size) }
        throw TelemetryError(.disk, "cannot write: \(String(cString: strerror(problem)))", location: path)
    }

    private static func open(_ path: String) throws(TelemetryError) -> Int32 {
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            throw TelemetryError(.disk, "cannot open: \(String(cString: strerror(errno)))", location: path)
        }
        return file
    }
}

/// Writes all of `bytes`; 0, or the `errno` that ended it.
func writeAll(_ bytes: [UInt8], to file: Int32) -> Int32 {
    bytes.withUnsafeBytes { raw in
        var rest = raw[...]
        while !rest.isEmpty {
            let written = write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                return errno
            }
            rest = rest.dropFirst(written)
        }
        return 0
    }
}
