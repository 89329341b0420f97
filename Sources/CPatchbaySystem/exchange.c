#include "exchange.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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
  if (len > 0) memcpy(to->bytes + to->len, bytes, len);
  to->len += len;
  return 1;
}

/* ---- What libcurl calls ----------------------------------------------------------------------------------------- */

static size_t on_body(char *bytes, size_t size, size_t count, void *raw) {
  exchange *self = raw;
  size_t len = size * count;
  if (self->body.len + len > self->body_max) {
    self->too_large = 1;
    return 0;
  }
  if (append(&self->body, bytes, len)) return len;
  self->out_of_memory = 1;
  return 0;
}

/* Keeps the last response's headers: a status line (100 Continue, a redirect) begins anew. At most 64 KiB. Of a mail
 * server, its last line before its farewell (221). */
static size_t on_header(char *bytes, size_t size, size_t count, void *raw) {
  exchange *self = raw;
  size_t len = size * count, end = len;
  if (self->is_mail && len >= 3 && memcmp(bytes, "221", 3) == 0) return len;
  if (self->is_mail || (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0)) {
    self->headers.len = 0;
    self->body.len = 0;
    if (!self->is_mail) return len;
  }
  while (end > 0 && (bytes[end - 1] == '\r' || bytes[end - 1] == '\n')) end--;
  const char *colon = memchr(bytes, ':', end);
  if ((!colon && !self->is_mail) || self->headers.len + end > 65536) return len;
  size_t name_start = self->headers.len, name_len = self->is_mail ? 0 : (size_t)(colon - bytes);
  if (!append(&self->headers, bytes, end) || !append(&self->headers, "\n", 1)) {
    self->out_of_memory = 1;
    return 0;
  }
  for (size_t i = 0; i < name_len; i++) {
    uint8_t *byte = self->headers.bytes + name_start + i;
    *byte = (uint8_t)tolower(*byte);
  }
  return len;
}

static size_t on_upload(char *into, size_t size, size_t count, void *raw) {
  exchange *self = raw;
  size_t room = size * count, left = self->upload.len - self->uploaded;
  if (left < room) room = left;
  if (room > 0) memcpy(into, self->upload.bytes + self->uploaded, room);
  self->uploaded += room;
  return room;
}

/* libcurl repeats a request whose old connection ended before an answer: not one of which the server may have had a
 * part. */
static int on_rewind(void *raw, curl_off_t offset, int origin) {
  exchange *self = raw;
  if (origin != SEEK_SET || offset != 0 || self->uploaded > 0) return CURL_SEEKFUNC_FAIL;
  return CURL_SEEKFUNC_OK;
}

static int on_progress(void *raw, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  (void)a, (void)b, (void)c, (void)d;
  exchange *self = raw;
  return self->cancelled ? self->cancelled(self->context) : 0;
}

/* ---- Before ----------------------------------------------------------------------------------------------------- */

void exchange_start(void) { pthread_once(&init_once, init); }

void exchange_shrink(exchange *self, size_t bytes) {
  buffer *all[] = {&self->body, &self->headers, &self->upload};
  for (int i = 0; i < 3; i++)
    if (all[i]->cap > bytes) {
      free(all[i]->bytes);
      *all[i] = (buffer){NULL, 0, 0};
    }
}

int exchange_init(exchange *self) {
  exchange_start();
  memset(self, 0, sizeof *self);
  self->easy = curl_easy_init();
  return self->easy != NULL;
}

void exchange_free(exchange *self) {
  curl_easy_cleanup(self->easy);
  curl_slist_free_all(self->lists[0]);
  curl_slist_free_all(self->lists[1]);
  free(self->body.bytes);
  free(self->headers.bytes);
  free(self->upload.bytes);
}

static void begin(exchange *self, int is_mail, size_t body_max) {
  self->body.len = self->headers.len = self->upload.len = self->uploaded = 0;
  self->body_max = body_max;
  self->too_large = self->out_of_memory = 0;
  self->is_mail = is_mail;
  self->cancelled = NULL;
  self->message[0] = 0;
}

