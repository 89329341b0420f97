#include "patchbay_transfers.h"

#include "exchange.h"

#include <stdlib.h>

struct pbx_transfer {
  exchange exchange;
  uint64_t tag;
  pbx_transfer *next; /* of the spare ones */
};

struct pbx_loop {
  CURLM *multi;
  pbx_transfer *spare;
  size_t spare_count;
};

enum { spare_max = 64, kept_bytes = 65536 };

pbx_loop *pbx_loop_new(void) {
  pbx_loop *loop = calloc(1, sizeof *loop);
  exchange_start();
  if (loop && (loop->multi = curl_multi_init())) {
    curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, 1024L);
    return loop;
  }
  free(loop);
  return NULL;
}

void pbx_loop_free(pbx_loop *loop) {
  if (!loop) return;
  while (loop->spare) {
    pbx_transfer *transfer = loop->spare;
    loop->spare = transfer->next;
    exchange_free(&transfer->exchange);
    free(transfer);
  }
  curl_multi_cleanup(loop->multi);
  free(loop);
}

static pbx_transfer *take(pbx_loop *loop, uint64_t tag) {
  pbx_transfer *transfer = loop->spare;
  if (transfer) {
    loop->spare = transfer->next;
    loop->spare_count--;
  } else {
    transfer = calloc(1, sizeof *transfer);
    if (!transfer || !exchange_init(&transfer->exchange)) {
      free(transfer);
      return NULL;
    }
  }
  transfer->tag = tag;
  return transfer;
}

static void give_back(pbx_loop *loop, pbx_transfer *transfer) {
  exchange_shrink(&transfer->exchange, kept_bytes);
  if (loop->spare_count == spare_max) {
    exchange_free(&transfer->exchange);
    free(transfer);
    return;
  }
  transfer->next = loop->spare;
  loop->spare = transfer;
  loop->spare_count++;
}

static pbx_transfer *start(pbx_loop *loop, pbx_transfer *transfer, CURLcode code) {
  if (code == CURLE_OK && curl_multi_add_handle(loop->multi, transfer->exchange.easy) == CURLM_OK) return transfer;
  exchange_finish(&transfer->exchange, code);
  give_back(loop, transfer);
  return NULL;
}

pbx_transfer *pbx_request(pbx_loop *loop, const pbh_request *request, uint64_t tag) {
  pbx_transfer *transfer = take(loop, tag);
  return transfer ? start(loop, transfer, exchange_request(&transfer->exchange, request, 1)) : NULL;
}

pbx_transfer *pbx_mail(pbx_loop *loop, const pbh_mail *mail, uint64_t tag) {
  pbx_transfer *transfer = take(loop, tag);
  return transfer ? start(loop, transfer, exchange_mail(&transfer->exchange, mail)) : NULL;
}

void pbx_cancel(pbx_loop *loop, pbx_transfer *transfer) {
  curl_multi_remove_handle(loop->multi, transfer->exchange.easy);
  exchange_finish(&transfer->exchange, CURLE_ABORTED_BY_CALLBACK);
  give_back(loop, transfer);
}

int pbx_perform(pbx_loop *loop) {
  int running = 0;
  return curl_multi_perform(loop->multi, &running) == CURLM_OK;
}

int pbx_poll(pbx_loop *loop, int timeout_ms) {
  return curl_multi_poll(loop->multi, NULL, 0, timeout_ms, NULL) == CURLM_OK;
}

void pbx_wake(pbx_loop *loop) { curl_multi_wakeup(loop->multi); }

pbx_transfer *pbx_next(pbx_loop *loop, uint64_t *tag, pbh_outcome *outcome) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(loop->multi, &left))) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL *easy = message->easy_handle;
    CURLcode code = message->data.result;
    pbx_transfer *transfer = NULL;
    /* An exchange is the first member of its transfer. */
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer) != CURLE_OK || !transfer) continue;
    curl_multi_remove_handle(loop->multi, easy);
    *outcome = exchange_finish(&transfer->exchange, code);
    *tag = transfer->tag;
    return transfer;
  }
  return NULL;
}

void pbx_release(pbx_loop *loop, pbx_transfer *transfer) { give_back(loop, transfer); }
