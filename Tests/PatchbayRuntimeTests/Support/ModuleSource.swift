/// The C modules that these tests run, as source: `lab`, whose handlers do what their configuration and the events say.
enum ModuleSource {
    static let all = [
        "lab": lab, "batcher": batcher, "hasty": hasty, "follower": follower, "crasher": crasher, "frail": frail,
    ]

    /// `lab` under another name, whose `gate` promises to return promptly and does not.
    private static let hasty =
        lab.replacing("\"name\": \"lab\"", with: "\"name\": \"hasty\"")
        .replacing("{\"id\": \"gate\",", with: "{\"id\": \"gate\", \"blocking\": false,")

    private static let head = ##"""
        #include <patchbay/handler.h>
        #include <patchbay/json.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <pthread.h>
        #include <signal.h>
        #include <stdarg.h>
        #include <stdatomic.h>
        #include <stdio.h>
        #include <sys/ioctl.h>
        #include <sys/socket.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>

        typedef struct {
          char path[512], gate[512], text[64];
          double sleep, count;
          atomic_int running, most, calls;
          uint32_t meter;
        } lab;

        static patchbay_status lab_open(const patchbay_host *host, patchbay_str config, void **state) {
          lab *made = calloc(1, sizeof *made);
          const patchbay_meter *meter = host->service(host, PATCHBAY_STR(PATCHBAY_METER));
          if (!made) return PATCHBAY_E_NOMEM;
          meter->declare(host, PATCHBAY_METER_COUNTER, PATCHBAY_STR("lab.seen"), PATCHBAY_STR("{event}"),
                         PATCHBAY_STR("Events that record saw."), &made->meter);
          patchbay_json_string(config, "path", made->path, sizeof made->path);
          patchbay_json_string(config, "gate", made->gate, sizeof made->gate);
          patchbay_json_string(config, "text", made->text, sizeof made->text);
          patchbay_json_number(config, "sleep", &made->sleep);
          patchbay_json_number(config, "count", &made->count);
          *state = made;
          return PATCHBAY_OK;
        }

        /* One line at the end of `path`. */
        __attribute__((format(printf, 2, 3), unused)) static void note(lab *lab, const char *format, ...) {
          char line[1024];
          int length, file;
          va_list arguments;
          if (!lab->path[0]) return;
          va_start(arguments, format);
          length = vsnprintf(line, sizeof line - 1, format, arguments);
          va_end(arguments);
          line[length++] = '\n';
          file = open(lab->path, O_WRONLY | O_CREAT | O_APPEND, 0600);
          if (file < 0) return;
          if (write(file, line, (size_t)length) < 0) perror("write");
          close(file);
        }

        __attribute__((unused)) static void pause_for(double milliseconds) {
          struct timespec time = {(time_t)(milliseconds / 1000), (long)(milliseconds * 1e6) % 1000000000L};
          nanosleep(&time, NULL);
        }

        __attribute__((unused)) static uint64_t unix_now(void) {
          struct timespec time;
          clock_gettime(CLOCK_REALTIME, &time);
          return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
        }

        """##

    private static let lab =
        head + ##"""
            /* Notes the call, with how many run at once. */
            PATCHBAY_HANDLER_WITH(record, lab_open, free) {
              lab *lab = context->state;
              int running = atomic_fetch_add(&lab->running, 1) + 1, most = atomic_load(&lab->most);
              while (most < running && !atomic_compare_exchange_weak(&lab->most, &most, running)) {}
              if (lab->sleep > 0) pause_for(lab->sleep);
              context->meter->record(context->host, lab->meter, 1, NULL, 0);
              note(lab, "%.*s attempt=%u of=%u route=%.*s most=%d deadline=%d text=%s trace=%.*s cause=%.*s "
                   "correlation=%.*s depth=%.*s timer=%.*s state=%.*s", PATCHBAY_ARGS(event->id), event->attempt,
                   event->max_attempts, PATCHBAY_ARGS(event->route), atomic_load(&lab->most), event->deadline_ns != 0,
                   lab->text, PATCHBAY_ARGS(event->traceparent), PATCHBAY_ARGS(patchbay_extension(event, "causationid")),
                   PATCHBAY_ARGS(patchbay_extension(event, "correlationid")),
                   PATCHBAY_ARGS(patchbay_extension(event, "emitdepth")),
                   PATCHBAY_ARGS(patchbay_extension(event, "timerkey")), PATCHBAY_ARGS(event->tracestate));
              atomic_fetch_sub(&lab->running, 1);
              return patchbay_done();
            }

