import Foundation
import Testing

@testable import PatchbayModules

@Suite struct `ELF reader` {
    private func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    @Test func `reads SONAME, needed libraries, run paths and exports`() throws {
        let flags = ["-Wl,-soname,libgood.so.1", "-Wl,-rpath,$ORIGIN/lib:/opt/x", "-Wl,--no-as-needed", "-lm"]
        let image = try ELFImage(bytes: try bytes(try Fixture.module("good", as: "good-named", flags: flags)))
        #expect(image.soname == "libgood.so.1")
        #expect(image.needed.contains { $0.hasPrefix("libm.so") })
        #expect(image.runPaths == ["$ORIGIN/lib", "/opt/x"])
        #expect(image.exports.entryMajors == [1])
        #expect(image.exports.count == 1)
        #expect(image.isSharedObject && !image.hasSwiftSections)
        #expect(image.notes.count == 1 && image.notes[0].major == 1 && image.notes[0].text.last == UInt8(ascii: "}"))
    }

    @Test func `counts symbols with either hash table`() throws {
        for style in ["sysv", "gnu", "both"] {
            let path = try Fixture.module("extra_exports", as: "extra-\(style)", flags: ["-Wl,--hash-style=\(style)"])
            let image = try ELFImage(bytes: try bytes(path))
            #expect(image.exports.count == 3 && image.exports.others.count == 2, "\(style)")
        }
    }

    @Test func `finds Swift code by its sections`() throws {
        let image = try ELFImage(bytes: try bytes(try Fixture.module("hidden_swift")))
        #expect(image.hasSwiftSections)
    }

    @Test func `finds the note without section headers`() throws {
        var bytes = try bytes(try Fixture.module("good"))
        // e_shoff, e_shnum and e_shstrndx.
        for index in Array(40..<48) + Array(60..<64) { bytes[index] = 0 }
        let image = try ELFImage(bytes: bytes)
        #expect(image.notes.count == 1)
        #expect(image.exports.entryMajors == [1])
    }

    @Test func `answers every cut-off file with an error or a smaller picture, never a crash`() async throws {
        let path = try Fixture.module("good")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let whole = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            var errors = 0
            for length in stride(from: 0, to: whole.count, by: 7) {
                do { _ = try ELFImage(bytes: Array(whole[..<length])) } catch { errors += 1 }
            }
            #expect(errors > 100)
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `survives files with bytes changed at random`(seed: UInt64) async throws {
        let path = try Fixture.module("extra_exports")
        await #expect(processExitsWith: .success, "seed \(seed)") { [path = path as String, seed = seed as UInt64] in
            let whole = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            var random = SplitMix(state: seed)
            var outcomes: Set<String> = []
            // Offsets of what the reader believes least: the header, its tables, the dynamic section and the notes.
            let header = try ELFHeader(ELFBytes(bytes: whole))
            let file = ELFBytes(bytes: whole)
            let segments = try header.segments(file).filter { $0.type == 2 || $0.type == 4 }
            let places = segments.flatMap { Int($0.offset)..<Int($0.offset + $0.fileSize) } + Array(0..<640)
            for _ in 0..<2500 {
                var bytes = whole
                for _ in 0..<(1 + random.next() % 6) {
                    let place =
                        random.next() % 4 == 0
                        ? Int(random.next() % UInt64(bytes.count))
                        : places[Int(random.next() % UInt64(places.count))]
                    let interesting: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF, UInt8(truncatingIfNeeded: random.next())]
                    bytes[place] = interesting[Int(random.next() % 6)]
                }
                do throws(ELFError) {
                    let image = try ELFImage(bytes: bytes)
                    outcomes.insert("read \(image.notes.count)")
                } catch {
                    outcomes.insert(error.code.rawValue)
                }
            }
            #expect(outcomes.contains("malformed") && outcomes.contains("read 1"))
        }
    }

    @Test func `reads notes that are aligned to eight bytes, as other sections' are`() throws {
        let image = try ELFImage(
            bytes: try bytes(try Fixture.module("good", as: "good-cet", flags: ["-fcf-protection"])))
        #expect(image.notes.count == 1)
    }

    @Test func `refuses a note that reaches past its section`() throws {
        var bytes = try bytes(try Fixture.module("good"))
        let marker = Array("PBY\0{\"abi\"".utf8)
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: marker) })
        // descsz, two words before the name.
        for index in (place - 8)..<(place - 4) { bytes[index] = 0xFF }
        #expect(throws: ELFError.self) { _ = try ELFImage(bytes: bytes) }
    }
}

struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
