import CPatchbayHeaders

/// Renders the project of a new handler. Touches no file; any thread.
package struct Scaffold: Sendable {
    /// What the handler is written in.
    package enum Language: String, Sendable, CaseIterable {
        case c
        case cpp
        case rust
        case swift

        /// As people write it.
        var title: String {
            switch self {
            case .c: "C"
            case .cpp: "C++"
            case .rust: "Rust"
            case .swift: "Swift"
            }
        }

        /// The SDK's folder beside `sdk/patchbay`, and the file by which it is known; `nil` for those whose projects bring
        /// along what they need.
        var package: (folder: String, file: String)? {
            switch self {
            case .c, .cpp: nil
            case .rust: ("rust", "Cargo.toml")
            case .swift: ("patchbay", "Package.swift")
            }
        }
    }

    /// Where a project in Swift or Rust finds the SDK's package.
    package enum SDK: Sendable, Equatable {
        /// The folder `…/sdk/patchbay`, or `…/sdk/rust`, absolute or relative to the project; not empty.
        case path(String)
        /// Patchbay's repository, of which the project follows the branch `main`.
        case url(String)

        /// The name that SwiftPM gives the package: the last part of its place.
        var identity: String {
            switch self {
            case .path(let place): Self.lastPart(of: place)
            case .url(let place): Self.lastPart(of: place.hasSuffix(".git") ? String(place.dropLast(4)) : place)
            }
        }

        private static func lastPart(of place: String) -> String {
            place.split { $0 == "/" || $0 == ":" }.last.map { $0.lowercased() } ?? "patchbay"
        }
    }

    /// A file of the project: a path below its folder, and its text.
    package typealias File = (path: String, contents: String)

    /// The files of a project, in the order of their paths; never empty.
    ///
    /// - Parameters:
    ///   - name: the module's name, as routes write it before the dot.
    ///   - sdk: where the SDK's package is. Swift and Rust need one; C and C++ bring their headers along.
    ///   - command: what `make run` calls.
    /// - Throws: `ScaffoldError` with `invalidName`, `reservedName` or `missingSDK`; trying again does not help.
    package static func files(
        name: String, language: Language, sdk: SDK? = nil, command: String = "patchbay"
    ) throws(ScaffoldError) -> [File] {
        try check(name)
        let template = Template(
            name: name, symbol: name.split(whereSeparator: { $0 == "-" || $0 == "_" }).map(capitalized).joined(),
            command: command)
        var files: [File]
        switch language {
        case .c: files = template.cFiles + headers
        case .cpp: files = template.cppFiles + headers + embedded(patchbay_cpp_files, below: "")
        case .rust:
            guard let sdk else { throw ScaffoldError(code: .missingSDK, name: name, language: language) }
            files = template.rustFiles(sdk: sdk)
        case .swift:
            guard let sdk else { throw ScaffoldError(code: .missingSDK, name: name, language: language) }
            files = template.swiftFiles(sdk: sdk)
        }
        files += template.sharedFiles
        return files.sorted { $0.path < $1.path }
    }

    private static func capitalized(_ word: Substring) -> String { word.prefix(1).uppercased() + word.dropFirst() }

    private static func check(_ name: String) throws(ScaffoldError) {
        let bytes = Array(name.utf8)
        let isLetter = { (byte: UInt8) in (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
        let isOther = { (byte: UInt8) in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
                || byte == UInt8(ascii: "_")
        }
        guard let first = bytes.first, isLetter(first), bytes.count <= 63,
            bytes.allSatisfy({ isLetter($0) || isOther($0) })
        else { throw ScaffoldError(code: .invalidName, name: name) }
        // `builtin` is the host's; the others are modules that a Swift project imports.
        let reserved = ["builtin", "swift", "testing", "foundation", "synchronization"]
        let plain = name.filter { $0 != "-" && $0 != "_" }
        if reserved.contains(plain) || plain.hasPrefix("patchbay") {
            throw ScaffoldError(code: .reservedName, name: name)
        }
    }

    /// The C SDK that this program was built with.
    private static var headers: [File] { embedded(patchbay_headers, below: "include/") }

    private static func embedded(
        _ files: (UnsafeMutablePointer<UInt64>?) -> UnsafePointer<patchbay_header>?, below folder: String
    ) -> [File] {
        var count: UInt64 = 0
        guard let first = files(&count) else { return [] }
        return UnsafeBufferPointer(start: first, count: Int(count)).map { header in
            let text = UnsafeBufferPointer(start: header.text, count: Int(header.length))
            return (
                path: folder + String(cString: header.path),
                contents: String(decoding: UnsafeRawBufferPointer(text), as: UTF8.self)
            )
        }
    }
}

/// Why a project cannot be made.
package struct ScaffoldError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of errors; more may follow.
    package struct Code: Sendable, Equatable {
        private let name: String
        /// The name has other characters than a module's name may have.
        package static let invalidName = Code(name: "invalidName")
        /// The name is taken by the host or by a module that the project imports.
        package static let reservedName = Code(name: "reservedName")
        /// A project in Swift or Rust needs to know where the SDK is.
        package static let missingSDK = Code(name: "missingSDK")
    }

    package let code: Code
    /// The project's name as it was given.
    package let name: String
    /// Of a missing SDK.
    package var language = Scaffold.Language.swift

    /// One line for the operator, with the remedy.
    package var message: String {
        switch code {
        case .invalidName:
            "'\(name)' cannot name a module: use 1 to 63 of a-z, 0-9, '-' and '_', a letter first, such as 'charge-card'"
        case .reservedName: "'\(name)' is reserved: choose a name that says what the handler does"
        default:
            "where is the \(language.title) SDK? Give --sdk the Patchbay repository's URL, or its folder "
                + "'sdk/\(language.package?.folder ?? "patchbay")'"
        }
    }

    package var description: String { message }
}
