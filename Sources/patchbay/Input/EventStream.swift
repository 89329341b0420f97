/// Brings a file's events to a host: lines as they come, so that files of any length pass; other forms of JSON whole.
struct EventStream: ~Copyable {
    private let input: InputFile
    private let client: SocketClient

    init(_ input: consuming InputFile, to client: consuming SocketClient) {
        self.input = input
        self.client = client
    }

    func run() throws -> SendAnswer {
        var start: [UInt8] = []
        var isAtEnd = false
        // The first whole line decides which form it is.
        while !isAtEnd, !start.drop(while: \.isSpace).contains(0x0A), start.count < 16 << 20 {
            let next = try input.read()
            isAtEnd = next.isEmpty
            start += next
        }
        if EventPieces.isLines(start) {
            return try sendLines(start)
        }
        let text = try start + input.rest()
        let pieces = EventPieces.pieces(of: text)
        var sent = 0
        for piece in pieces {
            let line = text[piece.range].map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 } + [0x0A]
            guard client.write(line) else { break }
            sent += 1
        }
        let isWhole = sent == pieces.count
        return try SendAnswer(client.answer(), sent: isWhole ? UInt64(sent) : nil, lines: pieces.map(\.line))
    }

    /// Sends what was read already and the rest, as far as the host takes it.
    private func sendLines(_ start: [UInt8]) throws -> SendAnswer {
        var next = start
        var sent: UInt64 = 0
        var isWhole = false
        var endsLine = true
        while client.write(next) {
            sent += UInt64(next.count { $0 == 0x0A })
            if let last = next.last { endsLine = last == 0x0A }
            guard client.waits(for: input) else { break }
            next = try input.read()
            isWhole = next.isEmpty
            if isWhole { break }
        }
        return try SendAnswer(client.answer(), sent: isWhole ? sent + (endsLine ? 0 : 1) : nil, lines: nil)
    }
}
