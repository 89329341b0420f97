/// The file header and its two tables.
struct ELFHeader {
    static let sharedObject: UInt16 = 3
    private static let headerSize: UInt64 = 64
    private static let segmentSize: UInt16 = 56
    private static let sectionSize: UInt16 = 64
    private static let sectionsMax = 4096
    private static let stringTable: UInt32 = 3
    private static let noBits: UInt32 = 8

    struct Segment {
        let type: UInt32
        let flags: UInt32
        let offset: UInt64
        let address: UInt64
        let fileSize: UInt64
        let alignment: UInt64

        static let load: UInt32 = 1
        static let dynamic: UInt32 = 2
        static let note: UInt32 = 4
        static let stack: UInt32 = 0x6474_E551
        static let executable: UInt32 = 1
    }

    struct Section {
        let name: String
        let type: UInt32
        let offset: UInt64
        let size: UInt64
        let alignment: UInt64

        static let note: UInt32 = 7
    }

    let type: UInt16
    let machine: UInt16
    private let segmentOffset: UInt64
    private let segmentCount: UInt16
    private let sectionOffset: UInt64
    private let sectionCount: UInt16
    private let sectionNames: UInt16

    init(_ file: ELFBytes) throws(ELFError) {
        guard file.count >= 4, file.bytes[0...3].elementsEqual([0x7F, 0x45, 0x4C, 0x46]) else {
            throw ELFError(code: .notELF, message: "the file does not begin with the ELF magic number", offset: 0)
        }
        _ = try file.region(at: 0, count: Self.headerSize, of: "the ELF header")
        guard file.bytes[4] == 2, file.bytes[5] == 1, file.bytes[6] == 1 else {
            throw ELFError(
                code: .unsupportedClass, message: "only 64-bit little-endian ELF, version 1, is supported", offset: 4)
        }
        type = try file.load(UInt16.self, at: 16, of: "e_type")
        machine = try file.load(UInt16.self, at: 18, of: "e_machine")
        segmentOffset = try file.load(UInt64.self, at: 32, of: "e_phoff")
        sectionOffset = try file.load(UInt64.self, at: 40, of: "e_shoff")
        let segmentEntry = try file.load(UInt16.self, at: 54, of: "e_phentsize")
        segmentCount = try file.load(UInt16.self, at: 56, of: "e_phnum")
        let sectionEntry = try file.load(UInt16.self, at: 58, of: "e_shentsize")
        sectionCount = try file.load(UInt16.self, at: 60, of: "e_shnum")
        sectionNames = try file.load(UInt16.self, at: 62, of: "e_shstrndx")
        guard segmentCount == 0 || segmentEntry == Self.segmentSize else {
            throw ELFError(code: .malformed, message: "a program header has \(segmentEntry) bytes", offset: 54)
        }
        guard sectionCount == 0 || sectionEntry == Self.sectionSize else {
            throw ELFError(code: .malformed, message: "a section header has \(sectionEntry) bytes", offset: 58)
        }
        guard segmentCount < UInt16.max, Int(sectionCount) <= Self.sectionsMax else {
            throw ELFError(code: .tooLarge, message: "too many program or section headers", offset: 56)
        }
    }

    func segments(_ file: ELFBytes) throws(ELFError) -> [Segment] {
        let table = try file.region(
            at: segmentOffset, count: UInt64(segmentCount) * UInt64(Self.segmentSize), of: "the program header table")
        var found: [Segment] = []
        for index in 0..<Int(segmentCount) {
            let base = UInt64(table.start + index * Int(Self.segmentSize))
            found.append(
                Segment(
                    type: try file.load(UInt32.self, at: base, of: "p_type"),
                    flags: try file.load(UInt32.self, at: base + 4, of: "p_flags"),
                    offset: try file.load(UInt64.self, at: base + 8, of: "p_offset"),
                    address: try file.load(UInt64.self, at: base + 16, of: "p_vaddr"),
                    fileSize: try file.load(UInt64.self, at: base + 32, of: "p_filesz"),
                    alignment: try file.load(UInt64.self, at: base + 48, of: "p_align")))
        }
        return found
    }

    /// Empty for a file without section headers: they are no part of what gets loaded.
    func sections(_ file: ELFBytes) throws(ELFError) -> [Section] {
        guard sectionCount > 0 else { return [] }
        let table = try file.region(
            at: sectionOffset, count: UInt64(sectionCount) * UInt64(Self.sectionSize), of: "the section header table")
        func base(_ index: Int) -> UInt64 { UInt64(table.start + index * Int(Self.sectionSize)) }
        guard sectionNames < sectionCount else {
            throw ELFError(code: .malformed, message: "e_shstrndx names no section", offset: 62)
        }
        let namesBase = base(Int(sectionNames))
        guard try file.load(UInt32.self, at: namesBase + 4, of: "sh_type") == Self.stringTable else {
            throw ELFError(code: .malformed, message: "e_shstrndx names no string table", offset: 62)
        }
        let names = try file.region(
            at: try file.load(UInt64.self, at: namesBase + 24, of: "sh_offset"),
            count: try file.load(UInt64.self, at: namesBase + 32, of: "sh_size"), of: "the section names")
        var found: [Section] = []
        for index in 0..<Int(sectionCount) {
            let header = base(index)
            let type = try file.load(UInt32.self, at: header + 4, of: "sh_type")
            guard type != 0, type != Self.noBits else { continue }
            let name = try file.load(UInt32.self, at: header, of: "sh_name")
            found.append(
                Section(
                    name: try file.string(at: UInt64(name), in: names), type: type,
                    offset: try file.load(UInt64.self, at: header + 24, of: "sh_offset"),
                    size: try file.load(UInt64.self, at: header + 32, of: "sh_size"),
                    alignment: try file.load(UInt64.self, at: header + 48, of: "sh_addralign")))
        }
        return found
    }
}
