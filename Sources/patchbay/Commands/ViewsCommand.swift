import ArgumentParser
import Glibc
import PatchbayEvents
import PatchbayViews

/// `patchbay views`.
struct ViewsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "views",
        abstract: "Ask a data folder with SQL: dead letters, deliveries, outcomes by hour, handlers' state.",
        discussion: """
            For logs in files (log: {backend: file}). The tables are in views.sqlite in the data folder, made from the \
            log alone: each command folds in what was written since, also beside a running host, and the file can be \
            deleted at any time. Other programs may read it, too.

            EXAMPLES
              patchbay views query "SELECT handler, class, count(*) FROM dead_letters GROUP BY 1, 2"
              patchbay views query "SELECT * FROM deliveries WHERE state = 'retrying' ORDER BY due_at" --json
              patchbay views schema
              patchbay views refresh --rebuild
            """,
        subcommands: [QueryCommand.self, SchemaCommand.self, RefreshCommand.self])

    struct QueryCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "query",
            abstract: "Run one SELECT over the tables, brought up to date.",
            discussion: """
                EXAMPLES
                  patchbay views query "SELECT handler, count(*) AS letters FROM dead_letters GROUP BY handler"
                  patchbay views query "SELECT hour, sum(done) FROM outcomes GROUP BY hour" -c patchbay.yaml
                  patchbay views query "SELECT key, value FROM state WHERE handler = 'stock.reserve'" --json
                """)

        @Argument(help: ArgumentHelp("The statement, in SQLite's SQL.", valueName: "select"))
        var sql: String

        @OptionGroup var folder: LetterFolderOptions

        @Flag(help: "Print JSON: an object a line.")
        var json = false

        func run() throws {
            try ViewsCommand.attempt {
                let views = try ViewsCommand.refreshed(folder)
                if json {
                    return try views.query(sql) { names, values in
                        Output.json(.object(Array(zip(names, values))))
                        return !Output.hasFailed
                    }
                }
                var heading: [String] = []
                var rows: [[String]] = []
                var more = 0
                try views.query(sql) { names, values in
                    heading = names
                    if rows.count < Self.rowsMax { rows.append(values.map(ViewsCommand.text)) } else { more += 1 }
                    return true
                }
                Output.line(
                    rows.isEmpty ? "no rows" : TextTable.columns(heading, rows, Style(for: STDOUT_FILENO)))
                if more > 0 { Output.line("and \(UInt64(more).grouped) more rows: LIMIT them, or print --json") }
            }
        }

        /// Rows that are laid out in columns; more of them are for scripts.
        private static let rowsMax = 10_000
    }

    struct SchemaCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "schema", abstract: "Print the tables and what their columns mean.",
            discussion: """
                EXAMPLES
                  patchbay views schema
                """)

        func run() { Output.line(ViewSchema.sql) }
    }

    struct RefreshCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "refresh",
            abstract: "Fold what was written since into the tables, for other programs that read them.",
            discussion: """
                EXAMPLES
                  patchbay views refresh
                  patchbay views refresh --rebuild --data ./data
                """)

        @OptionGroup var folder: LetterFolderOptions

        @Flag(help: "Make the tables anew from the whole log.")
        var rebuild = false

        func run() throws {
            try ViewsCommand.attempt { _ = try ViewsCommand.refreshed(folder, rebuilding: rebuild) }
        }
    }

    // MARK: Shared

    /// The views of a folder, up to date.
    private static func refreshed(_ folder: LetterFolderOptions, rebuilding: Bool = false) throws -> LogViews {
        let views = try LogViews(folder: try folder.path())
        let progress = LogReadingProgress()
        defer { progress.end() }
        try views.refresh(rebuilding: rebuilding) { progress.show($0.read, of: $0.all, doing: "folding") }
        return views
    }

    private static func attempt(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as ViewError {
            throw Output.failure(error.description, code: error.code == .unreadable ? 1 : 2)
        }
    }

    private static func text(_ value: Value) -> String {
        switch value {
        case .string(let text): text
        case .null: "-"
        case .bytes(let bytes): "(\(bytes.count) bytes)"
        default: String(decoding: value.json, as: UTF8.self)
        }
    }
}
