extension Value {
    /// An IPv4 or IPv6 address without a zone.
    ///
    /// - Shape: an IPv4 address and the IPv6 address that maps it are equal.
    /// - Source: RFC 4291 for the text that is read, RFC 5952 for the text that is written.
    package struct IPAddress: Sendable, Hashable {
        /// 128 bits; an IPv4 address is in the last 32.
        package let bits: UInt128
        /// 4 or 6.
        package let family: Int

        package init(bits: UInt128, family: Int) {
            self.bits = bits
            self.family = family
        }

        /// `nil` for what is no address, such as leading zeros in IPv4, and for an IPv4 address mapped into IPv6 that
        /// is written with dots, where readers disagree on the family.
        package init?(_ text: String) {
            let bytes = Array(text.utf8)
            if !bytes.contains(UInt8(ascii: ":")) {
                guard let bits = Self.dotted(bytes[...]) else { return nil }
                self.init(bits: UInt128(bits), family: 4)
                return
            }
            guard let bits = Self.colons(bytes) else { return nil }
            self.init(bits: bits, family: 6)
            if isMapped, bytes.contains(UInt8(ascii: ".")) { return nil }
        }

        /// The same address in IPv4 where it is one mapped into IPv6.
        package var unmapped: IPAddress { isMapped ? IPAddress(bits: bits & 0xFFFF_FFFF, family: 4) : self }

        package var text: String { family == 4 ? Self.dottedText(UInt32(bits)) : colonText }

        package static func == (a: IPAddress, b: IPAddress) -> Bool {
            let (a, b) = (a.unmapped, b.unmapped)
            return a.family == b.family && a.bits == b.bits
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(unmapped.family)
            hasher.combine(unmapped.bits)
        }

        // MARK: - What an address is for

        package var isUnspecified: Bool { bits == 0 }
        package var isLoopback: Bool { isV4(127, bits: 8) || (family == 6 && bits == 1) }
        package var isMulticast: Bool { isV4(0xE, bits: 4) || isV6(0xFF, bits: 8) }
        package var isLinkLocalUnicast: Bool { isV4(0xA9FE, bits: 16) || isV6(0x3FA, bits: 10) }
        /// Of `ff02::/16`, with any flags.
        package var isLinkLocalMulticast: Bool {
            isV4(0xE00000, bits: 24) || (family == 6 && bits >> 112 & 0xFF0F == 0xFF02)
        }
        package var isGlobalUnicast: Bool {
            let isBroadcast = unmapped.family == 4 && unmapped.bits == 0xFFFF_FFFF
            return
                !(isUnspecified || unmapped.isUnspecified || isBroadcast || isLoopback || isMulticast
                || isLinkLocalUnicast)
        }

        private var isMapped: Bool { family == 6 && bits >> 32 == 0xFFFF }

        private func isV4(_ prefix: UInt128, bits count: Int) -> Bool {
            unmapped.family == 4 && unmapped.bits >> (32 - count) == prefix
        }

        private func isV6(_ prefix: UInt128, bits count: Int) -> Bool { family == 6 && bits >> (128 - count) == prefix }

        // MARK: - Text

        private static func dotted(_ text: ArraySlice<UInt8>) -> UInt32? {
            let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            guard parts.count == 4 else { return nil }
            var bits: UInt32 = 0
            for part in parts {
                guard let octet = decimal(part, max: 255) else { return nil }
                bits = bits << 8 | UInt32(octet)
            }
            return bits
        }

        private static func colons(_ text: [UInt8]) -> UInt128? {
            var text = text[...]
            var tail: [UInt16] = []
            if let colon = text.lastIndex(of: UInt8(ascii: ":")), text[colon...].contains(UInt8(ascii: ".")) {
                guard let bits = dotted(text[(colon + 1)...]) else { return nil }
                tail = [UInt16(bits >> 16), UInt16(truncatingIfNeeded: bits)]
                text = text[...colon]
                // The colon belongs to `::`, or it parts the groups from the dotted end.
                if !text.dropLast().hasSuffix(UInt8(ascii: ":")) { text = text.dropLast() }
            }
            let gap = text.indices.first { text[$0] == UInt8(ascii: ":") && text[($0 + 1)...].first == text[$0] }
            guard let head = groups(gap.map { text[..<$0] } ?? text),
                let rest = gap.map({ groups(text[($0 + 2)...]) }) ?? []
            else { return nil }
            let known = head.count + rest.count + tail.count
            guard gap == nil ? known == 8 : known < 8 else { return nil }
            let all = head + Array(repeating: 0, count: 8 - known) + rest + tail
            return all.reduce(0) { $0 << 16 | UInt128($1) }
        }

        /// Hexadecimal numbers between colons; none in an empty text.
        private static func groups(_ text: ArraySlice<UInt8>) -> [UInt16]? {
            guard !text.isEmpty else { return [] }
            var found: [UInt16] = []
            for part in text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
                let digits = String(decoding: part, as: UTF8.self)
                guard (1...4).contains(part.count), !digits.hasPrefix("+"), !digits.hasPrefix("-"),
                    let number = UInt16(digits, radix: 16)
                else { return nil }
                found.append(number)
            }
            return found
        }

