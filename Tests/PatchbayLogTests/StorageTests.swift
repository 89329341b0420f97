import Foundation
import PatchbayLog
import Testing

/// One contract for every storage.
@Suite struct StorageTests {
    private static func storages() throws -> [(any LogStorage, TestFolder?)] {
        let folder = try TestFolder()
        return [(MemoryStorage(), nil), (try FileStorage(folder.path), folder)]
    }

    private static func read(_ file: any LogFile, _ count: Int, at offset: Int) throws -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, count), alignment: 8)
        defer { buffer.deallocate() }
        let read = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset)
        return [UInt8](buffer[..<read])
    }

    @Test func `gives back what was written, zeros between, and less at the end`() throws {
        for (storage, folder) in try Self.storages() {
            let file = try storage.open("a", create: true)
            try write([1, 2, 3], to: file, at: 0)
            try write([9, 9], to: file, at: 5)
            #expect(try file.size() == 7)
            #expect(try Self.read(file, 100, at: 0) == [1, 2, 3, 0, 0, 9, 9])
            #expect(try Self.read(file, 2, at: 1) == [2, 3])
            #expect(try Self.read(file, 2, at: 7) == [])
            try file.truncate(to: 2)
            #expect(try Self.read(file, 100, at: 0) == [1, 2])
            try file.sync()
            let map = try file.map(2)
            withExtendedLifetime(map) { #expect([UInt8](map.bytes) == [1, 2]) }
            #expect(throws: StorageError.self) { _ = try file.map(3) }
            withExtendedLifetime(folder) {}
        }
    }

    @Test func `makes, lists, renames and removes files; a second handle sees the same bytes`() throws {
        for (storage, folder) in try Self.storages() {
            let inner = try storage.folder("log")
            let file = try inner.open("a", create: true)
            try write([1], to: file, at: 0)
            _ = try inner.open("b", create: true)
            #expect(try inner.list().sorted() == ["a", "b"])
            #expect(try storage.list() == [])
            try inner.rename("a", to: "b")
            try inner.syncFolder()
            #expect(try inner.list() == ["b"])
            #expect(try Self.read(inner.openToRead("b"), 10, at: 0) == [1])
            #expect(throws: StorageError.self) { _ = try inner.open("a", create: false) }
            try inner.remove("b")
            #expect(try inner.list() == [])
            // What is open stays readable.
            #expect(try Self.read(file, 10, at: 0) == [1])
            do {
                try inner.remove("b")
                Issue.record("removed what is not there")
            } catch {
                #expect(error.isMissing)
            }
            #expect(try storage.folder("log").list() == [])
            withExtendedLifetime(folder) {}
        }
    }

    @Test func `lets one process have a data folder, and names it to the others`() throws {
        let folder = try TestFolder()
        do {
            let lock = try FolderLock(folder: folder.path)
            do {
                _ = try FolderLock(folder: folder.path)
                Issue.record("locked twice")
            } catch {
                #expect(error.code == .locked)
                #expect(error.message.contains("in use by process \(ProcessInfo.processInfo.processIdentifier)"))
            }
            withExtendedLifetime(lock) {}
        }
        _ = try FolderLock(folder: folder.path)
    }

    @Test func `says which folder cannot be opened`() {
        do {
            _ = try FileStorage("/nowhere/at/all")
            Issue.record("opened nothing")
        } catch {
            #expect(error.description == "cannot open /nowhere/at/all: No such file or directory; check the path")
        }
    }

    @Test func `keeps after a power cut what was synced, and whole renames`() throws {
        var lostBytes = 0
        var lostNames = 0
        for seed in UInt64(1)...200 {
            let storage = MemoryStorage(seed: seed)
            let file = try storage.open("a", create: true)
            try write([UInt8](repeating: 1, count: 10_000), to: file, at: 0)
            try file.sync()
            try storage.syncFolder()
            try write([UInt8](repeating: 2, count: 10_000), to: file, at: 10_000)
            let new = try storage.open("new", create: true)
            try write([7], to: new, at: 0)
            try new.sync()
            try storage.rename("new", to: "a2")
            storage.crash()
            #expect(throws: StorageError.self) { try file.sync() }
            storage.restart()
            #expect(throws: StorageError.self) { try file.sync() }
            let bytes = try #require(storage.contents("a"))
            #expect(bytes.prefix(10_000).allSatisfy { $0 == 1 })
            #expect(bytes.dropFirst(10_000).allSatisfy { $0 == 0 || $0 == 2 })
            if bytes.count < 20_000 || bytes.dropFirst(10_000).contains(0) { lostBytes += 1 }
            if storage.contents("a2") == nil { lostNames += 1 } else { #expect(storage.contents("a2") == [7]) }
        }
        #expect((40..<200).contains(lostBytes))
        #expect((40..<200).contains(lostNames))
    }
}
