import CPatchbay
import CPatchbaySystem
import Foundation
import PatchbayEvents
import Testing

@testable import PatchbayModules

/// A module in this process, from its file: scan, staging, loading, one handler.
final class LoadedFixture {
    let bench: ModuleBench
    let staging: StagingDirectory
    let loader: ModuleLoader
    let module: LoadedModule
    let handler: LoadedHandler

    init(
        _ path: String, handler id: String = "count", configuration: Value = .map(Value.Map()), traced: Bool = false
    ) throws {
        bench = ModuleBench(traced: traced)
        staging = try StagingDirectory(parent: NSTemporaryDirectory())
        loader = ModuleLoader(staging: staging, environment: bench.environment)
        switch ModuleScanner(profile: HostProfile(swiftVersion: "6.3")).inspect(file: path) {
        case .accepted(let file): module = try loader.load(file)
        case .rejected(let error): throw error
        }
        handler = try module.makeHandler(id, instance: "instance", configuration: configuration)
    }

    /// Calls `handle` once, as a worker does.
    func call() -> (call: patchbay_call, status: patchbay_status, isPosted: Bool) {
        let call = bench.open()
        let index = Int(call & 0xFF_FFFF)
        let status = handler.handler.handle(handler.handler.instance, call, bench.calls.views + index)
        return (call, status, bench.calls.returned(index, call, status) { HandlerMessage.take() })
    }

    func text(_ component: String) -> String {
        guard let raw = module.component(component) else { return "" }
        return String(cString: raw.assumingMemoryBound(to: CChar.self))
    }
}

/// What became of a module, as one word.
func outcome(of path: String, handler: String = "count", configuration: Value = .map(Value.Map())) -> String {
    do {
        _ = try LoadedFixture(path, handler: handler, configuration: configuration)
        return "loaded"
    } catch let error as ModuleError {
        return "\(error.code.rawValue): \(error.cause ?? "")"
    } catch {
        return "\(error)"
    }
}

