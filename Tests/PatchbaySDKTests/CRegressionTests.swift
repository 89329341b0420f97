import Foundation
import Testing

/// Faults of the C headers that were found once: a program each, compiled and run against the headers of this tree.
@Suite struct `C headers` {
    private func run(_ source: String) throws {
        let folder = URL.temporaryDirectory.appending(path: "patchbay-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { _ = Result { try FileManager.default.removeItem(at: folder) } }
        try Data(source.utf8).write(to: folder.appending(path: "test.c"))
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let include = root.appending(path: "sdk/c/include").path
        let flags = "-std=c11 -Wall -Wextra -pedantic -Werror -fsanitize=address,undefined -pthread"
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "cc \(flags) -I'\(include)' test.c -o test && ./test"]
        process.currentDirectoryURL = folder
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(String(decoding: output, as: UTF8.self) == "all passed\n")
    }

    @Test func `a zeroed result is a retry, and a refused one does not count as done`() throws {
        try run(
            #"""
            #include <patchbay/test.h>
            #include <patchbay/handler.h>

            PATCHBAY_HANDLER(results) {
              patchbay_result result = patchbay_done();
              if (patchbay_is(event->type, "zeroed")) memset(&result, 0, sizeof result);
              if (patchbay_is(event->type, "short")) result.size = 4;
              if (patchbay_is(event->type, "pending")) result = patchbay_pending();
              if (patchbay_is(event->type, "pending")) patchbay_complete(context, patchbay_skip());
              return result;
            }

            PATCHBAY_MODULE((results), "name": "results", "version": "1.0.0", "handlers": [{"id": "results"}])

            int main(void) {
              patchbay_test *t = patchbay_test_open(patchbay_module_v1, "results", "{}");
              EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "plain"}) == PATCHBAY_DONE);
              EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "zeroed"}) == PATCHBAY_RETRY);
              EXPECT(strstr(t->reason, "zeroed") != NULL);
              EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "short"}) == PATCHBAY_RETRY);
              EXPECT(strstr(t->reason, "refused") != NULL);
              EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "pending"}) == PATCHBAY_SKIP);
              patchbay_test_close(t);
              return patchbay_test_finish();
            }

            """#)
    }

    @Test func `reads JSON numbers and indexes, nothing that strtod and strtoul take beside them`() throws {
        try run(
            #"""
            #include <patchbay/json.h>
            #include <locale.h>

            static int number(const char *text, uint64_t length, double *value) {
              patchbay_str json = {text, length};
              return patchbay_json_number(json, "", value);
            }

            int main(void) {
              static const char *const bad[] = {"-inf", "inf", "nan", "0x10", "1e999", "-1e999", "01", "1.", ".5", "-",
                                                "+1", "1e", "1e+", "", "--1", "1e99999999999999999999",
                                                "1.e5", "-01"};
              static const struct { const char *text; double value; } good[] = {
                {"0", 0}, {"-0", 0}, {"10", 10}, {"-2.5e3", -2500}, {"0.1", 0.1}, {"1E+2", 100}, {"5e-1", 0.5},
                {"1.7976931348623157e308", 1.7976931348623157e308}, {"123456.789", 123456.789}, {"1e-9999", 0},
                {"0e99999999999999999999", 0}};
              patchbay_str array = {"[1, 2]", 6}, object = {"{\" 1\": 3}", 9};
              double value = 7;
              setlocale(LC_ALL, "");
              for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
                if (number(bad[i], strlen(bad[i]), &value) || value != 7) printf("takes %s\n", bad[i]);
              if (number("\0", 1, &value) || number("1\0", 2, &value)) puts("takes NUL");
              for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
                if (!number(good[i].text, strlen(good[i].text), &value) || value != good[i].value)
                  printf("reads %s as %g\n", good[i].text, value);
              if (patchbay_json_get(array, " 1").len || patchbay_json_get(array, "+1").len) puts("takes the index ' 1'");
              if (patchbay_json_get(array, "1").len != 1) puts("finds no [1]");
              if (!patchbay_json_number(object, " 1", &value) || value != 3) puts("finds no member ' 1'");
              puts("all passed");
              return 0;
            }

            """#)
    }
}
