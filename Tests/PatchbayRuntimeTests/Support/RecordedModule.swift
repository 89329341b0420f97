import Foundation
import Synchronization

/// A C module whose calls are recorded and run again: `till`, with one handler that does what the event's `op` says.
enum RecordedModule {
    private static let built = Mutex<Set<String>>([])

    /// A build: `version` as `1.0.0`; `flags` change what it does, such as `-DFACTOR=2`.
    static func library(_ version: String, _ flags: String...) throws -> String {
        let name = "till-\(version)\(flags.joined())".filter { $0.isLetter || $0.isNumber || "-.".contains($0) }
        let target = "\(Modules.folder)/\(name).so"
        return try built.withLock { built in
            if built.contains(name) { return target }
            let file = "\(Modules.folder)/\(name).c"
            try source.write(toFile: file, atomically: true, encoding: .utf8)
            try Modules.compile(
                [
                    "-shared", "-fPIC", "-O1", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-pthread",
                    "-I\(Modules.include)", "-DVERSION=\"\(version)\"", file, "-o", target,
                ] + flags)
            built.insert(name)
            return target
        }
    }

    /// `sum` adds to what is stored and emits it; `fetch` gets a URL and emits what came; `rich` asks every service for
    /// something and fails if an answer is not as it should be; `late` completes from a thread of its own; `crash` does.
    /// `hang` does not return, of a build with `-DHANG`. `wild` makes requests that are refused; `oversleep`, `overdue` (from a thread) and `never` do not end in time.
    private static let source = ##"""
        #include <patchbay.h>
        #include <patchbay/draft/stream.h>
        #include <patchbay/emit.h>
        #include <patchbay/http.h>
        #include <patchbay/json.h>
        #include <patchbay/state.h>
        #include <patchbay/timer.h>
        #include <pthread.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <time.h>
        #include <unistd.h>

        #ifndef FACTOR
        #define FACTOR 1
        #endif
        #define TEXT(x) ((patchbay_str){x, sizeof(x) - 1})

        PATCHBAY_MANIFEST("{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"till\", \"version\": \"" VERSION "\", "
                          "\"runtime\": \"c\", \"capabilities\": {\"network\": [\"127.0.0.1\"]}, "
                          "\"handlers\": [{\"id\": \"charge\", \"batch\": {\"max\": 16}, \"config\": {}}]}");

        typedef struct {
          const patchbay_host *host;
          const patchbay_emit *emit;
          const patchbay_state *state;
          const patchbay_timer *timer;
          const patchbay_stream *stream;
          const patchbay_http *http;
          char key[64];
        } till;

        typedef struct {
          till *till;
          patchbay_call call;
        } waiting;