        private static func dottedText(_ bits: UInt32) -> String {
            "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)"
        }

        private var colonText: String {
            let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> (112 - 16 * $0)) }
            var longest = 0..<0
            var start = 0
            for (index, group) in groups.enumerated() {
                if group != 0 { start = index + 1 }
                if index + 1 - start > max(1, longest.count) { longest = start..<index + 1 }
            }
            func text(_ part: ArraySlice<UInt16>) -> String {
                part.map { String($0, radix: 16) }.joined(separator: ":")
            }
            if longest.isEmpty { return text(groups[...]) }
            return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
        }

        /// A number without leading zeros.
        fileprivate static func decimal(_ digits: ArraySlice<UInt8>, max limit: Int) -> Int? {
            guard (1...3).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }),
                digits.count == 1 || digits.first != 48
            else { return nil }
            let number = digits.reduce(0) { $0 * 10 + Int($1 - 48) }
            return number <= limit ? number : nil
        }
    }

    /// A network: an address, and how many of its bits from the front are the network's.
    package struct IPNetwork: Sendable, Hashable {
        package let address: IPAddress
        /// 0…32 or 0…128.
        package let prefixLength: Int

        /// `nil` for what is not `address/length`; an IPv4 address mapped into IPv6 has no networks.
        package init?(_ text: String) {
            guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")),
                let address = IPAddress(String(text[..<slash])), address.unmapped.family == address.family,
                let length = IPAddress.decimal(
                    Array(text.utf8[slash...].dropFirst())[...], max: address.family == 4 ? 32 : 128)
            else { return nil }
            self.init(address: address, prefixLength: length)
        }

        private init(address: IPAddress, prefixLength: Int) {
            self.address = address
            self.prefixLength = prefixLength
        }

        /// The same network with the address's other bits zero.
        package var masked: IPNetwork {
            let host = (address.family == 4 ? 32 : 128) - prefixLength
            let bits = host == 128 ? 0 : (address.bits >> host) << host
            return IPNetwork(address: IPAddress(bits: bits, family: address.family), prefixLength: prefixLength)
        }

        package func contains(_ other: IPAddress) -> Bool {
            let other = other.unmapped
            guard other.family == address.family else { return false }
            return IPNetwork(address: other, prefixLength: prefixLength).masked.address.bits == masked.address.bits
        }

        package func contains(_ other: IPNetwork) -> Bool {
            prefixLength <= other.prefixLength && contains(other.address)
        }

        package var text: String { "\(address.text)/\(prefixLength)" }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func hasSuffix(_ byte: UInt8) -> Bool { last == byte }
}
