import Glibc

/// Colour for people; nothing at all where no terminal shows it.
struct Style: Sendable {
    private let isOn: Bool

    /// - Parameter file: where the text goes.
    init(for file: Int32) { isOn = Output.isTerminal(file) }

    func red(_ text: String) -> String { wrap(text, "31") }
    func green(_ text: String) -> String { wrap(text, "32") }
    func yellow(_ text: String) -> String { wrap(text, "33") }
    func bold(_ text: String) -> String { wrap(text, "1") }
    func dim(_ text: String) -> String { wrap(text, "2") }

    private func wrap(_ text: String, _ code: String) -> String {
        isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
