extension Template {
    /// The project of a handler in C++, without the headers.
    var cppFiles: [Scaffold.File] {
        [
            (path: "handler.cpp", contents: cppHandler),
            (path: "test.cpp", contents: cppTest),
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

    private var cppTest: String {
        #"""
        #include <patchbay_test.hpp>

        int main() {
          patchbay::TestHost host("greet");
          EXPECT(host.send({"com.example.greeting.sent", "Ada"}).outcome == PATCHBAY_DONE);
          EXPECT(host.logged("hello") == 1);
          EXPECT(host.send({"com.example.greeting.sent"}).outcome == PATCHBAY_FAIL);
          return patchbay_test_finish();
        }

        """#
    }

    private var cppMakefile: String {
        """
        CXX ?= c++
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

        # The handler is what the test host links with.
        build/test: handler.cpp test.cpp
        \tmkdir -p build
        \t$(COMPILE) handler.cpp test.cpp -o $@ -pthread

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

        - `handler.cpp` is the handler, `test.cpp` tests it without the runtime, `patchbay.yaml` routes events to it.
        - `include/patchbay.hpp` is the C++ SDK, over the C headers beside it; `patchbay-module.map` keeps everything but
          the module's entry out of its symbols.
        \(running)
        """
    }
}