            /* Stays in the call until the file `gate` is there, or until it is cancelled and `text` is "heeds". */
            PATCHBAY_HANDLER_WITH(gate, lab_open, free) {
              lab *lab = context->state;
              int32_t why = 0;
              note(lab, "enter %.*s", PATCHBAY_ARGS(event->id));
              while (access(lab->gate, F_OK) != 0) {
                why = patchbay_cancelled(context);
                if (why && strcmp(lab->text, "heeds") == 0) {
                  note(lab, "cancelled %.*s why=%d", PATCHBAY_ARGS(event->id), why);
                  return patchbay_outcome(PATCHBAY_CANCELLED, PATCHBAY_STR("told to"));
                }
                usleep(500);
              }
              note(lab, "leave %.*s", PATCHBAY_ARGS(event->id));
              return patchbay_done();
            }

            /* Never completes. */
            PATCHBAY_HANDLER_WITH(hang, lab_open, free) {
              note(context->state, "enter %.*s", PATCHBAY_ARGS(event->id));
              return patchbay_pending();
            }

            /* Logs and emits as much as it may, and more. */
            PATCHBAY_HANDLER_WITH(babble, lab_open, free) {
              lab *lab = context->state;
              const size_t size = 3 << 20;
              char *huge = malloc(size);
              patchbay_status status = PATCHBAY_OK;
              int taken = 0;
              for (int i = 0; i < (int)lab->count; i++)
                patchbay_log(context, PATCHBAY_LOG_WARN, "babble", event->id);
              if (!huge) return patchbay_fail("memory");
              memset(huge, 'x', size);
              huge[0] = huge[size - 1] = '"';
              status = patchbay_emit_json(context, "com.acme.huge", event->subject, patchbay_text_(huge, size));
              huge[9999] = '"';
              for (int i = 0; i < 2000; i++)
                taken += patchbay_emit_json(context, "com.acme.chatter", event->subject, patchbay_text_(huge, 10000)) == 0;
              free(huge);
              note(lab, "huge=%d taken=%d", (int)status, taken);
              return patchbay_done();
            }

            /* Emits `count` events of the type `text`. */
            PATCHBAY_HANDLER_WITH(emit, lab_open, free) {
              lab *lab = context->state;
              for (int i = 0; i < (int)lab->count; i++)
                if (patchbay_emit_json(context, lab->text, event->subject, PATCHBAY_STR("{}")) < 0)
                  return patchbay_fail("emit: refused");
              return patchbay_done();
            }

            /* Adds one to the number under the key "n", and takes its time between reading and writing. */
            PATCHBAY_HANDLER_WITH(tally, lab_open, free) {
              lab *lab = context->state;
              uint64_t value = 0, length = sizeof value, revision = 0;
              patchbay_status status;
              const patchbay_state *store = context->store;
              store->get(context->host, context->call, PATCHBAY_STR("n"), (uint8_t *)&value, &length, &revision);
              pause_for(lab->sleep);
              value += 1;
              status = store->put(context->host, context->call, PATCHBAY_STR("n"), (const uint8_t *)&value, sizeof value,
                                  revision, 0);
              note(lab, "%.*s attempt=%u value=%d status=%d", PATCHBAY_ARGS(event->id), event->attempt, (int)value,
                   (int)status);
              if (status < 0) return patchbay_busy("conflict: seen at once");
              return patchbay_done();
            }

            /* Notes the event as it gets it, and stores its id as the last one. */
            PATCHBAY_HANDLER_WITH(show, lab_open, free) {
              note(context->state, "%.*s %.*s %.*s %.*s", PATCHBAY_ARGS(event->id), PATCHBAY_ARGS(event->type),
                   PATCHBAY_ARGS(event->subject), (int)event->data_len, (const char *)event->data);
              if (context->store->put(context->host, context->call, PATCHBAY_STR("last"),
                                      (const uint8_t *)event->id.ptr, event->id.len, UINT64_MAX, 0) < 0)
                return patchbay_fail("state");
              return patchbay_done();
            }

