/// The dynamic section: names of libraries and the table of exported symbols.
struct ELFDynamic {
    private enum Tag {
        static let needed: UInt64 = 1
        static let hash: UInt64 = 4
        static let stringTable: UInt64 = 5
        static let symbolTable: UInt64 = 6
        static let stringSize: UInt64 = 10
        static let soname: UInt64 = 14
        static let runPathOld: UInt64 = 15
        static let runPath: UInt64 = 29
        static let textRelocations: UInt64 = 22
        static let flags: UInt64 = 30
        static let gnuHash: UInt64 = 0x6FFF_FEF5
        static let flags1: UInt64 = 0x6FFF_FFFB
        static let auxiliary: UInt64 = 0x7FFF_FFFD
        static let filter: UInt64 = 0x7FFF_FFFF
    }

    private static let flagTextRelocations: UInt64 = 4
    private static let flagProgram: UInt64 = 0x0800_0000
    private static let entriesMax = 4096
    private static let neededMax = 512
    private static let symbolsMax = 1 << 20
    private static let symbolSize = 24
    static let entryPrefix = "patchbay_module_v"

    private(set) var soname: String?
    private(set) var needed: [String] = []
    private(set) var runPaths: [String] = []
    /// A position-independent program, which no loader opens.
    private(set) var isProgram = false
    /// The loader writes into its code.
    private(set) var hasTextRelocations = false
    private var strings: ELFBytes.Region?
    private var symbolAddress: UInt64?
    private var hashAddress: UInt64?
    private var gnuHashAddress: UInt64?

    init(_ file: ELFBytes, segments: [ELFHeader.Segment]) throws(ELFError) {
        guard let segment = segments.first(where: { $0.type == ELFHeader.Segment.dynamic }) else { return }
        let table = try file.region(at: segment.offset, count: segment.fileSize, of: "the dynamic section")
        var names: [(tag: UInt64, offset: UInt64)] = []
        var stringAddress: UInt64?
        var stringSize: UInt64 = 0
        for index in 0..<min(table.count / 16, Self.entriesMax) {
            let tag = try file.load(UInt64.self, at: UInt64(table.start + index * 16), of: "d_tag")
            let value = try file.load(UInt64.self, at: UInt64(table.start + index * 16 + 8), of: "d_val")
            if tag == 0 { break }
            switch tag {
            case Tag.needed, Tag.auxiliary, Tag.filter, Tag.soname, Tag.runPath, Tag.runPathOld:
                names.append((tag, value))
            case Tag.stringTable: stringAddress = value
            case Tag.stringSize: stringSize = value
            case Tag.symbolTable: symbolAddress = value
            case Tag.hash: hashAddress = value
            case Tag.gnuHash: gnuHashAddress = value
            case Tag.textRelocations: hasTextRelocations = true
            case Tag.flags: hasTextRelocations = hasTextRelocations || value & Self.flagTextRelocations != 0
            case Tag.flags1: isProgram = value & Self.flagProgram != 0
            default: break
            }
        }
        guard let stringAddress else { return }
        let offset = try Self.offset(of: stringAddress, segments: segments, file)
        let strings = try file.region(at: offset, count: stringSize, of: "the dynamic string table")
        self.strings = strings
        try read(names, strings: strings, file)
    }

    private mutating func read(
        _ names: [(tag: UInt64, offset: UInt64)], strings: ELFBytes.Region, _ file: ELFBytes
    ) throws(ELFError) {
        guard names.count <= Self.neededMax else {
            throw ELFError(code: .tooLarge, message: "needs more than \(Self.neededMax) libraries", offset: 0)
        }
        var oldPaths: [String] = []
        for (tag, offset) in names {
            let text = try file.string(at: offset, in: strings)
            switch tag {
            case Tag.needed, Tag.auxiliary, Tag.filter: needed.append(text)
            case Tag.soname: soname = text
            case Tag.runPath: runPaths = Self.folders(text)
            default: oldPaths = Self.folders(text)
            }
        }
        if runPaths.isEmpty { runPaths = oldPaths }
    }

    /// An empty folder in a list is the working directory.
    private static func folders(_ text: String) -> [String] {
        guard !text.isEmpty else { return [] }
        return text.split(separator: ":", omittingEmptySubsequences: false).map { $0.isEmpty ? "." : String($0) }
    }

