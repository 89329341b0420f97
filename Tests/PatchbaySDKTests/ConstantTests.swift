import CPatchbay
import Testing

/// Every value of the ABI, as modules that are already built know them.
@Suite struct ConstantTests {
    @Test func `keeps the values of statuses, outcomes and flags`() {
        #expect(
            [
                PATCHBAY_OK, PATCHBAY_PENDING, PATCHBAY_E_ARG, PATCHBAY_E_STATE, PATCHBAY_E_UNSUPPORTED,
                PATCHBAY_E_NOMEM, PATCHBAY_E_STALE, PATCHBAY_E_CONFLICT, PATCHBAY_E_LIMIT, PATCHBAY_E_INTERNAL,
                PATCHBAY_E_NOT_FOUND,
            ] == [0, 1, -1, -2, -3, -4, -5, -6, -7, -8, -9])
        #expect(
            [PATCHBAY_DONE, PATCHBAY_RETRY, PATCHBAY_FAIL, PATCHBAY_SKIP, PATCHBAY_CANCELLED, PATCHBAY_BUSY]
                == [1, 2, 3, 4, 5, 6])
        #expect(PATCHBAY_R_SPARE_BREAKER == 1)
        #expect([PATCHBAY_UNLOAD_NEVER, PATCHBAY_UNLOAD_SAFE] == [0, 1])
        #expect([PATCHBAY_ABI_MAJOR, PATCHBAY_ABI_MINOR] == [1, 0])
    }

    @Test func `keeps the values of cancel reasons, log levels and instruments`() {
        #expect([PATCHBAY_CANCEL_TIMEOUT, PATCHBAY_CANCEL_DRAIN, PATCHBAY_CANCEL_SHUTDOWN] == [1, 2, 3])
        #expect(
            [
                PATCHBAY_LOG_TRACE, PATCHBAY_LOG_DEBUG, PATCHBAY_LOG_INFO, PATCHBAY_LOG_WARN, PATCHBAY_LOG_ERROR,
                PATCHBAY_LOG_FATAL,
            ] == [1, 5, 9, 13, 17, 21])
        #expect(
            [PATCHBAY_METER_COUNTER, PATCHBAY_METER_UP_DOWN, PATCHBAY_METER_GAUGE, PATCHBAY_METER_HISTOGRAM]
                == [1, 2, 3, 4])
    }

    @Test func `keeps the ids of services`() {
        #expect(
            [PATCHBAY_LOGGER, PATCHBAY_TRACE, PATCHBAY_METER]
                == ["patchbay.logger/1", "patchbay.trace/1", "patchbay.meter/1"])
        #expect(
            [PATCHBAY_EMIT, PATCHBAY_HTTP, PATCHBAY_MAIL, PATCHBAY_STATE, PATCHBAY_STREAM, PATCHBAY_TIMER]
                == [
                    "patchbay.emit/1", "patchbay.http/1", "patchbay.mail/1", "patchbay.state/1", "patchbay.stream/0",
                    "patchbay.timer/1",
                ])
        #expect(
            [
                PATCHBAY_FAULT_NONE, PATCHBAY_FAULT_RESOLVE, PATCHBAY_FAULT_CONNECT, PATCHBAY_FAULT_TLS,
                PATCHBAY_FAULT_TIMEOUT, PATCHBAY_FAULT_BROKEN, PATCHBAY_FAULT_TOO_LARGE, PATCHBAY_FAULT_NO_CONNECTION,
                PATCHBAY_FAULT_CANCELLED, PATCHBAY_FAULT_REFUSED, PATCHBAY_FAULT_NOMEM,
                PATCHBAY_FAULT_DENIED, PATCHBAY_FAULT_REQUEST,
            ] == Array(0...12))
        #expect([PATCHBAY_ANSWER_UNSENT, PATCHBAY_ANSWER_REUSED, PATCHBAY_MAIL_TLS_OPTIONAL] == [1, 2, 1])
        #expect(PATCHBAY_TIMER_ATTRIBUTE == "timerkey")
        #expect(PATCHBAY_STATE_ANY == UInt64.max)
        #expect(
            [PATCHBAY_STREAM_ANY, PATCHBAY_STREAM_EXISTS, PATCHBAY_STREAM_NONE] == [.max, .max - 1, .max - 2])
        #expect(PATCHBAY_STREAM_END == UInt64.max - 3)
        #expect(
            [PATCHBAY_STREAM_NAME_ATTRIBUTE, PATCHBAY_STREAM_REVISION_ATTRIBUTE, PATCHBAY_SUBSCRIPTION_ATTRIBUTE]
                == ["streamname", "streamrevision", "subscription"])
        #expect(PATCHBAY_STREAM_BACKWARD == 1)
    }
}
