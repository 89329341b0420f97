#!/usr/bin/env python3
"""Crashes real hosts under load, and checks that nothing is lost.

Each round has a data folder of its own: a host takes load over its socket, is killed at a random moment (by kill -9, or
by the shim at a chosen operation on the disk, in starts and recoveries, too), the power may go as well (what was not
synced is lost: disk.py), the next host goes on. After the last crash of a round a host works off what is left, and the
record of the handlers and the streams are checked (oracle.py, commands.py). Then scenarios: a full disk, and SIGTERM in
an outage.

Every choice comes from --seed; when threads and the disk come to what is another matter. Exit code: 0 nothing wrong,
1 something is, 2 wrong usage. The last line of output is a summary as JSON."""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import mutants
import oracle
import scenarios
from commands import Appender, Redriver
from disk import Disk
from host import Failure, Host, build, configure
from load import Sender

ATTEMPTS_MAX = 4
# Operations at which the shim ends the host, and how often they come about in a run.
MOMENTS = [
    ("make data/log/*.seg", 3), ("write data/log/*.seg", 300), ("sync data/log/*.seg", 300), ("syncfolder data/log", 3),
    ("write data/log/*.idx", 3), ("remove data/log/*", 4), ("write data/checkpoint/*", 3), ("sync data/checkpoint/*", 3),
    ("rename data/checkpoint/*", 3), ("syncfolder data/checkpoint", 3), ("remove data/checkpoint/*", 3),
    ("resync *", 2), ("resyncfolder *", 4), ("makefolder *", 3), ("write data/LOCK", 1), ("cut *", 2),
]


# A host ends between a write and its sync while the power stays, and the next one begins a segment with its first group:
# what it found in the segment before is on disk by the start's sync, or never.
PAIR_CHANCE = 0.15
PAIR_MOMENT = ("sync data/log/*.seg", 30)
PAIR_SEGMENT = 4096


