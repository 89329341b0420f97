"""Commands that change a log while hosts come and go: appends to streams, and redrives of dead letters."""

import json
import os
import subprocess

import oracle


class Command:
    """One `patchbay` at a time; under the shim, since without a host it writes the log itself."""

    def __init__(self, patchbay, work, random, skip=""):
        self.patchbay, self.work, self.random = patchbay, work, random
        self.folder = f"{work}/disk/data"
        self.environment = {
            **os.environ, "LD_PRELOAD": f"{work}/shim.so",
            "CRASH_ROOT": f"{work}/disk", "CRASH_SHADOW": f"{work}/shadow",
        }
        if skip:
            self.environment["CRASH_SKIP"] = skip
        self.process = None
        self.answered = 0

    def begin(self, arguments, lines=""):
        with open(f"{self.work}/input", "w") as file:
            file.write(lines)
        with open(f"{self.work}/input") as file:
            self.process = subprocess.Popen(
                [self.patchbay, *arguments, "--json"], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, env=self.environment,
            )

    def finish(self):
        """Waits for the command; whether it was answered."""
        if self.process is None:
            return False
        output, self.said = self.process.communicate(timeout=120)
        is_answered = self.process.returncode == 0
        self.process = None
        self.answered += is_answered
        if is_answered:
            self.answer(output)
        return is_answered

    def asked(self, *arguments):
        """What a command that changes nothing says; empty when it fails."""
        result = subprocess.run([self.patchbay, *arguments, "--json"], capture_output=True, text=True)
        return result.stdout if result.returncode == 0 else ""


class Appender(Command):
    """Each append is tried with the same ids until it is answered."""

    NAMES = ["account", "order-7"]

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.batch = None
        self.numbers = 0
        # Ids by stream, in the order in which their appends were answered.
        self.acknowledged = {name: [] for name in self.NAMES}

    def start(self):
        if self.batch is None:
            count = self.random.randint(1, 5)
            self.batch = self.random.choice(self.NAMES), [f"a{self.numbers + index}" for index in range(count)]
            self.numbers += count
        name, ids = self.batch
        events = [
            {"specversion": "1.0", "id": id, "source": "/crash/appends", "type": "crash.booked",
             "data": {"padding": "x" * self.random.choice([20, 300, 3000])}}
            for id in ids
        ]
        lines = "".join(json.dumps(event) + "\n" for event in events)
        self.begin(["stream", "append", name, "-f", "-", "--folder", self.folder], lines)

    def answer(self, output):
        name, ids = self.batch
        self.acknowledged[name] += ids
        self.batch = None

    def left(self, calls):
        """What was appended and has not been seen by the handler that follows the streams."""
        seen = oracle.followed(calls)
        return [id for name, ids in self.acknowledged.items() for id in ids if id not in seen.get(name, {}).values()]

    def check(self, calls):
        """What is wrong with the streams, as texts. Every append was answered."""
        wrong = []
        seen = oracle.followed(calls)
        for name, ids in self.acknowledged.items():
            lines = self.asked("stream", "read", name, "--folder", self.folder).splitlines()
            events = [json.loads(line) for line in lines]
            found = [event["event"]["id"] for event in events]
            if found != ids:
                lost = [id for id in ids if id not in found]
                wrong.append(f"stream {name}: lost {lost[:5]}, has {len(found)} events of {len(ids)}")
            if [event["revision"] for event in events] != list(range(len(events))):
                wrong.append(f"stream {name}: its revisions have gaps")
            if list(seen.get(name, {}).values()) != ids:
                wrong.append(f"stream {name}: who follows it saw {len(seen.get(name, {}))} events of {len(ids)}")
        return wrong


class Redriver(Command):
    """Gives dead letters to another handler, which is done with everything."""

    TARGET = "crash.again"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.letters = {}
        # Event ids, one for each letter whose redrive was answered.
        self.redriven = []

    def start(self):
        listed = json.loads(self.asked("dlq", "list", "--limit", "8", "--data", self.folder) or "[]")
        self.letters = {letter["id"]: letter["event"]["id"] for letter in listed}
        if self.letters:
            self.begin(["dlq", "redrive", *self.letters, "--to", self.TARGET, "--data", self.folder])

    def answer(self, output):
        self.redriven += [self.letters[id] for id in json.loads(output)["letters"]]

    def check(self, calls):
        """What is wrong with the calls of the handler that got them, as texts."""
        wrong = []
        again = [call for call in calls if call.handler == "again"]
        for id in sorted(set(self.redriven)):
            wanted, found = self.redriven.count(id), sum(call.id == id for call in again)
            if found < wanted:
                wrong.append(f"lost: {wanted} dead letters of {id} were redriven, and {found} calls came of it")
        dead = {call.id for call in calls if call.handler in ("work", "keyed") and call.outcome in ("fail", "retry")}
        return wrong + [f"{call.id} was redriven and never died" for call in again if call.id not in dead]