            /* Sets a timer `sleep` milliseconds ahead, and notes those that fire. */
            PATCHBAY_HANDLER_WITH(timer, lab_open, free) {
              lab *lab = context->state;
              patchbay_str key = patchbay_extension(event, "timerkey");
              patchbay_draft draft = {.size = sizeof draft, .type = PATCHBAY_STR("com.acme.wake")};
              if (key.len) {
                note(lab, "fired %.*s cause=%.*s depth=%.*s", PATCHBAY_ARGS(key),
                     PATCHBAY_ARGS(patchbay_extension(event, "causationid")),
                     PATCHBAY_ARGS(patchbay_extension(event, "emitdepth")));
                return patchbay_done();
              }
              draft.not_before_ns = unix_now() + (uint64_t)(lab->sleep * 1e6);
              if (context->timer->set(context->host, context->call, event->id, &draft) < 0) return patchbay_fail("set");
              if (context->timer->set(context->host, context->call, PATCHBAY_STR("void"), &draft) < 0)
                return patchbay_fail("set");
              if (context->timer->cancel(context->host, context->call, PATCHBAY_STR("void")) < 0)
                return patchbay_fail("cancel");
              return patchbay_done();
            }

            /* Holds calls open until there are `count` of them, and lets one thread of its own complete them all. */
            static pthread_mutex_t held_lock = PTHREAD_MUTEX_INITIALIZER;
            static patchbay_context *held;
            static int held_count;

            static void *complete_all(void *unused) {
              (void)unused;
              pthread_mutex_lock(&held_lock);
              for (int i = 0; i < held_count; i++) patchbay_complete(&held[i], patchbay_done());
              held_count = 0;
              pthread_mutex_unlock(&held_lock);
              return NULL;
            }

            PATCHBAY_HANDLER_WITH(later, lab_open, free) {
              lab *lab = context->state;
              pthread_t thread;
              (void)event;
              pthread_mutex_lock(&held_lock);
              if (!held) held = calloc((size_t)lab->count, sizeof *held);
              held[held_count++] = *context;
              if (held_count == (int)lab->count) {
                note(lab, "held %d", held_count);
                if (pthread_create(&thread, NULL, complete_all, NULL) == 0) pthread_detach(thread);
              }
              pthread_mutex_unlock(&held_lock);
              return patchbay_pending();
            }

            /* Appends the event to the stream "account" behind what it saw there `sleep` milliseconds before, and emits.
             * The first `count` attempts are taken back. */
            PATCHBAY_HANDLER_WITH(book, lab_open, free) {
              lab *lab = context->state;
              patchbay_draft draft = {.size = sizeof draft, .type = PATCHBAY_STR("com.acme.booked"),
                                      .subject = event->id, .data = event->data, .data_len = event->data_len};
              const patchbay_draft *drafts[] = {&draft};
              uint64_t next = 0, at = 0;
              patchbay_status status;
              context->stream->head(context->host, context->call, PATCHBAY_STR("account"), NULL, &next);
              pause_for(lab->sleep);
              status = context->stream->append(context->host, context->call, PATCHBAY_STR("account"), drafts, 1,
                                               next ? next - 1 : PATCHBAY_STREAM_NONE, &at);
              note(lab, "%.*s attempt=%u next=%d at=%d status=%d", PATCHBAY_ARGS(event->id), event->attempt, (int)next,
                   (int)at, (int)status);
              if (status == PATCHBAY_E_CONFLICT) return patchbay_busy("conflict: seen at once");
              if (status < 0) return patchbay_fail("append");
              if (patchbay_emit_json(context, "com.acme.next", event->id, PATCHBAY_STR("{}")) < 0)
                return patchbay_fail("emit");
              if (event->attempt <= (uint32_t)lab->count) return patchbay_retry("not yet");
              return patchbay_done();
            }

            typedef struct { patchbay_str wanted; uint64_t next; int gaps, found; } audit_page;

