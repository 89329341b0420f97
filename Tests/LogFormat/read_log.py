#!/usr/bin/env python3
"""Reads a data folder by docs/log-format.md alone, and prints what is in it as JSON.

Shares no code with patchbay: what both say of the same folder shows that the document is right. Checks every checksum
and chain, follows each delivery from its event to its end, looks every event up in its segment's index, and compares
each checkpoint with what the frames up to it amount to. Exit code 1 with a message: the folder is not as the document
says. Nothing is changed. A log whose oldest segments were dropped is not followed before its first frame.
"""

import json
import os
import struct
import sys
from collections import Counter

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def event_key(source, event_id):
    mask = 2**64 - 1
    key = 0x9E3779B97F4A7C15
    for text in (source, event_id):
        key = (key ^ len(text)) * 0xFF51AFD7ED558CCD & mask
        whole = len(text) // 8 * 8
        for (word,) in struct.iter_unpack("<Q", text[:whole]):
            key = (key ^ word) * 0xFF51AFD7ED558CCD & mask
            key ^= key >> 29
        key = (key ^ int.from_bytes(text[whole:], "little")) * 0xC4CEB9FE1A85EC53 & mask
        key ^= key >> 31
    key ^= key >> 32
    key = key * 0xD6E8FEB86659FD93 & mask
    return key ^ key >> 32


