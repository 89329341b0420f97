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
            var next = start
            while !next.isEmpty, client.write(next) { next = try input.read() }
            return try SendAnswer(client.answer(), lines: nil)
        }
        let text = try start + input.rest()
        let pieces = EventPieces.pieces(of: text)
        for piece in pieces {
            let line = text[piece.range].map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 } + [0x0A]
            guard client.write(line) else { break }
        }
        return try SendAnswer(client.answer(), lines: pieces.map(\.line))
    }
}
