import PatchbaySDK

/// The example of all SDKs: greets whom an event is about.
struct Hello: Handler {
    init(configuration: NoConfiguration, host: Host) {}

    func handle(_ event: borrowing EventView, _ call: Call) -> Outcome {
        if event.subject.isEmpty { return .reject("invalid: nobody to greet") }
        call.log(.info, "hello", ["detail": String(event.subject)])
        return .done
    }
}