class Wrong(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Wrong(message)


class Bytes:
    """Reads fields one after the other; past the end is an error."""

    def __init__(self, data, offset=0):
        self.data, self.offset = data, offset

    def more(self):
        return self.offset < len(self.data)

    def take(self, count):
        check(self.offset + count <= len(self.data), "a field ends behind its record")
        self.offset += count
        return self.data[self.offset - count : self.offset]

    def fields(self, layout):
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def pad(self):
        check(not any(self.take(-self.offset % 8)), "padding is not zeros")

    def text(self, count):
        return self.take(count).decode("utf-8")

    def varint(self):
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def varints(self, count):
        return tuple(self.varint() for _ in range(count))


class Ledger:
    """What the frames amount to so far."""

    KINDS = ("events", "withoutDeliveries", "created", "done", "skipped", "dead", "unmatched", "retries", "halts",
             "redriven", "purged", "edited")

    def __init__(self):
        self.counts = Counter()
        self.names = {1: [], 2: [], 3: []}
        self.pending, self.failures, self.letters, self.redriven = {}, {}, {}, {}
        self.edits, self.state, self.timers, self.delayed = {}, {}, {}, {}
        self.traces, self.keys = {}, {}
        self.streams, self.subscriptions, self.next_number, self.last_append = {}, {}, 0, 0
        self.followed = {}

    def end(self, delivery):
        letter = self.redriven.pop(delivery, None)
        if letter:
            self.letters.pop(letter)
            self.edits.pop(letter, None)
        else:
            check(self.pending.pop(delivery, None), f"delivery {delivery} ended and is not pending")
        self.failures.pop(delivery, None)

    def frame(self, header, sections, place):
        events, letters, dying, streams = 0, 0, set(), 0
        self.sequence = header["sequence"]
        for kind, content in sections:
            record = Bytes(content)
            if kind == 1:
                events += self.events(record, header["position"] + events, place)
            while kind != 1 and record.more():
                if kind == 2:
                    position, handler, outcome, _, _ = record.fields("QHBBI")
                    self.end((position, handler))
                    self.counts[{1: "done", 2: "skipped"}[outcome]] += 1
                elif kind == 3:
                    position, handler, verdict, klass, attempts = record.fields("QHBBI")
                    due, ended, took, first, wait, code, reason = record.fields("QQQQQiI")
                    texts = record.text(klass), record.text(reason)
                    delivery = position, handler
                    check(delivery in self.pending or delivery in self.redriven, f"{delivery} failed and is not pending")
                    if verdict == 2:
                        dying.add(delivery)
                    else:
                        self.counts[{1: "retries", 3: "halts"}[verdict]] += 1
                        history = self.failures.get(delivery, (None,) * 5 + ([],))[5]
                        history = history + [(attempts, code, ended, took) + texts]
                        if len(history) > 100:
                            del history[50]
                        self.failures[delivery] = (attempts, int(verdict == 3), due, first, wait, history)
                elif kind == 4:
                    named, _, number, length = record.fields("BBHI")
                    check(number == len(self.names[named]), "a number is given out of turn")
                    self.names[named].append(record.text(length))
                elif kind == 5:
                    position, handler, _, died, event, history = record.fields("QH6sQII")
                    json.loads(record.take(event)), json.loads(record.take(history) or "[]")
                    if handler == 65535:
                        self.counts["unmatched"] += 1
                    else:
                        self.end((position, handler))
                        dying.discard((position, handler))
                        self.counts["dead"] += 1
                    self.letters[header["sequence"], letters] = ((position, handler), place, 1)
                    letters += 1
                elif kind in (6, 11):
                    scope, key, length, revision, expires = record.fields("HHIQQ")
                    origin = record.fields("QQ") if kind == 11 else (0, 2**64 - 1)
                    name = record.text(scope), record.text(key)
                    value = None if length == 2**32 - 1 else record.take(length)
                    self.change(self.state, name, value is not None, (revision, expires, value, origin))
                elif kind == 7:
                    change, _, scope, key, due, length = record.fields("BBHIQI")
                    scope, key, event = record.text(scope), record.text(key), record.take(length)
                    kept = {1: True, 2: False, 3: False, 4: True, 5: False}[change]
                    self.change(self.delayed if change > 3 else self.timers, (scope, key), kept, (due, event))
                elif kind == 8:
                    self.stream(record, (self.sequence, streams))
                    streams += 1
                elif kind == 9:
                    self.operation(record, place)
                elif kind == 10:
                    high, low, time, route, _ = record.fields("QQQH6s")
                    self.keys.setdefault(self.names[1][route], []).append((high, low, time))
                elif kind == 12:
                    change, _, scope, key, stream, after, klass, correlation = record.fields("BBHHHQII")
                    scope, key = record.text(scope), record.text(key)
                    wish = (record.text(stream), after, record.text(klass), record.text(correlation))
                    self.change(self.followed, (scope, key), {1: True, 2: False}[change], wish)
                record.pad()
        check(not dying, f"no dead letter for {dying}")
        check(events == header["events"], "a frame holds other events than it says")
        self.counts["events"] += events

    @staticmethod
    def change(table, name, is_kept, value):
        if is_kept:
            table[name] = value
        else:
            table.pop(name, None)

    def events(self, record, first, place):
        count, deliveries, delivery_bytes, text_bytes, traces, _, _, _ = record.fields("IIIIIIQQ")
        check(count <= 512, "too many events")
        keys = record.fields(f"{count}Q")
        for _ in range(traces):
            event, flags, _, high, low, creator, receive = record.fields("HHIQQQQ")
            self.traces[first + event] = f"00-{high:016x}{low:016x}-{creator:016x}-{flags & 1:02x}"
        end = record.offset + delivery_bytes
        with_delivery = set()
        for _ in range(deliveries):
            event, route, handler, _, flags = record.fields("HHHBB")
            record.take(8 * (flags & 1) + 8 * (flags >> 1 & 1))
            check(event < count and route < len(self.names[1]) and handler < len(self.names[2]), "no such delivery")
            check((first + event, handler) not in self.pending, "a delivery twice")
            self.pending[first + event, handler] = (first, count, place, self.sequence)
            with_delivery.add(event)
        check(record.offset == end, "deliveries take other room than is said")
        ends = record.fields(f"{count}I")
        start = record.offset
        text, begin = record.take(text_bytes), 0
        for index, end in enumerate(ends):
            line = text[begin:end]
            event = json.loads(line)
            check(event_key(event["source"].encode(), event["id"].encode()) == keys[index], "a key is another")
            check(text[end : end + 1] == b"\n", "a line has no end")
            self.placed.append((keys[index], start + begin, line))
            begin = end + 1
        check(begin == text_bytes, "text behind the last line")
        self.counts["created"] += deliveries
        self.counts["withoutDeliveries"] += count - len(with_delivery)
        return count

    def stream(self, record, place):
        kind, _, length, count, revision, number, time, data, _ = record.fields("BBHIQQQII")
        name = record.text(length)
        record.pad()
        keys, ends = list(record.fields(f"{count}Q")), record.fields(f"{count}I")
        data, begin = record.take(data), 0
        for key, end in zip(keys, ends):
            event = json.loads(data[begin:end])
            check(event_key(event["source"].encode(), event["id"].encode()) == key, "a key is another")
            check(data[end : end + 1] == b"\n", "a line of a stream has no end")
            begin = end + 1
        check(count == 0 or begin == len(data), "data behind the last line")
        if kind == 7:
            return self.change(self.subscriptions, name, revision < 2**64 - 1, (data.decode(), revision, time))
        if kind == 1 and name not in self.streams:
            self.streams[name] = {"deleted": 0, "first": 0, "next": 0, "runs": [], "keys": [], "snapshots": {}}
        stream = self.streams[name]
        check(not stream["deleted"], f"stream {name} is deleted")
        if kind == 1:
            check((revision, number) == (stream["next"], self.next_number), f"stream {name}: an append out of turn")
            check(time >= self.last_append, f"stream {name}: an append before the one before it")
            stream["runs"].append((revision, number, time, place))
            stream["keys"] = (stream["keys"] + keys)[-4096:]
            stream["next"] += count
            self.next_number, self.last_append = number + count, time
        elif kind == 2:
            runs = stream["runs"]
            index = max(index for index, run in enumerate(runs) if run[0] <= revision)
            end = runs[index + 1][0] if index + 1 < len(runs) else stream["next"]
            skipped = revision - runs[index][0]
            check(revision + count == end, f"stream {name}: what is carried ends elsewhere")
            check(skipped in (0, stream["first"] - runs[index][0]), f"stream {name}: what is carried begins elsewhere")
            check((number - skipped, time) == runs[index][1:3], f"stream {name}: what is carried is another")
            runs[index] = (revision, number, time, place)
        elif kind == 3:
            check(stream["first"] < revision <= stream["next"], f"stream {name}: no truncation")
            stream["first"] = revision
            ends = [run[0] for run in stream["runs"][1:]] + [stream["next"]]
            stream["runs"] = [run for run, end in zip(stream["runs"], ends) if end > revision]
        elif kind == 4:
            check(revision == stream["next"], f"stream {name}: deleted elsewhere")
            stream.update(deleted=1, first=revision, runs=[], keys=[], snapshots={})
        elif kind == 5:
            check(revision < stream["next"], f"stream {name}: a snapshot of what is to come")
            stream["snapshots"][revision] = (time, place)
            stream["snapshots"] = dict(sorted(stream["snapshots"].items())[-16:])
        elif kind == 6:
            check(stream["snapshots"][revision][0] == time, f"stream {name}: the carried snapshot is another")
            stream["snapshots"][revision] = (time, place)
        else:
            raise Wrong(f"stream record {kind}")

    def operation(self, record, place):
        sequence, index, kind, _, target, position, handler, who, length, _ = record.fields("QIBBHQHHIQ")
        record.text(who), record.take(length)
        letter = sequence, index
        check(self.letters[letter][0] == (position, handler), "an operation means another letter")
        self.counts[{1: "redriven", 2: "purged", 3: "edited", 4: "redriven"}[kind]] += 1
        if kind == 3:
            self.edits[letter] = place
        elif kind in (2, 4) or target == 65535:
            self.letters.pop(letter)
            self.edits.pop(letter, None)
        else:
            self.counts["created"] += 1
            self.redriven[position, target] = letter
            self.letters[letter] = self.letters[letter][:2] + (2,)


class Log:
    def __init__(self, folder):
        self.folder, self.ledger, self.found = folder, Ledger(), Counter()
        self.sequence, self.position, self.checksum, self.synced = 1, 0, 0, 0
        self.checkpoints = {}

    def files(self, name, ending):
        folder = os.path.join(self.folder, name)
        for file in sorted(os.listdir(folder)):
            if file.endswith(ending) and len(file) == 16 + len(ending):
                with open(os.path.join(folder, file), "rb") as opened:
                    yield int(file[:16], 16), opened.read()

    def read(self):
        for number, data in self.files("checkpoint", ".ckpt"):
            self.checkpoints[number] = self.checkpoint(number, data)
        segments = list(self.files("log", ".seg"))
        headers = [self.segment(number, data) for number, data in segments]
        check(headers and headers[0]["sequence"] == 1, "the log does not begin with frame 1")
        for place, (number, data) in enumerate(segments):
            following = headers[place + 1] if place + 1 < len(headers) else None
            self.frames(number, data, headers[place], following)
        check(all(number < self.sequence for number in self.checkpoints), "a checkpoint of a frame that is not there")

    @staticmethod
    def segment(number, data):
        magic, crc, version, _, named, _ = struct.unpack_from("<8sIHHII", data)
        check(magic == b"PLOGSEG1" and version == 1 and named == number, f"segment {number}: its header")
        check(crc32c(data[12:64]) == crc, f"segment {number}: the header's checksum")
        names = ("sequence", "position", "created", "checksum", "_", "identity")
        return dict(zip(names, struct.unpack_from("<QQQIIQ", data, 24)))

    def frames(self, number, data, header, following):
        check(
            (header["sequence"], header["position"], header["checksum"])
            == (self.sequence, self.position, self.checksum),
            f"segment {number} does not follow the one before",
        )
        self.found["segments"] += 1
        self.ledger.placed, runs, offset = [], [], 64
        while not (following and self.sequence == following["sequence"]):
            if offset == len(data) and not following:
                break
            frame = self.frame(data, offset)
            if frame is None:
                damage = f"segment {number}, offset {offset}: no frame {self.sequence}"
                check(not following, damage)
                behind = (self.whole(data, place) for place in range(offset + 8, len(data) - 63, 8))
                synced = [head["synced"] for head in behind if head] + [self.synced]
                check(max(synced) < self.sequence, damage + ", which was on disk")
                self.found["tornBytes"] = len(data) - offset
                break
            head, sections, length = frame
            before = len(self.ledger.placed)
            try:
                self.ledger.frame(head, [(kind, content) for kind, content, _ in sections], (number, offset, length))
            except Wrong as error:
                raise Wrong(f"segment {number}, offset {offset}, frame {self.sequence}: {error}") from None
            runs += self.runs(sections, self.sequence - header["sequence"], offset, length, before)
            self.position += head["events"]
            self.checksum = head["crc"]
            if self.sequence in self.checkpoints:
                self.compare(self.sequence, self.checkpoints[self.sequence])
            self.sequence += 1
            self.found["frames"] += 1
            offset += length
        if following:
            self.found["supersededBytes"] += len(data) - offset
            self.index(number, header, data, runs, offset)

    @staticmethod
    def whole(data, offset):
        """The header of a frame that is whole, else None."""
        if len(data) - offset < 64:
            return None
        magic, crc, length, version, codec, unsynced = struct.unpack_from("<4sIIBBH", data, offset)
        if magic != b"PBF1" or length % 8 or length < 64 or len(data) - offset < length:
            return None
        if crc32c(data[offset + 8 : offset + length]) != crc:
            return None
        names = ("sequence", "position", "events", "epoch", "written", "key", "previous", "_")
        head = dict(zip(names, struct.unpack_from("<QQIIQIIQ", data, offset + 16)), crc=crc, length=length)
        check(version in (1, 2, 3) and codec == 0 and head["key"] == 0, f"frame {head['sequence']} is of another version")
        head["synced"] = head["sequence"] - 1 - unsynced
        return head

    def frame(self, data, offset):
        """The frame there if it is whole and the next one, else None."""
        head = self.whole(data, offset)
        if not head or (head["sequence"], head["position"], head["previous"]) != (
            self.sequence, self.position, self.checksum,
        ):
            return None
        self.synced, length = max(self.synced, head["synced"]), head["length"]
        content, sections = Bytes(data[offset : offset + length], 64), []
        while content.more():
            kind, size = content.fields("II")
            sections.append((kind, content.take(size), offset + content.offset - size))
            content.pad()
            self.found[f"sections{kind}"] += 1
        return head, sections, length

    def runs(self, sections, frame, offset, length, first):
        """The index's runs of a frame; moves the places of its lines from their section to the segment."""
        runs = []
        for kind, content, start in sections:
            count = struct.unpack_from("<I", content)[0] if kind == 1 else 0
            if count:
                for event in range(first, first + count):
                    key, place, line = self.ledger.placed[event]
                    self.ledger.placed[event] = key, start + place, line
                runs.append((frame, offset, length, first, start + len(content) - 1))
                first += count
        return runs or [(frame, offset, length, first, offset)]

    def index(self, number, header, segment, runs, length):
        path = os.path.join(self.folder, "log", f"{number:016x}.idx")
        if not os.path.exists(path):
            return
        with open(path, "rb") as file:
            data = file.read()
        magic, crc, version, _, named, run_count = struct.unpack_from("<8sIHHII", data)
        own = struct.unpack_from("<QQQIIIII", data, 24)
        events = self.ledger.placed
        slots = len(events) + len(events) // 4 + 1
        check(magic == b"PLOGIDX1" and version == 1 and crc32c(data[12:]) == crc, f"index {number}: header or checksum")
        check(
            (named, run_count) == (number, len(runs))
            and own == (header["sequence"], header["position"], header["identity"], length, self.checksum,
                        self.sequence - header["sequence"], len(events), slots),
            f"index {number}: its header says {own}",
        )
        fields = Bytes(data, 80)
        check([fields.fields("5I") for _ in runs] == runs, f"index {number}: its runs")
        check(list(fields.fields(f"{len(events)}I")) == [place for _, place, _ in events], f"index {number}: its lines")
        numbers, tags = fields.fields(f"{slots}I"), fields.fields(f"{slots}H")
        check(not fields.more(), f"index {number}: bytes behind its end")
        for event, (key, place, line) in enumerate(events):
            check(segment[place : place + len(line) + 1] == line + b"\n", f"index {number}: event {event} lies elsewhere")
            slot = (key >> 32) * slots >> 32
            while tags[slot] and not (tags[slot] == (key & 0xFFFF or 1) and numbers[slot] == event):
                slot = (slot + 1) % slots
            check(tags[slot], f"index {number}: event {event} is not found")
        self.found["indexes"] += 1
        self.found["indexedEvents"] += len(events)

    def checkpoint(self, number, data):
        magic, crc, version, length = struct.unpack_from("<4sIH6xQ", data)
        check(magic == b"PBC1" and version in (1, 2, 3) and length == len(data), f"checkpoint {number}: its header")
        check(crc32c(data[8:]) == crc, f"checkpoint {number}: its checksum")
        names = ("sequence", "position", "written", "checksum", "epoch", "sections", "_")
        header = dict(zip(names, struct.unpack_from("<QQQIIII", data, 24)))
        check(header["sequence"] == number, f"checkpoint {number}: its name")
        fields, sections = Bytes(data, 64), {}
        for _ in range(header["sections"]):
            name = fields.text(fields.take(1)[0])
            fields.pad()
            (size,) = fields.fields("Q")
            check(name not in sections, f"checkpoint {number}: {name} twice")
            sections[name] = fields.take(size)
            fields.pad()
        check(not fields.more(), f"checkpoint {number}: bytes behind its end")
        return header, sections

    def compare(self, number, checkpoint):
        header, sections = checkpoint
        check((header["position"], header["checksum"]) == (self.position, self.checksum), f"checkpoint {number}: its end")
        kept, told = self.ledger, self.decode(Bytes(sections["ledger"]))
        for name in ("counts", "names", "pending", "failures", "letters", "edits", "redriven"):
            ours, theirs = getattr(kept, name), getattr(told, name)
            check(ours == theirs, f"checkpoint {number}: {name} are {theirs}, and the frames say {ours}")
        for kind, name in ((6, "state"), (11, "state/2"), (7, "timers"), (12, "subscriptions")):
            told.frame({"sequence": number, "events": 0, "position": 0}, [(kind, sections.get(name, b""))], None)
        # Keys of state that had expired may be left out.
        for table in (kept, told):
            table.state = {key: value for key, value in table.state.items() if not 0 < value[1] <= header["written"]}
        for name in ("state", "timers", "delayed", "followed"):
            ours, theirs = getattr(kept, name), getattr(told, name)
            check(ours == theirs, f"checkpoint {number}: {name} are {theirs}, and the frames say {ours}")
        ours = {name: getattr(kept, name) for name in ("streams", "subscriptions", "next_number", "last_append")}
        theirs = self.stored_streams(Bytes(sections["streams"])) if "streams" in sections else vars(Ledger())
        for name, value in ours.items():
            check(value == theirs[name], f"checkpoint {number}: {name} are {theirs[name]}, and the frames say {value}")
        self.found["comparedStreams"] += len(kept.streams)
        for route, keys in self.windows(Bytes(sections.get("deduplication", b""))):
            taken = kept.keys.get(route, [])
            check(taken[len(taken) - len(keys) :] == keys, f"checkpoint {number}: the keys of {route}")
            self.found["comparedKeys"] += len(keys)
        self.found["comparedCheckpoints"] += 1

    @staticmethod
    def windows(fields):
        while fields.more():
            route = fields.text(fields.varint())
            (length,) = fields.fields("Q")
            window, keys, time = Bytes(fields.take(length)), [], 0
            _, latest, count = window.varints(3)
            for _ in range(count):
                high, low = window.fields("QQ")
                time += window.varint()
                keys.append((high, low, time))
            check(not window.more() and time <= latest, f"the window of {route}")
            yield route, keys

    @staticmethod
    def stored_streams(fields):
        next_number, last_append = fields.varints(2)
        streams = {}
        for _ in range(fields.varint()):
            name = fields.text(fields.varint())
            stream = dict(zip(("deleted", "first", "next"), fields.varints(3)))
            stream["runs"] = [fields.varints(3) + (fields.varints(2),) for _ in range(fields.varint())]
            stream["keys"] = list(fields.fields(f"{fields.varint()}Q"))
            snapshots = [fields.varints(2) + (fields.varints(2),) for _ in range(fields.varint())]
            stream["snapshots"] = {revision: (time, place) for revision, time, place in snapshots}
            streams[name] = stream
        subscriptions = {}
        for _ in range(fields.varint()):
            name, stream = fields.text(fields.varint()), fields.text(fields.varint())
            subscriptions[name] = (stream,) + fields.varints(2)
        check(not fields.more(), "streams have bytes behind their end")
        return {"streams": streams, "subscriptions": subscriptions, "next_number": next_number,
                "last_append": last_append}

    @staticmethod
    def decode(fields):
        ledger = Ledger()
        ledger.counts = Counter({kind: count for kind, count in zip(Ledger.KINDS, fields.varints(12))})
        for kind in (1, 2, 3):
            ledger.names[kind] = [fields.text(fields.varint()) for _ in range(fields.varint())]
        sequence = position = 0
        for _ in range(fields.varint()):
            sequence, first = sequence + fields.varint(), position + fields.varint()
            place, count = fields.varints(3), fields.varint()
            position = first + count
            for _ in range(fields.varint()):
                handler = fields.varint()
                words = [] if handler & 1 else fields.fields(f"{(count + 63) // 64}Q")
                for event in range(count):
                    if handler & 1 or words[event // 64] >> event % 64 & 1:
                        ledger.pending[first + event, handler >> 1] = (first, count, place, sequence)
        texts = [fields.text(fields.varint()) for _ in range(fields.varint())]
        for _ in range(fields.varint()):
            delivery = fields.varints(2)
            attempts, halted, due, first, wait, _, length = fields.varints(7)
            history = []
            for _ in range(length):
                number, (code,) = fields.varint(), fields.fields("i")
                ended, took, klass, reason = fields.varints(4)
                history.append((number, code, ended, took, texts[klass], texts[reason]))
            ledger.failures[delivery] = (attempts, halted, due, first, wait, history)
        for _ in range(fields.varint()):
            letter, delivery, place = fields.varints(2), fields.varints(2), fields.varints(3)
            ledger.letters[letter] = (delivery, place, fields.take(1)[0])
        ledger.edits = {fields.varints(2): fields.varints(3) for _ in range(fields.varint())}
        ledger.redriven = {fields.varints(2): fields.varints(2) for _ in range(fields.varint())}
        check(not fields.more(), "a ledger has bytes behind its end")
        return ledger


def main():
    check(crc32c(b"123456789") == 0xE3069283, "the checksum is computed wrongly here")
    log = Log(sys.argv[1])
    log.read()
    ledger = log.ledger
    counts = {kind: ledger.counts[kind] for kind in Ledger.KINDS}
    pending = len(ledger.pending) + len(ledger.redriven)
    check(counts["created"] == counts["done"] + counts["skipped"] + counts["dead"] + pending, "deliveries do not add up")
    kept = sum(state == 1 for _, _, state in ledger.letters.values())
    check(counts["dead"] + counts["unmatched"] == counts["redriven"] + counts["purged"] + kept, "letters do not add up")
    print(json.dumps({
        "counts": counts, "pending": pending, "letters": kept, "failing": len(ledger.failures),
        "routes": ledger.names[1], "handlers": ledger.names[2], "traces": list(ledger.traces.values()),
        "streams": {name: stream["next"] - stream["first"] for name, stream in ledger.streams.items()},
        "subscriptions": len(ledger.subscriptions), "state": len(ledger.state), "timers": len(ledger.timers),
        "followed": len(ledger.followed),
        "delayed": len(ledger.delayed),
        "found": log.found,
    }, indent=1))


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"{sys.argv[1]}: {wrong}")