    /// Counts defined symbols that other objects can bind to.
    func exports(_ file: ELFBytes, segments: [ELFHeader.Segment]) throws(ELFError) -> ELFImage.Exports {
        var exports = ELFImage.Exports()
        guard let symbolAddress, let strings else { return exports }
        let count = try symbolCount(file, segments: segments)
        let table = try file.region(
            at: try Self.offset(of: symbolAddress, segments: segments, file), count: UInt64(count * Self.symbolSize),
            of: "the dynamic symbol table")
        for index in 0..<count {
            let base = UInt64(table.start + index * Self.symbolSize)
            let info = try file.load(UInt8.self, at: base + 4, of: "st_info")
            let other = try file.load(UInt8.self, at: base + 5, of: "st_other")
            let section = try file.load(UInt16.self, at: base + 6, of: "st_shndx")
            guard section != 0, Self.isVisible(info: info, other: other) else { continue }
            let name = try file.string(
                at: UInt64(try file.load(UInt32.self, at: base, of: "st_name")), in: strings, max: 1 << 16)
            guard !Self.isLinkerMade(name) else { continue }
            exports.count += 1
            if name.hasPrefix(Self.entryPrefix), let major = UInt32(name.dropFirst(Self.entryPrefix.count)) {
                exports.entryMajors.append(major)
            } else if exports.others.count < 16 {
                exports.others.append(name)
            }
        }
        exports.entryMajors.sort()
        return exports
    }

    /// Global, weak or unique; default or protected visibility.
    private static func isVisible(info: UInt8, other: UInt8) -> Bool {
        let binding = info >> 4
        return (binding == 1 || binding == 2 || binding == 10) && (other & 3 == 0 || other & 3 == 3)
    }

    /// Linkers without a version script export these; they say nothing about the module's author.
    private static func isLinkerMade(_ name: String) -> Bool {
        ["_init", "_fini", "_edata", "_end", "__bss_start", "_etext", "__end__"].contains(name)
    }

    private func symbolCount(_ file: ELFBytes, segments: [ELFHeader.Segment]) throws(ELFError) -> Int {
        let count: UInt64
        if let hashAddress {
            let offset = try Self.offset(of: hashAddress, segments: segments, file)
            count = UInt64(try file.load(UInt32.self, at: offset + 4, of: "the symbol hash table"))
        } else if let gnuHashAddress {
            count = try Self.gnuCount(file, at: try Self.offset(of: gnuHashAddress, segments: segments, file))
        } else {
            return 0
        }
        guard count <= UInt64(Self.symbolsMax) else {
            throw ELFError(code: .tooLarge, message: "more than \(Self.symbolsMax) dynamic symbols", offset: 0)
        }
        return Int(count)
    }

    /// The GNU hash table does not store a count: it is one past the end of the chain of the last bucket.
    private static func gnuCount(_ file: ELFBytes, at base: UInt64) throws(ELFError) -> UInt64 {
        let what = "the GNU hash table"
        let buckets = UInt64(try file.load(UInt32.self, at: base, of: what))
        let first = UInt64(try file.load(UInt32.self, at: base + 4, of: what))
        let bloom = UInt64(try file.load(UInt32.self, at: base + 8, of: what))
        let bucketBase = try file.region(at: base + 16, count: bloom * 8 + buckets * 4, of: what)
        let bucketStart = UInt64(bucketBase.start) + bloom * 8
        var last: UInt64 = 0
        for index in 0..<buckets {
            last = max(last, UInt64(try file.load(UInt32.self, at: bucketStart + index * 4, of: what)))
        }
        guard last >= first, last > 0 else { return first }
        let chains = UInt64(bucketBase.end)
        while last <= UInt64(Self.symbolsMax),
            try file.load(UInt32.self, at: chains + (last - first) * 4, of: what) & 1 == 0
        {
            last += 1
        }
        return last + 1
    }

    /// Where the byte at a virtual address lies in the file: always inside of it.
    private static func offset(
        of address: UInt64, segments: [ELFHeader.Segment], _ file: ELFBytes
    ) throws(ELFError) -> UInt64 {
        for segment in segments where segment.type == ELFHeader.Segment.load {
            guard address >= segment.address, address - segment.address < segment.fileSize else { continue }
            let (offset, overflow) = segment.offset.addingReportingOverflow(address - segment.address)
            guard !overflow, offset < UInt64(file.count) else { break }
            return offset
        }
        throw ELFError(
            code: .malformed, message: "an address of the dynamic section lies in no loaded segment", offset: address)
    }
}
