/// Rows for people, in columns.
enum TextTable {
    /// As wide as their longest cells; the last column is not padded.
    static func columns(_ heading: [String], _ rows: [[String]], _ style: Style) -> String {
        let all = [heading] + rows
        let widths = heading.indices.map { column in all.map { $0[column].printable.count }.max() ?? 0 }
        return all.enumerated().map { row, cells in
            let line = zip(cells.map(\.printable), widths).enumerated().map { column, cell in
                column == heading.count - 1
                    ? cell.0 : cell.0 + String(repeating: " ", count: cell.1 - cell.0.count)
            }.joined(separator: "  ")
            return row == 0 ? style.dim(line) : line
        }.joined(separator: "\n")
    }
}
