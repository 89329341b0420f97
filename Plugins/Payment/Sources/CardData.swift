/// Finds and removes what could be data of a card, which no log, trace, dead letter or event may hold (PCI DSS, 3.3).
enum CardData {
    /// Stands where something was removed.
    static let mark = "[removed]"

    /// Whether a value holds what looks like a card number: as many digits as numbers of that beginning have, with
    /// blanks or dashes between them or not, whose check digit is right (ISO/IEC 7812-1, annex B). Other digits may
    /// stand before and behind it, as an expiry date does, if they are separated from it.
    static func isNumber(_ text: String) -> Bool {
        runs(in: text).contains { run in
            // Numbers begin and end where a group of digits does, and have at most 19 groups.
            let bounds = run.starts + [run.digits.count]
            return run.starts.indices.contains { first in
                bounds[(first + 1)...].prefix(19).contains { end in
                    guard (12...19).contains(end - bounds[first]) else { return false }
                    let digits = run.digits[bounds[first]..<end]
                    return isIssued(digits) && hasCheckDigit(digits)
                }
            }
        }
    }

    /// The text, or the mark where it holds what looks like a card number.
    static func masked(_ text: String) -> String { isNumber(text) ? mark : text }

    /// The text without any run of three digits or more, however they are separated: no card number is left, no part of
    /// one, and no security code.
    static func removed(from text: String) -> String {
        var clean = ""
        var at = text.startIndex
        for run in runs(in: text) where run.digits.count >= 3 {
            clean += text[at..<run.range.lowerBound] + mark
            at = run.range.upperBound
        }
        return clean + text[at...]
    }

    /// A code of the API, such as `card_declined`; nil for anything that is not one.
    static func code(_ text: String?) -> String? {
        guard let text, !text.isEmpty, text.utf8.count <= 64,
            text.utf8.allSatisfy({ ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x5F }),
            runs(in: text).allSatisfy({ $0.digits.count < 3 })
        else { return nil }
        return text
    }

    private struct Run {
        var range: Range<String.Index>
        var digits: [Int]
        /// Where groups of digits begin; the first one at 0.
        var starts: [Int]
    }

    /// Digits of any script, with at most one separator between two of them.
    private static func runs(in text: String) -> [Run] {
        var runs: [Run] = []
        var isOpen = false
        var separator = false
        for index in text.indices {
            let character = text[index]
            if let digit = character.wholeNumberValue, digit < 10 {
                if !isOpen { runs.append(Run(range: index..<index, digits: [], starts: [])) }
                if !isOpen || separator { runs[runs.count - 1].starts.append(runs[runs.count - 1].digits.count) }
                runs[runs.count - 1].digits.append(digit)
                runs[runs.count - 1].range = runs[runs.count - 1].range.lowerBound..<text.index(after: index)
                isOpen = true
                separator = false
            } else if isOpen, !separator, character.isWhitespace || "-.\u{2013}\u{2011}_/*".contains(character) {
                separator = true
            } else {
                isOpen = false
                separator = false
            }
        }
        return runs
    }

    /// Whether networks give out numbers that begin like this and are as long.
    private static func isIssued(_ digits: ArraySlice<Int>) -> Bool {
        switch digits[digits.startIndex] * 10 + digits[digits.startIndex + 1] {
        case 34, 37: return digits.count == 15
        case 30, 36, 38, 39: return (14...19).contains(digits.count)
        case 35, 51...55, 22...27: return digits.count == 16
        case 40...49: return [13, 16, 19].contains(digits.count)
        case 50, 56...69: return digits.count <= 19
        default: return false
        }
    }

    private static func hasCheckDigit(_ digits: ArraySlice<Int>) -> Bool {
        var sum = 0
        for (index, digit) in digits.reversed().enumerated() {
            let weighted = index % 2 == 1 ? digit * 2 : digit
            sum += weighted > 9 ? weighted - 9 : weighted
        }
        return sum % 10 == 0
    }
}
