import Foundation
import PatchbayEvents
import Testing

@testable import PatchbayModules

@Suite struct `module scan` {
    let scanner = ModuleScanner(profile: HostProfile(swiftVersion: "6.3"))

    @Test func `accepts a correct module with all that its manifest says`() throws {
        let path = try Fixture.module("good")
        let file = try #require(scanner.inspect(file: path).accepted)
        #expect(file.manifest.name == "good")
        #expect(file.manifest.version == "1.2.3")
        #expect(file.manifest.requires == ["patchbay.logger/1"])
        #expect(file.manifest.network == ["example.com"])
        let handler = try #require(file.manifest.handler("count"))
        #expect(handler.accepts == ["com.acme.*"])
        #expect(handler.concurrency == 4)
        #expect(!handler.blocking)
        #expect(handler.configSchema != nil)
        #expect(file.warnings.isEmpty)
        let expected = try shell("sha256sum", path).prefix(64)
        #expect(file.contentHash.hex == expected)
    }

    @Test func `keeps the keys that it does not know`() throws {
        let file = try #require(scanner.inspect(file: try Fixture.module("good")).accepted)
        guard case .map(let source) = file.manifest.source else {
            Issue.record("the manifest is no map")
            return
        }
        #expect(source["x-unknown"] == .list([.int(1), .int(2)]))
    }

    @Test func `reads the manifest of a stripped module`() throws {
        let path = try Fixture.module("good", as: "good-stripped", flags: ["-s"])
        #expect(scanner.inspect(file: path).accepted?.manifest.name == "good")
    }

    @Test(arguments: [
        ("no_note", "noManifest"), ("missing_symbol", "missingEntry"), ("wrong_major", "wrongABI"),
        ("two_majors", "wrongABI"), ("corrupt_manifest", "badManifest"), ("wrong_manifest", "badManifest"),
        ("unknown_service", "missingService"), ("static_swift", "bundledSwift"), ("hidden_swift", "lyingManifest"),
        ("bad_schema", "badManifest"),
    ])
    func `rejects a module at fault by name, with a remedy`(fixture: String, code: String) throws {
        let path = try Fixture.module(fixture)
        let rejection = try #require(scanner.inspect(file: path).rejection)
        #expect(rejection.code.rawValue == code)
        #expect(rejection.file == path)
        #expect(!rejection.message.isEmpty && !rejection.remedy.isEmpty)
    }

    @Test func `names every wrong key of a manifest at once`() throws {
        let rejection = try #require(scanner.inspect(file: try Fixture.module("wrong_manifest")).rejection)
        for key in ["/name", "/version", "/linkage", "/handlers/0/concurrency", "/handlers/1/id"] {
            #expect(rejection.message.contains("\(key):"), "\(rejection.message)")
        }
    }

    @Test func `names the service that is missing, not those that are there, be it as a draft`() throws {
        let rejection = try #require(scanner.inspect(file: try Fixture.module("unknown_service")).rejection)
        #expect(rejection.message.contains("com.acme.teleport/3"))
        #expect(!rejection.message.contains("patchbay.logger/1"))
        #expect(!rejection.message.contains("patchbay.emit/0"))
    }

    @Test func `refuses Swift modules of another compiler, and takes those of its own`() throws {
        let runtime = try Fixture.module("empty", as: "libswiftCore", flags: ["-Wl,-soname,libswiftCore.so"])
        let flags = ["-Wl,--no-as-needed", runtime]
        let path = try Fixture.module("foreign_swift", as: "foreign_swift_linked", flags: flags)
        let rejection = try #require(scanner.inspect(file: path).rejection)
        #expect(rejection.code == .foreignSwift)
        #expect(rejection.message.contains("5.9.2") && rejection.remedy.contains("6.3"))
        let other = ModuleScanner(profile: HostProfile(swiftVersion: "5.9"))
        #expect(other.inspect(file: path).accepted != nil)
        let unlinked = try Fixture.module("foreign_swift", as: "foreign_swift_unlinked")
        #expect(other.inspect(file: unlinked).rejection?.code == .lyingManifest)
    }

    @Test func `a worker takes a Swift of another version, or one that the module brings`() throws {
        let runtime = try Fixture.module("empty", as: "libswiftCore", flags: ["-Wl,-soname,libswiftCore.so"])
        let flags = ["-Wl,--no-as-needed", runtime]
        let worker = ModuleScanner(profile: .worker)
        let foreign = try Fixture.module("foreign_swift", as: "foreign_swift_linked", flags: flags)
        #expect(worker.inspect(file: foreign).accepted?.manifest.name == "foreign-swift")
        let bundled = try Fixture.module("static_swift")
        #expect(worker.inspect(file: bundled).accepted?.manifest.name == "static-swift")
    }

