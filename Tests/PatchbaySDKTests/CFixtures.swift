/// A module in C that uses what the C SDK offers, and its test over `patchbay/test.h`.
enum CFixtures {
    static let module = #"""
        #include <patchbay/handler.h>
        #include <patchbay/json.h>
        #include <pthread.h>
        #include <sched.h>
        #include <stdio.h>

        static void *later(void *memory) {
          patchbay_context *context = (patchbay_context *)memory;
          int32_t why;
          while (!(why = patchbay_cancelled(context))) sched_yield();
          patchbay_complete(context, patchbay_outcome(PATCHBAY_CANCELLED, PATCHBAY_STR("stopped")));
          patchbay_complete(context, patchbay_done());
          free(context);
          return NULL;
        }

        PATCHBAY_HANDLER(wait) {
          pthread_t thread;
          patchbay_context *copy = (patchbay_context *)malloc(sizeof *copy);
          if (!copy) return patchbay_busy("memory");
          *copy = *context;
          if (pthread_create(&thread, NULL, later, copy)) return patchbay_busy("threads");
          pthread_detach(thread);
          return patchbay_pending();
        }

        static patchbay_status make(const patchbay_host *host, patchbay_str config, void **state) {
          double limit;
          if (!patchbay_json_number(config, "limit", &limit)) {
            host->set_error(host, PATCHBAY_STR("limit is missing"));
            return PATCHBAY_E_ARG;
          }
          *state = malloc(sizeof limit);
          if (!*state) return PATCHBAY_E_NOMEM;
          *(double *)*state = limit;
          return PATCHBAY_OK;
        }

        PATCHBAY_HANDLER_WITH(charge, make, free) {
          double amount;
          patchbay_span span = patchbay_span_begin(context, "capture");
          if (!patchbay_json_number(patchbay_data(event), "amount", &amount)) return patchbay_reject("invalid: amount");
          patchbay_emit_json(context, "charged", event->subject, PATCHBAY_STR("{\"ok\":true}"));
          context->store->put(context->host, context->call, PATCHBAY_STR("last"), event->data, event->data_len,
                              PATCHBAY_STATE_ANY, 0);
          if (amount > *(double *)context->state) return patchbay_retry_after(5, "too_much");
          patchbay_span_end(context, span, 1);
          return patchbay_reply(PATCHBAY_STR("charged"), "text/plain");
        }

        static int32_t sum(void *total, const patchbay_stream_event *event) {
          double amount = 0;
          patchbay_json_number(event->json, "data.amount", &amount);
          *(double *)total += amount;
          return 0;
        }

        /* Books the event in the stream that its subject names; every second booking is summed up in a snapshot. */
        PATCHBAY_HANDLER(book) {
          const patchbay_stream *stream = context->stream;
          patchbay_draft draft = {.size = sizeof draft, .type = PATCHBAY_STR("booked"), .data = event->data,
                                  .data_len = event->data_len};
          const patchbay_draft *drafts[] = {&draft};
          double total = 0;
          uint64_t next = 0, at = 0;
          patchbay_status status = stream->head(context->host, context->call, event->subject, NULL, &next);
          if (status < 0 && status != PATCHBAY_E_NOT_FOUND) return patchbay_fail("head");
          if (next) stream->read(context->host, context->call, event->subject, 0, 1000, 0, sum, &total);
          const patchbay_stream_filter booked = {.size = sizeof booked, .type = PATCHBAY_STR("**")};
          double asked = 0;
          uint64_t more = 0;
          if (next && (stream->query(context->host, context->call, event->subject, &booked, 1000, sum, &asked, &more) < 0
                       || asked != total || more != PATCHBAY_STREAM_NONE))
            return patchbay_fail("query");
          if (stream->subscribe(context->host, context->call, PATCHBAY_STR("own"), event->subject, &booked) < 0
              || stream->unsubscribe(context->host, context->call, PATCHBAY_STR("own")) < 0
              || stream->unsubscribe(context->host, context->call, PATCHBAY_STR("own")) != PATCHBAY_E_NOT_FOUND)
            return patchbay_fail("subscribe");
          if (next % 2 && stream->snapshot_put(context->host, context->call, event->subject, next - 1,
                                               (const uint8_t *)&total, sizeof total) < 0)
            return patchbay_fail("snapshot");
          status = stream->append(context->host, context->call, event->subject, drafts, 1,
                                  next ? next - 1 : PATCHBAY_STREAM_NONE, &at);
          if (status < 0 || at != next) return patchbay_fail("append");
          if (total > 100) return patchbay_reject("too much");
          return patchbay_done();
        }

