/// All metrics at one moment.
package struct MetricsSnapshot: Hashable, Sendable {
    /// Unix nanoseconds since when counters and histograms count.
    package var start: UInt64
    /// Unix nanoseconds.
    package var time: UInt64
    /// By scope and name.
    package var metrics: [Metric]
}

/// One instrument with all its series.
package struct Metric: Hashable, Sendable {
    package var description: MetricDescription
    /// By labels; labels are unique.
    package var points: [MetricPoint]

    package init(description: MetricDescription, points: [MetricPoint]) {
        self.description = description
        self.points = points.sorted { $0.sortKey < $1.sortKey }
    }
}

/// One series at one moment.
package struct MetricPoint: Hashable, Sendable {
    /// By key.
    package var labels: [Attribute]
    package var value: MetricValue

    package init(_ labels: [Attribute], _ value: MetricValue) {
        self.labels = labels.sorted { $0.key < $1.key }
        self.value = value
    }

    var sortKey: String { labels.map { "\($0.key)=\($0.value.text)" }.joined(separator: ",") }
}

package enum MetricValue: Hashable, Sendable {
    case whole(UInt64)
    case number(Double)
    case histogram(HistogramSnapshot)
}

extension MetricsSnapshot {
    /// A table for people: name, labels, value and unit in columns; a line a series; empty without series.
    package var table: String {
        var rows: [(String, String, String)] = []
        for metric in metrics {
            let scope = metric.description.scope
            let name = (scope.isEmpty ? "" : scope + ": ") + metric.description.name
            for point in metric.points {
                rows.append((name, point.sortKey, Self.text(point.value, unit: metric.description.unit)))
            }
        }
        let nameColumns = rows.map(\.0.count).max() ?? 0
        let labelColumns = rows.map(\.1.count).max() ?? 0
        return rows.reduce(into: "") { text, row in
            text += Self.padded(row.0, nameColumns) + "  "
            text += Self.padded(row.1, labelColumns) + "  " + row.2 + "\n"
        }
    }

    /// The same as one JSON object: `{"start":…,"time":…,"metrics":[{"name":…,"points":[…]}]}`, times in Unix
    /// nanoseconds as strings.
    package var json: String {
        var json = JSONText()
        json.object {
            $0.key("start")
            $0.string(String(start))
            $0.key("time")
            $0.string(String(time))
            $0.key("metrics")
            $0.array { json in
                for metric in metrics { json.object { Self.write(metric, to: &$0) } }
            }
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private static func write(_ metric: Metric, to json: inout JSONText) {
        let description = metric.description
        for (key, text) in [("name", description.name), ("unit", description.unit), ("help", description.help)] {
            json.key(key)
            json.string(text)
        }
        if !description.scope.isEmpty {
            json.key("scope")
            json.string(description.scope)
        }
        json.key("points")
        json.array { json in
            for point in metric.points {
                json.object {
                    $0.key("labels")
                    $0.object { json in
                        for label in point.labels {
                            json.key(label.key)
                            json.string(label.value.text)
                        }
                    }
                    write(point.value, to: &$0)
                }
            }
        }
    }

    private static func write(_ value: MetricValue, to json: inout JSONText) {
        switch value {
        case .whole(let number):
            json.key("value")
            json.int(number)
        case .number(let number):
            json.key("value")
            json.double(number)
        case .histogram(let histogram):
            json.key("count")
            json.int(histogram.count)
            json.key("sum")
            json.double(histogram.sum)
            if histogram.count == 0 { return }
            for (key, number) in [
                ("min", histogram.least), ("p50", histogram.quantile(0.5)), ("p90", histogram.quantile(0.9)),
                ("p99", histogram.quantile(0.99)), ("max", histogram.greatest),
            ] {
                json.key(key)
                json.double(number)
            }
        }
    }

    private static func text(_ value: MetricValue, unit: String) -> String {
        switch value {
        case .whole(let number): "\(number) \(unit)"
        case .number(let number): "\(short(number)) \(unit)"
        case .histogram(let histogram):
            histogram.count == 0
                ? "0 recorded"
                : "\(histogram.count) recorded, p50 \(amount(histogram.quantile(0.5), unit))"
                    + ", p99 \(amount(histogram.quantile(0.99), unit)), max \(amount(histogram.greatest, unit))"
        }
    }

    private static func amount(_ value: Double, _ unit: String) -> String {
        if unit == "s", value >= 0, value < 1e9 { return readableDuration(UInt64(value * 1e9)) }
        return "\(short(value)) \(unit)"
    }

    private static func short(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return String((value * 1_000).rounded() / 1_000)
    }

    private static func padded(_ text: String, _ columns: Int) -> String {
        text + String(repeating: " ", count: max(columns - text.count, 0))
    }
}
