#!/usr/bin/env python3
"""Changes the version of a module in a host under full load, again and again, each time to a file it has never seen.

    Tests/Swap/swap.py --patchbay .build/debug/patchbay --swaps 1000

Fails unless every event was handled once by one of the versions, no attempt was repeated, every version but the last was
destroyed while the host ran, the host has as many descriptors and threads as before, and its memory has grown by no more
than --kib a version, which is what keeping their code in memory costs.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MARK = b"1.0.10000"
# Until then allocators and pools have found their size.
SETTLED = 0.2

CONFIGURATION = """\
apiVersion: patchbay/v1
modules:
  directory: {work}/plugins
  load: [{{name: shop, config: {{path: {work}/calls}}}}]
routes: [{{name: all, type: com.example.*, to: [{{handler: shop.charge}}]}}]
sources: [{{name: feed, type: stdin}}]
"""


class Failure(Exception):
    """Something that must not happen."""


def build(work):
    """The module's bytes, with a version that is to be replaced."""
    os.makedirs(f"{work}/plugins")
    path = f"{work}/plugins/shop.so"
    flags = ["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"]
    subprocess.run([*flags, f"-I{ROOT}/sdk/c/include", f"{HERE}/shop.c", "-o", path], check=True)
    with open(path, "rb") as file:
        return file.read()


class Feeder(threading.Thread):
    """Writes events as fast as the host takes them, until it is stopped."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.pipe, self.count, self.is_stopping = pipe, 0, threading.Event()

    def run(self):
        event = '{"specversion":"1.0","id":"%d","source":"/swap","type":"com.example.paid","data":{}}\n'
        block = "".join(event % number for number in range(1000)).encode()
        while not self.is_stopping.is_set():
            self.pipe.write(block)
            self.count += 1000
        self.pipe.close()


class Host:
    """The host's process and its control socket."""

    def __init__(self, patchbay, work):
        with open(f"{work}/host.yaml", "w") as file:
            file.write(CONFIGURATION.format(work=work))
        self.log = open(f"{work}/host.log", "w")
        self.out = open(f"{work}/host.json", "w+")
        self.process = subprocess.Popen(
            [patchbay, "run", "-c", f"{work}/host.yaml", "--once", "--json", "--control", f"{work}/control"],
            stdin=subprocess.PIPE, stdout=self.out, stderr=self.log, env={**os.environ, "XDG_RUNTIME_DIR": work})
        self.client = socket.socket(socket.AF_UNIX)
        self.client.settimeout(60)
        end = time.monotonic() + 60
        while True:
            try:
                self.client.connect(f"{work}/control")
                break
            except OSError as error:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise Failure("the host does not listen") from error
                time.sleep(0.01)
        self.answers = self.client.makefile("r")

    def ask(self, **request):
        self.client.sendall(json.dumps({"patchbay": 1, "by": "swap", **request}).encode() + b"\n")
        answer = json.loads(self.answers.readline())
        if "error" in answer:
            raise Failure(f"{request}: {answer['message']}")
        return answer

    def usage(self):
        """Open descriptors, threads, and KiB in memory."""
        folder = f"/proc/{self.process.pid}"
        with open(f"{folder}/status") as status:
            values = dict(line.split(":", 1) for line in status)
        return {
            "descriptors": len(os.listdir(f"{folder}/fd")), "threads": int(values["Threads"]),
            "kib": int(values["VmRSS"].split()[0]),
        }

    def end(self):
        code = self.process.wait(timeout=120)
        self.out.seek(0)
        return code, json.loads(self.out.read())


def calls(work):
    """The calls of each version that is destroyed."""
    found = {}
    try:
        with open(f"{work}/calls") as file:
            for line in file:
                _, version, count = line.split()
                found[version] = found.get(version, 0) + int(count)
    except FileNotFoundError:
        pass
    return found


def wait_until(is_so, what):
    end = time.monotonic() + 60
    while not is_so():
        if time.monotonic() > end:
            raise Failure(f"in vain for a minute: {what}")
        time.sleep(0.005)


def check(condition, text):
    if not condition:
        raise Failure(text)


def run(options, work):
    code = build(work)
    check(code.count(MARK) == 2, "the version stands in the manifest and in the code")
    host = Host(options.patchbay, work)
    feeder = Feeder(host.process.stdin)
    feeder.start()
    settled = max(1, int(options.swaps * SETTLED))
    began = time.monotonic()
    slowest = 0.0
    for number in range(1, options.swaps + 1):
        path = f"{work}/next.so"
        with open(path, "wb") as file:
            file.write(code.replace(MARK, b"1.0.%d" % (10000 + number)))
        started = time.monotonic()
        host.ask(do="promote", file=path, watched=True)
        slowest = max(slowest, time.monotonic() - started)
        # One that is still under way would count as growth.
        if number in (settled, options.swaps):
            wait_until(lambda: len(calls(work)) >= number, "every version but the last is destroyed")
            usage = host.usage()
            if number == settled:
                before = usage
    seconds = time.monotonic() - began
    after = usage
    feeder.is_stopping.set()
    feeder.join()
    status, report = host.end()
    deliveries = report["deliveries"]
    by_version = calls(work)
    grown = (after["kib"] - before["kib"]) / max(1, options.swaps - settled)
    print(
        f"{options.swaps} swaps in {seconds:.1f} s, slowest {slowest * 1000:.0f} ms, under {feeder.count} events "
        f"({feeder.count / seconds:,.0f}/s); {sum(1 for count in by_version.values() if count)} versions had calls; "
        f"descriptors {before['descriptors']} -> {after['descriptors']}, threads {before['threads']} -> "
        f"{after['threads']}, {grown:.1f} KiB a version")
    check(status == 0 and not report["problems"], f"exit code {status}, {report['problems']}")
    check(deliveries["created"] == deliveries["done"] == feeder.count, f"{feeder.count} events, {deliveries}")
    check(deliveries["retries"] == 0 and deliveries["dead"] == 0, f"{deliveries}")
    check(sum(by_version.values()) == feeder.count, f"{sum(by_version.values())} calls for {feeder.count} events")
    check(len(by_version) == options.swaps + 1, f"{len(by_version)} versions were destroyed")
    check(report["modules"]["changes"] == options.swaps, f"{report['modules']}")
    check(report["modules"]["unused"] >= options.swaps, f"{report['modules']}")
    check(after["descriptors"] == before["descriptors"], "descriptors were left open")
    check(after["threads"] <= before["threads"] + 1, "threads were left")
    if options.swaps >= 200:
        check(grown <= options.kib, f"memory grew by {grown:.1f} KiB a version, at most {options.kib} are expected")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patchbay", required=True)
    parser.add_argument("--swaps", type=int, default=1000)
    parser.add_argument("--kib", type=float, default=32)
    options = parser.parse_args()
    options.patchbay = os.path.abspath(options.patchbay)
    work = tempfile.mkdtemp(prefix="pb-swap-", dir="/tmp")
    try:
        run(options, work)
    except Failure as failure:
        print(f"failed: {failure}; see {work}", file=sys.stderr)
        return 1
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
