import PatchbaySDK

/// Nothing but the call itself, in Swift.
struct Noop: Handler {
    init(configuration: NoConfiguration, host: Host) {}

    func handle(_ event: borrowing EventView, _ call: Call) -> Outcome { .done }
}
