/* billing.charge: takes the money for an order.
 *
 * The gateway is played by this file: its first `outage` calls fail, as they do while a real one is down, and the rest
 * succeed. Nothing here knows of retries or circuit breakers; patchbay.yaml has them. */
#include <patchbay/handler.h>
#include <patchbay/json.h>
#include <stdatomic.h>
#include <stdio.h>

typedef struct {
  atomic_int calls;
  int outage;
} gateway;

/* The manifest's schema has approved the configuration, and has put its defaults in. */
static patchbay_status gateway_open(const patchbay_host *host, patchbay_str config, void **state) {
  double outage = 0;
  gateway *opened = calloc(1, sizeof *opened);
  (void)host;
  if (!opened) return PATCHBAY_E_NOMEM;
  patchbay_json_number(config, "outage", &outage);
  opened->outage = (int)outage;
  *state = opened;
  return PATCHBAY_OK;
}

/* Idempotent by `key`, as every call out of a handler should be: an event may come more than once. */
static int gateway_charge(gateway *gateway, double amount, patchbay_str key) {
  (void)amount;
  (void)key;
  return atomic_fetch_add(&gateway->calls, 1) < gateway->outage ? 503 : 200;
}

PATCHBAY_HANDLER_WITH(charge, gateway_open, free) {
  patchbay_str order = patchbay_data(event);
  char currency[8], receipt[256];
  double total;
  patchbay_span span;
  int status;

  if (!patchbay_json_number(order, "total", &total) ||
      patchbay_json_string(order, "currency", currency, sizeof currency) < 0)
    return patchbay_reject("invalid: an order needs total and currency");

  span = patchbay_span_begin(context, "POST /v1/charges");
  status = gateway_charge(context->state, total, event->idempotency_key);
  patchbay_span_end(context, span, status == 200);
  if (status != 200) return patchbay_retry("gateway_unavailable: 503 Service Unavailable");

  /* Goes out together with `done`, or not at all. */
  snprintf(receipt, sizeof receipt, "{\"order\":\"%.*s\",\"amount\":\"%.2f\",\"currency\":\"%s\"}",
           (int)(event->subject.len < 64 ? event->subject.len : 64), event->subject.ptr, total, currency);
  if (patchbay_emit_json(context, "com.example.payment.charged", event->subject, patchbay_text(receipt)) < 0)
    return patchbay_fail("emit: the receipt was not taken");
  return patchbay_done();
}

PATCHBAY_MODULE((charge),
  "name": "billing", "version": "1.0.0",
  "handlers": [{
    "id": "charge", "description": "Takes the money for an order.",
    "accepts": ["com.example.order.placed"], "emits": ["com.example.payment.charged"],
    "config": {
      "type": "object", "additionalProperties": false,
      "properties": {"outage": {"type": "integer", "minimum": 0, "default": 0,
                                "description": "How many calls fail before the gateway recovers."}}
    }
  }])