@Suite struct `module loader` {
    @Test func `loads a correct module, gives it its configuration and calls it`() async throws {
        let path = try Fixture.module("good")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let fixture = try LoadedFixture(path)
            #expect(fixture.handler.handler.name == "instance.count")
            #expect(fixture.handler.handler.version == "1.2.3")
            #expect(fixture.handler.handler.concurrency == 4 && !fixture.handler.handler.blocking)
            #expect(fixture.text("config") == "{\"step\":7}")
            let (call, status, isPosted) = fixture.call()
            #expect(status == .ok && isPosted)
            #expect(fixture.bench.calls.settle(Int(call & 0xFF_FFFF)).kind == .done)
            #expect(fixture.handler.counters.report.isEmpty)
        }
    }

    @Test func `ends a handler in order: drain, destroy, shutdown, each once`() async throws {
        let path = try Fixture.module("good")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let fixture = try LoadedFixture(path)
            let step = Value.map(Value.Map([(.string("step"), .int(3))]))
            try fixture.handler.reconfigure(step)
            #expect(fixture.text("config") == "{\"step\":3}")
            for _ in 0..<2 {
                try fixture.handler.drain(deadline: 0)
                fixture.handler.destroy()
                #expect(fixture.loader.close(deadline: 0).isEmpty)
            }
            #expect(fixture.text("order") == "create reconfigure drain destroy shutdown ")
            #expect(throws: ModuleError.self) { try fixture.handler.reconfigure(step) }
        }
    }

    @Test func `ends all handlers before the first module is shut down, and removes the copies`() async throws {
        let path = try Fixture.module("good")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let fixture = try LoadedFixture(path)
            _ = try fixture.module.makeHandler("count", instance: "second")
            #expect(fixture.loader.close(deadline: 0).isEmpty)
            #expect(fixture.text("order") == "create create drain drain destroy destroy shutdown ")
            #expect(!FileManager.default.fileExists(atPath: fixture.staging.path))
        }
    }

    @Test func `checks a configuration against the manifest's schema before any code sees it`() async throws {
        let path = try Fixture.module("good")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let wrong = Value.map(Value.Map([(.string("step"), .string("x")), (.string("stride"), .int(1))]))
            do {
                _ = try LoadedFixture(path, configuration: wrong)
                Issue.record("accepted")
            } catch let error as ModuleError {
                #expect(error.code == .badConfiguration)
                #expect(error.message.contains("step") && error.message.contains("stride"), "\(error.message)")
            }
            #expect(outcome(of: path, configuration: .int(1)) == "badConfiguration: ")
            #expect(outcome(of: path, handler: "other") == "unknownHandler: ")
        }
    }

    @Test func `accepts no keys where a manifest has no schema`() async throws {
        let path = try Fixture.module("double_completion")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let key = Value.map(Value.Map([(.string("step"), .int(1))]))
            #expect(outcome(of: path, configuration: key) == "badConfiguration: ")
            #expect(outcome(of: path) == "loaded")
        }
    }

    @Test(arguments: [
        ("undefined_symbol", "openFailed"), ("entry_fails", "entryFailed: licence expired"),
        ("null_module", "entryFailed: "), ("short_module", "shortStruct: "), ("short_handler", "shortStruct: "),
        ("null_handle", "missingFunction: "), ("null_create", "missingFunction: "),
        ("lying_manifest", "lyingManifest: "), ("lying_count", "lyingManifest: "), ("lying_batch", "lyingManifest: "),
        ("create_fails", "createFailed: cannot reach db.example.com"),
    ])
    func `refuses a module at fault by name, with its own words`(fixture: String, expected: String) async throws {
        // What the linker would refuse is let through, so that the loader meets it.
        let flags = fixture == "undefined_symbol" ? ["-Wl,--unresolved-symbols=ignore-all"] : []
        let path = try Fixture.module(fixture, flags: flags)
        await #expect(processExitsWith: .success, "\(fixture)") {
            [path = path as String, expected = expected as String] in
            let found = outcome(of: path)
            #expect(found.hasPrefix(expected), "\(found)")
        }
    }

    @Test func `refuses a file that has changed since it was examined`() throws {
        let path = "\(try Fixture.emptyFolder())/changing.so"
        try FileManager.default.copyItem(atPath: try Fixture.module("good"), toPath: path)
        let file = try #require(ModuleScanner().inspect(file: path).accepted)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: try Fixture.module("crash"), toPath: path)
        let staging = try StagingDirectory(parent: NSTemporaryDirectory())
        let loader = ModuleLoader(staging: staging, environment: ModuleBench(traced: false).environment)
        #expect {
            _ = try loader.load(file)
        } throws: { error in
            (error as? ModuleError)?.code == .changedSinceScan
        }
    }

    @Test func `runs from a private copy of the bytes that were examined, whatever becomes of the file`() async throws {
        let good = try Fixture.module("good")
        let folder = try Fixture.emptyFolder()
        await #expect(processExitsWith: .success) { [good = good as String, folder = folder as String] in
            let path = "\(folder)/module.so"
            try FileManager.default.copyItem(atPath: good, toPath: path)
            let file = try #require(ModuleScanner().inspect(file: path).accepted)
            let staging = try StagingDirectory(parent: folder)
            let loader = ModuleLoader(staging: staging, environment: ModuleBench(traced: false).environment)
            let module = try loader.load(file)
            // In place, where a mapping of the file itself would see it.
            try Data("something else".utf8).write(to: URL(fileURLWithPath: path))
            let copies = Set(try mappedFiles().filter { $0.hasPrefix(folder) })
            #expect(copies == ["\(staging.path)/\(file.contentHash.hex)/module.so"])
            let copy = try #require(copies.first)
            #expect(ContentHash(of: [UInt8](try Data(contentsOf: URL(fileURLWithPath: copy)))) == file.contentHash)
            #expect(module.component("order") != nil)
        }
    }

    @Test func `gives an isolated module a worker of the code that was there, after file and library have changed`()
        throws
    {
        let folder = try Fixture.emptyFolder()
        let library = try Fixture.module("empty", as: "libkept", flags: ["-Wl,-soname,libkept.so.1"])
        try FileManager.default.copyItem(atPath: library, toPath: "\(folder)/libkept.so.1")
        let module = try Fixture.module(
            "good", as: "good-kept", flags: ["-Wl,--no-as-needed,-rpath,$ORIGIN", "\(folder)/libkept.so.1"])
        let path = "\(folder)/module.so"
        try FileManager.default.copyItem(atPath: module, toPath: path)
        let first = try #require(ModuleScanner().inspect(file: path).accepted)
        let staging = try StagingDirectory(parent: NSTemporaryDirectory())
        let loader = ModuleLoader(staging: staging, environment: ModuleBench(traced: false).environment)
        defer { _ = loader.close(deadline: 1) }
        _ = try loader.load(first, .process(.unconfined), instance: "one")
        // Another library beside the same module is another thing to load, in a place of its own.
        try Data(contentsOf: URL(fileURLWithPath: try Fixture.module("empty", as: "libother", flags: ["-DOTHER=1"])))
            .write(to: URL(fileURLWithPath: "\(folder)/libkept.so.1"))
        let second = try #require(ModuleScanner().inspect(file: path).accepted)
        #expect(second.contentHash == first.contentHash && second.libraries != first.libraries)
        _ = try loader.load(second, .process(.unconfined), instance: "two")
        try Data("something else".utf8).write(to: URL(fileURLWithPath: path))
        for (file, number) in [(first, ""), (second, "-1")] {
            _ = try loader.load(file, .process(.unconfined), instance: "again\(number)")
            let copy = "\(staging.path)/\(file.contentHash.hex)\(number)"
            for (name, hash) in [
                ("module.so", file.contentHash), ("libkept.so.1", try #require(file.libraries.first).contentHash),
            ] {
                #expect(ContentHash(of: [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(copy)/\(name)")))) == hash)
            }
        }
    }

    @Test func `loads one content once, and two builds of one path beside each other`() async throws {
        let good = try Fixture.module("good")
        let double = try Fixture.module("double_completion")
        let folder = try Fixture.emptyFolder()
        await #expect(processExitsWith: .success) {
            [good = good as String, double = double as String, folder = folder as String] in
            let bench = ModuleBench(traced: false)
            let staging = try StagingDirectory(parent: folder)
            let loader = ModuleLoader(staging: staging, environment: bench.environment)
            let path = "\(folder)/module.so"
            func load(_ source: String) throws -> LoadedModule {
                try Data(contentsOf: URL(fileURLWithPath: source)).write(
                    to: URL(fileURLWithPath: path), options: .atomic)
                let file = try #require(ModuleScanner().inspect(file: path).accepted)
                return try loader.load(file)
            }
            let first = try load(good)
            #expect(try load(good) === first)
            let second = try load(double)
            #expect(second !== first && second.file.manifest.name == "double-completion")
            // Both are alive: the first one's code still answers.
            #expect(first.component("order") != nil && second.component("order") == nil)
        }
    }

    @Test func `finds libraries that lie beside the module`() async throws {
        let folder = try Fixture.emptyFolder()
        try FileManager.default.createDirectory(atPath: "\(folder)/lib", withIntermediateDirectories: true)
        let library = try Fixture.module("empty", as: "libbeside", flags: ["-Wl,-soname,libbeside.so.1"])
        try FileManager.default.copyItem(atPath: library, toPath: "\(folder)/lib/libbeside.so.1")
        let module = try Fixture.module(
            "good", as: "good-beside",
            flags: ["-Wl,--no-as-needed,-rpath,$ORIGIN/lib", "\(folder)/lib/libbeside.so.1"])
        try FileManager.default.copyItem(atPath: module, toPath: "\(folder)/module.so")
        await #expect(processExitsWith: .success) { [folder = folder as String] in
            let found = outcome(of: "\(folder)/module.so")
            #expect(found == "loaded", "\(found)")
        }
    }
}

