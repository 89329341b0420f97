package import PatchbayEvents

/// Changes of modules' versions on the control socket:
///
///     {"patchbay":1,"do":"promote","file":"/srv/libbilling.so","instance":"billing","watched":true,"by":"ada"}
///     {"patchbay":1,"do":"promote","file":"/srv/libbilling.so","watched":true,"share":500,"nanoseconds":300000000000,
///      "calls":100,"by":"ada"}
///     {"patchbay":1,"do":"rollback","instance":"billing","by":"ada"}
///     {"patchbay":1,"do":"versions","by":"ada"}
///     {"patchbay":1,"do":"reload","by":"ada"}
///
/// `file` is absolute; without `instance` it is the one instance of the file's module. The answer comes once new calls run
/// the new version:
///
///     {"patchbay":1,"instance":"billing","handlers":["charge"],"from":{"version":"1.0.0","sha256":"…","file":"…"},
///      "to":{…},"openBefore":3}
///     {"patchbay":1,"instances":[{"instance":"billing","module":"billing","handlers":["charge"],"present":{…},
///      "previous":{…},"onTrial":true}]}
///     {"patchbay":1,"from":"0f3a…","to":"77b1…","isChanged":true,"routing":true,"versions":[{"instance":…}],"reconfigured":[]}
///     {"patchbay":1,"error":"module","message":"/srv/libbilling.so: createFailed: …"}
package enum VersionRequest: Sendable, Equatable {
    /// With a canary, for a share of the calls.
    case promote(file: String, instance: String?, isWatched: Bool, canary: CanaryWish?)
    case rollback(instance: String)

    static let verbs: Set<String> = ["promote", "rollback"]

    var members: [(String, Value)] {
        switch self {
        case .promote(let file, let instance, let isWatched, let canary):
            [("do", .string("promote")), ("file", .string(file))]
                + (instance.map { [("instance", .string($0))] } ?? []) + [("watched", .bool(isWatched))]
                + (canary.map {
                    [
                        ("share", .uint(UInt64($0.share))), ("nanoseconds", .uint($0.rule.time)),
                        ("calls", .uint($0.rule.callsMin)),
                    ]
                } ?? [])
        case .rollback(let instance): [("do", .string("rollback")), ("instance", .string(instance))]
        }
    }

    init(_ verb: String, _ fields: ControlFields) throws(ControlFailure) {
        guard verb == "promote" else {
            self = .rollback(instance: try fields.text("instance"))
            return
        }
        let file = try fields.text("file")
        guard file.hasPrefix("/") else { throw ControlFailure(.malformed, "'file' is not an absolute path") }
        var canary: CanaryWish?
        if let share = try fields.optionalNumber("share") {
            guard (1...5_000).contains(share) else {
                throw ControlFailure(.malformed, "'share' is 1 to 5000, of 10000 calls")
            }
            var rule = CanaryRule()
            rule.time = try fields.number("nanoseconds")
            rule.callsMin = try fields.number("calls")
            canary = CanaryWish(share: UInt32(share), rule: rule)
        }
        self = .promote(
            file: file, instance: try fields.optionalText("instance"), isWatched: fields.flag("watched"),
            canary: canary)
    }
}

extension VersionName {
    package var value: Value {
        .object([("version", .string(version)), ("sha256", .string(sha256)), ("file", .string(file))])
    }

    init(_ fields: ControlFields) throws(ControlFailure) {
        self.init(
            version: try fields.text("version"), sha256: try fields.text("sha256"), file: try fields.text("file"))
    }

    init(_ name: String, of fields: ControlFields) throws(ControlFailure) {
        guard let inner = try fields.object(name) else { throw ControlFailure(.malformed, "'\(name)' is missing") }
        try self.init(inner)
    }
}

extension VersionChange {
    var members: [(String, Value)] {
        [
            ("instance", .string(instance)), ("handlers", .list(handlers.map { .string($0) })), ("from", from.value),
            ("to", to.value), ("openBefore", .int(Int64(openBefore))), ("share", .uint(UInt64(share))),
        ]
    }