            static int32_t audit_event(void *memory, const patchbay_stream_event *event) {
              audit_page *page = memory;
              char cause[64] = "";
              patchbay_json_string(event->json, "causationid", cause, sizeof cause);
              if (event->revision != page->next++ || event->appended_ns == 0) page->gaps++;
              if (strlen(cause) == page->wanted.len && memcmp(cause, page->wanted.ptr, page->wanted.len) == 0)
                page->found++;
              return 0;
            }

            /* Reads the stream "account" in pages of seven, and notes how often what caused this event is in it. */
            PATCHBAY_HANDLER_WITH(audit, lab_open, free) {
              audit_page page = {patchbay_extension(event, "causationid"), 0, 0, 0};
              uint64_t before;
              do {
                before = page.next;
                if (context->stream->read(context->host, context->call, PATCHBAY_STR("account"), before, 7, 0,
                                          audit_event, &page) < 0)
                  return patchbay_fail("read");
              } while (page.next > before);
              note(context->state, "audit events=%d gaps=%d found=%d", (int)page.next, page.gaps, page.found);
              return patchbay_done();
            }

            typedef struct { uint64_t times[64], first; int count; } asked_page;

            static int32_t asked_event(void *memory, const patchbay_stream_event *event) {
              asked_page *page = memory;
              if (page->count == 0) page->first = event->revision;
              if (page->count < 64) page->times[page->count] = event->appended_ns;
              page->count++;
              return 0;
            }

            static int asked(const patchbay_context *context, patchbay_stream_filter filter, asked_page *page,
                             uint64_t count, uint64_t *next) {
              filter.size = sizeof filter;
              page->count = 0;
              patchbay_status status = context->stream->query(context->host, context->call, PATCHBAY_STR("account"),
                                                              &filter, count, asked_event, page, next);
              return status < 0 ? (int)status : page->count;
            }

            /* Asks the stream "account" in all ways, and notes what it was shown. */
            PATCHBAY_HANDLER_WITH(ask, lab_open, free) {
              asked_page all = {{0}, 0, 0}, page = all;
              patchbay_str own = patchbay_extension(event, "correlationid");
              uint64_t next = 0;
              int pages = 0, paged = 0, same = 0;
              asked(context, (patchbay_stream_filter){.type = PATCHBAY_STR("com.*.booked")}, &all, 1000, &next);
              for (int i = 0; i < all.count; i++) same += all.times[i] == all.times[1];
              for (uint64_t from = 0; from != PATCHBAY_STREAM_NONE; from = next, pages++)
                paged += asked(context, (patchbay_stream_filter){.from = from}, &page, 2, &next);
              note(context->state, "ask all=%d paged=%d pages=%d same=%d", all.count, paged, pages, same);
              note(context->state, "ask other=%d own=%d before=%d after=%d bad=%d",
                   asked(context, (patchbay_stream_filter){.type = PATCHBAY_STR("com.acme")}, &page, 9, NULL),
                   asked(context, (patchbay_stream_filter){.correlation = own}, &page, 9, NULL),
                   asked(context, (patchbay_stream_filter){.as_of_ns = all.times[1]}, &page, 99, NULL),
                   asked(context, (patchbay_stream_filter){.since_ns = all.times[1]}, &page, 99, NULL),
                   asked(context, (patchbay_stream_filter){.type = PATCHBAY_STR("a.*b")}, &page, 9, NULL)
                       == PATCHBAY_E_ARG);
              asked(context, (patchbay_stream_filter){.flags = PATCHBAY_STREAM_BACKWARD, .from = UINT64_MAX}, &page, 3,
                    &next);
              note(context->state, "ask newest=%d next=%d", (int)page.first, (int)next);
              return patchbay_done();
            }

            static void *wait_for_lock(void *lock) {
              pthread_mutex_lock(lock);
              pthread_mutex_unlock(lock);
              return NULL;
            }

