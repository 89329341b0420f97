/// Finds manifests: notes whose owner is `PBY`, in note segments or in the section `.note.patchbay`.
enum ELFNotes {
    /// The section that `PATCHBAY_MANIFEST` writes.
    static let section = ".note.patchbay"
    private static let owner: [UInt8] = [0x50, 0x42, 0x59, 0]
    private static let manifestBytesMax: UInt64 = 1 << 20
    private static let notesMax = 1024

    /// In file order; a note that is reached through a segment and a section counts once.
    static func manifests(
        _ file: ELFBytes, segments: [ELFHeader.Segment], sections: [ELFHeader.Section]
    ) throws(ELFError) -> [ELFImage.Note] {
        var found: [Int: ELFImage.Note] = [:]
        for section in sections where section.name == Self.section {
            let region = try file.region(at: section.offset, count: section.size, of: Self.section)
            try walk(file, region, alignment: 4, into: &found)
        }
        for segment in segments where segment.type == ELFHeader.Segment.note {
            let region = try file.region(at: segment.offset, count: segment.fileSize, of: "a note segment")
            try walk(file, region, alignment: segment.alignment == 8 ? 8 : 4, into: &found)
        }
        return found.sorted { $0.key < $1.key }.map(\.value)
    }

    private static func walk(
        _ file: ELFBytes, _ region: ELFBytes.Region, alignment: Int, into found: inout [Int: ELFImage.Note]
    ) throws(ELFError) {
        var position = region.start
        var seen = 0
        while region.end - position >= 12 {
            seen += 1
            guard seen <= notesMax else {
                throw ELFError(code: .tooLarge, message: "more than \(notesMax) notes", offset: UInt64(position))
            }
            let nameSize = UInt64(try file.load(UInt32.self, at: UInt64(position), of: "a note's name size"))
            let textSize = UInt64(try file.load(UInt32.self, at: UInt64(position) + 4, of: "a note's size"))
            let type = try file.load(UInt32.self, at: UInt64(position) + 8, of: "a note's type")
            let textOffset = aligned(12 + nameSize, to: alignment)
            guard textOffset + textSize <= UInt64(region.end - position) else {
                throw ELFError(
                    code: .malformed, message: "a note reaches past the end of its section", offset: UInt64(position))
            }
            if nameSize == UInt64(owner.count), file.bytes[(position + 12)..<(position + 16)].elementsEqual(owner) {
                guard textSize <= manifestBytesMax else {
                    throw ELFError(
                        code: .tooLarge, message: "the manifest has \(textSize) bytes, at most \(manifestBytesMax)",
                        offset: UInt64(position))
                }
                let start = position + Int(textOffset)
                let text = file.bytes[start..<(start + Int(textSize))]
                let end = text.lastIndex { $0 != 0 }.map { $0 + 1 } ?? start
                found[position] = ELFImage.Note(major: type, text: Array(text[start..<end]))
            }
            let next = aligned(textOffset + textSize, to: alignment)
            guard next <= UInt64(region.end - position) else { return }
            position += Int(next)
        }
    }

    private static func aligned(_ size: UInt64, to alignment: Int) -> UInt64 {
        (size + UInt64(alignment) - 1) & ~(UInt64(alignment) - 1)
    }
}
