"""Compares what the OTLP exporter sends with the official Python packages, message by message.

usage: otlp_oracle.py FOLDER, with spans.json (the spans in words), body.bin (the HTTP body) and line.json (OTLP JSON).
Builds the same spans with opentelemetry-sdk, encodes them with the official exporter's encoder, decodes our bytes with
opentelemetry-proto, and compares the two requests. Of the protocol's fields the official encoder leaves out the low byte
of `flags` (the W3C trace flags) and the links' trace state; these are compared with the spans in words instead. Exit
status 1 with what differs.
"""
import base64
import json
import re
import sys
from pathlib import Path

from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

KINDS = {1: SpanKind.INTERNAL, 2: SpanKind.SERVER, 3: SpanKind.CLIENT, 4: SpanKind.PRODUCER, 5: SpanKind.CONSUMER}


def value(tagged):
    (kind, content), = tagged.items()
    if kind == "int":
        return int(content)
    if kind == "array":
        return [value(item) for item in content]
    return content


def attributes(pairs):
    return {key: value(tagged) for key, tagged in pairs}


def context(trace, span, flags, remote, state):
    return SpanContext(int(trace, 16), int(span, 16), remote, TraceFlags(flags),
                       TraceState.from_header([state]) if state else TraceState())


def build(words, resource, scope):
    parent = None
    if words["parent"]:
        parent = context(words["trace"], words["parent"], words["flags"], words["parentIsRemote"], "")
    status = {"unset": Status(), "ok": Status(StatusCode.OK)}.get(words["status"])
    return ReadableSpan(
        name=words["name"], context=context(words["trace"], words["span"], words["flags"], False, words["state"]),
        parent=parent, resource=resource, attributes=attributes(words["attributes"]),
        events=[Event(e["name"], attributes(e["attributes"]), timestamp=int(e["time"])) for e in words["events"]],
        links=[Link(context(l["trace"], l["span"], l["flags"], l["isRemote"], l["state"]), attributes(l["attributes"]))
               for l in words["links"]],
        kind=KINDS[words["kind"]], status=status or Status(StatusCode.ERROR, words["message"]),
        start_time=int(words["start"]), end_time=int(words["end"]), instrumentation_scope=scope)


def spans_of(request):
    return [span for r in request.resource_spans for s in r.scope_spans for span in s.spans]


def main(folder):
    words = json.loads((folder / "spans.json").read_text())
    scope = InstrumentationScope(words["scope"], words["version"])
    resource = Resource(attributes(words["resource"]))
    expected = encode_spans([build(span, resource, scope) for span in words["spans"]])
    sent = ExportTraceServiceRequest.FromString((folder / "body.bin").read_bytes())

    line = re.sub(r'"(traceId|spanId|parentSpanId)":"([0-9a-f]*)"',
                  lambda m: f'"{m[1]}":"{base64.b64encode(bytes.fromhex(m[2])).decode()}"',
                  (folder / "line.json").read_text())
    if json_format.Parse(line, ExportTraceServiceRequest()) != sent:
        sys.exit("the JSON line and the protobuf body are different messages")

    for ours, said in zip(spans_of(sent), words["spans"], strict=True):
        for message, flags in [(ours, said["flags"])] + [(l, w["flags"]) for l, w in zip(ours.links, said["links"])]:
            if message.flags & 0xFF != flags:
                sys.exit(f"{ours.name}: trace flags {message.flags & 0xFF}, expected {flags}")
            message.flags &= ~0xFF
        for link, words_of_link in zip(ours.links, said["links"], strict=True):
            if link.trace_state != words_of_link["state"]:
                sys.exit(f"{ours.name}: link trace state {link.trace_state!r}")
            link.ClearField("trace_state")
    if sent != expected:
        for ours, theirs in zip(spans_of(sent), spans_of(expected)):
            if ours != theirs:
                print("sent:\n", ours, "\nexpected:\n", theirs)
        sys.exit("the requests differ")
    print(f"equal: {len(words['spans'])} spans")


main(Path(sys.argv[1]))
