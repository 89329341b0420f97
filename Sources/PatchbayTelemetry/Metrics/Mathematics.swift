import Glibc

/// 2 to the power of `exponent`.
func exponentOfTwo(_ exponent: Double) -> Double { exp2(exponent) }
