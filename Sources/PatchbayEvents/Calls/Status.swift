package import CPatchbay

/// The header's status and outcome constants with the types that its functions use.
extension patchbay_status {
    package static var ok: patchbay_status { patchbay_status(PATCHBAY_OK) }
    package static var pending: patchbay_status { patchbay_status(PATCHBAY_PENDING) }
    package static var badArgument: patchbay_status { patchbay_status(PATCHBAY_E_ARG) }
    package static var badState: patchbay_status { patchbay_status(PATCHBAY_E_STATE) }
    package static var unsupported: patchbay_status { patchbay_status(PATCHBAY_E_UNSUPPORTED) }
    package static var noMemory: patchbay_status { patchbay_status(PATCHBAY_E_NOMEM) }
    package static var stale: patchbay_status { patchbay_status(PATCHBAY_E_STALE) }
    package static var conflict: patchbay_status { patchbay_status(PATCHBAY_E_CONFLICT) }
    package static var limit: patchbay_status { patchbay_status(PATCHBAY_E_LIMIT) }
    package static var internalError: patchbay_status { patchbay_status(PATCHBAY_E_INTERNAL) }
    package static var notFound: patchbay_status { patchbay_status(PATCHBAY_E_NOT_FOUND) }
}
