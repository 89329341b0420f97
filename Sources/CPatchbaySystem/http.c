#include "patchbay_http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct buffer {
  uint8_t *bytes;
  size_t len, cap;
} buffer;

struct pbh_client {
  CURL *easy;
  buffer body, headers;
  size_t body_max;
  int too_large, out_of_memory;
  const pbh_request *request;
  char message[CURL_ERROR_SIZE];
};

static pthread_once_t init_once = PTHREAD_ONCE_INIT;
static void init(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

static int append(buffer *to, const void *bytes, size_t len) {
  if (to->cap - to->len < len) {
    size_t cap = to->cap ? to->cap : 1024;
    while (cap - to->len < len) cap *= 2;
    uint8_t *grown = realloc(to->bytes, cap);
    if (!grown) return 0;
    to->bytes = grown;
    to->cap = cap;
  }
  memcpy(to->bytes + to->len, bytes, len);
  to->len += len;
  return 1;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *raw) {
  pbh_client *client = raw;
  size_t len = size * count;
  if (client->body.len + len > client->body_max) {
    client->too_large = 1;
    return 0;
  }
  if (append(&client->body, bytes, len)) return len;
  client->out_of_memory = 1;
  return 0;
}

/* Keeps the last response's headers: a status line (100 Continue, a redirect) begins anew. At most 64 KiB. */
static size_t on_header(char *bytes, size_t size, size_t count, void *raw) {
  pbh_client *client = raw;
  size_t len = size * count, end = len;
  if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
    client->headers.len = 0;
    client->body.len = 0;
    return len;
  }
  while (end > 0 && (bytes[end - 1] == '\r' || bytes[end - 1] == '\n')) end--;
  const char *colon = memchr(bytes, ':', end);
  if (!colon || client->headers.len + end > 65536) return len;
  size_t name_start = client->headers.len, name_len = (size_t)(colon - bytes);
  if (!append(&client->headers, bytes, end) || !append(&client->headers, "\n", 1)) {
    client->out_of_memory = 1;
    return 0;
  }
  for (size_t i = 0; i < name_len; i++) {
    uint8_t *byte = client->headers.bytes + name_start + i;
    *byte = (uint8_t)tolower(*byte);
  }
  return len;
}

static int on_progress(void *raw, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  (void)a, (void)b, (void)c, (void)d;
  pbh_client *client = raw;
  return client->request->cancelled ? client->request->cancelled(client->request->context) : 0;
}

pbh_client *pbh_client_new(void) {
  pthread_once(&init_once, init);
  pbh_client *client = calloc(1, sizeof *client);
  if (!client) return NULL;
  client->easy = curl_easy_init();
  if (client->easy) return client;
  free(client);
  return NULL;
}

void pbh_client_free(pbh_client *client) {
  if (!client) return;
  curl_easy_cleanup(client->easy);
  free(client->body.bytes);
  free(client->headers.bytes);
  free(client);
}

static int32_t status_of(CURLcode code, const pbh_client *client) {
  if (client->out_of_memory) return PBH_NOMEM;
  if (client->too_large) return PBH_TOO_LARGE;
  switch (code) {
  case CURLE_OK: return PBH_OK;
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL: return PBH_URL;
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_RESOLVE_HOST: return PBH_RESOLVE;
  case CURLE_COULDNT_CONNECT: return PBH_CONNECT;
  case CURLE_OPERATION_TIMEDOUT: return PBH_TIMEOUT;
  case CURLE_ABORTED_BY_CALLBACK: return PBH_CANCELLED;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CACERT_BADFILE: return PBH_TLS;
  case CURLE_OUT_OF_MEMORY: return PBH_NOMEM;
  default: return PBH_IO;
  }
}

static CURLcode set_up(pbh_client *client, const pbh_request *request, struct curl_slist *headers) {
  CURL *easy = client->easy;
  CURLcode code = CURLE_OK;
#define SET(option, value) \
  if (code == CURLE_OK) code = curl_easy_setopt(easy, option, value)
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_ERRORBUFFER, client->message);
  SET(CURLOPT_URL, request->url);
  SET(CURLOPT_HTTPHEADER, headers);
  SET(CURLOPT_CUSTOMREQUEST, request->method);
  if (strcmp(request->method, "HEAD") == 0) {
    SET(CURLOPT_NOBODY, 1L);
  } else if (request->body) {
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    SET(CURLOPT_POSTFIELDS, (const char *)request->body);
  }
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
  SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
  SET(CURLOPT_WRITEFUNCTION, on_body);
  SET(CURLOPT_WRITEDATA, client);
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, client);
  SET(CURLOPT_XFERINFOFUNCTION, on_progress);
  SET(CURLOPT_XFERINFODATA, client);
  SET(CURLOPT_NOPROGRESS, 0L);
  SET(CURLOPT_TCP_KEEPALIVE, 1L);
#undef SET
  return code;
}

pbh_outcome pbh_perform(pbh_client *client, const pbh_request *request) {
  client->request = request;
  client->body.len = client->headers.len = 0;
  client->body_max = request->response_bytes_max;
  client->too_large = client->out_of_memory = 0;
  client->message[0] = 0;

  struct curl_slist *headers = NULL;
  /* No "Expect: 100-continue": it costs a round trip, and receivers of telemetry rarely answer it. */
  struct curl_slist *next = curl_slist_append(NULL, "Expect:");
  for (size_t i = 0; next && i < request->header_count; i++) {
    headers = next;
    next = curl_slist_append(headers, request->headers[i]);
  }
  CURLcode code = CURLE_OUT_OF_MEMORY;
  if (next) {
    headers = next;
    code = set_up(client, request, headers);
    if (code == CURLE_OK) code = curl_easy_perform(client->easy);
  }

  pbh_outcome outcome = {.status = status_of(code, client), .message = client->message};
  long http_status = 0;
  curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &http_status);
  outcome.http_status = (int32_t)http_status;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(client->easy, CURLINFO_RETRY_AFTER, &retry_after);
  outcome.retry_after_s = retry_after;
  outcome.body = client->body.bytes;
  outcome.body_len = client->body.len;
  outcome.headers = (const char *)client->headers.bytes;
  outcome.headers_len = client->headers.len;
  if (code != CURLE_OK && client->message[0] == 0) outcome.message = curl_easy_strerror(code);
  long os_error = 0;
  if (code == CURLE_COULDNT_CONNECT) curl_easy_getinfo(client->easy, CURLINFO_OS_ERRNO, &os_error);
  if (os_error == ECONNREFUSED) outcome.message = "connection refused";
  /* Forgets the request's pointers, keeps the connections. */
  curl_easy_reset(client->easy);
  curl_slist_free_all(headers);
  return outcome;
}

const char *pbh_version(void) { return curl_version(); }
