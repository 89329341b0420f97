/// What the files of a project are made from.
struct Template: Sendable {
    /// The module: `charge-card`.
    let name: String
    /// The same as a Swift identifier: `ChargeCard`.
    let symbol: String
    /// What `make run` calls.
    let command: String

    /// Files that do not depend on the language.
    var sharedFiles: [Scaffold.File] {
        [
            (path: "patchbay.yaml", contents: configuration),
            (path: "events.jsonl", contents: events),
            (path: ".gitignore", contents: ".build/\nbuild/\nplugins/\ntarget/\ndead-letters.jsonl\npending.jsonl\n"),
        ]
    }

    private var configuration: String {
        """
        apiVersion: patchbay/v1
        modules:
          directory: ./plugins
        routes:
          - name: greetings
            type: com.example.greeting.*
            to:
              - handler: \(name).greet
        sources:
          - {name: events, type: file, path: ./events.jsonl, format: cloudevents}
        log: {backend: memory}

        """
    }

    private var events: String {
        ["Ada", "Grace", "Edsger"].enumerated().map { index, person in
            """
            {"specversion":"1.0","id":"\(index + 1)","source":"/examples","type":"com.example.greeting.sent",\
            "subject":"\(person)","datacontenttype":"application/json","data":{"name":"\(person)"}}

            """
        }.joined()
    }

    /// The README's part about running, which every language shares.
    var running: String {
        """
        - `make` builds `plugins/\(name).so`, runs the tests, and sends `events.jsonl` through the handler with
          `patchbay run -c patchbay.yaml --once --trace console`: every event's journey as a tree.
        - `make build`, `make test` and `make run` do one of these. `make run PATCHBAY=/path/to/patchbay` says which
          program runs it.
        - `patchbay modules plugins` shows what the built module says about itself.

        A handler returns what became of its event: done, retry (now or later), fail (for good), skip or busy.
        Delivery is at least once: the same event may come again, with the same idempotency key.

        """
    }
}