/* A list of `first` and `texts`; 0 when memory is short. */
static int list(struct curl_slist **into, const char *first, const char *const *texts, size_t count) {
  struct curl_slist *made = NULL;
  for (size_t i = first ? 0 : 1; i <= count; i++) {
    struct curl_slist *grown = curl_slist_append(made, i == 0 ? first : texts[i - 1]);
    if (!grown) {
      curl_slist_free_all(made);
      return 0;
    }
    made = grown;
  }
  *into = made;
  return 1;
}

#define SET(option, value) \
  if (code == CURLE_OK) code = curl_easy_setopt(self->easy, option, value)

static CURLcode set_up(exchange *self, const char *url, const char *protocols, const pbh_way *way) {
  CURLcode code = CURLE_OK;
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_PROTOCOLS_STR, protocols);
  SET(CURLOPT_ERRORBUFFER, self->message);
  SET(CURLOPT_URL, url);
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)way->connect_timeout_ms);
  SET(CURLOPT_TIMEOUT_MS, (long)way->timeout_ms);
  if (way->idle_s) SET(CURLOPT_MAXAGE_CONN, (long)way->idle_s);
  if (way->ca_file) {
    SET(CURLOPT_CAINFO, way->ca_file);
    /* Without it the system's folder is trusted as well. */
    SET(CURLOPT_CAPATH, NULL);
  }
  /* A name server that does not answer keeps nobody waiting but who asked. */
  SET(CURLOPT_QUICK_EXIT, 1L);
  SET(CURLOPT_WRITEFUNCTION, on_body);
  SET(CURLOPT_WRITEDATA, self);
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, self);
  SET(CURLOPT_PRIVATE, self);
  SET(CURLOPT_TCP_KEEPALIVE, 1L);
  return code;
}

static CURLcode set_upload(exchange *self, const uint8_t *bytes, size_t len) {
  CURLcode code = CURLE_OK;
  if (!append(&self->upload, bytes, len)) return CURLE_OUT_OF_MEMORY;
  SET(CURLOPT_READFUNCTION, on_upload);
  SET(CURLOPT_READDATA, self);
  SET(CURLOPT_SEEKFUNCTION, on_rewind);
  SET(CURLOPT_SEEKDATA, self);
  return code;
}

/* Changes nothing at the server: RFC 9110, 9.2.1. */
static int is_safe(const char *method) {
  static const char *const known[] = {"GET", "HEAD", "OPTIONS", "TRACE"};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(method, known[i]) == 0) return 1;
  return 0;
}

CURLcode exchange_request(exchange *self, const pbh_request *request, int copies) {
  begin(self, 0, request->response_bytes_max);
  self->cancelled = request->cancelled;
  self->context = request->context;
  /* No "Expect: 100-continue": it costs a round trip, and few servers answer it. */
  if (!list(&self->lists[0], "Expect:", request->headers, request->header_count)) return CURLE_OUT_OF_MEMORY;
  CURLcode code = set_up(self, request->url, "http,https", &request->way);
  SET(CURLOPT_HTTPHEADER, self->lists[0]);
  SET(CURLOPT_CUSTOMREQUEST, request->method);
  if (request->target) SET(CURLOPT_REQUEST_TARGET, request->target);
  if (strcmp(request->method, "HEAD") == 0) {
    SET(CURLOPT_NOBODY, 1L);
  } else if (request->body) {
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    if (!copies) {
      SET(CURLOPT_POSTFIELDS, (const char *)request->body);
    } else if (code == CURLE_OK) {
      code = set_upload(self, request->body, request->body_len);
    }
  }
  /* Nothing tells whether a server has begun to act on a request without a body when its old connection ends. */
  if (copies && !request->body_len && !is_safe(request->method)) SET(CURLOPT_FRESH_CONNECT, 1L);
  if (request->cancelled) {
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, self);
    SET(CURLOPT_NOPROGRESS, 0L);
  }
  return code;
}

