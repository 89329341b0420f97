import Foundation
import Testing

@testable import PatchbayConfiguration

/// Reads `yaml` as `p.yaml`, with no CEL compiler unless one is given.
func draft(
    _ yaml: String, environment: [String: String] = [:], secrets: String? = nil,
    check: @escaping ExpressionCheck = { _, _ in nil }
) -> ConfigurationDraft {
    Configuration.read(
        text: yaml, file: "p.yaml", inputs: .init(environment: environment, secretsDirectory: secrets),
        checkingExpressionsWith: check)
}

/// The errors of `yaml`, one a line as `line:column code path: message`, every handler being known.
func errors(
    _ yaml: String, environment: [String: String] = [:], secrets: String? = nil,
    check: @escaping ExpressionCheck = { _, _ in nil },
    handlers: (String) -> HandlerLookup = { _ in .found }
) -> [String] {
    let draft = draft(yaml, environment: environment, secrets: secrets, check: check)
    do {
        _ = try draft.validated(handlers: handlers)
        return []
    } catch {
        return error.errors.map {
            "\($0.location.line):\($0.location.column) \($0.code) \($0.path): \($0.message)"
        }
    }
}

/// The configuration that `yaml` is; the test fails when anything is wrong with it.
func valid(
    _ yaml: String, environment: [String: String] = [:], secrets: String? = nil,
    sourceLocation: Testing.SourceLocation = #_sourceLocation
) throws -> Configuration {
    let draft = draft(yaml, environment: environment, secrets: secrets)
    #expect(draft.errors.map(\.description) == [], sourceLocation: sourceLocation)
    // What the reader takes, an editor with the schema must not underline.
    #expect(try EditorSchema.violations(in: yaml) == [], sourceLocation: sourceLocation)
    return try draft.validated { _ in .found }
}

/// A folder of secrets that is removed when the closure ends.
func withSecrets<R>(_ secrets: [String: String], _ body: (String) throws -> R) throws -> R {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("secrets-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { _ = try? FileManager.default.removeItem(at: folder) }
    for (name, value) in secrets {
        try value.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }
    return try body(folder.path)
}

/// The example of the design, with the keys that this version has; every key once.
let completeExample = """
    apiVersion: patchbay/v1
    modules:
      directory: ./plugins
      load:
        - {name: billing, path: ./libbilling.so, sha256: "", isolation: process, limits: {memory: 512MiB, openFiles: 64, threads: 16, cpuTime: 5s}, grant: {network: [db.acme.com], read: [/etc/acme], write: [/var/lib/acme]}, config: {db: "${DB_URL}"}}
        - {name: flaky, builtin: fail, config: {script: [transient, ok]}}
      functions:
        - {name: checksum, library: libz.so.1, symbol: crc32, signature: "u64(u64, bytes, u32)", args: ["0", event.data_bytes, size(event.data_bytes)], fail: result == 0, retry: errno == 11, emit: {type: com.acme.checksum}, concurrency: 4, blocking: true, isolation: process, limits: {memory: 512MiB, openFiles: 64, threads: 16, cpuTime: 5s}, grant: {network: [], read: [/etc/acme], write: [/var/lib/acme]}}
    policies:
      timeouts: {default: {attempt: 30s, total: 5m}}
      retries:
        default:
          policy: exponential
          duration: 500ms
          multiplier: 2
          maxInterval: 60s
          maxRetries: 5
          jitter: full
          retryAfterMax: 120s
          holdSlotUpTo: 1s
          matching: {retry: ["*"], never: [invalid, unauthorized]}
          budget: {ratio: 0.2, minConcurrency: 3}
      circuitBreakers:
        default:
          interval: 30s
          slowCall: 10s
          trip: consecutiveFailures > 5 || (requests >= 20 && (failureRatio >= 0.5 || slowRatio >= 0.9))
          timeout: 30s
          maxTimeout: 5m
          maxRequests: 3
          scope: handler
          onOpen: pause
      bulkheads:
        default: {maxInFlight: auto, maxQueue: 512, perKey: 0}
        adaptive: {algorithm: gradient2, min: 1, initial: 20, max: 200, tolerance: 1.5}
      rateLimits: {default: {count: 0, interval: 1s, key: ""}}
      connectionPools: {bank: {hosts: [bank.acme.com], min: 0, max: 20, acquireTimeoutMillis: 5000, connectTimeout: 10s, idleTimeout: 1m, caFile: ""}}
    routes:
      - name: orders
        order: 0
        priority: 5
        type: com.acme.order.*
        filters: [{prefix: {subject: eu/}}]
        match: event.data.total > 100
        to:
          - handler: audit.append
          - oneOf: [{handler: audit.append, match: event.data.big, use: {bulkhead: adaptive}}, {handler: billing.charge, weight: 95}, {handler: flaky.fail, weight: 5}]
        shadow: [{handler: billing.charge, sample: 10%, beside: audit.append}]
        final: false
        use: {retry: default, circuitBreaker: default, timeout: default, bulkhead: default, rateLimit: default}
        ordering: {key: event.partitionkey, onFailure: blockKey}
        dedup: {key: "[event.source, event.id]", window: 5m}
        deadLetter: {type: com.acme.dead.order, retention: 14d}
        batching: {count: 1, byteSize: 0, period: 0s}
    unmatched: deadLetter
    sources:
      - {name: orders, type: file, path: ./orders.jsonl, format: cloudevents}
      - {name: pipe, type: stdin, format: json, eventType: com.acme.line, source: /pipe}
      - {name: send, type: socket, path: /run/patchbay.sock}
      - {name: inbox, type: directory, path: ./inbox, pattern: "*.jsonl", done: rename}
      - {name: nightly, type: timer, cron: "0 3 * * *", timezone: Europe/Berlin, eventType: com.acme.nightly, source: /clock}
      - {name: often, type: timer, every: 30s, eventType: com.acme.often}
    log: {backend: memory, bytes: 0}
    limits: {eventBytes: 1MiB, nesting: 64, emitDepth: 16}
    shutdown: {drain: 60s}
    reload: {watch: false, moduleDrain: 60s}
    security: {requireSignedModules: true, trustedKeys: [./release.pub]}
    telemetry: {otlp: "", context: link, sampleRatio: 1.0}
    tests:
      - name: outage
        seed: 7
        send: {type: com.acme.order.paid, id: o, subject: eu/1, data: {total: 200}, at: 1s, every: 2s, times: 2}
        inject:
          - {handler: billing.charge, fail: [transient, {busy: 2s}, {retryAfter: 5s, reason: "x: y", times: 2}], then: ok}
          - {handler: audit.append, event: o-1, between: 1s..5m, perEvent: true, concurrency: 1}
          - {handler: audit.append, takes: 200ms, emits: {type: com.acme.audited, data: [1]}}
        expect:
          - {route: orders, handlers: [audit.append, billing.charge], explain: {orders: matched}, unmatched: false}
          - {event: o-1, handler: billing.charge, attempts: 3, delays: [500ms, 1s..], outcome: done, ends: ..1m}
          - {starts: [1s, 1s..2s], within: 10m, inFlight: 1..2, order: byKey, breaker: [open: 3s, halfOpen, closed]}
          - {deadLetter: {dlqclass: permanent}, emitted: [{type: com.acme.audited}], counts: {events: 2, done: 1.., dead: 0}}
    """
