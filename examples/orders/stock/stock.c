/* stock.reserve: takes an order's lines off the shelf and says so when a shelf gets empty.
 *
 * The count of each article is kept in the host's store. What a call stores and emits is committed together once it
 * is done, so a failed attempt leaves no trace. */
#include <patchbay/handler.h>
#include <patchbay/json.h>
#include <stdio.h>

typedef struct {
  long initial, low;
} shelf;

static patchbay_status shelf_open(const patchbay_host *host, patchbay_str config, void **state) {
  double initial = 0, low = 0;
  shelf *opened = calloc(1, sizeof *opened);
  (void)host;
  if (!opened) return PATCHBAY_E_NOMEM;
  patchbay_json_number(config, "initial", &initial);
  patchbay_json_number(config, "low", &low);
  opened->initial = (long)initial;
  opened->low = (long)low;
  *state = opened;
  return PATCHBAY_OK;
}

/* Takes `quantity` of `sku`. Returns what is left, or -1 when the store refused. */
static long take(const patchbay_context *context, const shelf *shelf, const char *sku, long quantity) {
  char text[24] = "";
  uint64_t length = sizeof text - 1, revision = 0;
  long left = shelf->initial;
  int written;
  if (context->store->get(context->host, context->call, patchbay_text(sku), (uint8_t *)text, &length, &revision) ==
      PATCHBAY_OK)
    left = strtol(text, NULL, 10);
  left = left > quantity ? left - quantity : 0;
  written = snprintf(text, sizeof text, "%ld", left);
  /* With the revision that was read (0: create): were another call first, this one would be run again. */
  return context->store->put(context->host, context->call, patchbay_text(sku), (const uint8_t *)text,
                             (uint64_t)written, revision, 0) == PATCHBAY_OK
             ? left
             : -1;
}

PATCHBAY_HANDLER_WITH(reserve, shelf_open, free) {
  const shelf *shelf = context->state;
  patchbay_str order = patchbay_data(event);

  for (int line = 0; line < 100; line++) {
    char path[40], sku[64], low[160];
    double quantity;
    long left;
    snprintf(path, sizeof path, "lines.%d.sku", line);
    if (patchbay_json_string(order, path, sku, sizeof sku) < 0) break;
    snprintf(path, sizeof path, "lines.%d.quantity", line);
    if (!patchbay_json_number(order, path, &quantity)) return patchbay_reject("invalid: a line without quantity");

    left = take(context, shelf, sku, (long)quantity);
    if (left < 0) return patchbay_retry("store: the count could not be kept");
    if (left > shelf->low) continue;
    snprintf(low, sizeof low, "{\"sku\":\"%s\",\"left\":%ld}", sku, left);
    if (patchbay_emit_json(context, "com.example.stock.low", patchbay_text(sku), patchbay_text(low)) < 0)
      return patchbay_fail("emit: the warning was not taken");
  }
  return patchbay_done();
}

PATCHBAY_MODULE((reserve),
  "name": "stock", "version": "1.0.0", "requires": ["patchbay.state/1", "patchbay.emit/1"],
  "handlers": [{
    "id": "reserve", "description": "Takes an order's lines off the shelf.", "concurrency": 1, "blocking": false,
    "accepts": ["com.example.order.placed"], "emits": ["com.example.stock.low"],
    "config": {
      "type": "object", "additionalProperties": false,
      "properties": {"initial": {"type": "integer", "minimum": 0, "default": 100},
                     "low": {"type": "integer", "minimum": 0, "default": 5}}
    }
  }])