class Round:
    """One data folder, from its first host to its last."""

    def __init__(self, options, work, seed):
        self.options, self.work = options, work
        self.random = random.Random(seed)
        self.counts = dict.fromkeys(
            ["kills", "chosen", "starts", "cuts", "pairs", "appends", "redriven", "names", "files", "bytes"], 0
        )
        for name in ("disk", "shadow", "record", "in.sock", "host.log"):
            path = f"{work}/{name}"
            shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.remove(path)
        configure(work, f"{work}/disk/data")
        self.disk = Disk(f"{work}/disk", f"{work}/shadow")
        self.appender = Appender(options.patchbay, work, random.Random(f"{seed}.appends"), options.skip)
        self.redriver = Redriver(options.patchbay, work, random.Random(f"{seed}.redrives"), options.skip)
        # Of a pair of hosts: 1 the first, 2 the second.
        self.pair = 0
        self.senders = [Sender(n, f"{work}/in.sock", random.Random(f"{seed}.{n}")) for n in range(3)]

    @property
    def events(self):
        return [event for sender in self.senders for event in sender.events]

    def acknowledged(self):
        return sum(sender.acknowledged for sender in self.senders)

    def run(self, cycles, progress):
        """What is wrong, as texts."""
        for sender in self.senders:
            sender.start()
        host = None
        try:
            for cycle in range(cycles):
                progress(self)
                host = self.start(cycle)
                self.crash(host)
            for sender in self.senders:
                sender.is_stopping.set()
            host = self.start(cycles)
            self.append(host)
            self.settle(host)
            self.expect(host, "the last run")
            host = self.start(cycles + 1)
            self.rest(host)
        except Failure as failure:
            return [str(failure)] + self.first_lost()
        finally:
            for sender in self.senders:
                sender.is_stopping.set()
            if host and host.is_running:
                host.process.kill()
                host.process.wait()
            self.appender.finish()
            self.redriver.finish()
            for sender in self.senders:
                sender.join()
        return self.check()

    def start(self, cycle):
        environment = {"PATCHBAY_LOG_SEGMENT_BYTES": str(self.options.segment)}
        if self.options.skip:
            environment["CRASH_SKIP"] = self.options.skip
        self.pair = 2 if self.pair == 1 else int(cycle > 0 and self.random.random() < PAIR_CHANCE)
        if self.pair == 2:
            environment["PATCHBAY_LOG_SEGMENT_BYTES"] = str(PAIR_SEGMENT)
        elif self.pair == 1 or cycle and self.random.random() < 0.5:
            pattern, most = PAIR_MOMENT if self.pair else self.random.choice(MOMENTS)
            environment["CRASH_KILL"] = f"{pattern}={self.random.randint(1, most)}"
        self.cycle = cycle
        if any(sender.is_stopping.is_set() for sender in self.senders):
            environment.pop("CRASH_KILL", None)
        return Host(self.options.patchbay, self.work, cycle, environment)

    def crash(self, host):
        """Kills it at some moment; then the power may go."""
        before = self.acknowledged()
        if not self.pair and self.random.random() < 0.15:
            self.counts["starts"] += 1
            host.wait_until(lambda: False, self.random.random() * 0.4)
        else:
            if not host.wait_until(lambda: self.acknowledged() > before, 120) and host.is_running:
                raise Failure(f"nothing was accepted for 120 s:\n{host.tail()}")
            # One at a time: without a host each takes the folder's lock.
            command = self.random.choice([None, self.appender, self.appender, self.redriver])
            if command:
                command.start()
            host.wait_until(lambda: False, 0.05 + self.random.random() * 0.8)
        self.counts["kills"] += 1
        self.counts["pairs"] += int(self.pair == 2)
        self.counts["chosen"] += 0 if host.is_running else 1
        host.kill()
        # It changes the folder itself when it finds no host.
        self.appender.finish()
        self.redriver.finish()
        if self.pair == 2 or not self.pair and self.random.random() < 0.75:
            self.counts["cuts"] += 1
            style = "strict" if self.pair else self.random.choice(["strict", "strict", "torn", "torn", "ahead"])
            lost = self.disk.cut(style, self.random)
            for name, count in lost.items():
                self.counts[name] += count

    def left(self):
        calls = oracle.read(f"{self.work}/record")
        return oracle.unsettled(self.events, calls, ATTEMPTS_MAX) + self.appender.left(calls)

    def settle(self, host):
        """Waits until everything is settled, and drains."""
        until = time.monotonic() + self.options.patience
        size = -1
        while time.monotonic() < until and host.is_running:
            # Nothing has moved since the last look, and nothing is left.
            now = os.path.exists(f"{self.work}/record") and os.path.getsize(f"{self.work}/record")
            if now == size and not self.left():
                break
            size = now
            host.wait_until(lambda: False, 0.5)
        if not host.is_running:
            raise Failure(f"the last host ended by itself:\n{host.tail()}")

    def append(self, host):
        """Repeats what was not answered, until it is."""
        until = time.monotonic() + self.options.patience
        while self.appender.batch is not None:
            self.appender.start()
            if not self.appender.finish() and time.monotonic() > until:
                raise Failure(f"an append is not taken: {self.appender.said}\n{host.tail()}")

    def rest(self, host):
        """A further run has nothing to do."""
        before = len(oracle.read(f"{self.work}/record"))
        host.wait_until(lambda: os.path.exists(f"{self.work}/in.sock"), 60)
        host.wait_until(lambda: False, 0.5)
        self.expect(host, "the run after the last")
        more = oracle.read(f"{self.work}/record")[before:]
        if more:
            raise Failure(f"everything was settled, and the next run made {len(more)} calls: {more[:5]}")

    def expect(self, host, what):
        code, report = host.drain()
        log = report.get("log", {})
        problems = report.get("problems", [])
        if code != 0 or problems or log.get("pending", 0) != 0 or log.get("orphaned", 0) != 0:
            raise Failure(f"{what}: exit code {code}, problems {problems}, log {log}\n{host.tail()}")
        deliveries = report["deliveries"]
        if deliveries["created"] != sum(deliveries[name] for name in ("done", "skipped", "dead", "pending")):
            raise Failure(f"{what}: deliveries do not add up: {deliveries}")
        if self.options.verify:
            result = subprocess.run(
                [self.options.patchbay, "log", "verify", f"{self.work}/disk/data"], capture_output=True, text=True
            )
            if result.returncode != 0:
                raise Failure(f"{what}: log verify: {result.returncode}: {result.stdout}{result.stderr}")

    def check(self):
        calls = oracle.read(f"{self.work}/record")
        wrong = oracle.check(self.events, calls, ATTEMPTS_MAX)
        wrong += [f"events were refused: {said}" for sender in self.senders for said in sender.refused if said["refused"]]
        self.counts["calls"] = len(calls)
        self.counts["appends"] = self.appender.answered
        self.counts["redriven"] = len(self.redriver.redriven)
        self.counts["followed"] = sum(len(seen) for seen in oracle.followed(calls).values())
        return wrong + self.appender.check(calls) + self.redriver.check(calls)

    def first_lost(self):
        """What the record says beside a failure."""
        calls = oracle.read(f"{self.work}/record")
        return [text for text in oracle.check(self.events, calls, ATTEMPTS_MAX) if not text.startswith("lost")]


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patchbay", required=True, help="the program")
    parser.add_argument("--cycles", type=int, default=200, help="crashes, in all")
    parser.add_argument("--round", type=int, default=20, help="crashes of one data folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--segment", type=int, default=32768, help="bytes of a segment and between checkpoints")
    parser.add_argument("--skip", default="", help="syncs that are ignored, such as 'sync data/log/*.seg' (see shim.c)")
    parser.add_argument("--patience", type=float, default=120, help="seconds for the last host of a round")
    parser.add_argument("--work", help="a folder for everything; kept (default: a new one, kept after a failure)")
    parser.add_argument("--mutants", action="store_true", help="show which missing syncs are noticed, and nothing else")
    parser.add_argument("--only", choices=["crashes", "full-disk", "outage"], help="one part")
    options = parser.parse_args(arguments)
    options.patchbay = os.path.abspath(options.patchbay)
    help = subprocess.run([options.patchbay, "log", "verify", "--help"], capture_output=True, text=True)
    options.verify = help.returncode == 0 and "verify" in help.stdout
    return options


