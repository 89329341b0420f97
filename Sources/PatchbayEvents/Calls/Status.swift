package import CPatchbay

/// The header's status and outcome constants with the types that its functions use.
extension patchbay_status {
    package static let ok = patchbay_status(PATCHBAY_OK)
    package static let pending = patchbay_status(PATCHBAY_PENDING)
    package static let badArgument = patchbay_status(PATCHBAY_E_ARG)
    package static let badState = patchbay_status(PATCHBAY_E_STATE)
    package static let unsupported = patchbay_status(PATCHBAY_E_UNSUPPORTED)
    package static let noMemory = patchbay_status(PATCHBAY_E_NOMEM)
    package static let stale = patchbay_status(PATCHBAY_E_STALE)
    package static let conflict = patchbay_status(PATCHBAY_E_CONFLICT)
    package static let limit = patchbay_status(PATCHBAY_E_LIMIT)
    package static let internalError = patchbay_status(PATCHBAY_E_INTERNAL)
    package static let notFound = patchbay_status(PATCHBAY_E_NOT_FOUND)
}
