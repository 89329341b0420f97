import CPatchbayFFI
import Glibc

/// A signature in the language of `patchbay_ffi.h`.
final class FunctionSignature: Sendable {
    /// The type of a result or parameter.
    struct Shape: Sendable, Equatable {
        enum Kind: Sendable, Equatable {
            case void
            /// With how many bits.
            case int(Int), uint(Int)
            case float, string, bytes
            case structure([Shape])
        }

        var kind: Kind
        /// Empty without one.
        var name: String
        /// It is handed over.
        var isIn: Bool
        /// It comes back.
        var isOut: Bool
    }

    let result: Shape
    let parameters: [Shape]
    // Invariant: immutable from `init` to `deinit`.
    nonisolated(unsafe) let handle: UnsafeMutablePointer<pbf_signature>

    init(_ text: String) throws(FunctionError) {
        var error = pbf_error()
        guard let handle = pbf_parse(text, &error) else { throw FunctionError(error) }
        self.handle = handle
        result = Shape(handle.pointee.result)
        parameters = withUnsafeBytes(of: &handle.pointee.parameters) { raw in
            raw.bindMemory(to: pbf_type.self).prefix(Int(handle.pointee.count)).map(Shape.init)
        }
    }

    deinit { pbf_signature_free(handle) }

    /// What is handed over, in order.
    var ins: [Shape] { parameters.filter(\.isIn) }

    /// What comes back beside the result, in order; unnamed ones are `out1`, `out2` by their place.
    var outs: [(name: String, shape: Shape)] {
        parameters.filter(\.isOut).enumerated().map { ($1.name.isEmpty ? "out\($0 + 1)" : $1.name, $1) }
    }
}

extension FunctionSignature.Shape {
    init(_ type: pbf_type) {
        let bits = Int(type.width) * 8
        kind =
            switch Int(type.kind) {
            case PBF_INT: .int(bits)
            case PBF_UINT: .uint(bits)
            case PBF_FLOAT: .float
            case PBF_STRING: .string
            case PBF_BYTES: .bytes
            case PBF_STRUCT:
                .structure(UnsafeBufferPointer(start: type.fields, count: Int(type.field_count)).map(Self.init))
            default: .void
            }
        name = withUnsafeBytes(of: type.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        isIn = Int(type.direction) != PBF_OUT
        isOut = Int(type.direction) != PBF_IN
    }

    /// As signatures write it.
    var text: String {
        switch kind {
        case .void: "void"
        case .int(let bits): "i\(bits)"
        case .uint(let bits): "u\(bits)"
        case .float: "f64"
        case .string: "string"
        case .bytes: "bytes"
        case .structure(let fields): "{\(fields.map(\.text).joined(separator: ", "))}"
        }
    }
}

/// A function of a shared library that is loaded into this process.
///
/// [any thread; several at once as far as the function bears it]
final class CFunction: Sendable {
    let signature: FunctionSignature
    // Invariant: immutable from `init` to `deinit`; a call's storage is its own.
    private nonisolated(unsafe) let handle: OpaquePointer

    /// Loads the library, whose constructors run, for the life of the process.
    init(_ signature: FunctionSignature, library: String, symbol: String) throws(FunctionError) {
        var error = pbf_error()
        guard let handle = pbf_bind(signature.handle, library, symbol, &error) else { throw FunctionError(error) }
        self.handle = handle
        self.signature = signature
    }

    deinit { pbf_function_free(handle) }

    /// The bytes of result, errno and outs; `nil` when the arguments' bytes do not fit, or for lack of memory.
    func call(_ arguments: [UInt8]) -> [UInt8]? {
        var length: UInt64 = 0
        guard let bytes = pbf_call(handle, arguments, UInt64(arguments.count), &length) else { return nil }
        defer { free(bytes) }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(length)))
    }
}

/// Why a function cannot be called.
struct FunctionError: Error, Sendable {
    enum Part: Sendable { case signature, library, symbol }

    let part: Part
    let message: String
    /// In the signature's text, in bytes.
    let offset: Int

    init(_ error: pbf_error) {
        part =
            switch Int(error.code) {
            case PBF_LIBRARY: .library
            case PBF_SYMBOL: .symbol
            default: .signature
            }
        message = withUnsafeBytes(of: error.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        offset = Int(error.offset)
    }
}