    @Test func `warns of more exports than the entry, and names them`() throws {
        let file = try #require(scanner.inspect(file: try Fixture.module("extra_exports")).accepted)
        let warning = try #require(file.warnings.first)
        #expect(warning.code == .extraExports)
        #expect(warning.message.contains("2 more") && warning.message.contains("helper_that_should_be_hidden"))
    }

    @Test func `refuses a module that every user may change or replace, and says what to do`() throws {
        let folder = try Fixture.emptyFolder()
        let path = "\(folder)/good.so"
        try FileManager.default.copyItem(atPath: try Fixture.module("good"), toPath: path)
        func find(_ mode: Int, inFolder folderMode: Int) throws -> ModuleScan {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            try FileManager.default.setAttributes([.posixPermissions: folderMode], ofItemAtPath: folder)
            return try scanner.scan(directory: folder)
        }
        let file = try find(0o757, inFolder: 0o755).rejections
        #expect(file.map(\.code) == [.worldWritable] && file.first?.remedy == "chmod o-w \(path)")
        let inFolder = try find(0o755, inFolder: 0o777).rejections
        #expect(inFolder.map(\.code) == [.worldWritable] && inFolder.first?.remedy == "chmod o-w \(folder)")
        // Through a link that nobody else may change, it is the same file in the same folder.
        let link = "\(try Fixture.emptyFolder())/link.so"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        #expect(scanner.inspect(file: link).rejection?.code == .worldWritable)
        // As in /tmp: others may add files, and take none of ours away.
        let sticky = try find(0o755, inFolder: 0o1777)
        #expect(sticky.accepted.count == 1 && sticky.warnings.map(\.code) == [.worldWritable])
        if geteuid() == 0 {
            #expect(chown(path, 65_534, 65_534) == 0)
            #expect(try find(0o755, inFolder: 0o1777).rejections.map(\.code) == [.worldWritable])
        }
        #expect(try find(0o775, inFolder: 0o775).rejections.isEmpty)
    }

