import Foundation
import PatchbayResilience

/// Delays per attempt against Polly, resilience4j and the formulas of the AWS Architecture Blog.
let retrySuite = ConformanceSuite(name: "retry", folder: "retry") { folder, report in
    for test in try jsonLines(folder.appendingPathComponent("backoff.jsonl")) {
        let id = test["id"] as? String ?? "?"
        if let reason = reasonToLeaveOut(test) {
            report.leaveOut(reason)
        } else if let wrong = retryFailure(test) {
            report.fail(id, wrong)
        } else {
            report.pass()
        }
    }
}

/// Formulas that are not offered, by name; nil for a case to run.
private func reasonToLeaveOut(_ test: [String: Any]) -> String? {
    switch test["jitter"] as? String {
    case "plus-minus-25%": return "formula: plus-minus-25% jitter (Polly)"
    case "decorrelated-v2": return "formula: decorrelated jitter v2 (Polly)"
    case "randomized": return "formula: randomization factor (resilience4j)"
    default: break
    }
    if test["factor_random"] != nil { return "formula: randomization factor (resilience4j)" }
    if test["invalid"] != nil, number(test["base_ms"]) == 0 {
        return "a first delay of 0 retries at once here, as in Polly"
    }
    if let expected = number(test["expected_ms"]), let cap = number(test["max_ms"]), expected > cap {
        return "the case expects more than its own cap"
    }
    return nil
}

/// What was expected and came instead; nil when the case passes.
private func retryFailure(_ test: [String: Any]) -> String? {
    if test["invalid"] != nil {
        return policy(test).problems().isEmpty ? "expected a refusal, the policy has no problem" : nil
    }
    let id = test["id"] as? String ?? ""
    // Polly and the AWS formulas count attempts from 0, resilience4j and we from 1.
    let retry = Int(number(test["attempt"]) ?? 0) + (id.hasPrefix("retry/resilience4j/") ? 0 : 1)
    if test["property"] != nil { return decorrelatedFailure(test) }
    if let range = test["expected_range_ms"] as? [Any] { return rangeFailure(test, range: range, retry: retry) }
    let delay = policy(test).delay(beforeRetry: retry, previousDelay: 0, random: 0)
    if test["expected"] != nil {
        return delay == RetryPolicy.delayMax ? nil : "expected the largest delay, got \(delay) ns"
    }
    guard let expected = milliseconds(test, "expected") else { return "the case has no expectation that is known" }
    return Double(delay) == expected * 1e6 ? nil : "expected \(expected) ms, got \(Double(delay) / 1e6) ms"
}

/// Bounds of many draws, both of them nearly reached, and their mean.
private func rangeFailure(_ test: [String: Any], range: [Any], retry: Int) -> String? {
    guard let low = number(range.first), let high = number(range.last), let mean = number(test["expected_mean_ms"])
    else { return "the case has no range that is known" }
    let policy = policy(test)
    var random = SeededRandom(seed: 1)
    let draws = (0..<20_000).map { _ in
        Double(policy.delay(beforeRetry: retry, previousDelay: 0, random: random.next())) / 1e6
    }
    let smallest = draws.min() ?? .infinity
    let largest = draws.max() ?? 0
    let average = draws.reduce(0, +) / Double(draws.count)
    if smallest < low || largest > high { return "expected \(low)…\(high) ms, got \(smallest)…\(largest) ms" }
    let slack = (high - low) * 0.02
    if smallest > low + slack || largest < high - slack {
        return "expected to fill \(low)…\(high) ms, got only \(smallest)…\(largest) ms"
    }
    return abs(average - mean) <= slack ? nil : "expected a mean of \(mean) ms, got \(average) ms"
}

/// base ≤ sleep(n) ≤ min(cap, 3 × sleep(n - 1)) along many chains.
private func decorrelatedFailure(_ test: [String: Any]) -> String? {
    guard let base = number(test["base_ms"]), let cap = number(test["cap_ms"]) else { return "no base or no cap" }
    let policy = policy(test)
    var random = SeededRandom(seed: 2)
    var reachedCap = false
    for _ in 0..<1_000 {
        var previous: UInt64 = 0
        for retry in 1...20 {
            let delay = policy.delay(beforeRetry: retry, previousDelay: previous, random: random.next())
            let upper = min(cap * 1e6, 3 * max(base * 1e6, Double(previous)))
            if Double(delay) < base * 1e6 || Double(delay) > upper {
                return "sleep \(retry) is \(delay) ns after \(previous) ns"
            }
            reachedCap = reachedCap || Double(delay) == cap * 1e6
            previous = delay
        }
    }
    return reachedCap ? nil : "20 sleeps never reach the cap"
}

private func policy(_ test: [String: Any]) -> RetryPolicy {
    let id = test["id"] as? String ?? ""
    let jitter: RetryJitter =
        id.contains("/full-jitter/")
        ? .full : id.contains("/equal-jitter/") ? .equal : id.contains("/decorrelated/") ? .decorrelated : .none
    return RetryPolicy(
        policy: (test["strategy"] as? String).flatMap(RetryGrowth.init) ?? .exponential,
        duration: duration(milliseconds(test, "base")),
        multiplier: number(test["factor"]) ?? 2,
        maxInterval: duration(milliseconds(test, "max") ?? number(test["cap_ms"])),
        maxRetries: .max, jitter: jitter)
}

private func duration(_ milliseconds: Double?) -> Duration { .nanoseconds(Int64((milliseconds ?? 0) * 1e6)) }

/// `NAME_ms`, or `NAME_s` in milliseconds.
private func milliseconds(_ test: [String: Any], _ name: String) -> Double? {
    number(test["\(name)_ms"]) ?? number(test["\(name)_s"]).map { $0 * 1_000 }
}

private func number(_ value: Any?) -> Double? { (value as? NSNumber)?.doubleValue }
