/* The handlers of the crash harness. What a call did is one line of the file in CRASH_RECORD, written before the call
 * returns, outside of the data folder: "<cycle> <handler> <event> <attempt> <outcome> <key> <rank> <again>".
 *
 * An event's subject says what becomes of it: `ok`; `t1`, `t2` fail that often and then succeed; `no` fails for good;
 * `never` fails until its attempts are used up; `emit` emits two events, `later` one for later; `timer` sets a timer;
 * `book` appends to the stream "book". What follows streams has the stream in place of the key, and the revision as rank.
 * `rank` is how many events of the key were done before, by the handler's state; `again` is 1 when state says that this
 * very delivery was done before. */
#include <fcntl.h>
#include <patchbay/emit.h>
#include <patchbay/state.h>
#include <patchbay/timer.h>
#include <patchbay/handler.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int record_file(void) {
  static int file = -1;
  if (file < 0) file = open(getenv("CRASH_RECORD"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  return file;
}

static uint64_t in_milliseconds(uint64_t milliseconds) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec + milliseconds * 1000000ull;
}

static patchbay_str text_of(const char *format, patchbay_str part, char *buffer, size_t room) {
  int length = snprintf(buffer, room, format, (int)part.len, part.ptr);
  return patchbay_text_(buffer, (uint64_t)length);
}

static patchbay_draft draft_of(const char *type, patchbay_str subject) {
  patchbay_draft draft;
  memset(&draft, 0, sizeof draft);
  draft.size = sizeof draft;
  draft.type = patchbay_text(type);
  draft.subject = subject;
  return draft;
}

/* Reads a number from state; 0 when there is none. */
static long number_in(const patchbay_context *context, patchbay_str key, uint64_t *revision) {
  uint8_t buffer[32];
  uint64_t length = sizeof buffer - 1;
  if (context->store->get(context->host, context->call, key, buffer, &length, revision) < 0) {
    *revision = 0;
    return 0;
  }
  buffer[length] = 0;
  return atol((const char *)buffer);
}

static int put_number(const patchbay_context *context, patchbay_str key, long number, uint64_t revision) {
  char buffer[32];
  int length = snprintf(buffer, sizeof buffer, "%ld", number);
  return context->store->put(context->host, context->call, key, (const uint8_t *)buffer, (uint64_t)length, revision,
                             0) >= 0;
}

/* What an event of this kind asks for once its turn to succeed has come; 0 when the host refused something. */
static int effects(const patchbay_context *context, const patchbay_event *event, patchbay_str kind) {
  patchbay_draft draft = draft_of("crash.follow", event->id);
  if (patchbay_is(kind, "emit"))
    return context->emit->add(context->host, context->call, &draft) >= 0 &&
           context->emit->add(context->host, context->call, &draft) >= 0;
  if (patchbay_is(kind, "later")) {
    draft.not_before_ns = in_milliseconds(150);
    return context->emit->add(context->host, context->call, &draft) >= 0;
  }
  if (patchbay_is(kind, "timer")) {
    draft.type = PATCHBAY_STR("crash.timer");
    draft.not_before_ns = in_milliseconds(150);
    return context->timer->set(context->host, context->call, event->id, &draft) >= 0;
  }
  if (patchbay_is(kind, "book")) {
    const patchbay_draft *drafts[] = {&draft};
    draft.type = PATCHBAY_STR("crash.booked");
    return context->stream->append(context->host, context->call, PATCHBAY_STR("book"), drafts, 1, PATCHBAY_STREAM_ANY,
                                   NULL) >= 0;
  }
  return 1;
}

