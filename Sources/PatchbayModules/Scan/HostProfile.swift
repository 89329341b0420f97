import CPatchbay

/// What this host offers, against which a module's manifest is judged.
package struct HostProfile: Sendable {
    /// `e_machine` of files that this processor runs.
    package var machine: UInt16
    package var abiMajor = UInt32(PATCHBAY_ABI_MAJOR)
    package var abiMinor = UInt32(PATCHBAY_ABI_MINOR)
    /// Ids of the services that a module may require.
    package var services: Set<String>
    /// Major and minor of the compiler that built this host, such as `6.3`; empty: no Swift module runs inline.
    package var swiftVersion: String
    /// Whether modules may bring a Swift runtime of their own, or need one of another version: only in a process of
    /// their own.
    package var takesOtherSwift = false

    package init(
        machine: UInt16 = Self.thisMachine, services: Set<String> = HostServiceID.all,
        swiftVersion: String = Self.thisSwiftVersion
    ) {
        self.machine = machine
        self.services = services
        self.swiftVersion = swiftVersion
    }

    /// What a worker offers.
    package static var worker: HostProfile {
        var profile = HostProfile()
        profile.takesOtherSwift = true
        return profile
    }

    /// The machine that this host was compiled for.
    package static var thisMachine: UInt16 {
        #if arch(x86_64)
            62
        #elseif arch(arm64)
            183
        #elseif arch(riscv64)
            243
        #else
            0
        #endif
    }

    /// The compiler that this host was compiled with, as far as it is known here; else empty.
    package static var thisSwiftVersion: String {
        #if compiler(>=6.6)
            ""
        #elseif compiler(>=6.5)
            "6.5"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }

    static func name(ofMachine machine: UInt16) -> String {
        switch machine {
        case 3: "i386"
        case 40: "ARM"
        case 62: "x86-64"
        case 183: "AArch64"
        case 243: "RISC-V"
        default: "machine \(machine)"
        }
    }
}
