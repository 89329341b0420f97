import CPatchbayJSON
import PatchbayConfiguration
import PatchbayEvents
import PatchbayExpressions
import PatchbayRouting

/// Compiles a route's transform, which reads fields of its own: those of the event as it becomes step by step.
struct TransformBuilder {
    private let plan = FieldPlan()
    private let limits: pbj_limits

    init(_ limits: Configuration.Limits) {
        self.limits = pbj_limits(
            event_bytes: UInt32(clamping: limits.eventBytes), nesting: UInt32(clamping: limits.nesting))
    }

    /// `nil` for a route without steps.
    func transform(_ route: Configuration.Route) throws(BlueprintError) -> Transform? {
        guard !route.transform.isEmpty else { return nil }
        var steps: [TransformStep] = []
        for step in route.transform { steps.append(try self.step(step, of: route)) }
        return Transform(steps, plan: plan, limits: limits)
    }

    private func step(
        _ step: Configuration.TransformStep, of route: Configuration.Route
    ) throws(BlueprintError) -> TransformStep {
        switch step {
        case .set(let assignments):
            var built: [(path: TransformPath, value: Expression)] = []
            for assignment in assignments {
                built.append((try path(assignment.path, route), try expression(assignment.value)))
            }
            return .set(built)
        case .unset(let paths): return .unset(try self.paths(paths, route))
        case .rename(let renamings):
            var built: [(from: TransformPath, to: TransformPath)] = []
            for renaming in renamings { built.append((try path(renaming.from, route), try path(renaming.to, route))) }
            return .rename(built)
        case .map(let source): return .map(try expression(source))
        case .redact(let paths): return .redact(try self.paths(paths, route))
        case .enrich(let enrichments):
            var built: [TransformEnrichment] = []
            for enrichment in enrichments {
                let source: TransformEnrichment.Source =
                    enrichment.state.isEmpty
                    ? .header(enrichment.header) : .state(key: try expression(enrichment.state))
                built.append(
                    TransformEnrichment(
                        path: try path(enrichment.path, route), source: source,
                        fallback: enrichment.fallback.isEmpty ? nil : try expression(enrichment.fallback)))
            }
            return .enrich(built)
        }
    }

    private func paths(_ texts: [String], _ route: Configuration.Route) throws(BlueprintError) -> [TransformPath] {
        var paths: [TransformPath] = []
        for text in texts { paths.append(try path(text, route)) }
        return paths
    }

    private func path(_ text: String, _ route: Configuration.Route) throws(BlueprintError) -> TransformPath {
        guard let path = TransformPath(text) else {
            throw BlueprintError(message: "'\(text)' is no place in an event", location: route.location)
        }
        return path
    }

    private func expression(_ source: ExpressionSource) throws(BlueprintError) -> Expression {
        do {
            return try Expression(source.text, in: ExpressionEnvironment(eventPlan: plan))
        } catch {
            throw BlueprintError(message: "\(error)", location: source.location)
        }
    }
}