        static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
          till *made = calloc(1, sizeof *made);
          if (!made) return PATCHBAY_E_NOMEM;
        #ifdef CLOSES
          for (int file = 3; file < 1024; file++) close(file);
          while (1) pause();
        #endif
          made->host = host;
          made->emit = host->service(host, TEXT(PATCHBAY_EMIT));
          made->state = host->service(host, TEXT(PATCHBAY_STATE));
          made->timer = host->service(host, TEXT(PATCHBAY_TIMER));
          made->stream = host->service(host, TEXT(PATCHBAY_STREAM));
          made->http = host->service(host, TEXT(PATCHBAY_HTTP));
          patchbay_json_string(config, "key", made->key, sizeof made->key);
          *out = (patchbay_inst *)made;
          return PATCHBAY_OK;
        }

        static void destroy(patchbay_inst *inst) { free(inst); }

        static patchbay_status emit(till *till, patchbay_call call, const char *type, const char *data) {
          patchbay_draft draft = {.size = sizeof draft, .type = {type, strlen(type)}, .data = (const uint8_t *)data,
                                  .data_len = strlen(data)};
          return till->emit->add(till->host, call, &draft);
        }

        static patchbay_status sum(till *till, patchbay_call call, double amount) {
          double total = 0;
          uint64_t length = sizeof total, revision = 0;
          char text[128];
          patchbay_result busy = {.size = sizeof busy, .outcome = PATCHBAY_BUSY, .retry_after_ns = 1};
          patchbay_status status;
          if (amount < 0) {
            till->host->set_error(till->host, TEXT("declined: no money"));
            return PATCHBAY_E_ARG;
          }
          till->state->get(till->host, call, TEXT("sum"), (uint8_t *)&total, &length, &revision);
          total += amount * FACTOR;
          status = till->state->put(till->host, call, TEXT("sum"), (const uint8_t *)&total, sizeof total, revision, 0);
          if (status == PATCHBAY_E_CONFLICT) return till->host->complete(till->host, call, &busy);
          if (status < 0) return PATCHBAY_E_INTERNAL;
          snprintf(text, sizeof text, "{\"sum\":%g,\"key\":\"%s\"}", total, till->key);
          return emit(till, call, "com.example.charged", text);
        }

        static int32_t visit(void *context, const patchbay_stream_event *event) {
          *(uint64_t *)context += event->revision + 1;
          return 0;
        }

        static patchbay_status rich(till *till, patchbay_call call) {
          const patchbay_host *host = till->host;
          uint8_t room[64];
          uint64_t length = 1, revision = 0, first = 0, next = 0, shown = 0;
          struct timespec now;
          patchbay_draft draft = {.size = sizeof draft, .type = TEXT("com.example.rung")};
          const patchbay_draft *drafts[] = {&draft};
          if (till->state->put(host, call, TEXT("own"), (const uint8_t *)"12345678", 8, 0, 0) < 0) return PATCHBAY_E_ARG;
          if (till->state->get(host, call, TEXT("own"), room, &length, NULL) != PATCHBAY_E_LIMIT || length != 8)
            return PATCHBAY_E_ARG;
          length = sizeof room;
          if (till->state->get(host, call, TEXT("own"), room, &length, &revision) < 0 || memcmp(room, "12345678", 8))
            return PATCHBAY_E_ARG;
          if (till->state->del(host, call, TEXT("own"), PATCHBAY_STATE_ANY) < 0) return PATCHBAY_E_ARG;
          if (till->timer->cancel(host, call, TEXT("bell")) != PATCHBAY_E_NOT_FOUND) return PATCHBAY_E_ARG;
          if (till->stream->append(host, call, TEXT("sales"), drafts, 1, PATCHBAY_STREAM_ANY, &revision) < 0)
            return PATCHBAY_E_ARG;
          if (till->stream->head(host, call, TEXT("sales"), &first, &next) >= 0 &&
              till->stream->read(host, call, TEXT("sales"), 0, 10, 0, visit, &shown) < 0)
            return PATCHBAY_E_ARG;
          clock_gettime(CLOCK_REALTIME, &now);
          draft.not_before_ns = ((uint64_t)now.tv_sec + 3600) * 1000000000u;
          if (till->timer->set(host, call, TEXT("bell"), &draft) < 0) return PATCHBAY_E_ARG;
          if (till->timer->cancel(host, call, TEXT("bell")) < 0) return PATCHBAY_E_ARG;
          snprintf((char *)room, sizeof room, "{\"next\":%llu,\"shown\":%llu,\"at\":%llu}", (unsigned long long)next,
                   (unsigned long long)shown, (unsigned long long)revision);
          return emit(till, call, "com.example.rich", (const char *)room);
        }

        /* Requests that are refused for what they are made with; 0: all are. */
        static int wild(till *till, patchbay_call call) {
          const patchbay_host *host = till->host;
          const uint8_t *nowhere = (const uint8_t *)8;
          patchbay_str null = {NULL, 3}, huge = {(const char *)8, 1ull << 62};
          patchbay_draft hollow = {.size = sizeof hollow, .type = TEXT("com.example.rung"), .data_len = 8};
          const patchbay_draft *drafts[] = {&hollow, (const patchbay_draft *)8};
          patchbay_stream_filter filter = {.size = sizeof filter, .type = {NULL, 3}};
          uint64_t length = 8, first, next;
          uint8_t room[8];
          struct { patchbay_status is, should; } all[] = {
            {till->state->put(host, call, TEXT("a"), NULL, 8, PATCHBAY_STATE_ANY, 0), PATCHBAY_E_ARG},
            {till->state->put(host, call, TEXT("a"), nowhere, 1ull << 40, PATCHBAY_STATE_ANY, 0), PATCHBAY_E_LIMIT},
            {till->state->put(host, call, TEXT("a"), nowhere, UINT64_MAX, PATCHBAY_STATE_ANY, 0), PATCHBAY_E_LIMIT},
            {till->state->put(host, call, huge, room, 1, PATCHBAY_STATE_ANY, 0), PATCHBAY_E_LIMIT},
            {till->state->get(host, call, huge, room, &length, NULL), PATCHBAY_E_LIMIT},
            {till->state->del(host, call, null, PATCHBAY_STATE_ANY), PATCHBAY_E_ARG},
            {till->timer->set(host, call, null, drafts[1]), PATCHBAY_E_ARG},
            {till->timer->cancel(host, call, huge), PATCHBAY_E_LIMIT},
            {till->emit->add(host, call, &hollow), PATCHBAY_E_ARG},
            {till->emit->add(host, call, NULL), PATCHBAY_E_ARG},
            {till->stream->append(host, call, TEXT("s"), drafts, 2, PATCHBAY_STREAM_ANY, NULL), PATCHBAY_E_ARG},
            {till->stream->append(host, call, TEXT("s"), drafts, 1ull << 40, PATCHBAY_STREAM_ANY, NULL),
             PATCHBAY_E_LIMIT},
            {till->stream->append(host, call, null, drafts + 1, 1, PATCHBAY_STREAM_ANY, NULL), PATCHBAY_E_ARG},
            {till->stream->snapshot_put(host, call, TEXT("s"), 0, NULL, 8), PATCHBAY_E_ARG},
            {till->stream->snapshot_put(host, call, TEXT("s"), 0, nowhere, 1ull << 40), PATCHBAY_E_LIMIT},
            {till->stream->snapshot_get(host, call, null, 0, room, &length, NULL), PATCHBAY_E_ARG},
            {till->stream->head(host, call, huge, &first, &next), PATCHBAY_E_LIMIT},
            {till->stream->read(host, call, huge, 0, 1, 0, visit, &first), PATCHBAY_E_LIMIT},
            {till->stream->query(host, call, TEXT("s"), &filter, 1, visit, &first, NULL), PATCHBAY_E_ARG},
            {till->stream->subscribe(host, call, huge, TEXT("s"), NULL), PATCHBAY_E_LIMIT},
            {till->stream->subscribe(host, call, TEXT("n"), TEXT("s"), &filter), PATCHBAY_E_ARG},
            {till->stream->unsubscribe(host, call, null), PATCHBAY_E_ARG},
          };
          for (int index = 0; index < (int)(sizeof all / sizeof *all); index++)
            if (all[index].is != all[index].should) return index + 1;
          return 0;
        }

        /* Until the host has closed the call. */
        static void oversleep(till *till, patchbay_call call) {
          struct timespec wait = {0, 20000000};
          uint64_t length = 0;
          while (till->state->get(till->host, call, TEXT("none"), NULL, &length, NULL) != PATCHBAY_E_STALE)
            nanosleep(&wait, NULL);
        }

        static void *overdue(void *context) {
          waiting *open = context;
          oversleep(open->till, open->call);
          open->till->host->complete(open->till->host, open->call, NULL);
          free(open);
          return NULL;
        }

        static void *finish(void *context) {
          waiting *open = context;
          patchbay_result result = {.size = sizeof result, .outcome = PATCHBAY_RETRY, .code = 7,
                                    .reason = TEXT("later: not now")};
          emit(open->till, open->call, "com.example.late", "{}");
          open->till->host->complete(open->till->host, open->call, &result);
          free(open);
          return NULL;
        }

        static void answered(void *context, const patchbay_answer *answer) {
          waiting *open = context;
          char text[128];
          snprintf(text, sizeof text, "{\"status\":%d,\"fault\":%d,\"body\":%llu}", answer->status, answer->fault,
                   (unsigned long long)answer->body_len);
          emit(open->till, open->call, "com.example.fetched", text);
          open->till->host->complete(open->till->host, open->call, NULL);
          free(open);
        }

        static patchbay_status later(till *till, patchbay_call call, const char *op, patchbay_str data) {
          waiting *open = malloc(sizeof *open);
          pthread_t thread;
          char url[256] = "";
          patchbay_kv header = {TEXT("authorization"), {till->key, strlen(till->key)}};
          if (!open) return PATCHBAY_E_NOMEM;
          *open = (waiting){till, call};
          if (strcmp(op, "fetch") == 0) {
            patchbay_json_string(data, "url", url, sizeof url);
        #ifdef PATH
            strcat(url, PATH);
        #endif
            patchbay_http_request request = {.size = sizeof request, .url = {url, strlen(url)}, .headers = &header,
                                             .header_count = 1};
            return till->http->send(till->host, call, &request, answered, open) < 0 ? PATCHBAY_E_INTERNAL
                                                                                    : PATCHBAY_PENDING;
          }
          if (pthread_create(&thread, NULL, strcmp(op, "overdue") == 0 ? overdue : finish, open) != 0) return PATCHBAY_E_NOMEM;
          pthread_detach(thread);
          return PATCHBAY_PENDING;
        }

        static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
          till *till_ = (till *)inst;
          patchbay_str data = {(const char *)event->data, event->data_len};
          char op[16] = "";
          double amount = 0;
          patchbay_json_string(data, "op", op, sizeof op);
          patchbay_json_number(data, "amount", &amount);
          if (strcmp(op, "rich") == 0) return rich(till_, call);
          if (strcmp(op, "late") == 0 || strcmp(op, "fetch") == 0) return later(till_, call, op, data);
          if (strcmp(op, "overdue") == 0) return later(till_, call, op, data);
          if (strcmp(op, "oversleep") == 0) {
            oversleep(till_, call);
            return PATCHBAY_OK;
          }
          if (strcmp(op, "wild") == 0) {
            int wrong = wild(till_, call);
            char text[32];
            snprintf(text, sizeof text, "{\"wrong\":%d}", wrong);
            till_->host->set_error(till_->host, (patchbay_str){text, strlen(text)});
            return wrong ? PATCHBAY_E_ARG : PATCHBAY_OK;
          }
        #ifdef HANG
          if (strcmp(op, "hang") == 0)
            for (;;) pause();
        #endif
        #ifndef MENDED
          if (strcmp(op, "never") == 0) return PATCHBAY_PENDING;
          if (strcmp(op, "crash") == 0) {
            double unused;
            uint64_t length = sizeof unused;
            till_->state->get(till_->host, call, TEXT("sum"), (uint8_t *)&unused, &length, NULL);
            *(volatile int *)8 = 1;
          }
        #endif
          return sum(till_, call, amount);
        }

        static patchbay_status handle_batch(patchbay_inst *inst, uint64_t count, const patchbay_call *calls,
                                            const patchbay_event *const *events) {
          (void)inst;
          (void)count;
          (void)calls;
          (void)events;
          return PATCHBAY_OK;
        }

        static const patchbay_handler charging = {.size = sizeof(patchbay_handler), .id = {"charge", 6},
          .create = create, .handle = handle, .handle_batch = handle_batch, .destroy = destroy};
        static const patchbay_handler *const handlers[] = {&charging};
        static const patchbay_module module = {
          .size = sizeof(patchbay_module), .handlers = handlers, .handler_count = 1};

        PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *host, const patchbay_module **out) {
          (void)host;
          *out = &module;
          return PATCHBAY_OK;
        }
        """##
}
