#ifndef PATCHBAY_HTTP_H
#define PATCHBAY_HTTP_H
/* patchbay_http.h - the host's one HTTP client: a thin face over libcurl, one easy handle a client; and what it has in
 * common with the loop of patchbay_transfers.h. */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pbh_client pbh_client;

enum { /* pbh_outcome.status */
  PBH_OK = 0,             /* an HTTP response came, whatever its code      */
  PBH_URL = 1,            /* malformed URL or unsupported scheme           */
  PBH_RESOLVE = 2,        /* host name not found                           */
  PBH_CONNECT = 3,        /* refused or unreachable                        */
  PBH_TIMEOUT = 4,
  PBH_CANCELLED = 5,      /* `cancelled` said so                           */
  PBH_TOO_LARGE = 6,      /* response body above `response_bytes_max`      */
  PBH_TLS = 7,
  PBH_IO = 8,             /* broken connection, malformed response, other  */
  PBH_NOMEM = 9,
  PBH_REFUSED = 10        /* a mail server refused                         */
};

/* How a service is reached. */
typedef struct pbh_way {
  uint32_t connect_timeout_ms;        /* 0: libcurl's default                                          */
  uint32_t timeout_ms;                /* whole exchange; 0: none                                       */
  uint32_t idle_s;                    /* an older idle connection is not used again; 0: libcurl's default */
  const char *ca_file;                /* certificates to trust; NULL: the system's                     */
} pbh_way;

typedef struct pbh_request {
  const char *method;                 /* "POST", "GET", …                                              */
  const char *url;                    /* NUL-terminated                                                */
  const char *const *headers;         /* "Name: value", NUL-terminated each                            */
  size_t header_count;
  const uint8_t *body;                /* may be NULL; borrowed until the call returns                  */
  size_t body_len;
  const char *target;                 /* "*" of "OPTIONS *"; NULL: the URL's own                       */
  pbh_way way;
  size_t response_bytes_max;
  int (*cancelled)(void *context);    /* may be NULL; asked about once a second and on traffic; non-zero ends */
  void *context;
} pbh_request;

typedef struct pbh_mail {
  const char *url;                    /* "smtp://…" or "smtps://…"                                     */
  const char *user, *password;        /* NULL: no authentication                                       */
  const char *from;
  const char *const *recipients;
  size_t recipient_count;
  const uint8_t *content;             /* borrowed until the call returns                               */
  size_t content_len;
  int tls_optional;                   /* goes out without TLS where the server offers none             */
  pbh_way way;
} pbh_mail;

typedef struct pbh_outcome {
  int32_t status;                     /* PBH_…                                                         */
  int32_t http_status;                /* 200, 503, …; 0 without a response; of mail the server's code  */
  const uint8_t *body;                /* the client's, until its next call or its end                  */
  size_t body_len;
  const char *headers;                /* "name: value\n" lines of the last response, names lowercase; of mail the last line */
  size_t headers_len;
  int64_t retry_after_s;              /* Retry-After in seconds, dates included; 0: none               */
  int32_t connects;                   /* connections that were opened for it                           */
  int32_t is_unsent;                  /* nothing of it has left                                        */
  const char *message;                /* what failed, mostly in libcurl's words; "" otherwise         */
} pbh_outcome;

/* NULL when out of memory. A client belongs to one thread at a time and keeps its connections alive. [any] */
pbh_client *pbh_client_new(void);
void pbh_client_free(pbh_client *);
/* Blocks until the exchange is over. Sends no signals. [client's thread] */
pbh_outcome pbh_perform(pbh_client *, const pbh_request *);
const char *pbh_version(void);

typedef struct pbh_url {
  char scheme[16], host[256], port[8]; /* lowercase but for the host; the scheme's usual port where the URL has none */
  int has_user;                        /* it carries a user, and maybe a password */
} pbh_url;

/* The parts of a URL as libcurl will read them; 0 when it is malformed or has no host. */
int pbh_url_parse(const char *url, pbh_url *out);

#ifdef __cplusplus
}
#endif
#endif
