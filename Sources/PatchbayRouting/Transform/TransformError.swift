/// Why an event could not be transformed. Trying again gives the same, unless state is read.
package struct TransformError: Error, Sendable, Equatable {
    /// The step, as `transform[1].set.data.total`.
    package let place: String
    package let message: String

    init(place: String, message: String) {
        self.place = place
        self.message = message
    }

    /// Runs a part of a step, naming the place of what goes wrong.
    static func at<R>(_ place: String, _ body: () throws(TransformProblem) -> R) throws(TransformError) -> R {
        do {
            return try body()
        } catch {
            throw TransformError(place: place, message: error.message)
        }
    }
}

extension TransformError: CustomStringConvertible {
    package var description: String { "\(place): \(message)" }
}
