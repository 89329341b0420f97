import CPatchbay
import CPatchbayIsolation
import PatchbayEvents

/// Ids of the service tables that the host hands out.
package enum HostServiceID {
    package static let logger = PATCHBAY_LOGGER
    package static let trace = PATCHBAY_TRACE
    package static let meter = PATCHBAY_METER
    package static let emit = PATCHBAY_EMIT
    package static let state = PATCHBAY_STATE
    package static let timer = PATCHBAY_TIMER
    package static let stream = PATCHBAY_STREAM
    package static let http = PATCHBAY_HTTP
    package static let mail = PATCHBAY_MAIL

    package static let all: Set<String> = [logger, trace, meter, emit, state, timer, stream, http, mail]

    /// The id under which the host has what a module calls `id`: the present one, for services that were frozen as their
    /// drafts were. [any thread]
    package static func current(_ id: String) -> String {
        ForeignText.lending(id) { String(pbi_service_id($0)) }
    }
}
