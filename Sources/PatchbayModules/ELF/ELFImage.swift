/// What the host wants to know of a shared object before any of its code runs: read from the bytes alone.
///
/// - Shape: every table is bounded; what is missing is empty or `nil`, what contradicts itself is an error.
/// - Source: System V ABI, chapters 4 and 5; the GNU hash section for symbol counts of files without sections.
package struct ELFImage: Sendable, Equatable {
    /// One note whose owner is `PBY`.
    package struct Note: Sendable, Equatable {
        /// The ABI major of the manifest inside.
        package let major: UInt32
        /// The manifest's text, without the padding and the final zero.
        package let text: [UInt8]
    }

    /// What the dynamic symbol table offers to others.
    package struct Exports: Sendable, Equatable {
        /// All defined global, weak and unique symbols.
        package var count = 0
        /// Names other than entry symbols, in table order; at most 16.
        package var others: [String] = []
        /// The majors of `patchbay_module_vN` functions, ascending.
        package var entryMajors: [UInt32] = []
    }

    /// `e_machine`: 62 is x86-64, 183 is AArch64.
    package let machine: UInt16
    /// `false` for programs, position-independent ones included, and for object files.
    package let isSharedObject: Bool
    package internal(set) var notes: [Note] = []
    package internal(set) var soname: String?
    /// The SONAMEs that the loader will look for, in order.
    package internal(set) var needed: [String] = []
    /// DT_RUNPATH, or DT_RPATH when there is none, split at colons.
    package internal(set) var runPaths: [String] = []
    package internal(set) var exports = Exports()
    /// Whether there are `swift5_*` sections: code that the Swift compiler made.
    package internal(set) var hasSwiftSections = false
    /// Whether every thread of a process that loads it gets a stack that code can be run from.
    package internal(set) var hasExecutableStack = false
    /// Whether the loader has to write into its code.
    package internal(set) var hasTextRelocations = false

    /// - Errors: any `ELFError`; none of them changes when the file is read again.
    package init(bytes: [UInt8]) throws(ELFError) {
        let file = ELFBytes(bytes: bytes)
        let header = try ELFHeader(file)
        let segments = try header.segments(file)
        let sections = try header.sections(file)
        machine = header.machine
        let dynamic = try ELFDynamic(file, segments: segments)
        isSharedObject = header.type == ELFHeader.sharedObject && !dynamic.isProgram
        notes = try ELFNotes.manifests(file, segments: segments, sections: sections)
        soname = dynamic.soname
        needed = dynamic.needed
        runPaths = dynamic.runPaths
        exports = try dynamic.exports(file, segments: segments)
        hasTextRelocations = dynamic.hasTextRelocations
        hasExecutableStack = segments.contains {
            $0.type == ELFHeader.Segment.stack && $0.flags & ELFHeader.Segment.executable != 0
        }
        hasSwiftSections = sections.contains { $0.name.hasPrefix("swift5_") }
    }

    /// Of a library that is no module, which only the loader judges; `nil` for one that cannot be read.
    static func ifReadable(_ bytes: [UInt8]) -> ELFImage? {
        do throws(ELFError) { return try ELFImage(bytes: bytes) } catch { return nil }
    }
}
