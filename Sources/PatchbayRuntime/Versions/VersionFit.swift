import PatchbayModules
import PatchbayTransfers

/// Whether a module file may take the place of another one while the host runs. None of its code is run for that.
enum VersionFit {
    /// What the run has fixed for an instance.
    struct Place {
        var instance: ModuleCatalogue.Instance
        /// The handlers that routes use, each with the most calls at once that the host makes.
        var callsMax: [(handler: String, calls: Int)]
        /// The SHA-256 that the configuration asks for; empty is any.
        var pin = ""
    }

    /// Throws what stands against it.
    static func check(_ next: ModuleFile, for place: Place) throws(ModuleError) {
        let (instance, present) = (place.instance.name, place.instance.file.manifest)
        guard next.manifest.name == present.name else {
            throw refusal(
                next, "is the module '\(next.manifest.name)', and '\(instance)' is '\(present.name)'",
                "promote a build of '\(present.name)'")
        }
        if !place.pin.isEmpty { try next.check(pin: place.pin) }
        for (handler, calls) in place.callsMax {
            guard let declared = next.manifest.handler(handler) else {
                let offered = next.manifest.handlers.map(\.id).joined(separator: ", ")
                throw refusal(
                    next, "has no handler '\(handler)', which routes use",
                    "it has \(offered.isEmpty ? "none" : offered); change the routes first")
            }
            guard declared.concurrency == 0 || declared.concurrency >= calls else {
                throw refusal(
                    next,
                    "allows \(declared.concurrency) calls of '\(handler)' at once, and this run makes up to \(calls)",
                    "lower the bulkhead's maxInFlight to \(declared.concurrency) and start the host anew")
            }
        }
        for pattern in place.instance.network where !NetworkGrant.covers(next.manifest.network, pattern) {
            throw refusal(
                next, "does not ask for '\(pattern)', which the configuration grants",
                "remove the grant and start the host anew")
        }
    }

    private static func refusal(_ file: ModuleFile, _ message: String, _ remedy: String) -> ModuleError {
        ModuleError(.unfitVersion, file: file.path, message, remedy: remedy)
    }
}
