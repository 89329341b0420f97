import CPatchbaySystem
import Glibc
import Logging
import PatchbayConfiguration
import PatchbayDispatch

/// What a host does about crashes: it reports those of earlier runs, and has its own written down.
enum CrashWatch {
    /// In the data folder, or beside the dead letters of a log in memory.
    static func path(_ configuration: Configuration, _ options: HostOptions) -> String {
        if configuration.log.backend == .file { return "\(configuration.log.path)/crashes.jsonl" }
        let parts = options.deadLetterPath.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        return (parts + ["crashes.jsonl"]).joined(separator: "/")
    }

    /// What earlier runs left.
    struct Findings {
        /// The calls that they ended in.
        var suspects: SuspectCalls?
        /// The code in which those did that nobody has reported yet.
        var code = CrashedCode()
    }

    /// Takes the fatal signals of this process from here on, and reads what earlier runs left.
    static func begin(_ configuration: Configuration, _ options: HostOptions) -> Findings {
        let path = path(configuration, options)
        let error = pbs_crash_install(path, options.version)
        if error != 0 {
            options.logger.warning(
                "a crash of this host would not be written down: \(String(cString: strerror(error)))",
                metadata: ["path": "\(path)"])
        }
        do throws(CrashFileError) {
            let file = try CrashFile(reading: path)
            for problem in file.problems { options.logger.warning("\(problem)") }
            for record in file.unreported {
                options.logger.error("\(record.summary)", metadata: ["path": "\(path)"])
            }
            var findings = Findings()
            findings.code = CrashedCode(of: file.unreported)
            let suspects = file.suspects
            let refused = suspects.count { $0.refusal != nil }
            if refused > 0 {
                options.logger.warning(
                    "\(refused) events in which the host died more than once become dead letters when their turn comes",
                    metadata: ["path": "\(path)"])
            }
            do throws(CrashFileError) {
                try file.markReported(in: path)
            } catch {
                options.logger.warning("\(error)")
            }
            findings.suspects = SuspectCalls(suspects)
            return findings
        } catch {
            options.logger.warning("\(error)")
            return Findings()
        }
    }
}