            /* Notes how many of `count` threads it could start. */
            PATCHBAY_HANDLER_WITH(threads, lab_open, free) {
              lab *lab = context->state;
              pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
              pthread_t started[16];
              int count = 0;
              (void)event;
              pthread_mutex_lock(&lock);
              for (int i = 0; i < (int)lab->count && i < 16; i++)
                count += pthread_create(&started[count], NULL, wait_for_lock, &lock) == 0;
              pthread_mutex_unlock(&lock);
              for (int i = 0; i < count; i++) pthread_join(started[i], NULL);
              note(lab, "threads %d", count);
              return patchbay_done();
            }

            /* Uses `sleep` milliseconds of processor time. */
            PATCHBAY_HANDLER_WITH(spin, lab_open, free) {
              lab *lab = context->state;
              struct timespec begin, now;
              (void)event;
              clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
              do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
              while ((double)(now.tv_sec - begin.tv_sec) * 1e3 + (double)(now.tv_nsec - begin.tv_nsec) / 1e6 < lab->sleep);
              note(lab, "spun");
              return patchbay_done();
            }

            /* Notes whether it can open the file `gate`. */
            PATCHBAY_HANDLER_WITH(peek, lab_open, free) {
              lab *lab = context->state;
              int file = open(lab->gate, O_RDONLY);
              (void)event;
              note(lab, "peek %d", file >= 0);
              if (file >= 0) close(file);
              return patchbay_done();
            }

            static void *complete_later(void *context) {
              patchbay_complete(context, patchbay_done());
              free(context);
              return NULL;
            }

            static int errno_of(long number, long first, long second, long third) {
              return syscall(number, first, second, third, 0, 0) < 0 ? errno : 0;
            }

            static void *crash_later(void *nothing) {
              (void)nothing;
              abort();
            }

            /* Does what the event's subject says, if need be the worst. */
            PATCHBAY_HANDLER_WITH(wild, lab_open, free) {
              lab *lab = context->state;
              char subject[32] = "";
              pthread_t thread;
              memcpy(subject, event->subject.ptr, event->subject.len < 31 ? event->subject.len : 31);
              if (strcmp(subject, "crash") == 0) *(volatile int *)NULL = 1;
              if (strcmp(subject, "abort") == 0) abort();
              if (strcmp(subject, "exit") == 0) exit(3);
              if (strcmp(subject, "overflow") == 0)
                for (volatile char *at = subject;; at -= 4096) *at = 1;
              if (strcmp(subject, "own") == 0 && pthread_create(&thread, NULL, crash_later, NULL) == 0)
                return patchbay_pending();
              if (strcmp(subject, "loop") == 0)
                for (volatile int forever = 1; forever;) {}
              if (strcmp(subject, "hold") == 0) return patchbay_pending();
              if (strcmp(subject, "async") == 0) {
                patchbay_context *kept = malloc(sizeof *kept);
                *kept = *context;
                if (pthread_create(&thread, NULL, complete_later, kept) == 0) pthread_detach(thread);
                return patchbay_pending();
              }
              if (strcmp(subject, "print") == 0) {
                puts("said to stdout");
                fflush(stdout);
                fputs("said to stderr\n", stderr);
              }
              if (strcmp(subject, "escape") == 0)
                note(lab, "file %d socket %d fork %d kill %d", open("/etc/passwd", O_RDONLY) >= 0,
                     socket(AF_INET, SOCK_STREAM, 0) >= 0, fork() >= 0, kill(getppid(), 0) == 0);
              if (strcmp(subject, "reach") == 0) {
                long flags = 0x40; /* not in backups */
                int file = open(lab->path, O_RDONLY | O_CREAT, 0600), unset = ioctl(file, _IOW('f', 2, long), &flags) < 0;
                note(lab, "memory %d queue %d semaphore %d mail %d flags %d", errno_of(SYS_shmget, 0, 4096, 0600),
                     errno_of(SYS_msgget, 0, 0600, 0), errno_of(SYS_semget, 0, 1, 0600),
                     errno_of(SYS_mq_open, (long)"patchbay", O_RDWR | O_CREAT, 0600), unset ? errno : 0);
                /* setxattrat and file_setattr, and one that there is not. */
                note(lab, "new %d %d %d", errno_of(463, 0, 0, 0), errno_of(469, 0, 0, 0), errno_of(4000, 0, 0, 0));
                close(file);
              }
              if (strcmp(subject, "watch") == 0) {
                char own[32], host[32];
                snprintf(own, sizeof own, "/proc/%ld/stat", syscall(SYS_gettid));
                snprintf(host, sizeof host, "/proc/%d/stat", (int)getppid());
                note(lab, "main %d own %d host %d", syscall(SYS_gettid) == getpid(), open(own, O_RDONLY) >= 0,
                     open(host, O_RDONLY) >= 0);
              }
              note(lab, "%.*s attempt=%u bytes=%d last=%c", PATCHBAY_ARGS(event->id), event->attempt, (int)event->data_len,
                   event->data_len > 1 ? event->data[event->data_len - 2] : '-');
              return patchbay_done();
            }