CURLcode exchange_mail(exchange *self, const pbh_mail *mail) {
  begin(self, 1, 65536);
  if (!list(&self->lists[1], NULL, mail->recipients, mail->recipient_count)) return CURLE_OUT_OF_MEMORY;
  CURLcode code = set_up(self, mail->url, "smtp,smtps", &mail->way);
  SET(CURLOPT_USE_SSL, (long)(mail->tls_optional ? CURLUSESSL_TRY : CURLUSESSL_ALL));
  /* libcurl would use a connection again that another mail has opened without encryption (CVE-2026-4873). */
  SET(CURLOPT_FRESH_CONNECT, 1L);
  SET(CURLOPT_FORBID_REUSE, 1L);
  if (mail->user) {
    SET(CURLOPT_USERNAME, mail->user);
    SET(CURLOPT_PASSWORD, mail->password);
  }
  SET(CURLOPT_MAIL_FROM, mail->from);
  SET(CURLOPT_MAIL_RCPT, self->lists[1]);
  SET(CURLOPT_UPLOAD, 1L);
  SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->content_len);
  return code == CURLE_OK ? set_upload(self, mail->content, mail->content_len) : code;
}
#undef SET

/* ---- After ------------------------------------------------------------------------------------------------------ */

static int32_t status_of(CURLcode code, const exchange *self, long response) {
  if (self->out_of_memory) return PBH_NOMEM;
  if (self->too_large) return PBH_TOO_LARGE;
  switch (code) {
  case CURLE_OK: return PBH_OK;
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL: return PBH_URL;
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_RESOLVE_HOST: return PBH_RESOLVE;
  case CURLE_COULDNT_CONNECT: return PBH_CONNECT;
  case CURLE_OPERATION_TIMEDOUT: return PBH_TIMEOUT;
  case CURLE_ABORTED_BY_CALLBACK: return PBH_CANCELLED;
  case CURLE_USE_SSL_FAILED:
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CACERT_BADFILE: return PBH_TLS;
  case CURLE_OUT_OF_MEMORY: return PBH_NOMEM;
  case CURLE_LOGIN_DENIED: return PBH_REFUSED;
  default: return self->is_mail && response >= 400 ? PBH_REFUSED : PBH_IO;
  }
}

pbh_outcome exchange_finish(exchange *self, CURLcode code) {
  long response = 0, os_error = 0, connects = 0, request_bytes = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &response);
  curl_easy_getinfo(self->easy, CURLINFO_NUM_CONNECTS, &connects);
  curl_easy_getinfo(self->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
  curl_easy_getinfo(self->easy, CURLINFO_RETRY_AFTER, &retry_after);
  pbh_outcome outcome = {.status = status_of(code, self, response),
                         .http_status = (int32_t)response,
                         .body = self->body.bytes,
                         .body_len = self->body.len,
                         .headers = (const char *)self->headers.bytes,
                         .headers_len = self->headers.len,
                         .retry_after_s = retry_after,
                         .connects = (int32_t)connects,
                         .is_unsent = self->is_mail ? self->uploaded == 0 : request_bytes == 0,
                         .message = self->message};
  if (code != CURLE_OK && self->message[0] == 0) outcome.message = curl_easy_strerror(code);
  if (code == CURLE_COULDNT_CONNECT) curl_easy_getinfo(self->easy, CURLINFO_OS_ERRNO, &os_error);
  if (os_error == ECONNREFUSED) outcome.message = "connection refused";
  /* Forgets the request's pointers, keeps the connections. */
  curl_easy_reset(self->easy);
  for (int i = 0; i < 2; i++) {
    curl_slist_free_all(self->lists[i]);
    self->lists[i] = NULL;
  }
  return outcome;
}
