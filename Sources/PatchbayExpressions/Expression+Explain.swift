package import PatchbayEvents

/// Which part of a condition decided, and what it read.
package struct Explanation: Sendable, Equatable {
    package struct Operand: Sendable, Equatable {
        /// As it is written in the expression.
        package let expression: String
        /// As a person reads it; `absent` for a field that the event does not have.
        package let value: String
    }

    /// Of the whole expression.
    package let match: Match
    /// The smallest part that decided, as it is written.
    package let expression: String
    package let position: SourcePosition
    /// What this part came to: `true`, `false`, or why it has no value.
    package let outcome: String
    /// Every field and variable that this part reads, once each, in order; empty when the part is only one of them.
    package let operands: [Operand]
}

extension Explanation: CustomStringConvertible {
    /// `event.data.amount > 1000 is false: event.data.amount = 250`.
    package var description: String {
        let reads = operands.map { "\($0.expression) = \($0.value)" }.joined(separator: ", ")
        return "\(expression) is \(outcome)" + (reads.isEmpty ? "" : ": \(reads)")
    }
}

extension Expression {
    /// The smallest part of a condition that decided for this event. Slow: for people, not for the event path.
    package func explain(_ fields: FieldSlots?, variables: [Value] = []) -> Explanation {
        let frame = frame(fields, variables)
        let deciding = deciding(root, frame)
        var operands: [Explanation.Operand] = []
        for node in deciding.kind.children.flatMap(reads) {
            let operand = Explanation.Operand(expression: text(node), value: shown(node, frame))
            if !operands.contains(operand) { operands.append(operand) }
        }
        return Explanation(
            match: outcome(root, frame).match, expression: text(deciding), position: deciding.position,
            outcome: outcome(deciding, frame).text, operands: operands)
    }

    private func deciding(_ node: Node, _ frame: Frame) -> Node {
        let match = outcome(node, frame).match
        switch node.kind {
        case .and(let operands), .or(let operands):
            // All operands decided together where none of them comes to what the whole does for its own reason.
            let isTogether: Bool =
                if case .and = node.kind { match == .yes } else { match == .no }
            if isTogether { return node }
            guard let operand = operands.first(where: { outcome($0, frame).match == match }) else { return node }
            return deciding(operand, frame)
        case .not(let operand): return deciding(operand, frame)
        case .conditional(let condition, let first, let second):
            switch outcome(condition, frame).match {
            case .yes: return deciding(first, frame)
            case .no: return deciding(second, frame)
            case .error: return deciding(condition, frame)
            }
        default: return node
        }
    }

    private func outcome(_ node: Node, _ frame: Frame) -> (match: Match, text: String) {
        var frame = frame
        do throws(EvaluationError) {
            let value = try node.step()(&frame)
            guard case .bool(let bool) = value else { return (.error(.noSuchOverload), value.display) }
            return (bool ? .yes : .no, value.display)
        } catch {
            return (.error(error.code), "an error (\(error.message))")
        }
    }

    /// Fields and variables below a node.
    private func reads(_ node: Node) -> [Node] {
        switch node.kind {
        case .slot, .slotPresence, .slotOptional, .variable: [node]
        default: node.kind.children.flatMap(reads)
        }
    }

    private func shown(_ node: Node, _ frame: Frame) -> String {
        if case .slot(let slot, _) = node.kind, !frame.hasField(slot) { return "absent" }
        var frame = frame
        do throws(EvaluationError) {
            return try node.step()(&frame).display
        } catch {
            return "an error (\(error.message))"
        }
    }

    private func text(_ node: Node) -> String { String(decoding: Array(source.utf8)[node.range], as: UTF8.self) }
}