            PATCHBAY_MODULE((record, gate, hang, babble, emit, tally, show, timer, later, book, audit, ask, threads, spin,
                             peek, wild),
              "name": "lab", "version": "1.0.0", "capabilities": {"files": ["*"]},
              "handlers": [
                {"id": "record", "config": {"type": "object"}}, {"id": "gate", "config": {"type": "object"}},
                {"id": "hang", "blocking": false, "config": {"type": "object"}},
                {"id": "babble", "config": {"type": "object"}}, {"id": "emit", "config": {"type": "object"}},
                {"id": "tally", "config": {"type": "object"}}, {"id": "show", "config": {"type": "object"}},
                {"id": "timer", "config": {"type": "object"}},
                {"id": "later", "blocking": false, "config": {"type": "object"}},
                {"id": "book", "config": {"type": "object"}}, {"id": "audit", "config": {"type": "object"}},
                {"id": "ask", "config": {"type": "object"}}, {"id": "threads", "config": {"type": "object"}},
                {"id": "spin", "config": {"type": "object"}}, {"id": "peek", "config": {"type": "object"}},
                {"id": "wild", "config": {"type": "object"}}])
            """##

    private static let follower =
        head + ##"""
            /* Subscribes to the stream "account" from the revision `count` on, for the types that `text` names. */
            static patchbay_status follow_open(const patchbay_host *host, patchbay_str config, void **state) {
              const patchbay_stream *stream = host->service(host, PATCHBAY_STR(PATCHBAY_STREAM));
              patchbay_status status = lab_open(host, config, state);
              if (status < 0) return status;
              lab *lab = *state;
              patchbay_stream_filter filter = {.size = sizeof filter, .from = (uint64_t)lab->count,
                                               .type = patchbay_text_(lab->text, strlen(lab->text))};
              return stream->subscribe(host, 0, PATCHBAY_STR("all"), PATCHBAY_STR("account"), &filter);
            }

            static void note_event(const patchbay_context *context, const patchbay_event *event, const char *who) {
              note(context->state, "%s %.*s of=%.*s at=%.*s by=%.*s attempt=%u route=%.*s", who,
                   PATCHBAY_ARGS(event->id), PATCHBAY_ARGS(patchbay_extension(event, PATCHBAY_STREAM_NAME_ATTRIBUTE)),
                   PATCHBAY_ARGS(patchbay_extension(event, PATCHBAY_STREAM_REVISION_ATTRIBUTE)),
                   PATCHBAY_ARGS(patchbay_extension(event, PATCHBAY_SUBSCRIPTION_ATTRIBUTE)), event->attempt,
                   PATCHBAY_ARGS(event->route));
            }

            /* Notes what it gets; poison fails for good, what is shaky once. */
            PATCHBAY_HANDLER_WITH(follow, follow_open, free) {
              lab *lab = context->state;
              note_event(context, event, "got");
              if (lab->sleep > 0) pause_for(lab->sleep);
              if (patchbay_is(event->type, "com.acme.poison")) {
                patchbay_result result = patchbay_fail("poison");
                result.detail_json = PATCHBAY_STR("{\"seen\":\"a skull\"}");
                return result;
              }
              if (patchbay_is(event->type, "com.acme.shaky") && event->attempt == 1) return patchbay_retry("shaky");
              return patchbay_done();
            }