def crashes(options, work, summary):
    """All rounds; ends with the first one in which something is wrong."""
    done = 0
    start = time.monotonic()

    def progress(now):
        total = done + getattr(now, "cycle", -1) + 1
        if sys.stdout.isatty() or total % 10 == 0:
            end = "\r" if sys.stdout.isatty() else "\n"
            seconds = time.monotonic() - start
            print(f"{total} of {options.cycles} crashes, {now.acknowledged()} events, {seconds:.0f} s  ", end=end, flush=True)

    number = 0
    while done < options.cycles:
        seed = options.seed * 1000 + number
        current = Round(options, work, seed)
        cycles = min(options.round, options.cycles - done)
        wrong = current.run(cycles, progress)
        done += cycles
        number += 1
        summary["acknowledged"] += current.acknowledged()
        summary["sent"] += len(current.events)
        for name, count in current.counts.items():
            summary[name] = summary.get(name, 0) + count
        if wrong:
            summary["seed"] = seed
            return [f"round {number}, cycle {current.cycle}: {text}" for text in wrong]
    return []


def main(arguments):
    options = options_of(arguments)
    work = options.work or tempfile.mkdtemp(prefix="patchbay-crash-")
    os.makedirs(work, exist_ok=True)
    build(work)
    start = time.monotonic()
    summary = {"seed": options.seed, "cycles": options.cycles, "acknowledged": 0, "sent": 0}
    wrong = []
    if options.mutants:
        print(json.dumps(mutants.run(options, work, crashes)))
        return 0
    if options.only in (None, "crashes"):
        wrong += crashes(options, work, summary)
    for name, scenario in (("full-disk", scenarios.full_disk), ("outage", scenarios.outage)):
        if options.only in (None, name):
            try:
                summary[name] = scenario(options, work)
            except Failure as failure:
                summary[name] = "failed"
                wrong.append(f"{name}: {failure}")
            print(f"{name}: {summary[name]}", flush=True)
    for text in wrong[:20]:
        print(f"wrong: {text}", flush=True)
    summary |= {"wrong": len(wrong), "seconds": round(time.monotonic() - start, 1)}
    if not options.work and not wrong:
        shutil.rmtree(work)
    elif wrong:
        summary["work"] = work
    print(json.dumps(summary))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
