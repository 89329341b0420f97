/* wire.h - values in the messages of the two processes: 8 bytes a number, texts and bytes with their length before them.
 *
 * Reading never goes beyond the end: what is missing is 0 or empty, and `failed` says so. */
#ifndef PATCHBAY_ISOLATION_WIRE_H
#define PATCHBAY_ISOLATION_WIRE_H
#include <stdint.h>
#include <string.h>

#include "patchbay.h"

enum { WIRE_PAIRS_MAX = 1024 }; /* of one thing; the services take fewer */

typedef struct wire_out {
  uint8_t *base;
  uint64_t capacity, length;
  int failed;
} wire_out;

typedef struct wire_in {
  const uint8_t *at, *end;
  int failed;
} wire_in;

static inline void wire_put(wire_out *out, const void *bytes, uint64_t count) {
  if (out->failed || count > out->capacity - out->length) {
    out->failed = 1;
    return;
  }
  if (count) memcpy(out->base + out->length, bytes, count);
  out->length += count;
}

static inline void wire_put_u64(wire_out *out, uint64_t value) { wire_put(out, &value, sizeof value); }
static inline void wire_put_f64(wire_out *out, double value) { wire_put(out, &value, sizeof value); }

static inline void wire_put_bytes(wire_out *out, const void *bytes, uint64_t count) {
  wire_put_u64(out, count);
  wire_put(out, bytes, count);
}

static inline void wire_put_str(wire_out *out, patchbay_str text) {
  wire_put_bytes(out, text.ptr, text.ptr ? text.len : 0);
}

static inline void wire_put_kvs(wire_out *out, const patchbay_kv *pairs, uint64_t count) {
  if (!pairs) count = 0;
  if (count > WIRE_PAIRS_MAX) out->failed = 1;
  wire_put_u64(out, count);
  for (uint64_t i = 0; i < count && !out->failed; i++) {
    wire_put_str(out, pairs[i].key);
    wire_put_str(out, pairs[i].value);
  }
}

static inline uint64_t wire_u64(wire_in *in) {
  uint64_t value = 0;
  if (in->failed || (uint64_t)(in->end - in->at) < sizeof value) {
    in->failed = 1;
    return 0;
  }
  memcpy(&value, in->at, sizeof value);
  in->at += sizeof value;
  return value;
}

static inline double wire_f64(wire_in *in) {
  uint64_t bits = wire_u64(in);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Where they lie. */
static inline patchbay_str wire_str(wire_in *in) {
  patchbay_str text = {NULL, 0};
  uint64_t count = wire_u64(in);
  if (in->failed || count > (uint64_t)(in->end - in->at)) {
    in->failed = 1;
    return text;
  }
  if (count) text.ptr = (const char *)in->at;
  text.len = count;
  in->at += count;
  return text;
}

/* A count of things that take at least `least` bytes each: no more than there can be. */
static inline uint64_t wire_count(wire_in *in, uint64_t least) {
  uint64_t count = wire_u64(in);
  if (in->failed || count > (uint64_t)(in->end - in->at) / least) {
    in->failed = 1;
    return 0;
  }
  return count;
}
#endif
