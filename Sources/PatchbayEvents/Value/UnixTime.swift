/// Unix nanoseconds as people read them.
package enum UnixTime {
    /// RFC 3339 with milliseconds.
    package static func text(_ nanoseconds: UInt64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        return Value.Timestamp(
            seconds: Int64(milliseconds / 1000), nanoseconds: Int32(milliseconds % 1000) * 1_000_000)?.rfc3339 ?? ""
    }
}
