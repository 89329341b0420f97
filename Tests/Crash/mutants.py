"""Whether the harness would notice: hosts for which one of the log's syncs never happens."""

# What is left out, and its pattern (see shim.c).
SYNCS = [
    ("of segments", "*sync data/log/*.seg"),
    ("of segments, while running", "sync data/log/*.seg"),
    ("of the last segment, at a start", "resync data/log/*.seg"),
    ("of the segments' folder", "*syncfolder data/log"),
    ("of the segments' folder, at a start", "resyncfolder data/log"),
    ("of checkpoints", "*sync data/checkpoint/*"),
    ("of the checkpoints' folder", "*syncfolder data/checkpoint"),
    ("of the data folder", "*syncfolder data"),
    ("of the data folder's parent", "*syncfolder "),
]


def run(options, work, crashes):
    """Crashes hosts without each of the syncs; name to what was found, or that nothing was."""
    found = {}
    for name, pattern in SYNCS:
        options.skip = pattern
        summary = {"acknowledged": 0, "sent": 0}
        wrong = crashes(options, work, summary)
        found[name] = f"caught after {summary['kills']} crashes: {wrong[0][:160]}" if wrong else "not caught"
        print(f"without the sync {name}: {found[name]}", flush=True)
    return found
