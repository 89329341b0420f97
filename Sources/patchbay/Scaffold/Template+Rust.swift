extension Template {
    /// The project of a handler in Rust over the SDK's crate.
    func rustFiles(sdk: Scaffold.SDK) -> [Scaffold.File] {
        [
            (path: "Cargo.toml", contents: rustPackage(sdk)),
            (path: "src/lib.rs", contents: rustHandler),
            (path: "Makefile", contents: rustMakefile),
            (path: "README.md", contents: rustReadme),
        ]
    }

    private func rustPackage(_ sdk: Scaffold.SDK) -> String {
        func quoted(_ text: String) -> String {
            "\"" + text.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : String($0) }.joined() + "\""
        }
        let dependency =
            switch sdk {
            case .path(let path): "path = \(quoted(path))"
            case .url(let url): "git = \(quoted(url)), branch = \"main\""
            }
        return """
            [package]
            name = "\(name)"
            version = "0.1.0"
            edition = "2021"

            [lib]
            crate-type = ["cdylib"]

            [dependencies]
            patchbay = { \(dependency) }

            """
    }

    private var rustHandler: String {
        ##"""
        use patchbay::{Call, Event, Handler, Host, Level, Outcome};

        struct Greet;

        impl Handler for Greet {
            fn create(_config: &str, _host: &Host) -> Result<Self, String> {
                Ok(Greet)
            }

            fn handle(&self, event: &Event, call: &Call) -> Outcome {
                if event.subject().is_empty() {
                    return Outcome::reject("invalid: nobody to greet");
                }
                call.log(Level::Info, "hello", &[("detail", event.subject())]);
                Outcome::done()
            }
        }

        patchbay::module! {
            manifest: r#""name": "\##(name)", "version": "0.1.0",
                "handlers": [{"id": "greet", "description": "Greets the subject of an event.",
                              "accepts": ["com.example.greeting.*"], "blocking": false}]"#,
            handlers: { "greet" => Greet },
        }

        #[cfg(test)]
        mod tests {
            use super::*;
            use patchbay::testing::{Kind, TestEvent, TestHost};

            #[test]
            fn greets_the_subject_of_an_event() {
                let host = TestHost::new::<Greet>("{}").unwrap();
                let mut event = TestEvent::new("com.example.greeting.sent");
                event.subject = "Ada".into();
                assert_eq!(host.send(event).kind, Kind::Done);
                assert_eq!(host.logs()[0].1, "hello");
            }

            #[test]
            fn rejects_an_event_without_a_subject() {
                let host = TestHost::new::<Greet>("{}").unwrap();
                let report = host.send(TestEvent::new("com.example.greeting.sent"));
                assert_eq!((report.kind, report.reason.as_str()), (Kind::Fail, "invalid: nobody to greet"));
            }
        }

        """##
    }

    private var rustMakefile: String {
        let library = name.map { $0 == "-" ? "_" : String($0) }.joined()
        return """
            PATCHBAY ?= \(command)
            MODULE = plugins/\(name).so

            all: test run

            # Replaced by renaming: a host that has the old file open keeps it.
            build:
            \tcargo build --release
            \tmkdir -p plugins
            \tcp target/release/lib\(library).so plugins/.\(name).new
            \tmv plugins/.\(name).new $(MODULE)

            test:
            \tcargo test

            run: build
            \t$(PATCHBAY) run -c patchbay.yaml --once --trace console

            clean:
            \trm -rf target plugins

            .PHONY: all build test run clean

            """
    }

    private var rustReadme: String {
        """
        # \(name)

        A Patchbay handler in Rust.

        - `src/lib.rs` is the handler, its manifest and its tests, which need no runtime; `patchbay.yaml` routes events to it.
        \(running)
        """
    }
}
