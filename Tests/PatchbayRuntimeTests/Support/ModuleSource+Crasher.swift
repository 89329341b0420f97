extension ModuleSource {
    /// `crasher`: ends its process in as many ways as there are. Events say how by their subject, the configuration
    /// says in which other function of the module.
    static let crasher = ##"""
        #include <patchbay/handler.h>
        #include <patchbay/json.h>
        #include <pthread.h>
        #include <signal.h>
        #include <string.h>
        #include <unistd.h>

        static volatile int zero;

        static int overflow(volatile char *above) {
          volatile char frame[4096];
          frame[0] = above ? above[0] : 1;
          return zero ? 0 : overflow(frame) + frame[0];
        }

        static void crash(const char *how) {
          if (!strcmp(how, "segfault")) *(volatile int *)(uintptr_t)(8 + zero) = 1;
          if (!strcmp(how, "abort")) abort();
          if (!strcmp(how, "overflow")) zero = overflow(NULL);
          if (!strcmp(how, "trap")) __builtin_trap();
          if (!strcmp(how, "divide")) zero = 10 / zero;
          if (!strcmp(how, "kill")) kill(getpid(), SIGKILL);
        }

        static void *crash_there(void *how) {
          crash(how);
          return NULL;
        }

        typedef struct {
          char in_create[16], in_destroy[16];
        } crasher;

        static patchbay_status opened(const patchbay_host *host, patchbay_str config, void **state) {
          crasher *made = calloc(1, sizeof *made);
          (void)host;
          if (!made) return PATCHBAY_E_NOMEM;
          patchbay_json_string(config, "create", made->in_create, sizeof made->in_create);
          patchbay_json_string(config, "destroy", made->in_destroy, sizeof made->in_destroy);
          crash(made->in_create);
          *state = made;
          return PATCHBAY_OK;
        }

        static void closed(void *state) {
          crash(((crasher *)state)->in_destroy);
          free(state);
        }

        PATCHBAY_HANDLER_WITH(act, opened, closed) {
          char how[32] = "";
          memcpy(how, event->subject.ptr, event->subject.len < 31 ? event->subject.len : 31);
          (void)context;
          if (!strncmp(how, "there:", 6)) {
            pthread_t thread;
            pthread_create(&thread, NULL, crash_there, how + 6);
            pthread_join(thread, NULL);
          } else {
            crash(how);
          }
          return patchbay_done();
        }

        /* The same for batches. */
        static patchbay_status act_all(patchbay_inst *inst, uint64_t n, const patchbay_call *calls,
                                         const patchbay_event *const *events) {
          uint64_t i;
          for (i = 0; i < n; i++) (void)act_handle_(inst, calls[i], events[i]);
          return PATCHBAY_OK;
        }

        static const patchbay_handler many_handler = {
            sizeof(patchbay_handler), 0, {"many", 4}, act_create_, act_handle_, act_all, NULL, NULL, NULL,
            act_destroy_};

        PATCHBAY_MODULE((act, many), "name": "crasher", "version": "1.2.3",
          "handlers": [{"id": "act", "config": {"type": "object"}},
                       {"id": "many", "batch": {"max": 64}, "config": {"type": "object"}}])
        """##
}
