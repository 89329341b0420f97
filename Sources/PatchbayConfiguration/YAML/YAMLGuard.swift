/// Refuses texts that would cost the parser far more than their size, before it sees them.
///
/// The parser shares what aliases name, but hashes keys and frees values by recursion: keys that are aliases of lists,
/// or deep values inside deep aliases, would cost exponential time or the whole stack. What is estimated here is an
/// upper bound that honest files stay far below.
enum YAMLGuard {
    /// Fewer aliases than this cannot expand to much.
    static let aliasesFree = 32
    static let depthTimesAliasesMax = 40_000

    /// Why `text` is refused; `nil` when it is fine to parse.
    static func problem(of text: String) -> String? {
        var scan = Scan()
        for byte in text.utf8 { scan.take(byte) }
        scan.take(UInt8(ascii: "\n"))
        let depth = scan.bracketDepthMax + scan.indentMax / 2
        if scan.aliases > aliasesFree, scan.hasComplexKey {
            return "a list, a map or an alias as key, in a file with more than \(aliasesFree) aliases"
        }
        if scan.aliases * depth > depthTimesAliasesMax {
            return "about \(scan.aliases) aliases in values nested about \(depth) deep"
        }
        return nil
    }

    private struct Scan {
        var bracketDepthMax = 0
        var indentMax = 0
        var aliases = 0
        var hasComplexKey = false
        private var depth = 0
        private var previous = UInt8(ascii: "\n")
        private var column = 0
        private var inIndent = true
        /// Inside the name of an alias, or behind it or a closing bracket, where a colon makes a key.
        private var behindValue = false
        private var inAlias = false

        mutating func take(_ byte: UInt8) {
            defer { previous = byte }
            switch byte {
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                (column, inIndent, behindValue, inAlias) = (0, true, false, false)
                return
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                inAlias = false
            case UInt8(ascii: "-") where inIndent:
                break
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                bracketDepthMax = max(bracketDepthMax, depth)
                endIndent()
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth = max(depth - 1, 0)
                (behindValue, inAlias) = (true, false)
                endIndent()
            case UInt8(ascii: "*") where startsToken:
                aliases += 1
                (behindValue, inAlias) = (true, true)
                endIndent()
            case UInt8(ascii: "?") where inIndent || startsToken:
                hasComplexKey = true
            case UInt8(ascii: ":"):
                if behindValue { hasComplexKey = true }
                behindValue = false
                endIndent()
            default:
                if !inAlias { behindValue = false }
                endIndent()
            }
            column += 1
        }

        /// Where a new value may begin.
        private var startsToken: Bool {
            switch previous {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "["),
                UInt8(ascii: "{"), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "?"):
                true
            default: false
            }
        }

        private mutating func endIndent() {
            if inIndent { indentMax = max(indentMax, column) }
            inIndent = false
        }
    }
}