            /* Appends to the stream that the subject names; an event of that stream again, for ever. */
            PATCHBAY_HANDLER_WITH(append, lab_open, free) {
              patchbay_draft draft = {.size = sizeof draft, .type = event->type};
              const patchbay_draft *drafts[] = {&draft};
              patchbay_str stream = patchbay_extension(event, PATCHBAY_STREAM_NAME_ATTRIBUTE);
              if (!stream.len) stream = event->subject;
              else note_event(context, event, "again");
              if (patchbay_is(event->type, "com.acme.loop") && patchbay_is(event->subject, "loop"))
                context->stream->subscribe(context->host, context->call, PATCHBAY_STR("loop"), stream, NULL);
              return context->stream->append(context->host, context->call, stream, drafts, 1, PATCHBAY_STREAM_ANY, NULL) < 0
                       ? patchbay_fail("append") : patchbay_done();
            }

            /* Subscribes and unsubscribes as the event says, and notes what its subscriptions bring. */
            PATCHBAY_HANDLER_WITH(choose, lab_open, free) {
              const patchbay_stream *stream = context->stream;
              patchbay_stream_filter filter = {.size = sizeof filter};
              char name[64] = "", what[64] = "";
              double from = 0;
              int first, second;
              if (patchbay_extension(event, PATCHBAY_SUBSCRIPTION_ATTRIBUTE).len) {
                note_event(context, event, "chosen");
                return patchbay_done();
              }
              patchbay_json_string(patchbay_data(event), "name", name, sizeof name);
              patchbay_json_string(patchbay_data(event), "do", what, sizeof what);
              patchbay_json_number(patchbay_data(event), "from", &from);
              filter.from = from < 0 ? PATCHBAY_STREAM_END : (uint64_t)from;
              first = strcmp(what, "leave") == 0
                        ? stream->unsubscribe(context->host, context->call, patchbay_text_(name, strlen(name)))
                        : stream->subscribe(context->host, context->call, patchbay_text_(name, strlen(name)),
                                            event->subject, &filter);
              second = stream->unsubscribe(context->host, context->call, PATCHBAY_STR("nobody's"));
              note(context->state, "%s %s %d %d", what, name, first, second);
              return strcmp(what, "fail") == 0 ? patchbay_fail("told to") : patchbay_done();
            }

            PATCHBAY_MODULE((follow, append, choose),
              "name": "follower", "version": "1.0.0", "capabilities": {"files": ["*"]},
              "handlers": [
                {"id": "follow", "config": {"type": "object"}}, {"id": "append", "config": {"type": "object"}},
                {"id": "choose", "config": {"type": "object"}}])
            """##

    private static let batcher =
        head + ##"""
            static patchbay_status make(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
              void *state = NULL;
              patchbay_status status = lab_open(host, config, &state);
              return status < 0 ? status : patchbay_instance_new_(host, state, out);
            }

            static patchbay_status one(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
              (void)call;
              if (event->subject.len == 6 && memcmp(event->subject.ptr, "poison", 6) == 0) abort();
              note(((patchbay_instance_ *)inst)->context.state, "batch 1 %.*s", PATCHBAY_ARGS(event->id));
              return PATCHBAY_OK;
            }

            static patchbay_status many(patchbay_inst *inst, uint64_t n, const patchbay_call *calls,
                                        const patchbay_event *const *events) {
              (void)calls;
              for (uint64_t i = 0; i < n; i++)
                if (events[i]->subject.len == 6 && memcmp(events[i]->subject.ptr, "poison", 6) == 0) abort();
              note(((patchbay_instance_ *)inst)->context.state, "batch %d %.*s", (int)n, PATCHBAY_ARGS(events[0]->id));
              return PATCHBAY_OK;
            }

            static void unmake(patchbay_inst *inst) {
              free(((patchbay_instance_ *)inst)->context.state);
              free(inst);
            }

            static const patchbay_handler sink_handler = {
              .size = sizeof(patchbay_handler), .id = {"sink", 4}, .create = make, .handle = one, .handle_batch = many,
              .destroy = unmake};
            PATCHBAY_MODULE((sink), "name": "batcher", "version": "1.0.0", "capabilities": {"files": ["*"]},
              "handlers": [{"id": "sink", "batch": {"max": 64}, "config": {"type": "object"}}])
            """##
}