@Suite struct `staging folder` {
    @Test func `is private, and gone when it is removed`() throws {
        let parent = try Fixture.emptyFolder()
        let staging = try StagingDirectory(parent: parent)
        let mode = try FileManager.default.attributesOfItem(atPath: staging.path)[.posixPermissions] as? Int
        #expect(mode == 0o700)
        let hash = try #require(ContentHash(of: [1, 2, 3]))
        let path = try staging.stage([1, 2, 3], hash: hash, name: "x.so")
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data([1, 2, 3]))
        staging.remove()
        staging.remove()
        #expect(try FileManager.default.contentsOfDirectory(atPath: parent).isEmpty)
    }

    @Test func `removes what a killed host left, and nothing of a living one`() async throws {
        let parent = try Fixture.emptyFolder()
        let living = try StagingDirectory(parent: parent)
        await #expect(processExitsWith: .signal(SIGKILL)) { [parent = parent as String] in
            let staging = try StagingDirectory(parent: parent)
            kill(getpid(), SIGKILL)
            staging.remove()
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: parent).count == 2)
        let next = try StagingDirectory(parent: parent)
        let left = Set(try FileManager.default.contentsOfDirectory(atPath: parent).map { "\(parent)/\($0)" })
        #expect(left == [living.path, next.path])
    }

    @Test func `says why it cannot be made`() {
        #expect {
            _ = try StagingDirectory(parent: "/nonexistent")
        } throws: { error in
            (error as? ModuleError)?.code == .staging
        }
    }

    @Test func `hashes as the published vectors of SHA-256 say`() {
        #expect(
            ContentHash(of: [])?.hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            ContentHash(of: Array("abc".utf8))?.hex
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}

