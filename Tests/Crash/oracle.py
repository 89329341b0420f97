"""What must be true of the record that the handlers left, whatever happened to their host."""

from collections import defaultdict


class Call:
    __slots__ = ("cycle", "handler", "id", "attempt", "outcome", "key", "rank", "again", "subject")

    def __init__(self, line):
        cycle, self.handler, self.id, attempt, self.outcome, self.key, rank, again, self.subject = line.split(" ")
        self.cycle, self.attempt, self.rank, self.again = int(cycle), int(attempt), int(rank), int(again)

    def __repr__(self):
        return f"(cycle {self.cycle}: attempt {self.attempt} {self.outcome})"


def read(path):
    """The calls, in the order of their ends."""
    try:
        with open(path) as file:
            return [Call(line) for line in file.read().split("\n")[:-1]]
    except FileNotFoundError:
        return []


# Handlers of what handlers bring about; an event's subject is its parent's id.
FOLLOWERS = ("follow", "timer", "booked")


def is_settled(calls, attempts_max):
    last = calls[-1]
    return last.outcome in ("done", "fail") or (last.outcome == "retry" and last.attempt >= attempts_max)


def unsettled(events, calls, attempts_max):
    """Deliveries that have yet to end: those of acknowledged events, and those that were seen."""
    byDelivery = grouped(calls)
    left = []
    for event in events:
        for handler in ["work"] + (["keyed"] if event.key else []):
            of = byDelivery.get((handler, event.id))
            if (of is None and event.is_acknowledged) or (of is not None and not is_settled(of, attempts_max)):
                left.append((handler, event.id))
            if of and handler == "work" and of[-1].outcome == "done":
                left += [("after", event.id)] * (children(event.kind) - len(byDelivery.get(("children", event.id), [])))
    followers = [key for key in byDelivery if key[0] in FOLLOWERS]
    return left + [key for key in followers if not is_settled(byDelivery[key], attempts_max)]


def children(kind):
    """How many events a done event of this kind brings about."""
    return {"emit": 2, "later": 1, "timer": 1, "book": 1}.get(kind, 0)


def grouped(calls):
    """By handler and event; under ("children", parent) the ids of what the parent brought about."""
    found = defaultdict(list)
    for call in calls:
        found[(call.handler, call.id)].append(call)
        if call.handler in FOLLOWERS and call.subject != "-" and call.id not in found[("children", call.subject)]:
            found[("children", call.subject)].append(call.id)
    return dict(found)


def check(events, calls, attempts_max):
    """What is wrong, as texts."""
    wrong = []
    byDelivery = grouped(calls)
    byID = {event.id: event for event in events}
    # Of what was redriven an event may have several: commands.py looks at those.
    deliveries = {key: of for key, of in byDelivery.items() if key[0] not in ("children", "again")}
    for key in sorted(set(unsettled(events, calls, attempts_max))):
        event = byID.get(key[1])
        what = "an acknowledged event" if event and event.is_acknowledged else "a delivery that was begun"
        wrong.append(f"lost: {what}: {key}, kind {event.kind if event else '?'}: {byDelivery.get(key, [])}")
    for (handler, id), of in deliveries.items():
        wrong += [f"{handler} {id}: {text}: {of}" for text in attempts(of, attempts_max)]
        if handler in ("work", "keyed") and id not in byID:
            wrong.append(f"{handler} {id}: nobody sent it")
    for (kind, parent), ids in byDelivery.items():
        if kind != "children":
            continue
        event = byID.get(parent)
        if event is None:
            wrong.append(f"{ids} were emitted by {parent}, which is no event that was done")
        elif len(ids) > children(event.kind):
            wrong.append(f"{parent} ({event.kind}) brought about {len(ids)} events: {ids}")
        elif byDelivery[("work", parent)][-1].outcome != "done":
            wrong.append(f"{parent} brought about {ids} and is not done")
    return wrong + holes(events, byDelivery) + order(events, calls) + [
        f"stream {name}: revisions were first seen as {seen}"
        for name, seen in followed(calls).items() if list(seen) != list(range(len(seen)))
    ]


def followed(calls):
    """What was seen of each stream: event ids by revision, in the order in which these were first seen."""
    streams = defaultdict(dict)
    for call in calls:
        if call.handler == "booked":
            streams[call.key].setdefault(call.rank, call.id)
    return dict(streams)


def attempts(of, attempts_max):
    """Attempts count up by one; a rerun of the same one comes after a crash; done is final."""
    wrong = []
    done = None
    for before, call in zip([None] + of, of):
        if call.attempt > attempts_max:
            wrong.append(f"attempt {call.attempt} of at most {attempts_max}")
        if before is None:
            if call.attempt != 1:
                wrong.append("attempts do not begin with 1")
        elif call.attempt == before.attempt:
            if call.cycle == before.cycle:
                wrong.append(f"attempt {call.attempt} was made twice in one run")
        elif call.attempt != before.attempt + 1:
            wrong.append(f"attempt {call.attempt} after {before.attempt}")
        elif before.outcome != "retry":
            wrong.append(f"another attempt after {before.outcome}")
        if call.again:
            wrong.append("delivered again after its state was committed")
        if call.outcome == "refused":
            wrong.append("the host refused state, an emit or a timer")
        if call.outcome == "done" and done is not None and call.rank != done.rank:
            wrong.append(f"the state that it saw went from {done.rank} to {call.rank}")
        if call.outcome == "done":
            done = call
    return wrong


def holes(events, byDelivery):
    """What a host accepted of a connection is the beginning of what was sent there."""
    batches = defaultdict(list)
    for event in events:
        batches[event.batch].append(event)
    wrong = []
    for batch, sent in batches.items():
        seen = [("work", event.id) in byDelivery for event in sorted(sent, key=lambda event: event.line)]
        if True in seen and False in seen[: len(seen) - seen[::-1].index(True)]:
            wrong.append(f"connection {batch}: a line is missing before one that was handled: {seen}")
    return wrong


def order(events, calls):
    """The events of one key are handled in the order in which they were sent, and each sees the state of all before."""
    place = {event.id: index for index, event in enumerate(events)}
    wrong = []
    byKey = defaultdict(list)
    for call in calls:
        if call.handler in ("work", "keyed") and call.key != "-" and call.id in place:
            byKey[(call.handler, call.key)].append(call)
    for key, of in byKey.items():
        newest = -1
        before = None
        ranks = {}
        for call in of:
            at = place[call.id]
            if before is not None and at < place[before.id] and call.cycle == before.cycle:
                wrong.append(f"key {key}: {call.id} after {before.id} in cycle {call.cycle}")
            if at < newest and call.id not in ranks:
                wrong.append(f"key {key}: {call.id} was first seen after a later one")
            newest = max(newest, at)
            ranks.setdefault(call.id, -1)
            if call.outcome == "done":
                ranks[call.id] = call.rank
            before = call
        done = [rank for id, rank in sorted(ranks.items(), key=lambda item: place[item[0]]) if rank >= 0]
        if done != list(range(len(done))):
            wrong.append(f"key {key}: state counted {done}")
    return wrong
