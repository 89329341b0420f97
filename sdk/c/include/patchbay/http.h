/* patchbay/http.h - patchbay.http/1: HTTP requests over the host's connections. */
#ifndef PATCHBAY_SERVICE_HTTP_H
#define PATCHBAY_SERVICE_HTTP_H
#include "../patchbay.h"
#ifdef __cplusplus
extern "C" {
#endif

#define PATCHBAY_HTTP "patchbay.http/1"

/* `fault` of an answer: why there is no response. */
enum {
  PATCHBAY_FAULT_NONE = 0,
  PATCHBAY_FAULT_RESOLVE = 1,       /* the host's name is not known                                     */
  PATCHBAY_FAULT_CONNECT = 2,       /* refused or unreachable                                           */
  PATCHBAY_FAULT_TLS = 3,           /* the certificate is not trusted, or there is no common TLS        */
  PATCHBAY_FAULT_TIMEOUT = 4,       /* no response in time                                              */
  PATCHBAY_FAULT_BROKEN = 5,        /* the connection ended, or what came is no response                */
  PATCHBAY_FAULT_TOO_LARGE = 6,     /* the response has more than `response_max` bytes                  */
  PATCHBAY_FAULT_NO_CONNECTION = 7, /* none became free within `acquireTimeoutMillis`                   */
  PATCHBAY_FAULT_CANCELLED = 8,     /* the host is stopping                                             */
  PATCHBAY_FAULT_REFUSED = 9,       /* a mail server refused sender, recipient, user or message         */
  PATCHBAY_FAULT_NOMEM = 10,
  PATCHBAY_FAULT_DENIED = 11,       /* the configuration does not let this module do that               */
  PATCHBAY_FAULT_REQUEST = 12       /* malformed: the same request fails again                          */
};

/* `flags` of an answer: nothing of the request has left the host, so that it is safe to send it again. */
#define PATCHBAY_ANSWER_UNSENT 1u
/* `flags` of an answer: the connection had been used before. */
#define PATCHBAY_ANSWER_REUSED 2u

/* What came of a request. (in) */
typedef struct patchbay_answer {
  uint32_t size;
  uint32_t flags;
  int32_t fault;  /* PATCHBAY_FAULT_*; 0: a response came, whatever its status  */
  int32_t status; /* 200, 503, …; of mail the server's code, as 250; 0: none    */

  const patchbay_kv *headers; /* of the response, names in lowercase, in their order */
  uint64_t header_count;
  const uint8_t *body;
  uint64_t body_len;

  /* What `Retry-After` asks for, from now, in nanoseconds; a date counts from now. 0: it asks for nothing. */
  uint64_t retry_after_ns;

  /* What went wrong, in words; empty for a response. */
  patchbay_str message;
} patchbay_answer;

/* Gets the answer, once, on a thread of the host that carries the answers of all modules: it copies what it needs and
 * returns. It may complete the call. [any][noblock] */
typedef void (*patchbay_answered)(void *context, const patchbay_answer *answer);

/* A request. The host copies it before `send` returns. */
typedef struct patchbay_http_request {
  uint32_t size;
  uint32_t flags; /* none defined */

  patchbay_str method; /* empty: GET without a body, POST with one */
  patchbay_str url;    /* http:// or https://, absolute            */

  /* `traceparent` and `tracestate` of the call are added unless given here. Those that say where a message ends, whom it
   * is for and what becomes of the connection are the host's: giving one is PATCHBAY_FAULT_REQUEST. */
  const patchbay_kv *headers;
  uint64_t header_count;
  const uint8_t *body;
  uint64_t body_len;

  /* How long the whole exchange may take, waiting for a connection included; the call's deadline ends it, too.
   * 0: 30 seconds. */
  uint64_t timeout_ns;

  /* A larger response is PATCHBAY_FAULT_TOO_LARGE. 0: 1 MiB; at most 16 MiB. */
  uint64_t response_max;
} patchbay_http_request;

/* The host keeps connections to each service (scheme, host and port) under `policies.connectionPools`, verifies
 * certificates, follows no redirects and repeats nothing that may have changed something: retries are the route's. GET,
 * HEAD and OPTIONS are sent again when a connection that was used before ends without an answer.
 *
 * Rationale: what a module may reach is the operator's to say. A host has to be named in the manifest, under
 * `capabilities.network`, and in the configuration, under `grant.network` of the module's entry. */
typedef struct patchbay_http {
  uint32_t size;
  uint32_t reserved;

  /* Sends `request`; `answered` is called once unless the status is negative, maybe before this returns. What is
   * malformed or not granted is answered, too: PATCHBAY_FAULT_REQUEST and _DENIED, in words; so is a request of a muted
   * replay. PATCHBAY_E_ARG: a NULL where none may be, or a structure that is too short; PATCHBAY_E_LIMIT: too large, or
   * too much is under way; PATCHBAY_E_STATE: not for a handler's call, or the host is stopping; PATCHBAY_E_STALE: the call
   * is over; PATCHBAY_E_UNSUPPORTED: there is no network here. (in) [any] */
  patchbay_status (*send)(const patchbay_host *host, patchbay_call call, const patchbay_http_request *request,
                          patchbay_answered answered, void *context);
} patchbay_http;

#ifdef __cplusplus
}
#endif
#endif
