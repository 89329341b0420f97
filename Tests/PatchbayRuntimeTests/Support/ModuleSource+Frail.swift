extension ModuleSource {
    /// `frail`: its calls wait for ever, and its code crashes where no call runs: in `cancel`, and, of events about `ask`,
    /// in the function that a request's answer goes to.
    static let frail = ##"""
        #include <patchbay/handler.h>
        #include <stdlib.h>

        static patchbay_status opened(const patchbay_host *host, patchbay_str config, void **state) {
          (void)host;
          (void)config;
          *state = NULL;
          return PATCHBAY_OK;
        }

        static void closed(void *state) { (void)state; }

        static void answered(void *context, const patchbay_answer *answer) {
          (void)context;
          (void)answer;
          abort();
        }

        static void cancelled(patchbay_inst *inst, patchbay_call call, int32_t why) {
          (void)inst;
          (void)call;
          (void)why;
          abort();
        }

        PATCHBAY_HANDLER_FULL(hold, opened, closed, NULL, cancelled, NULL, NULL) {
          patchbay_http_request request = {.size = sizeof request, .url = PATCHBAY_STR("http://127.0.0.1:1/")};
          if (patchbay_is(event->subject, "ask") &&
              context->http->send(context->host, context->call, &request, answered, NULL) < 0)
            return patchbay_fail("send");
          return patchbay_pending();
        }

        PATCHBAY_MODULE((hold), "name": "frail", "version": "1.0.0", "handlers": [{"id": "hold"}])
        """##
}
