extension Value {
    /// What a map may be keyed by. Integers are equal by value, whichever of the two types they have.
    package enum Key: Sendable, Hashable {
        case bool(Bool)
        case int(Int64)
        case uint(UInt64)
        case string(String)

        package static func == (a: Key, b: Key) -> Bool {
            switch (a, b) {
            case (.bool(let a), .bool(let b)): a == b
            case (.int(let a), .int(let b)): a == b
            case (.uint(let a), .uint(let b)): a == b
            case (.int(let a), .uint(let b)), (.uint(let b), .int(let a)): a >= 0 && UInt64(a) == b
            case (.string(let a), .string(let b)): a.isIdenticalUTF8(to: b)
            default: false
            }
        }

        package func hash(into hasher: inout Hasher) {
            switch self {
            case .bool(let value): hasher.combine(value)
            case .int(let value): hasher.combine(UInt64(bitPattern: value))
            case .uint(let value): hasher.combine(value)
            case .string(let value): hasher.combine(bytes: value)
            }
        }

        /// The key as a value.
        package var value: Value {
            switch self {
            case .bool(let value): .bool(value)
            case .int(let value): .int(value)
            case .uint(let value): .uint(value)
            case .string(let value): .string(value)
            }
        }

        /// `nil` for a value that cannot be a key. A double with an integer's value finds that integer's entry.
        package init?(lookingUp value: Value) {
            switch value {
            case .double(let number):
                if let int = Int64(exactly: number) {
                    self = .int(int)
                } else if let uint = UInt64(exactly: number) {
                    self = .uint(uint)
                } else {
                    return nil
                }
            default: self.init(value)
            }
        }

        /// `nil` for a value of a type that cannot be a key.
        package init?(_ value: Value) {
            switch value {
            case .bool(let value): self = .bool(value)
            case .int(let value): self = .int(value)
            case .uint(let value): self = .uint(value)
            case .string(let value): self = .string(value)
            default: return nil
            }
        }
    }

    /// An immutable map in the order of insertion; keys are unique.
    package struct Map: Sendable, Hashable {
        package typealias Entry = (key: Key, value: Value)

        private final class Storage: Sendable {
            let entries: [Entry]
            /// Empty while a scan is quicker.
            let index: [Key: Int]

            init(entries: [Entry], index: [Key: Int]) {
                self.entries = entries
                self.index = index
            }
        }

        private static let scanMax = 8
        private let storage: Storage

        /// Entries in order; of entries with one key the last one's value counts, in the first one's place.
        package init(_ entries: [Entry] = []) {
            var unique: [Entry] = []
            unique.reserveCapacity(entries.count)
            var index: [Key: Int] = [:]
            for entry in entries {
                let known =
                    index.isEmpty ? unique.firstIndex { $0.key == entry.key } : index[entry.key]
                if let known {
                    unique[known].value = entry.value
                    continue
                }
                unique.append(entry)
                if !index.isEmpty {
                    index[entry.key] = unique.count - 1
                } else if unique.count > Self.scanMax {
                    for (position, entry) in unique.enumerated() { index[entry.key] = position }
                }
            }
            storage = Storage(entries: unique, index: index)
        }

        /// In order of insertion.
        package var entries: [Entry] { storage.entries }
        package var count: Int { storage.entries.count }
        package var isEmpty: Bool { storage.entries.isEmpty }

        package subscript(key: Key) -> Value? {
            if storage.index.isEmpty {
                return storage.entries.first { $0.key == key }?.value
            }
            return storage.index[key].map { storage.entries[$0].value }
        }

        package subscript(name: String) -> Value? { self[.string(name)] }

        package static func == (a: Map, b: Map) -> Bool {
            a.count == b.count && a.entries.allSatisfy { entry in b[entry.key] == entry.value }
        }

        package func hash(into hasher: inout Hasher) {
            // The order must not count, so entries are hashed apart and added.
            var sum = 0
            for entry in entries {
                var one = Hasher()
                one.combine(entry.key)
                one.combine(entry.value)
                sum &+= one.finalize()
            }
            hasher.combine(sum)
        }
    }
}