static patchbay_result handle(const patchbay_context *context, const patchbay_event *event, const char *name) {
  patchbay_str kind = event->subject, key = patchbay_extension(event, "partitionkey");
  const char *outcome = "done";
  const char *gate = getenv("CRASH_OUTAGE");
  char line[1024], mark[512], counter[256];
  uint64_t revision = 0, ignored = 0;
  long rank = 0, again = 0;
  int failures = 0, length;
  if (patchbay_is(event->type, "crash.timer")) name = "timer";
  if (patchbay_is(event->type, "crash.timer") || patchbay_is(event->type, "crash.follow")) kind = PATCHBAY_STR("ok");
  if (patchbay_is(kind, "t1")) failures = 1;
  if (patchbay_is(kind, "t2")) failures = 2;
  if (patchbay_is(kind, "never") || (gate && access(gate, F_OK) == 0)) failures = 1 << 30;
  if (patchbay_is(kind, "no")) {
    outcome = "fail";
  } else if ((int)event->attempt <= failures) {
    /* Dropped with the failure, so nobody ever sees it. */
    patchbay_draft draft = draft_of("crash.follow", PATCHBAY_STR("of-a-failure"));
    context->emit->add(context->host, context->call, &draft);
    outcome = "retry";
  } else {
    patchbay_str done = text_of("d:%.*s", event->id, mark, sizeof mark);
    again = number_in(context, done, &ignored);
    if (!put_number(context, done, 1, PATCHBAY_STATE_ANY)) outcome = "refused";
    if (key.len > 0) {
      patchbay_str count = text_of("n:%.*s", key, counter, sizeof counter);
      rank = number_in(context, count, &revision);
      if (!put_number(context, count, rank + 1, revision)) outcome = "refused";
    }
    /* One handler of those that get the event does what it asks for. */
    if (strcmp(name, "work") == 0 && !effects(context, event, kind)) outcome = "refused";
  }
  length = snprintf(line, sizeof line, "%s %s %.*s %u %s %.*s %ld %ld %.*s\n", getenv("CRASH_CYCLE"), name,
                    (int)event->id.len, event->id.ptr, event->attempt, outcome, key.len ? (int)key.len : 1,
                    key.len ? key.ptr : "-", rank, again, (int)event->subject.len, event->subject.ptr);
  if (write(record_file(), line, (size_t)length) != length) return patchbay_retry("record: it cannot be written");
  if (strcmp(outcome, "fail") == 0) return patchbay_fail("no: the event asks for it");
  return strcmp(outcome, "done") == 0 ? patchbay_done() : patchbay_retry("again: the event asks for it");
}

PATCHBAY_HANDLER(work) { return handle(context, event, "work"); }
PATCHBAY_HANDLER(keyed) { return handle(context, event, "keyed"); }
PATCHBAY_HANDLER(follow) { return handle(context, event, "follow"); }

static patchbay_status booked_open(const patchbay_host *host, patchbay_str config, void **state) {
  const patchbay_stream *stream = host->service(host, PATCHBAY_STR(PATCHBAY_STREAM));
  const char *names[] = {"book", "account", "order-7"};
  (void)config, (void)state;
  for (size_t at = 0; at < sizeof names / sizeof *names; at++) {
    patchbay_status status = stream->subscribe(host, 0, patchbay_text(names[at]), patchbay_text(names[at]), NULL);
    if (status < 0) return status;
  }
  return PATCHBAY_OK;
}

static void booked_close(void *state) { (void)state; }

/* Follows streams: those that operators append to, and the one of `work`. Some events take two attempts. */
PATCHBAY_HANDLER_WITH(booked, booked_open, booked_close) {
  patchbay_str name = patchbay_extension(event, PATCHBAY_STREAM_NAME_ATTRIBUTE);
  patchbay_str revision = patchbay_extension(event, PATCHBAY_STREAM_REVISION_ATTRIBUTE);
  char line[1024], mark[512];
  uint64_t ignored = 0;
  long again = 0;
  const char *outcome = "retry";
  if (event->attempt > 1 || revision.len == 0 || revision.ptr[revision.len - 1] != '3') {
    patchbay_str done = text_of("b:%.*s", event->id, mark, sizeof mark);
    again = number_in(context, done, &ignored);
    outcome = put_number(context, done, 1, PATCHBAY_STATE_ANY) ? "done" : "refused";
  }
  int length = snprintf(line, sizeof line, "%s booked %.*s %u %s %.*s %.*s %ld %.*s\n", getenv("CRASH_CYCLE"),
                        PATCHBAY_ARGS(event->id), event->attempt, outcome, PATCHBAY_ARGS(name), PATCHBAY_ARGS(revision),
                        again, event->subject.len ? (int)event->subject.len : 1,
                        event->subject.len ? event->subject.ptr : "-");
  if (write(record_file(), line, (size_t)length) != length) return patchbay_retry("record: it cannot be written");
  return strcmp(outcome, "done") == 0 ? patchbay_done() : patchbay_retry("again: it ends in 3");
}

/* Gets what operators redrive, and is done with everything. */
PATCHBAY_HANDLER(again) {
  char line[1024];
  int length = snprintf(line, sizeof line, "%s again %.*s %u done - 0 0 -\n", getenv("CRASH_CYCLE"),
                        (int)event->id.len, event->id.ptr, event->attempt);
  (void)context;
  if (write(record_file(), line, (size_t)length) != length) return patchbay_retry("record: it cannot be written");
  return patchbay_done();
}

PATCHBAY_MODULE((work, keyed, follow, booked, again),
  "name": "crash", "version": "1.0.0",
  "handlers": [
    {"id": "work", "accepts": ["crash.**"], "emits": ["crash.follow", "crash.timer"]},
    {"id": "keyed", "accepts": ["crash.**"], "emits": ["crash.follow"]},
    {"id": "follow", "accepts": ["crash.**"], "emits": ["crash.follow"]},
    {"id": "booked", "accepts": ["crash.booked"]},
    {"id": "again", "accepts": ["crash.**"]}
  ])
