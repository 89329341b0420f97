/// A route as matching reads it; trivial. -1 stands for none.
struct RouteRecord: BitwiseCopyable {
    /// Index in `RouteTable.routes`.
    var route: UInt16
    var priority: UInt8
    var isFinal: Bool
    /// Index of the root filter, an `all` of the route's filters.
    var filter: Int32
    var condition: Int32
    var orderingKey: Int32
    var rateKey: Int32
    var deduplicationKey: Int32
    var firstTarget: Int32
    var targetCount: Int32
    /// Whether any target is a choice by weight, so that a key for it is needed.
    var hasChoice: Bool
}

/// Choices with a condition come first, then those that share the rest.
struct TargetRecord: BitwiseCopyable {
    var firstChoice: Int32
    var conditionCount: Int32
    var sharingCount: Int32
    var weightSum: UInt64
}

struct ChoiceRecord: BitwiseCopyable {
    var handler: UInt16
    var lane: UInt16
    var condition: Int32
    /// Weights up to this choice, itself included; of those that share.
    var weightBelow: UInt64
}

/// A key: fields in place, or, without any, an expression.
struct KeyRecord: BitwiseCopyable {
    var firstField: Int32
    var fieldCount: Int32
    /// Index in `RouteTable.keys`.
    var key: Int32
}

/// One node of the filters' trees: children follow their parent, `end` is the index after the last of them.
struct FilterRecord: BitwiseCopyable {
    enum Kind: UInt8 { case exact, prefix, suffix, all, any, not, cel, cesql }

    var kind: Kind
    /// The slot of the attribute, or the index of the condition.
    var index: Int32
    var end: Int32
    var textOffset: Int32
    var textCount: Int32
    /// Set once the texts have their place.
    var text: UnsafePointer<UInt8>?

    func placed(texts: UnsafeMutablePointer<UInt8>) -> FilterRecord {
        var placed = self
        placed.text = UnsafePointer(texts + Int(textOffset))
        return placed
    }
}
