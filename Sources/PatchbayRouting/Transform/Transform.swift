package import CPatchbayJSON
package import PatchbayEvents
import PatchbayExpressions
import Synchronization

/// What a route makes of its events before their handlers get them. The log keeps the original.
///
/// - Concurrency: any thread may apply; each application takes a decoder of its own, which are kept between uses.
package final class Transform: Sendable {
    /// What stands in place of what is hidden.
    package static let mark = "[redacted]"

    /// Reads a value of the receiving handler's state; `nil` when there is none.
    package typealias StateReader = (_ key: String) -> [UInt8]?

    package let steps: [TransformStep]
    private let benches: BenchPool

    /// - Parameters:
    ///   - plan: the one that the steps' expressions were compiled with, and nothing else.
    ///   - limits: what the result must keep to, as any event.
    package init(_ steps: [TransformStep], plan: FieldPlan, limits: pbj_limits) {
        self.steps = steps
        benches = BenchPool(plan: plan, limits: limits)
    }

    /// Places that are hidden.
    var redacted: [TransformPath] {
        steps.flatMap { step -> [TransformPath] in
            guard case .redact(let paths) = step else { return [] }
            return paths
        }
    }

    /// The transformed event, alone in a batch that is to be given back with `recycle`.
    ///
    /// - Parameter json: a valid CloudEvent.
    /// - Throws: with the step, and what is wrong; applying it again to the same event gives the same, unless state
    ///   is read.
    package func apply(to json: [UInt8], state: StateReader) throws(TransformError) -> EventBatch {
        let bench = benches.take()
        defer { benches.giveBack(bench) }
        var document = TransformDocument(json)
        for (index, step) in steps.enumerated() {
            try apply(step, "transform[\(index)].\(step.name)", to: &document, bench, state)
        }
        let batch = benches.batch()
        do {
            try bench.decode(document.json, into: batch)
        } catch {
            benches.recycle(batch)
            throw TransformError(place: "transform", message: "its result is no event: \(error.message)")
        }
        return batch
    }

    /// Takes a batch of `apply` back once nobody reads it.
    package func recycle(_ batch: EventBatch) { benches.recycle(batch) }

    // MARK: Steps

    private func apply(
        _ step: TransformStep, _ place: String, to document: inout TransformDocument, _ bench: TransformBench,
        _ state: StateReader
    ) throws(TransformError) {
        switch step {
        case .set(let assignments):
            var values: [Value] = []
            for (path, expression) in assignments {
                values.append(try bench.value(of: expression, &document, at: "\(place).\(path.text)"))
            }
            for (assignment, value) in zip(assignments, values) {
                try put(value, into: assignment.path, of: &document, at: "\(place).\(assignment.path.text)")
            }
        case .unset(let paths):
            for path in paths {
                try TransformError.at("\(place).\(path.text)") { () throws(TransformProblem) in
                    try document.remove(path)
                }
            }
        case .rename(let pairs):
            for (from, to) in pairs {
                try TransformError.at("\(place).\(from.text)") { () throws(TransformProblem) in
                    guard let value = try document.value(at: from) else { return }
                    try document.remove(from)
                    try document.set(to, to: value)
                }
            }
        case .map(let expression):
            let value = try bench.value(of: expression, &document, at: place)
            guard let data = TransformPath("data") else { return }
            try put(value, into: data, of: &document, at: place)
        case .redact(let paths):
            let mark = JSONTree.text(Value.string(Self.mark).json)
            for path in paths {
                try TransformError.at("\(place).\(path.text)") { () throws(TransformProblem) in
                    try document.redact(path, mark: mark)
                }
            }
        case .enrich(let enrichments):
            for enrichment in enrichments { try apply(enrichment, place, to: &document, bench, state) }
        }
    }

    private func apply(
        _ enrichment: TransformEnrichment, _ step: String, to document: inout TransformDocument,
        _ bench: TransformBench, _ state: StateReader
    ) throws(TransformError) {
        let place = "\(step).\(enrichment.path.text)"
        var found: JSONTree?
        switch enrichment.source {
        case .header(let name):
            found = try TransformError.at(place) { () throws(TransformProblem) in
                try TransformPath(name).flatMap { path throws(TransformProblem) in try document.value(at: path) }
            }
        case .state(let key):
            let key = try bench.value(of: key, &document, at: "\(place).state")
            guard case .string(let text) = key else {
                throw TransformError(place: "\(place).state", message: "a key is a text, not \(key.typeName.name)")
            }
            found = state(text).map(bench.json)
        }
        if let found {
            try TransformError.at(place) { () throws(TransformProblem) in
                try document.set(enrichment.path, to: found)
            }
        } else if let fallback = enrichment.fallback {
            let value = try bench.value(of: fallback, &document, at: "\(place).default")
            try put(value, into: enrichment.path, of: &document, at: place)
        }
    }

    private func put(
        _ value: Value, into path: TransformPath, of document: inout TransformDocument, at place: String
    ) throws(TransformError) {
        try TransformError.at(place) { () throws(TransformProblem) in
            switch value {
            case .optional(nil): try document.remove(path)
            case .optional(let value?): try document.set(path, to: .text(value.json))
            default: try document.set(path, to: .text(value.json))
            }
        }
    }
}

/// Decoders and batches between two uses.
private final class BenchPool: Sendable {
    private struct Idle {
        var benches: [TransformBench] = []
        var batches: [EventBatch] = []
    }

    private static let keptMax = 64
    private let plan: FieldPlan
    private let limits: pbj_limits
    private let idle = Mutex(Idle())

    init(plan: FieldPlan, limits: pbj_limits) {
        self.plan = plan
        self.limits = limits
    }

    func take() -> TransformBench {
        idle.withLock { $0.benches.popLast() } ?? TransformBench(plan: plan, limits: limits)
    }

    func giveBack(_ bench: TransformBench) {
        idle.withLock { if $0.benches.count < Self.keptMax { $0.benches.append(bench) } }
    }

    func batch() -> EventBatch { idle.withLock { $0.batches.popLast() } ?? EventBatch(source: -1, textCapacity: 4_096) }

    func recycle(_ batch: EventBatch) {
        // A large one is not kept for the sake of one large event.
        guard batch.textCapacity <= 1 << 20 else { return }
        idle.withLock { if $0.batches.count < Self.keptMax { $0.batches.append(batch) } }
    }
}