    /// For scripts.
    package var value: Value { .object(members) }

    init(_ fields: ControlFields) throws(ControlFailure) {
        self.init(
            instance: try fields.text("instance"), handlers: try fields.texts("handlers"),
            from: try VersionName("from", of: fields), to: try VersionName("to", of: fields),
            openBefore: try fields.count("openBefore"), share: UInt32(clamping: try fields.number("share")))
    }
}

extension RunningVersion {
    /// For scripts, too.
    package var value: Value {
        .object([
            ("instance", .string(instance)), ("module", .string(module)),
            ("handlers", .list(handlers.map { .string($0) })), ("present", present.value),
            ("previous", previous?.value ?? .null), ("onTrial", .bool(isOnTrial)),
            ("canary", canary?.value ?? .null),
        ])
    }

    init(_ fields: ControlFields) throws(ControlFailure) {
        let previous = try fields.object("previous")
        self.init(
            instance: try fields.text("instance"), module: try fields.text("module"),
            handlers: try fields.texts("handlers"), present: try VersionName("present", of: fields),
            previous: try previous.map { (fields) throws(ControlFailure) in try VersionName(fields) },
            isOnTrial: fields.flag("onTrial"),
            canary: try fields.object("canary").map { (fields) throws(ControlFailure) in try RunningCanary(fields) })
    }
}

extension RunningCanary {
    var value: Value {
        .object([
            ("version", name.value), ("share", .uint(UInt64(share))), ("ended", .uint(ended)),
            ("failed", .uint(failed)),
            ("endedBeside", .uint(endedBeside)), ("failedBeside", .uint(failedBeside)),
        ])
    }

    init(_ fields: ControlFields) throws(ControlFailure) {
        self.init(
            name: try VersionName("version", of: fields), share: UInt32(clamping: try fields.number("share")),
            ended: try fields.number("ended"), failed: try fields.number("failed"),
            endedBeside: try fields.number("endedBeside"), failedBeside: try fields.number("failedBeside"))
    }
}

extension ReloadChange {
    var members: [(String, Value)] {
        [
            ("from", .string(from)), ("to", .string(to)), ("isChanged", .bool(isChanged)),
            ("routing", .bool(isRoutingChanged)), ("versions", .list(versions.map(\.value))),
            ("reconfigured", .list(reconfigured.map { .string($0) })),
        ]
    }

    /// For scripts.
    package var value: Value { .object(members) }

    init(_ fields: ControlFields) throws(ControlFailure) {
        self.init(from: try fields.text("from"), to: try fields.text("to"))
        isChanged = fields.flag("isChanged")
        isRoutingChanged = fields.flag("routing")
        for version in try fields.objects("versions") { versions.append(try VersionChange(version)) }
        reconfigured = try fields.texts("reconfigured")
    }
}

/// Answers what is asked about versions of modules and the configuration; all that there is behind the socket of a log in memory.
struct VersionService: ControlAnswering {
    private let keeper: VersionKeeper
    private let reloader: Reloader

    init(_ keeper: VersionKeeper, _ reloader: Reloader) {
        self.keeper = keeper
        self.reloader = reloader
    }

    let hasRetention = false
    func expire() -> Bool { false }

    func answer(_ request: ControlRequest) -> ControlAnswer {
        do throws(VersionError) {
            switch request {
            case .versions: return .versions(keeper.versions)
            case .reload(let who): return .reloaded(try reloader.reload(by: who).get())
            case .version(.promote(let file, let instance, let isWatched, let canary), let who):
                return .versionChanged(
                    try keeper.promote(file, instance: instance, isWatched: isWatched, canary: canary, by: who))
            case .version(.rollback(let instance), let who):
                return .versionChanged(try keeper.rollback(instance, by: who))
            default:
                return .failed(
                    ControlFailure(
                        .malformed, "this host has its log in memory, so it can change modules and reload only"))
            }
        } catch {
            return .failed(ControlFailure(.module, error.description))
        }
    }
}
