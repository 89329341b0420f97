/* patchbay/test_network.h - HTTP and mail of the test host: the test has the answers ready. Include patchbay/test.h
 * instead. */
#ifndef PATCHBAY_TEST_NETWORK_H
#define PATCHBAY_TEST_NETWORK_H
#include "http.h"
#include "mail.h"
#include "test_host.h"

/* Has `reply` ready for one request or mail; the first one that fits answers, and is used up. Up to 64 may wait. A
 * request for which there is none fails with PATCHBAY_FAULT_CONNECT. The reply's texts stay where they are until then.
 * */
PATCHBAY_TEST_ void patchbay_test_answer(patchbay_test *t, patchbay_test_reply reply) {
  pthread_mutex_lock(&t->lock);
  if (t->reply_count == sizeof t->replies / sizeof t->replies[0]) abort();
  t->replies[t->reply_count++] = reply;
  pthread_mutex_unlock(&t->lock);
}

/* The first reply that fits, which is used up. Under the lock. */
PATCHBAY_TEST_ patchbay_test_reply patchbay_test_take_reply_(patchbay_test *t, patchbay_str url) {
  patchbay_test_reply none;
  memset(&none, 0, sizeof none);
  none.fault = PATCHBAY_FAULT_CONNECT;
  none.message = "the test has no answer for this";
  for (size_t i = 0; i < t->reply_count; i++) {
    patchbay_test_reply reply = t->replies[i];
    size_t length = reply.url ? strlen(reply.url) : 0;
    if (length > url.len || (length && memcmp(reply.url, url.ptr, length) != 0)) continue;
    t->reply_count--;
    memmove(&t->replies[i], &t->replies[i + 1], (t->reply_count - i) * sizeof reply);
    return reply;
  }
  return none;
}

/* Answers before `send` returns, as a host may. */
PATCHBAY_TEST_ void patchbay_test_tell_(patchbay_test_reply reply, patchbay_answered answered, void *context) {
  patchbay_kv headers[4];
  patchbay_answer answer;
  memset(&answer, 0, sizeof answer);
  answer.size = sizeof answer;
  answer.flags = reply.flags;
  answer.fault = reply.fault;
  answer.status = reply.status;
  answer.headers = headers;
  for (int i = 0; i + 1 < 8 && reply.headers[i] && reply.headers[i + 1]; i += 2) {
    headers[answer.header_count].key = patchbay_test_text_(reply.headers[i]);
    headers[answer.header_count++].value = patchbay_test_text_(reply.headers[i + 1]);
  }
  answer.body = (const uint8_t *)reply.body;
  answer.body_len = patchbay_test_text_(reply.body).len;
  answer.retry_after_ns = reply.retry_after_ns;
  answer.message = patchbay_test_text_(reply.message);
  answered(context, &answer);
}

PATCHBAY_TEST_ patchbay_status patchbay_test_http_(const patchbay_host *host, patchbay_call call,
                                                   const patchbay_http_request *request, patchbay_answered answered,
                                                   void *context) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_test_reply reply;
  patchbay_status status = PATCHBAY_OK;
  if (!request || !answered || request->size < sizeof *request) return PATCHBAY_E_ARG;
  memset(&reply, 0, sizeof reply);
  pthread_mutex_lock(&t->lock);
  if (!patchbay_test_open_(t, call)) {
    status = PATCHBAY_E_STALE;
  } else {
    patchbay_str guessed = patchbay_test_text_(request->body_len ? "POST" : "GET");
    patchbay_str method = request->method.len ? request->method : guessed;
    patchbay_str body = {(const char *)request->body, request->body_len}, space = patchbay_test_text_(" ");
    patchbay_test_record *record = patchbay_test_add_(t, PATCHBAY_TEST_HTTP, method);
    record->name = (char *)patchbay_test_memory_(record->name, method.len + request->url.len + 2);
    memcpy(record->name + method.len, space.ptr, 1);
    if (request->url.len) memcpy(record->name + method.len + 1, request->url.ptr, request->url.len);
    record->name[method.len + 1 + request->url.len] = 0;
    patchbay_test_set_(&record->text, body);
    for (uint64_t i = 0; i < request->header_count; i++)
      patchbay_test_append_(&record->subject, request->headers[i].key, request->headers[i].value);
    reply = patchbay_test_take_reply_(t, request->url);
  }
  pthread_mutex_unlock(&t->lock);
  if (status == PATCHBAY_OK) patchbay_test_tell_(reply, answered, context);
  return status;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_mail_(const patchbay_host *host, patchbay_call call,
                                                   const patchbay_mail_message *message, patchbay_answered answered,
                                                   void *context) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_test_reply reply;
  patchbay_status status = PATCHBAY_OK;
  if (!message || !answered || message->size < sizeof *message || !message->recipient_count) return PATCHBAY_E_ARG;
  memset(&reply, 0, sizeof reply);
  pthread_mutex_lock(&t->lock);
  if (!patchbay_test_open_(t, call)) {
    status = PATCHBAY_E_STALE;
  } else {
    patchbay_str content = {(const char *)message->content, message->content_len};
    patchbay_test_record *record = patchbay_test_add_(t, PATCHBAY_TEST_MAIL, message->server);
    patchbay_test_set_(&record->text, content);
    patchbay_test_append_(&record->subject, patchbay_test_text_("from"), message->from);
    for (uint64_t i = 0; i < message->recipient_count; i++)
      patchbay_test_append_(&record->subject, patchbay_test_text_("to"), message->recipients[i]);
    reply = patchbay_test_take_reply_(t, message->server);
  }
  pthread_mutex_unlock(&t->lock);
  if (status == PATCHBAY_OK) patchbay_test_tell_(reply, answered, context);
  return status;
}

static const patchbay_http patchbay_test_http_table_ = {sizeof(patchbay_http), 0, patchbay_test_http_};
static const patchbay_mail patchbay_test_mail_table_ = {sizeof(patchbay_mail), 0, patchbay_test_mail_};

#endif
