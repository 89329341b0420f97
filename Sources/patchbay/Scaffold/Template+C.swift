extension Template {
    /// The project of a handler in C, without the headers.
    var cFiles: [Scaffold.File] {
        [
            (path: "handler.c", contents: cHandler),
            (path: "test.c", contents: cTest),
            (path: "Makefile", contents: cMakefile),
            (path: "README.md", contents: cReadme),
        ]
    }

    private var cHandler: String {
        #"""
        #include <patchbay/handler.h>

        PATCHBAY_HANDLER(greet) {
          if (event->subject.len == 0) return patchbay_reject("invalid: nobody to greet");
          patchbay_log(context, PATCHBAY_LOG_INFO, "hello", event->subject);
          return patchbay_done();
        }

        PATCHBAY_MODULE((greet),
          "name": "\#(name)", "version": "0.1.0",
          "handlers": [{"id": "greet", "description": "Greets the subject of an event.",
                        "accepts": ["com.example.greeting.*"], "blocking": false}])

        """#
    }

    private var cTest: String {
        #"""
        #include <patchbay/test.h>

        int main(void) {
          patchbay_test *t = patchbay_test_open(patchbay_module_v1, "greet", "{}");

          EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "com.example.greeting.sent", .subject = "Ada"}) ==
                 PATCHBAY_DONE);
          EXPECT(patchbay_test_logged(t, "hello") == 1);

          EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "com.example.greeting.sent"}) == PATCHBAY_FAIL);
          EXPECT(strcmp(t->reason, "invalid: nobody to greet") == 0);

          patchbay_test_close(t);
          return patchbay_test_finish();
        }

        """#
    }

    private var cMakefile: String {
        """
        CC ?= cc
        CFLAGS ?= -O2 -g -Wall -Wextra
        PATCHBAY ?= \(command)
        MODULE = plugins/\(name).so

        all: test run
        build: $(MODULE)

        # Replaced by renaming: a host that has the old file open keeps it.
        $(MODULE): handler.c
        \tmkdir -p plugins build
        \t$(CC) $(CFLAGS) -fvisibility=hidden -shared -fPIC -Iinclude handler.c -o build/module.so
        \tmv build/module.so $@

        build/test: handler.c test.c
        \tmkdir -p build
        \t$(CC) $(CFLAGS) -Iinclude handler.c test.c -o $@ -pthread

        test: build/test
        \t./build/test

        run: build
        \t$(PATCHBAY) run -c patchbay.yaml --once --trace console

        clean:
        \trm -rf build plugins

        .PHONY: all build test run clean

        """
    }

    private var cReadme: String {
        """
        # \(name)

        A Patchbay handler in C.

        - `handler.c` is the handler, `test.c` tests it without the runtime, `patchbay.yaml` routes events to it.
        - `include/` is the C SDK: `patchbay/handler.h` to write handlers, `patchbay/json.h` to read their data,
          `patchbay/test.h` to test them, `patchbay.h` the ABI beneath.
        \(running)
        """
    }
}
