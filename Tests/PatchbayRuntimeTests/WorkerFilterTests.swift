import Foundation
import Testing

/// The worker's filter of system calls as it is where Landlock does not see that files are emptied, which it may here.
@Suite struct `filter of a worker's system calls` {
    @Test func `keeps files that may only be read from being emptied, where Landlock does not`() throws {
        let bench = try RunBench()
        try bench.write("full", "0123456789")
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources").path
        try bench.write("filter.c", Self.source)
        try Modules.compile([
            "-I\(sources)/patchbay-worker", "-I\(sources)/CPatchbayIsolation", "-I\(Modules.include)",
            bench.path("filter.c"), "-o", bench.path("filter"),
        ])
        let process = Process()
        process.executableURL = URL(fileURLWithPath: bench.path("filter"))
        process.arguments = [bench.path("full")]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(text == "truncate 0 reading 0 neither 0 read 1 append 1 size 10 write 1")
    }

    private static let source = #"""
        #include "restrict.c"
        int main(int count, char **arguments) {
          const char *path = arguments[count - 1];
          if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || restrict_calls(0) != 0) return 2;
          printf("truncate %d reading %d neither %d", truncate(path, 5) == 0, open(path, O_RDONLY | O_TRUNC) >= 0,
                 open(path, O_ACCMODE | O_TRUNC) >= 0);
          printf(" read %d append %d", open(path, O_RDONLY) >= 0, open(path, O_WRONLY | O_APPEND) >= 0);
          printf(" size %d", (int)lseek(open(path, O_RDONLY), 0, SEEK_END));
          printf(" write %d", open(path, O_WRONLY | O_TRUNC) >= 0);
          return 0;
        }
        """#
}
