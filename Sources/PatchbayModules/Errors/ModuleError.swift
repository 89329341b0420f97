/// Why a module is not used: a rejection at scan or a failure while it is loaded.
package struct ModuleError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Open-ended; compare with the constants. The raw value is what `patchbay modules --json` prints.
    package struct Code: Sendable, Hashable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }
    }

    package let code: Code
    /// What was found, in one sentence without the file's name.
    package let message: String
    /// What to do about it, in one sentence.
    package let remedy: String
    /// The module's file, or the folder that was scanned.
    package let file: String
    /// What the module itself said through `set_error`, or the system's own words; `nil` when nothing did.
    package let cause: String?

    package init(_ code: Code, file: String, _ message: String, remedy: String, cause: String? = nil) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.file = file
        self.cause = cause
    }

    /// `plugins/libx.so: noManifest: …; remedy`.
    package var description: String {
        let reason = cause.map { "\(message) (\($0))" } ?? message
        return "\(file): \(code.rawValue): \(reason); \(remedy)"
    }
}

extension ModuleError.Code {
    // Found by the scan: none of the module's code has run.
    package static let unreadable = Self(rawValue: "unreadable")
    package static let notAFile = Self(rawValue: "notAFile")
    package static let tooLarge = Self(rawValue: "tooLarge")
    package static let notELF = Self(rawValue: "notELF")
    package static let malformedELF = Self(rawValue: "malformedELF")
    package static let wrongMachine = Self(rawValue: "wrongMachine")
    package static let notSharedObject = Self(rawValue: "notSharedObject")
    package static let noManifest = Self(rawValue: "noManifest")
    package static let badManifest = Self(rawValue: "badManifest")
    /// The manifest says something that the file itself, or the loaded code, contradicts.
    package static let lyingManifest = Self(rawValue: "lyingManifest")
    package static let wrongABI = Self(rawValue: "wrongABI")
    package static let missingService = Self(rawValue: "missingService")
    package static let missingEntry = Self(rawValue: "missingEntry")
    package static let foreignSwift = Self(rawValue: "foreignSwift")
    package static let bundledSwift = Self(rawValue: "bundledSwift")
    package static let duplicateModule = Self(rawValue: "duplicateModule")
    package static let duplicateSONAME = Self(rawValue: "duplicateSONAME")
    package static let hashMismatch = Self(rawValue: "hashMismatch")
    /// Anyone on the machine may change the code that the host would run.
    package static let worldWritable = Self(rawValue: "worldWritable")
    package static let badKey = Self(rawValue: "badKey")
    package static let notSigned = Self(rawValue: "notSigned")
    package static let badSignature = Self(rawValue: "badSignature")
    package static let untrustedKey = Self(rawValue: "untrustedKey")

    // Found while loading.
    package static let changedSinceScan = Self(rawValue: "changedSinceScan")
    package static let staging = Self(rawValue: "staging")
    /// It cannot take the place of the one that runs.
    package static let unfitVersion = Self(rawValue: "unfitVersion")
    package static let openFailed = Self(rawValue: "openFailed")
    package static let entryFailed = Self(rawValue: "entryFailed")
    package static let shortStruct = Self(rawValue: "shortStruct")
    package static let missingFunction = Self(rawValue: "missingFunction")

    /// Its process could not be started, or died while it began.
    package static let workerFailed = Self(rawValue: "workerFailed")

    // Found while handlers are created or changed.
    package static let unknownHandler = Self(rawValue: "unknownHandler")
    package static let badSchema = Self(rawValue: "badSchema")
    package static let badConfiguration = Self(rawValue: "badConfiguration")
    package static let createFailed = Self(rawValue: "createFailed")
    package static let reconfigureFailed = Self(rawValue: "reconfigureFailed")

    // Found while calls are recorded or run again.
    package static let badRecording = Self(rawValue: "badRecording")
    package static let unwritable = Self(rawValue: "unwritable")
    package static let drainFailed = Self(rawValue: "drainFailed")
}

/// Something about an accepted module, or the scanned folder, that its owner should know.
package struct ModuleWarning: Sendable, Equatable, CustomStringConvertible {
    /// Open-ended; compare with the constants.
    package struct Code: Sendable, Hashable {
        package let rawValue: String

        /// Anyone on the machine may add files; those of other users are refused.
        package static let worldWritable = Code(rawValue: "worldWritable")
        /// The file exports more than its entry function.
        package static let extraExports = Code(rawValue: "extraExports")
        /// The file was built with a later minor; what is new there is not available.
        package static let newerMinor = Code(rawValue: "newerMinor")
    }

    package let code: Code
    package let message: String
    package let remedy: String
    package let file: String

    package var description: String { "\(file): \(code.rawValue): \(message); \(remedy)" }
}
