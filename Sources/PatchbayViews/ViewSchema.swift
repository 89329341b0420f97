/// The tables that the log is folded into. Times are RFC 3339 texts in UTC, which sort as they follow one another.
package enum ViewSchema {
    /// Databases of another version are made anew.
    static let version = 3

    package static let sql = """
        -- Dead letters, those that were redriven or purged included, as long as their segments are kept.
        CREATE TABLE dead_letters(
          id TEXT PRIMARY KEY,        -- as `patchbay dlq` names it
          sequence INTEGER NOT NULL,  -- of the frame that holds it
          state TEXT NOT NULL,        -- kept, redriven, purged
          position INTEGER,           -- of the event; NULL for one that was never accepted
          event_id TEXT NOT NULL, source TEXT NOT NULL, type TEXT NOT NULL,
          handler TEXT NOT NULL, route TEXT NOT NULL, class TEXT NOT NULL, reason TEXT NOT NULL,
          attempts INTEGER NOT NULL, "group" TEXT NOT NULL, redrives INTEGER NOT NULL,
          died_at TEXT NOT NULL, edited INTEGER NOT NULL DEFAULT 0,
          changed_by TEXT, changed_at TEXT,
          event TEXT NOT NULL         -- JSON
        ) STRICT;
        CREATE INDEX dead_letters_group ON dead_letters("group");

        -- Deliveries that have not ended, or were not done by their first attempt. The others are counted in outcomes.
        CREATE TABLE deliveries(
          position INTEGER NOT NULL, handler TEXT NOT NULL, route TEXT NOT NULL,
          event_id TEXT NOT NULL, source TEXT NOT NULL, type TEXT NOT NULL,
          state TEXT NOT NULL,        -- pending, retrying, halted, done, skipped, dead, purged, redriven
          attempts INTEGER NOT NULL, accepted_at TEXT NOT NULL, due_at TEXT, ended_at TEXT,
          class TEXT, reason TEXT,    -- of the last failure
          PRIMARY KEY(position, handler)
        ) STRICT;
        CREATE INDEX deliveries_state ON deliveries(state, handler);

        -- How deliveries and attempts ended, by hour; of segments that the log still has.
        CREATE TABLE patchbay_outcomes(
          segment INTEGER NOT NULL, hour TEXT NOT NULL, handler TEXT NOT NULL,
          done INTEGER NOT NULL, skipped INTEGER NOT NULL, dead INTEGER NOT NULL, failed INTEGER NOT NULL,
          PRIMARY KEY(segment, hour, handler)
        ) STRICT;
        CREATE VIEW outcomes AS
          SELECT hour, handler, sum(done) AS done, sum(skipped) AS skipped, sum(dead) AS dead, sum(failed) AS failed
          FROM patchbay_outcomes GROUP BY hour, handler;

        -- Handlers' state (patchbay.state).
        CREATE TABLE state(
          handler TEXT NOT NULL, key TEXT NOT NULL,
          value BLOB NOT NULL, revision INTEGER NOT NULL, expires_at TEXT,
          definition TEXT,            -- of the code that wrote it: module, version, handler, hashed
          position INTEGER,           -- of the event with whose outcome it was committed
          PRIMARY KEY(handler, key)
        ) STRICT;
        """

    /// What the fold itself needs to go on.
    static let internals = """
        CREATE TABLE patchbay_fold(sequence INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;
        CREATE TABLE patchbay_names(kind INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL) STRICT;
        """
}
