import PatchbayEvents

/// The network extension: addresses and networks as values.
let networkFunctions: [Function] = [
    .global("ip") { (value, _) throws(EvaluationError) in .ip(try address(value)) },
    .global("isIP") { (value, _) throws(EvaluationError) in .bool(Value.IPAddress(try value.asString()) != nil) },
    .global("ip.isCanonical") { (value, _) throws(EvaluationError) in
        .bool(try address(value).text == (try value.asString()))
    },
    .global("cidr") { (value, _) throws(EvaluationError) in .cidr(try network(value)) },
    .global("isCIDR") { (value, _) throws(EvaluationError) in .bool(Value.IPNetwork(try value.asString()) != nil) },
    .member("family") { (value, _) throws(EvaluationError) in .int(Int64(try value.asAddress().family)) },
    .member("isUnspecified") { (value, _) throws(EvaluationError) in .bool(try value.asAddress().isUnspecified) },
    .member("isLoopback") { (value, _) throws(EvaluationError) in .bool(try value.asAddress().isLoopback) },
    .member("isGlobalUnicast") { (value, _) throws(EvaluationError) in .bool(try value.asAddress().isGlobalUnicast) },
    .member("isLinkLocalMulticast") { (value, _) throws(EvaluationError) in
        .bool(try value.asAddress().isLinkLocalMulticast)
    },
    .member("isLinkLocalUnicast") { (value, _) throws(EvaluationError) in
        .bool(try value.asAddress().isLinkLocalUnicast)
    },
    .member("containsIP") { (value, other, _) throws(EvaluationError) in
        .bool(try value.asNetwork().contains(try address(other)))
    },
    .member("containsCIDR") { (value, other, _) throws(EvaluationError) in
        .bool(try value.asNetwork().contains(try network(other)))
    },
    .member("ip") { (value, _) throws(EvaluationError) in .ip(try value.asNetwork().address) },
    .member("masked") { (value, _) throws(EvaluationError) in .cidr(try value.asNetwork().masked) },
    .member("prefixLength") { (value, _) throws(EvaluationError) in
        .int(Int64(try value.asNetwork().prefixLength))
    },
]

/// An address, or the text of one.
private func address(_ value: Value) throws(EvaluationError) -> Value.IPAddress {
    if case .ip(let address) = value { return address }
    guard let address = Value.IPAddress(try value.asString()) else {
        throw EvaluationError(.invalidArgument, "\(value.display) is no IP address")
    }
    return address
}

/// A network, or the text of one.
private func network(_ value: Value) throws(EvaluationError) -> Value.IPNetwork {
    if case .cidr(let network) = value { return network }
    guard let network = Value.IPNetwork(try value.asString()) else {
        throw EvaluationError(.invalidArgument, "\(value.display) is no network in CIDR notation")
    }
    return network
}

extension Value {
    fileprivate func asAddress() throws(EvaluationError) -> IPAddress {
        guard case .ip(let address) = self else { throw .overload }
        return address
    }

    fileprivate func asNetwork() throws(EvaluationError) -> IPNetwork {
        guard case .cidr(let network) = self else { throw .overload }
        return network
    }
}
