package import PatchbayEvents

/// Which part of a condition decided, and what it read.
package struct Explanation: Sendable, Equatable {
    package struct Operand: Sendable, Equatable {
        /// As it is written in the expression.
        package let expression: String
        /// As a person reads it; `absent` for a field that the event does not have.
        package let value: String
        /// Whether it is made of others, such as `size(event.data.lines)`; those come behind it.
        package var isComputed = false
    }

    /// Of the whole expression.
    package let match: Match
    /// The smallest part that decided, as it is written.
    package let expression: String
    package let position: SourcePosition
    /// What this part came to: `true`, `false`, or why it has no value.
    package let outcome: String
    /// What this part compares, where that is computed, and every field and variable that it reads, once each; empty
    /// when the part is only one of them. Of `all` and `exists`, the element that decided comes first.
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
        var operands = [decidingElement(deciding, frame)].compactMap { $0 }
        for child in deciding.kind.children {
            operands += [computed(child, of: deciding, frame)].compactMap { $0 }
            for node in reads(child) {
                let operand = Explanation.Operand(expression: text(node), value: shown(node, frame))
                if !operands.contains(operand) { operands.append(operand) }
            }
        }
        return Explanation(
            match: outcome(root, frame).match, expression: text(deciding), position: deciding.position,
            outcome: outcome(deciding, frame).text, operands: operands)
    }

    /// What a comparison or a function is given, unless that is a field, a constant, a condition or has no value.
    private func computed(_ node: Node, of parent: Node, _ frame: Frame) -> Explanation.Operand? {
        switch parent.kind {
        case .compare, .call, .matches: break
        default: return nil
        }
        switch node.kind {
        case .slot, .slotPresence, .slotOptional, .variable, .constant, .and, .or: return nil
        default: break
        }
        guard node.readsEvent || node.readsVariables, node.lowestLocal == .max else { return nil }
        var frame = frame
        do throws(EvaluationError) {
            return .init(expression: text(node), value: try node.step()(&frame).display, isComputed: true)
        } catch {
            // The fields that it reads tell why.
            return nil
        }
    }

    /// The first element for which `exists` is true, or `all` is not.
    private func decidingElement(_ node: Node, _ frame: Frame) -> Explanation.Operand? {
        guard case .comprehension(let loop) = node.kind, [.all, .exists].contains(loop.outcome),
            let predicate = loop.predicate, outcome(node, frame).match == (loop.outcome == .exists ? .yes : .no)
        else { return nil }
        var frame = frame
        do throws(EvaluationError) {
            let range = try loop.range.step()(&frame)
            let elements: [(key: Value, value: Value)]
            switch range {
            case .list(let list): elements = list.enumerated().map { (.int(Int64($0)), $1) }
            case .map(let map): elements = map.entries.map { ($0.key.value, $0.value) }
            default: return nil
            }
            let isMap = if case .map = range { true } else { false }
            for (key, value) in elements {
                frame.locals[loop.local] = loop.hasTwoVariables || isMap ? key : value
                if loop.hasTwoVariables { frame.locals[loop.local + 1] = value }
                guard outcome(predicate, frame).match == (loop.outcome == .exists ? .yes : .no) else { continue }
                return .init(
                    expression: "\(text(loop.range))[\(key.display)]", value: value.display, isComputed: true)
            }
        } catch {
            // The outcome says why there is no element.
        }
        return nil
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
