import PatchbayDispatch
import PatchbayLog
import PatchbayTelemetry

/// The host's own counts as metrics, so that whoever watches sees what a report says at the end: events received =
/// refused + duplicate + accepted, deliveries created = done + skipped + dead + pending.
enum HostMetrics {
    static func metrics(_ report: RunReport) -> [Metric] {
        var metrics = events(report)
        metrics += deliveries(report)
        metrics += versions(report.versions)
        if !report.shadows.isEmpty { metrics += shadows(report.shadows) }
        metrics.append(
            metric(
                "patchbay.reloads", .wholeCounter, "{reload}",
                "Changed configurations that were taken over, or refused",
                [("done", report.reloads.done), ("refused", report.reloads.refused)].map {
                    MetricPoint([Attribute("result", .string($0.0))], .whole($0.1))
                }))
        metrics.append(
            metric(
                "patchbay.log.retained", .gauge, "By", "Events held in memory",
                [MetricPoint([], .number(Double(report.status.log.retainedBytes)))]))
        metrics.append(
            metric(
                "patchbay.conservation.drift", .gauge, "{drift}", "1 when events or deliveries are unaccounted for",
                [MetricPoint([], .number(report.status.drift == nil && report.drift == nil ? 0 : 1))]))
        return metrics
    }

    private static func versions(_ counts: VersionCounts) -> [Metric] {
        let results = [("done", counts.changes), ("refused", counts.refused), ("rolledBack", counts.rollbacks)]
        return [
            metric(
                "patchbay.modules.changes", .wholeCounter, "{change}",
                "Changes of a module's version; rolledBack are those of done that the host undid",
                results.map { MetricPoint([Attribute("result", .string($0.0))], .whole($0.1)) }),
            metric(
                "patchbay.modules.unused", .gauge, "{file}", "Module files in memory that no handler uses",
                [MetricPoint([], .number(Double(counts.unused)))]),
            metric(
                "patchbay.modules.unusedBytes", .gauge, "By", "Bytes of module files in memory that no handler uses",
                [MetricPoint([], .number(Double(counts.unusedBytes)))]),
        ]
    }

    private static func shadows(_ shadows: [ShadowReport]) -> [Metric] {
        func points(_ values: (ShadowReport) -> [([Attribute], MetricValue)]) -> [MetricPoint] {
            shadows.flatMap { shadow in
                let own = [("route", shadow.route), ("handler", shadow.handler), ("beside", shadow.beside)]
                return values(shadow).map { attributes, value in
                    MetricPoint(own.map { Attribute($0.0, .string($0.1)) } + attributes, value)
                }
            }
        }
        func sides(_ values: (Comparison.Side) -> [([Attribute], MetricValue)]) -> [MetricPoint] {
            points { shadow in
                [("present", shadow.comparison.present), ("candidate", shadow.comparison.candidate)].flatMap { side in
                    values(side.1).map { ([Attribute("side", .string(side.0))] + $0.0, $0.1) }
                }
            }
        }
        return [
            metric(
                "patchbay.shadow.calls", .wholeCounter, "{call}",
                "Calls of a route's sample: same or different beside the handler that got the event, or dropped",
                points { shadow in
                    let differing = UInt64(shadow.comparison.differing)
                    let counts = [
                        ("same", UInt64(shadow.comparison.events) - differing), ("different", differing),
                        ("dropped", shadow.dropped),
                    ]
                    return counts.map { ([Attribute("result", .string($0.0))], .whole($0.1)) }
                }),
            metric(
                "patchbay.shadow.differences", .wholeCounter, "{call}", "Calls that differ, by what differs",
                points { shadow in
                    Comparison.Difference.Part.allCases.map { part in
                        (
                            [Attribute("part", .string(part.rawValue))],
                            .whole(UInt64(shadow.comparison.parts[part] ?? 0))
                        )
                    }
                }),
            metric(
                "patchbay.shadow.outcomes", .wholeCounter, "{call}", "Calls by outcome, of both handlers",
                sides { side in
                    side.outcomes.sorted { $0.key < $1.key }.map {
                        ([Attribute("outcome", .string($0.key))], .whole(UInt64($0.value)))
                    }
                }),
            metric(
                "patchbay.shadow.emits", .wholeCounter, "{event}", "Events that calls emitted, of both handlers",
                sides { [([], .whole(UInt64($0.emitted)))] }),
            metric(
                "patchbay.shadow.duration", .gauge, "s", "How long a share of the calls took at most, of both handlers",
                sides { side in
                    [0.5, 0.99].map {
                        ([Attribute("quantile", .string("\($0)"))], .number(Double(side.duration($0)) / 1e9))
                    }
                }),
        ]
    }

    private static func events(_ report: RunReport) -> [Metric] {
        let kinds: [(String, String, KeyPath<RunReport.Source, UInt64>)] = [
            ("received", "Events that came in", \.received), ("refused", "Malformed or unwanted events", \.refused),
            ("duplicate", "Events that their routes had had before", \.duplicate),
            ("accepted", "Events that the host answers for", \.accepted),
            ("dropped", "Accepted events that no route took, with unmatched: drop", \.dropped),
        ]
        let sources = report.sources + (report.emits.map { [$0] } ?? [])
        return kinds.map { name, help, path in
            metric(
                "patchbay.events.\(name)", .wholeCounter, "{event}", help,
                sources.map { MetricPoint([Attribute("source", .string($0.name))], .whole($0[keyPath: path])) })
        }
    }

    private static func deliveries(_ report: RunReport) -> [Metric] {
        let kinds: [(String, String, (RunReport.Lane) -> UInt64)] = [
            ("created", "Deliveries, an event for a handler each", { $0.counts.created }),
            ("done", "Deliveries that ended well", { $0.counts.done }),
            ("skipped", "Deliveries that their handler skipped", { $0.counts.skipped }),
            ("dead", "Deliveries that became dead letters", { $0.counts.dead }),
            ("retries", "Failed attempts that are repeated", { $0.counts.retries }),
        ]
        var metrics = kinds.map { name, help, count in
            metric(
                "patchbay.deliveries.\(name)", .wholeCounter, "{delivery}", help,
                report.lanes.map { MetricPoint([Attribute("handler", .string($0.name))], .whole(count($0))) })
        }
        metrics.append(
            metric(
                "patchbay.deliveries.pending", .gauge, "{delivery}", "Deliveries that have not ended",
                report.lanes.map {
                    MetricPoint([Attribute("handler", .string($0.name))], .number(Double($0.counts.pending)))
                }))
        let adaptive = report.lanes.filter { $0.limit != nil }
        if !adaptive.isEmpty {
            metrics.append(
                metric(
                    "patchbay.lane.limit", .gauge, "{call}", "Calls at once that an adaptive bulkhead found to be good",
                    adaptive.map {
                        MetricPoint([Attribute("handler", .string($0.name))], .number(Double($0.limit ?? 0)))
                    }
                ))
        }
        return metrics
    }

    private static func metric(
        _ name: String, _ kind: MetricKind, _ unit: String, _ help: String, _ points: [MetricPoint]
    ) -> Metric {
        Metric(description: MetricDescription(name: name, kind: kind, unit: unit, help: help), points: points)
    }
}