@Suite struct `misbehaving handlers` {
    @Test func `end the process when they crash`() async throws {
        let path = try Fixture.module("crash")
        await #expect(processExitsWith: .signal(SIGSEGV)) { [path = path as String] in
            _ = try LoadedFixture(path).call()
        }
    }

    @Test func `are named by the address of their code, however many modules were loaded before`() async throws {
        let path = try Fixture.module("crash")
        let folder = try Fixture.emptyFolder()
        await #expect(processExitsWith: .signal(SIGSEGV)) { [path = path as String, folder = folder as String] in
            #expect(pbs_crash_install("\(folder)/crashes.jsonl", "1.0.0") == 0)
            let other = CodeOwner(module: "other", version: "1.0.0")
            for _ in 0..<1_000 { pbs_crash_module(nil, other.pointer) }
            _ = try LoadedFixture(path).call()
        }
        let record = try String(contentsOfFile: "\(folder)/crashes.jsonl", encoding: .utf8)
        #expect(record.contains(#""module":"crash""#) && record.contains(#""code":"crash""#), "\(record)")
    }

    @Test func `end the process when an exception leaves them`() async throws {
        let path = try Fixture.module("throws")
        await #expect(processExitsWith: .signal(SIGABRT)) { [path = path as String] in
            _ = try LoadedFixture(path).call()
        }
    }

    @Test func `end the process when they say exit`() async throws {
        let path = try Fixture.module("exits")
        await #expect(processExitsWith: .exitCode(42)) { [path = path as String] in
            _ = try LoadedFixture(path).call()
        }
    }

    @Test func `keep their thread when they hang, while the host closes their call`() async throws {
        let path = try Fixture.module("hang")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let fixture = try LoadedFixture(path)
            let call = fixture.bench.open()
            let index = Int(call & 0xFF_FFFF)
            let handler = fixture.handler.handler
            // Unchecked because nothing else touches these until the process ends.
            nonisolated(unsafe) let view = UnsafePointer(fixture.bench.calls.views + index)
            let worker = Thread { _ = handler.handle(handler.instance, call, view) }
            worker.start()
            #expect(fixture.bench.calls.requestCancel(index))
            #expect(fixture.bench.calls.isCancelled(call))
            #expect(fixture.bench.calls.close(index))
            #expect(!worker.isFinished)
            exit(0)
        }
    }

    @Test func `are counted for double completion, and their first word holds`() async throws {
        let path = try Fixture.module("double_completion")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let fixture = try LoadedFixture(path)
            let (call, _, isPosted) = fixture.call()
            #expect(isPosted)
            #expect(fixture.bench.calls.settle(Int(call & 0xFF_FFFF)).kind == .done)
            #expect(fixture.handler.counters.report.map(\.kind) == [.doubleCompletion])
        }
    }

    @Test func `are counted for inventing calls, and their own call is done`() async throws {
        let path = try Fixture.module("invented_call")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let fixture = try LoadedFixture(path)
            let (call, _, isPosted) = fixture.call()
            #expect(isPosted)
            #expect(fixture.bench.calls.settle(Int(call & 0xFF_FFFF)).kind == .done)
            #expect(fixture.handler.counters.report.map(\.kind) == [.unknownCall])
        }
    }

    @Test func `leave a call open that they never complete, until the host closes it`() async throws {
        let path = try Fixture.module("never_completes")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let fixture = try LoadedFixture(path)
            let (call, status, isPosted) = fixture.call()
            #expect(status == .pending && !isPosted)
            #expect(fixture.bench.calls.close(Int(call & 0xFF_FFFF)))
            #expect(fixture.bench.calls.isCancelled(call))
        }
    }

    @Test func `are counted for completing what the host has closed`() async throws {
        let path = try Fixture.module("late_completion")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let fixture = try LoadedFixture(path)
            let (call, _, isPosted) = fixture.call()
            #expect(!isPosted)
            fixture.handler.handler.cancel?(fixture.handler.handler.instance, call, Int32(PATCHBAY_CANCEL_TIMEOUT))
            #expect(fixture.bench.calls.close(Int(call & 0xFF_FFFF)))
            let deadline = Date(timeIntervalSinceNow: 20)
            while fixture.handler.counters.report.isEmpty, Date() < deadline { usleep(10_000) }
            #expect(fixture.handler.counters.report.map(\.kind) == [.completionAfterClose])
        }
    }
}