        static void answered(void *memory, const patchbay_answer *answer) {
          patchbay_context *context = (patchbay_context *)memory;
          patchbay_str body = {(const char *)answer->body, answer->body_len};
          if (answer->fault) patchbay_complete(context, patchbay_retry("fault"));
          else patchbay_complete(context, patchbay_reply(body, "text/plain"));
          free(context);
        }

        static patchbay_status post_all(patchbay_inst *inst, uint64_t n, const patchbay_call *calls,
                                        const patchbay_event *const *events) {
          for (uint64_t i = 0; i < n; i++) {
            patchbay_context context = patchbay_context_of(inst, calls[i]);
            context.store->put(context.host, context.call, events[i]->id, events[i]->data, events[i]->data_len, 0, 0);
            patchbay_emit_json(&context, "posted", events[i]->id, PATCHBAY_STR("{}"));
            if (patchbay_is(events[i]->type, "bad")) patchbay_complete(&context, patchbay_reject("invalid"));
          }
          return PATCHBAY_OK;
        }

        static patchbay_status post_anew(patchbay_inst *inst, patchbay_str config) {
          double limit;
          if (!patchbay_json_number(config, "limit", &limit)) return PATCHBAY_E_ARG;
          *(double *)patchbay_context_of(inst, 0).state = limit;
          return PATCHBAY_OK;
        }

        static patchbay_status post_end(patchbay_inst *inst, uint64_t deadline_ns) {
          *(double *)patchbay_context_of(inst, 0).state = (double)deadline_ns;
          return PATCHBAY_OK;
        }

        PATCHBAY_HANDLER_FULL(post, make, free, post_all, NULL, post_anew, post_end) {
          patchbay_context *copy = (patchbay_context *)malloc(sizeof *copy);
          patchbay_http_request request = {.size = sizeof request, .url = event->subject, .body = event->data,
                                           .body_len = event->data_len};
          if (!copy) return patchbay_busy("memory");
          *copy = *context;
          if (patchbay_is(event->type, "limit")) {
            char text[32];
            free(copy);
            snprintf(text, sizeof text, "%g", *(double *)context->state);
            patchbay_complete(context, patchbay_reply(patchbay_text(text), "text/plain"));
            return patchbay_pending();
          }
          if (context->http->send(context->host, context->call, &request, answered, copy) < 0) {
            free(copy);
            return patchbay_retry("not sent");
          }
          return patchbay_pending();
        }

        PATCHBAY_MODULE((wait, charge, book, post), "name": "billing", "version": "1.0.0",
          "handlers": [{"id": "wait"}, {"id": "charge", "config": {"required": ["limit"]}}, {"id": "book"},
                       {"id": "post", "batch": {"max": 8}}])

        """#

    static let test = #"""
        #include <patchbay/test.h>

