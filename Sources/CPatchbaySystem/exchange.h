#ifndef PATCHBAY_EXCHANGE_H
#define PATCHBAY_EXCHANGE_H
/* exchange.h - one exchange over one of libcurl's easy handles: what the blocking client and the loop share. */
#include "patchbay_http.h"

#include <curl/curl.h>

typedef struct buffer {
  uint8_t *bytes;
  size_t len, cap;
} buffer;

typedef struct exchange {
  CURL *easy;
  buffer body, headers; /* of the response */
  size_t body_max;
  int too_large, out_of_memory, is_mail;
  int (*cancelled)(void *context);
  void *context;
  struct curl_slist *lists[2]; /* headers, recipients */
  buffer upload;               /* what is sent, where it is copied */
  size_t uploaded;
  char message[CURL_ERROR_SIZE];
} exchange;

/* Readies libcurl; the first call does. */
void exchange_start(void);
/* 0 when memory is short. */
int exchange_init(exchange *);
void exchange_free(exchange *);
/* Lets go of buffers that have more than so many bytes. */
void exchange_shrink(exchange *, size_t bytes);
/* Readies the handle. `copies`: the body is copied, and not sent a second time once a part of it has been. */
CURLcode exchange_request(exchange *, const pbh_request *, int copies);
CURLcode exchange_mail(exchange *, const pbh_mail *);
/* What came of it; the handle forgets the request and keeps what it received. */
pbh_outcome exchange_finish(exchange *, CURLcode);

#endif
