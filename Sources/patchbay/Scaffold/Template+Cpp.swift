extension Template {
    /// The project of a handler in C++, without the headers.
    var cppFiles: [Scaffold.File] {
        [
            (path: "handler.cpp", contents: cppHandler),
            (path: "test.c", contents: cTest),
            (path: "Makefile", contents: cppMakefile),
            (path: "README.md", contents: cppReadme),
        ]
    }

    private var cppHandler: String {
        #"""
        #include <patchbay.hpp>

        namespace {

        struct Greet {
          static constexpr const char *id = "greet";

          Greet(std::string_view, const patchbay::Host &) {}

          patchbay::Outcome handle(const patchbay::Event &event, patchbay::Call &call) {
            if (event.subject().empty()) return patchbay::Outcome::reject("invalid: nobody to greet");
            call.log(patchbay::Level::info, "hello", {{"detail", event.subject()}});
            return patchbay::Outcome::done();
          }
        };

        } // namespace

        PATCHBAY_CPP_MODULE((Greet),
          "name": "\#(name)", "version": "0.1.0",
          "handlers": [{"id": "greet", "description": "Greets the subject of an event.",
                        "accepts": ["com.example.greeting.*"], "blocking": false}])

        """#
    }

    private var cppMakefile: String {
        """
        CC ?= cc
        CXX ?= c++
        CFLAGS ?= -O2 -g -Wall -Wextra
        CXXFLAGS ?= -O2 -g -Wall -Wextra
        PATCHBAY ?= \(command)
        MODULE = plugins/\(name).so
        COMPILE = $(CXX) -std=c++17 $(CXXFLAGS) -fvisibility=hidden -fPIC -Iinclude

        all: test run
        build: $(MODULE)

        # Replaced by renaming: a host that has the old file open keeps it.
        $(MODULE): handler.cpp
        \tmkdir -p plugins build
        \t$(COMPILE) -shared -Wl,--version-script=patchbay-module.map handler.cpp -o build/module.so
        \tmv build/module.so $@

        # The test host is C; the handler is what it links with.
        build/test: handler.cpp test.c
        \tmkdir -p build
        \t$(CC) $(CFLAGS) -Iinclude -c test.c -o build/test.o
        \t$(COMPILE) handler.cpp build/test.o -o $@ -pthread

        test: build/test
        \t./build/test

        run: build
        \t$(PATCHBAY) run -c patchbay.yaml --once --trace console

        clean:
        \trm -rf build plugins

        .PHONY: all build test run clean

        """
    }

    private var cppReadme: String {
        """
        # \(name)

        A Patchbay handler in C++17.

        - `handler.cpp` is the handler, `test.c` tests it without the runtime, `patchbay.yaml` routes events to it.
        - `include/patchbay.hpp` is the C++ SDK, over the C headers beside it; `patchbay-module.map` keeps everything but
          the module's entry out of its symbols.
        \(running)
        """
    }
}
