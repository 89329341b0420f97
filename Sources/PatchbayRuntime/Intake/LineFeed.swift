import CPatchbay
import CPatchbayJSON
import Glibc
import PatchbayDispatch
import PatchbayEvents

/// Cuts a stream of bytes into batches of whole lines and hands them over. One for each stream; one thread.
final class LineFeed {
    private let intake: Intake
    private let port: IntakePort
    private let source: Int
    private let envelope: Envelope?
    private let eventBytesMax: Int
    private let report: (Intake.Refusal) -> Void
    /// Of the intake before this stream: lines count from its beginning.
    private let linesBefore: UInt64
    private var batch: EventBatch
    private var rest: ContiguousArray<CChar> = []
    /// A line longer than the limit is being thrown away up to its end.
    private var isSkipping = false
    /// Bytes that hold about as many lines as a batch takes.
    private var target = 1 << 16
    /// The first bytes of the batch, of which it is known that no line ends there.
    private var searched = 0
    /// Nobody takes batches any more.
    private(set) var isClosed = false

    /// Lines that were handed over or refused.
    var lines: UInt64 { intake.lines }

    private static let capacity = 160 << 10

    init(
        intake: Intake, port: IntakePort, source: Int, envelope: Envelope?, eventBytesMax: Int,
        report: @escaping (Intake.Refusal) -> Void
    ) {
        self.intake = intake
        self.port = port
        self.source = source
        self.envelope = envelope
        self.eventBytesMax = eventBytesMax
        self.report = report
        linesBefore = intake.lines
        batch = EventBatch(source: source, textCapacity: Self.capacity)
    }

    /// Reads once and hands over what are whole lines; the number of bytes read, 0 at the end, or -errno.
    ///
    /// - Parameter fills: goes on reading until a batch is full, for files that never make one wait.
    func read(_ file: Int32, fills: Bool) -> Int {
        var total = 0
        repeat {
            // A line longer than the target takes all the room there is.
            let wanted = batch.textCount < target ? target : batch.textCapacity
            let room = min(wanted, batch.textCapacity) - batch.textCount
            if room == 0 { break }
            var count = Glibc.read(file, batch.text + batch.textCount, room)
            while count < 0, errno == EINTR { count = Glibc.read(file, batch.text + batch.textCount, room) }
            guard count >= 0 else { return -Int(errno) }
            batch.textCount += count
            total += count
            if count == 0 { break }
        } while fills && batch.textCount < target
        if total > 0 { handOver(atEnd: false) }
        return total
    }

    /// Takes bytes that were read elsewhere.
    func take(_ bytes: UnsafeRawBufferPointer) {
        batch.growText(to: batch.textCount + bytes.count)
        UnsafeMutableRawBufferPointer(start: batch.text + batch.textCount, count: bytes.count).copyMemory(from: bytes)
        batch.textCount += bytes.count
        handOver(atEnd: false)
    }

    /// Hands over what is left, a last line without its end included.
    func finish() { handOver(atEnd: true) }

    // MARK: Private

    private func handOver(atEnd: Bool) {
        // What was read is handed over, also when nobody takes it any more: the port keeps it.
        while true {
            guard let end = wholeLines(atEnd: atEnd), end > 0 else { return }
            let consumed =
                envelope.map { envelope in
                    envelope.with(first: intake.lines + 1 - linesBefore) { intake.take(batch, end: end, envelope: $0) }
                } ?? intake.take(batch, end: end)
            reportRefusals()
            adapt(consumed)
            rest.removeAll(keepingCapacity: true)
            rest.append(
                contentsOf: UnsafeBufferPointer(start: batch.text + consumed, count: batch.textCount - consumed))
            batch.textCount = consumed
            let full = batch
            batch = port.recycled() ?? EventBatch(source: source, textCapacity: max(Self.capacity, rest.count))
            batch.reset()
            batch.growText(to: rest.count)
            rest.withUnsafeBufferPointer { rest in
                if let base = rest.baseAddress { batch.text.update(from: base, count: rest.count) }
            }
            batch.textCount = rest.count
            searched = 0
            if !port.offer(full) { isClosed = true }
        }
    }

    /// Where the last whole line ends; `nil` when more has to be read first.
    private func wholeLines(atEnd: Bool) -> Int? {
        if isSkipping, !skip(atEnd: atEnd) { return nil }
        if atEnd { return batch.textCount }
        // Lines are short: the last line end is near.
        var end = batch.textCount
        while end > searched, batch.text[end - 1] != 0x0A { end -= 1 }
        if end > searched { return end }
        searched = batch.textCount
        if batch.textCount > eventBytesMax {
            intake.forgetRefusals()
            intake.refuse(
                line: intake.lines + 1, "longer than limits.eventBytes, which is \(eventBytesMax) bytes")
            reportRefusals()
            isSkipping = true
            batch.textCount = 0
            searched = 0
        } else if batch.textCount == batch.textCapacity {
            batch.growText(to: min(batch.textCapacity * 2, eventBytesMax + Self.capacity))
            target = max(target, batch.textCapacity)
        }
        return nil
    }

    /// Throws the rest of a line that is too long away; false when its end is not there yet.
    private func skip(atEnd: Bool) -> Bool {
        guard let newline = memchr(batch.text, 0x0A, batch.textCount) else {
            batch.textCount = 0
            if atEnd { isSkipping = false }
            return atEnd
        }
        let start = UnsafeMutableRawPointer(batch.text).distance(to: newline) + 1
        batch.text.update(from: batch.text + start, count: batch.textCount - start)
        batch.textCount -= start
        searched = 0
        intake.skipLine()
        isSkipping = false
        return true
    }

    private func reportRefusals() {
        for var refusal in intake.refusals {
            refusal.line -= linesBefore
            report(refusal)
        }
    }

    private func adapt(_ consumed: Int) {
        guard batch.count > 0 else { return }
        let wished = consumed / batch.count * (EventBatch.eventsMax * 15 / 16)
        target = min(max(wished, 1 << 14), batch.textCapacity)
    }
}

/// What plain JSON lines are wrapped in: the id is the prefix and the line's number.
struct Envelope {
    private let type: [CChar]
    private let source: [CChar]
    private let idPrefix: [CChar]

    init(type: String, source: String, idPrefix: String) {
        self.type = type.utf8.map { CChar(bitPattern: $0) }
        self.source = source.utf8.map { CChar(bitPattern: $0) }
        self.idPrefix = idPrefix.utf8.map { CChar(bitPattern: $0) }
    }

    func with<R>(first: UInt64, _ body: (UnsafePointer<pbj_envelope>) -> R) -> R {
        type.withUnsafeBufferPointer { type in
            source.withUnsafeBufferPointer { source in
                idPrefix.withUnsafeBufferPointer { prefix in
                    func text(_ bytes: UnsafeBufferPointer<CChar>) -> patchbay_str {
                        patchbay_str(ptr: bytes.baseAddress, len: UInt64(bytes.count))
                    }
                    var envelope = pbj_envelope(
                        type: text(type), source: text(source), id_prefix: text(prefix), id_first: first)
                    return body(&envelope)
                }
            }
        }
    }
}
