#include "exchange.h"

#include <stdlib.h>
#include <string.h>

struct pbh_client {
  exchange exchange;
};

pbh_client *pbh_client_new(void) {
  pbh_client *client = calloc(1, sizeof *client);
  if (client && exchange_init(&client->exchange)) return client;
  free(client);
  return NULL;
}

void pbh_client_free(pbh_client *client) {
  if (!client) return;
  exchange_free(&client->exchange);
  free(client);
}

pbh_outcome pbh_perform(pbh_client *client, const pbh_request *request) {
  CURLcode code = exchange_request(&client->exchange, request, 0);
  if (code == CURLE_OK) code = curl_easy_perform(client->exchange.easy);
  return exchange_finish(&client->exchange, code);
}

const char *pbh_version(void) { return curl_version(); }

/* Copies a part of a URL into its room; 0 when it is missing, or does not fit. */
static int part(CURLU *url, CURLUPart what, unsigned flags, char *into, size_t room) {
  char *text = NULL;
  if (curl_url_get(url, what, &text, flags) != CURLUE_OK) return 0;
  size_t len = strlen(text);
  if (len < room) memcpy(into, text, len + 1);
  curl_free(text);
  return len > 0 && len < room;
}

int pbh_url_parse(const char *text, pbh_url *out) {
  CURLU *url = curl_url();
  int is_fine = url && curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                part(url, CURLUPART_SCHEME, 0, out->scheme, sizeof out->scheme) &&
                part(url, CURLUPART_HOST, 0, out->host, sizeof out->host) &&
                part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, out->port, sizeof out->port);
  char *user = NULL;
  out->has_user = is_fine && curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK;
  curl_free(user);
  curl_url_cleanup(url);
  return is_fine;
}