    @Test func `refuses a module below a folder in which every user may put another folder in the place of its own`()
        throws
    {
        let top = try Fixture.emptyFolder()
        try FileManager.default.createDirectory(atPath: "\(top)/a/plugins", withIntermediateDirectories: true)
        let path = "\(top)/a/plugins/good.so"
        try FileManager.default.copyItem(atPath: try Fixture.module("good"), toPath: path)
        let link = "\(try Fixture.emptyFolder())/link.so"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        func set(_ mode: Int, of folder: String) throws {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder)
        }
        for folder in [top, "\(top)/a"] {
            #expect(scanner.inspect(file: path).accepted != nil)
            try set(0o777, of: folder)
            for file in [path, link] {
                let rejection = try #require(scanner.inspect(file: file).rejection, "\(file)")
                #expect(rejection.code == .worldWritable && rejection.file == file)
                #expect(rejection.remedy == "chmod o-w \(folder)")
            }
            // Sticky: nobody else may rename what is the user's own there.
            try set(0o1777, of: folder)
            #expect(scanner.inspect(file: path).accepted != nil && scanner.inspect(file: link).accepted != nil)
            if geteuid() == 0, folder == top {
                #expect(chown("\(top)/a", 65_534, 65_534) == 0)
                let rejection = try #require(scanner.inspect(file: path).rejection)
                #expect(rejection.message.contains("lies in \(top)/a, which belongs to another user"), "\(rejection)")
                #expect(chown("\(top)/a", 0, 0) == 0)
            }
            try set(0o755, of: folder)
        }
    }

    @Test func `refuses a module that looks for libraries where every user may put some`() throws {
        let top = try Fixture.emptyFolder()
        let open = "\(top)/open"
        try FileManager.default.createDirectory(atPath: open, withIntermediateDirectories: true)
        let library = "\(open)/libopen.so.1"
        try FileManager.default.copyItem(
            atPath: try Fixture.module("empty", as: "libopen", flags: ["-Wl,-soname,libopen.so.1"]), toPath: library)
        func find(_ runPath: String, folder: Int = 0o755, file: Int = 0o644) throws -> ModuleError? {
            for (path, mode) in [(open, folder), (library, file)] {
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            }
            let name = "places-\(runPath.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF_FFFF })"
            let path = try Fixture.module(
                "good", as: name, flags: ["-Wl,--no-as-needed,-rpath,\(runPath)", library])
            return scanner.inspect(file: path).rejection
        }
        #expect(try find(open) == nil)
        let inFolder = try #require(try find(open, folder: 0o777))
        #expect(inFolder.code == .worldWritable && inFolder.message.contains("may write to \(open)"), "\(inFolder)")
        #expect(try find(open, folder: 0o1777)?.code == .worldWritable, "anybody may add one")
        #expect(try find(open, file: 0o666)?.message.contains("may write to \(library)") == true)
        #expect(try find("\(open)/missing/lib", folder: 0o1777)?.code == .worldWritable, "anybody may make it")
        #expect(try find("\(open)/missing/lib") == nil)
        // The copy that is loaded lies two folders below one of everybody's.
        #expect(try find("$ORIGIN/../../lib")?.code == .worldWritable)
        #expect(try find("$ORIGIN/../lib:$ORIGIN/lib") == nil)
        let byPath = try Fixture.module("empty", as: "libpath", flags: ["-Wl,-soname,\(open)/libpath.so"])
        let module = try Fixture.module("good", as: "places-needed", flags: ["-Wl,--no-as-needed", byPath])
        #expect(scanner.inspect(file: module).accepted != nil)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: open)
        #expect(scanner.inspect(file: module).rejection?.code == .worldWritable)
    }

    @Test func `rejects what is no module: text, programs, other machines, pipes, missing and damaged files`() throws {
        let folder = try Fixture.emptyFolder()
        let good = try Data(contentsOf: URL(fileURLWithPath: try Fixture.module("good")))
        func write(_ name: String, _ data: Data) throws {
            try data.write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
        try write("text.so", Data("hello".utf8))
        try write("empty.so", Data())
        try write("short.so", good.prefix(200))
        var foreign = good
        foreign[18] = 183
        foreign[19] = 0
        try write("arm.so", foreign)
        try FileManager.default.copyItem(atPath: "/bin/true", toPath: "\(folder)/program.so")
        #expect(mkfifo("\(folder)/pipe.so", 0o600) == 0)
        #expect(symlink("/nonexistent", "\(folder)/link.so") == 0)
        try write("notes.txt", Data("not looked at".utf8))
        try write(".hidden.so", Data("not looked at".utf8))
        let scanner = ModuleScanner(profile: HostProfile(machine: 62))
        let scan = try scanner.scan(directory: folder)
        let codes = Dictionary(
            uniqueKeysWithValues: scan.rejections.map { (URL(fileURLWithPath: $0.file).lastPathComponent, $0.code) })
        #expect(
            codes == [
                "text.so": .notELF, "empty.so": .notELF, "short.so": .malformedELF, "arm.so": .wrongMachine,
                "program.so": .notSharedObject, "pipe.so": .notAFile, "link.so": .unreadable,
            ])
    }

    @Test func `says that a folder is missing`() {
        #expect {
            _ = try scanner.scan(directory: "/nonexistent/plugins")
        } throws: { error in
            (error as? ModuleError)?.code == .unreadable
        }
    }

    @Test func `keeps the first of two builds of one version, and of a copy`() throws {
        let folder = try Fixture.emptyFolder()
        let other = try Fixture.module("good", as: "good-other", flags: ["-DOTHER", "-O0"])
        try FileManager.default.copyItem(atPath: try Fixture.module("good"), toPath: "\(folder)/a.so")
        try FileManager.default.copyItem(atPath: try Fixture.module("good"), toPath: "\(folder)/b.so")
        try FileManager.default.copyItem(atPath: other, toPath: "\(folder)/c.so")
        let scan = try scanner.scan(directory: folder)
        #expect(scan.accepted.map(\.path) == ["\(folder)/a.so"])
        #expect(scan.rejections.map(\.code) == [.duplicateModule, .duplicateModule])
        #expect(scan.rejections[0].message.contains("a copy of"))
        #expect(scan.rejections[1].message.contains("another build of"))
    }

    @Test func `keeps builds of one module that have names of their own, beside the folder's`() throws {
        let folder = try Fixture.emptyFolder()
        let other = try Fixture.module("good", as: "good-other", flags: ["-DOTHER", "-O0"])
        for (from, to) in [(try Fixture.module("good"), "a.so"), (other, "b.so")] {
            try FileManager.default.copyItem(atPath: from, toPath: "\(folder)/\(to)")
        }
        let one = try scanner.scan(directory: folder, files: ["\(folder)/./b.so"], areNamed: true)
        let both = scanner.scan(files: ["\(folder)/a.so", "\(folder)/b.so"], areNamed: true)
        #expect(one.accepted.count == 2 && both.accepted.count == 2)
        #expect(scanner.scan(files: ["\(folder)/a.so", "\(folder)/b.so"]).accepted.count == 1)
    }

    @Test func `counts a file once that is named twice`() throws {
        let folder = try Fixture.emptyFolder()
        try FileManager.default.copyItem(atPath: try Fixture.module("good"), toPath: "\(folder)/a.so")
        let scan = try scanner.scan(directory: folder, files: ["\(folder)/./a.so"])
        #expect(scan.findings.count == 1 && scan.accepted.count == 1)
    }

    @Test func `rejects a second module with the SONAME of the first`() throws {
        let folder = try Fixture.emptyFolder()
        let flags = ["-Wl,-soname,libhandlers.so.1"]
        let first = try Fixture.module("crash", as: "soname-a", flags: flags)
        let second = try Fixture.module("hang", as: "soname-b", flags: flags)
        try FileManager.default.copyItem(atPath: first, toPath: "\(folder)/a.so")
        try FileManager.default.copyItem(atPath: second, toPath: "\(folder)/b.so")
        let scan = try scanner.scan(directory: folder)
        #expect(scan.accepted.map(\.path) == ["\(folder)/a.so"])
        #expect(scan.rejections.first?.code == .duplicateSONAME)
    }

    @Test func `rejects a module that bundles another build of a library that an earlier one bundles`() throws {
        let (a, b, c) = (try Fixture.emptyFolder(), try Fixture.emptyFolder(), try Fixture.emptyFolder())
        for (folder, flag) in [(a, "-O1"), (b, "-DOTHER=1"), (c, "-O1")] {
            let library = try Fixture.module(
                "empty", as: "libdep-\(UUID().uuidString)", flags: [flag, "-Wl,-soname,libdep.so.1"])
            try FileManager.default.copyItem(atPath: library, toPath: "\(folder)/libdep.so.1")
        }
        let origin = "-Wl,--no-as-needed,-rpath,$ORIGIN"
        for (folder, fixture) in [(a, "crash"), (b, "hang"), (c, "exits")] {
            let path = try Fixture.module(fixture, as: "bundle-\(fixture)", flags: [origin, "\(folder)/libdep.so.1"])
            try FileManager.default.copyItem(atPath: path, toPath: "\(folder)/module.so")
        }
        let files = [a, b, c].map { "\($0)/module.so" }
        let scan = try ModuleScanner().scan(directory: nil, files: files)
        #expect(scan.findings.count == 3)
        // The two equal builds get along; the odd one out clashes unless it comes first by path.
        let rejected = Set(scan.rejections.map(\.file))
        #expect(scan.rejections.allSatisfy { $0.code == .duplicateSONAME && $0.message.contains("libdep.so.1") })
        #expect(rejected == [files[1]] || rejected == [files[0], files[2]])
    }

    @Test func `lists a hundred modules without opening one`() async throws {
        let folder = try Fixture.emptyFolder()
        for number in 0..<100 {
            let manifest = "-DNUMBER=\"\(number)\""
            if number < 3 {
                let path = try Fixture.module("numbered", as: "numbered-\(number)", flags: [manifest])
                try FileManager.default.copyItem(atPath: path, toPath: "\(folder)/\(number).so")
            } else {
                let path = try Fixture.module("no_note")
                try FileManager.default.copyItem(atPath: path, toPath: "\(folder)/\(number).so")
            }
        }
        await #expect(processExitsWith: .success) { [folder = folder as String] in
            let scan = try ModuleScanner().scan(directory: folder)
            #expect(scan.accepted.count == 3)
            #expect(scan.rejections.count == 97)
            #expect(ProcessInfo.processInfo.environment["PATCHBAY_FIXTURE_RAN"] == nil)
            let mapped = try mappedFiles()
            #expect(mapped.contains { $0.hasSuffix("/libc.so.6") })
            #expect(!mapped.contains { $0.hasPrefix(folder) })
        }
    }

    @Test func `compares a pin with the file's hash`() throws {
        let file = try #require(scanner.inspect(file: try Fixture.module("good")).accepted)
        try file.check(pin: file.contentHash.hex.uppercased())
        #expect {
            try file.check(pin: String(repeating: "0", count: 64))
        } throws: { error in
            (error as? ModuleError)?.code == .hashMismatch
        }
    }

    private func shell(_ arguments: String...) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }
}