        int main(void) {
          char *why = NULL;
          EXPECT(patchbay_test_try(patchbay_module_v1, "charge", "{}", &why) == NULL);
          EXPECT(why && strcmp(why, "charge: create refused: limit is missing") == 0);
          free(why);

          patchbay_test *t = patchbay_test_open(patchbay_module_v1, "charge", "{\"limit\": 10}");
          EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "x", .data = "{\"amount\": 11}"}) == PATCHBAY_RETRY);
          EXPECT(t->retry_after_ns == 5 && strcmp(t->reason, "too_much") == 0);
          EXPECT(patchbay_test_emitted(t, NULL) == 0 && patchbay_test_state(t, "last") == NULL);
          EXPECT(patchbay_test_at(t, PATCHBAY_TEST_SPAN, 0)->ok == -1);
          EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "x", .data = "{\"amount\": 9}"}) == PATCHBAY_DONE);
          EXPECT(patchbay_test_emitted(t, "charged") == 1 && strcmp(t->reply, "charged") == 0);
          EXPECT(strcmp(patchbay_test_state(t, "last"), "{\"amount\": 9}") == 0);
          EXPECT(patchbay_test_at(t, PATCHBAY_TEST_SPAN, 0)->ok == 1);
          EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "x", .data = "{"}) == PATCHBAY_FAIL);
          EXPECT(t->flags == PATCHBAY_R_SPARE_BREAKER);
          patchbay_test_close(t);

          t = patchbay_test_open(patchbay_module_v1, "book", "{}");
          patchbay_test_event booking = {.type = "x", .id = "b", .subject = "account", .data = "{\"amount\":60}"};
          EXPECT(patchbay_test_send(t, booking) == PATCHBAY_DONE);
          EXPECT(strcmp(patchbay_test_appended(t, "account", 0), "{\"specversion\":\"1.0\",\"id\":\"b-account-0\","
                        "\"source\":\"//patchbay/test\",\"type\":\"booked\",\"data\":{\"amount\":60}}") == 0);
          EXPECT(patchbay_test_send(t, booking) == PATCHBAY_DONE);
          EXPECT(patchbay_test_send(t, booking) == PATCHBAY_FAIL);
          EXPECT(patchbay_test_appended(t, "account", 1) && !patchbay_test_appended(t, "account", 2));
          patchbay_test_close(t);

          t = patchbay_test_open(patchbay_module_v1, "post", "{\"limit\": 1}");
          patchbay_test_event call = {.type = "x", .subject = "https://a.example/b", .data = "ping"};
          patchbay_test_answer(t, (patchbay_test_reply){.url = "https://c.example", .status = 200, .body = "no"});
          patchbay_test_answer(t, (patchbay_test_reply){.url = "https://a.example", .status = 200, .body = "pong"});
          EXPECT(patchbay_test_send(t, call) == PATCHBAY_DONE && strcmp(t->reply, "pong") == 0);
          EXPECT(strcmp(patchbay_test_at(t, PATCHBAY_TEST_HTTP, 0)->name, "POST https://a.example/b") == 0);
          EXPECT(strcmp(patchbay_test_at(t, PATCHBAY_TEST_HTTP, 0)->text, "ping") == 0);
          EXPECT(patchbay_test_send(t, call) == PATCHBAY_RETRY);
          EXPECT(patchbay_test_reconfigure(t, "{}") == PATCHBAY_E_ARG);
          EXPECT(patchbay_test_reconfigure(t, "{\"limit\": 5}") == PATCHBAY_OK);
          EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "limit"}) == PATCHBAY_DONE);
          EXPECT(strcmp(t->reply, "5") == 0);
          patchbay_test_event all[] = {{.type = "x", .id = "1", .data = "a"}, {.type = "bad", .id = "2", .data = "b"},
                                       {.type = "x", .id = "3", .data = "c"}};
          EXPECT(patchbay_test_send_batch(t, all, 3));
          EXPECT(patchbay_test_outcome(t, 0) == PATCHBAY_DONE && patchbay_test_outcome(t, 1) == PATCHBAY_FAIL);
          EXPECT(patchbay_test_outcome(t, 2) == PATCHBAY_DONE && patchbay_test_emitted(t, "posted") == 2);
          EXPECT(patchbay_test_state(t, "1") && !patchbay_test_state(t, "2") && patchbay_test_state(t, "3"));
          EXPECT(patchbay_test_drain(t, 7) == PATCHBAY_OK);
          EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "limit"}) == PATCHBAY_DONE);
          EXPECT(strcmp(t->reply, "7") == 0 && patchbay_test_stale(t) == 0);
          patchbay_test_close(t);

          t = patchbay_test_open(patchbay_module_v1, "wait", "{}");
          patchbay_test_start(t, (patchbay_test_event){.type = "x"});
          EXPECT(patchbay_test_wait(t, 0) == 0);
          patchbay_test_cancel(t, PATCHBAY_CANCEL_DRAIN);
          EXPECT(patchbay_test_wait(t, 5) == PATCHBAY_CANCELLED);
          while (patchbay_test_stale(t) == 0) sched_yield();
          EXPECT(patchbay_test_stale(t) == 1);
          patchbay_test_close(t);
          return patchbay_test_finish();
        }

        """#
}
