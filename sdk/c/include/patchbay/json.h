/* patchbay/json.h - reads single values out of JSON text, for handlers in C. Header only; allocates nothing.
 *
 *   double amount;
 *   if (!patchbay_json_number(patchbay_data(event), "order.lines.0.amount", &amount))
 *     return patchbay_reject("invalid: amount missing");
 *
 * A path is names of members and indexes of arrays, joined by '.'; a name with a '.' or with an escape cannot be
 * reached. Of two members with one name the first counts. The text before the wanted value is checked only as far as
 * finding it needs, so this is a reader and no validator. Broken text gives "not found", never a read past its end.
 */
#ifndef PATCHBAY_READ_JSON_H
#define PATCHBAY_READ_JSON_H
#include "../patchbay.h"
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATCHBAY_JSON_ __attribute__((unused)) static inline

PATCHBAY_JSON_ const char *patchbay_json_space_(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
  return at;
}

/* Past the value that starts at `at`; NULL when the text ends inside it. */
PATCHBAY_JSON_ const char *patchbay_json_skip_(const char *at, const char *end) {
  uint64_t depth = 0;
  while (at < end) {
    char c = *at++;
    if (c == '"') {
      while (at < end && *at != '"') at += *at == '\\' && at + 1 < end ? 2 : 1;
      if (at >= end) return NULL;
      at++;
    } else if (c == '{' || c == '[') {
      depth++;
      continue;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at - 1;
      depth--;
    } else if (c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (depth == 0) return at - 1;
      continue;
    } else {
      while (at < end && !memchr(",:]}[{\" \t\n\r", *at, 11)) at++;
    }
    if (depth == 0) return at;
  }
  return depth == 0 ? at : NULL;
}

/* The text of the value at `path`, quotes included for a string; length 0: not found. "" is the whole value. Points
 * into `json`. */
PATCHBAY_JSON_ patchbay_str patchbay_json_get(patchbay_str json, const char *path) {
  patchbay_str none = {NULL, 0}, found;
  const char *at = json.ptr, *end = json.ptr + json.len, *stop;
  if (json.len == 0) return none;
  while (*path) {
    size_t length = strcspn(path, ".");
    int is_object, is_index = length > 0 && strspn(path, "0123456789") == length;
    unsigned long wanted = is_index ? strtoul(path, NULL, 10) : 0, index = 0;
    at = patchbay_json_space_(at, end);
    if (at >= end || (*at != '{' && *at != '[')) return none;
    is_object = *at++ == '{';
    if (!is_object && !is_index) return none;
    for (;; index++) {
      at = patchbay_json_space_(at, end);
      if (at >= end || *at == '}' || *at == ']') return none;
      if (is_object) {
        const char *name = at + 1;
        if (*at != '"' || !(at = patchbay_json_skip_(at, end))) return none;
        stop = at - 1;
        at = patchbay_json_space_(at, end);
        if (at >= end || *at++ != ':') return none;
        if ((size_t)(stop - name) == length && memcmp(name, path, length) == 0) break;
      } else if (index == wanted) {
        break;
      }
      at = patchbay_json_space_(at, end);
      if (!(at = patchbay_json_skip_(at, end))) return none;
      at = patchbay_json_space_(at, end);
      if (at >= end || *at++ != ',') return none;
    }
    path += length;
    if (*path == '.') path++;
  }
  at = patchbay_json_space_(at, end);
  stop = patchbay_json_skip_(at, end);
  if (!stop || stop == at) return none;
  found.ptr = at;
  found.len = (uint64_t)(stop - at);
  return found;
}

/* Copies the digits at `at` to `*to`, and returns where they end; NULL when there are none. */
PATCHBAY_JSON_ const char *patchbay_json_digits_(const char *at, const char *end, char **to) {
  const char *start = at;
  while (at < end && *at >= '0' && *at <= '9') *(*to)++ = *at++;
  return at == start ? NULL : at;
}

/* Reads a number (RFC 8259, section 6). Returns 0 and leaves `*number` when there is none at `path`, or one of more
 * than 63 characters or too large for a double.
 *
 * Rationale: the point moves into the exponent, because what strtod() takes for a point is the locale's. */
PATCHBAY_JSON_ int patchbay_json_number(patchbay_str json, const char *path, double *number) {
  patchbay_str text = patchbay_json_get(json, path);
  char digits[96], power[64], *to = digits, *power_to = power;
  const char *at = text.ptr, *end = text.ptr + text.len, *start;
  long exponent = 0;
  double value;
  if (text.len == 0 || text.len >= 64) return 0;
  if (*at == '-') *to++ = *at++;
  start = at;
  if (!(at = patchbay_json_digits_(at, end, &to)) || (*start == '0' && at > start + 1)) return 0;
  if (at < end && *at == '.') {
    start = at + 1;
    if (!(at = patchbay_json_digits_(start, end, &to))) return 0;
    exponent = -(long)(at - start);
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    if (++at < end && (*at == '-' || *at == '+')) *power_to++ = *at++;
    if (!(at = patchbay_json_digits_(at, end, &power_to))) return 0;
    *power_to = 0;
    value = strtod(power, NULL);
    exponent += value > 99999 ? 99999 : value < -99999 ? -99999 : (long)value;
  }
  if (at != end) return 0;
  snprintf(to, (size_t)(digits + sizeof digits - to), "e%ld", exponent);
  value = strtod(digits, NULL);
  if (value > DBL_MAX || value < -DBL_MAX) return 0;
  *number = value;
  return 1;
}

/* Whether the value at `path` is `true`. */
PATCHBAY_JSON_ int patchbay_json_true(patchbay_str json, const char *path) {
  patchbay_str text = patchbay_json_get(json, path);
  return text.len == 4 && memcmp(text.ptr, "true", 4) == 0;
}

PATCHBAY_JSON_ uint32_t patchbay_json_hex_(const char *at) {
  uint32_t code = 0;
  for (int i = 0; i < 4; i++) {
    char c = at[i];
    uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                   : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10) : 16;
    if (digit == 16) return UINT32_MAX;
    code = code << 4 | digit;
  }
  return code;
}

/* Copies the string at `path` without its escapes into `buffer`, with a final zero. Returns its length, or -1 when
 * there is no string, it is malformed, or it does not fit (an escape asks for four free bytes, whatever it means). */
PATCHBAY_JSON_ int64_t patchbay_json_string(patchbay_str json, const char *path, char *buffer, uint64_t room) {
  patchbay_str text = patchbay_json_get(json, path);
  const char *at, *end;
  uint64_t used = 0;
  if (text.len < 2 || *text.ptr != '"') return -1;
  at = text.ptr + 1;
  end = text.ptr + text.len - 1;
  while (at < end) {
    uint32_t code;
    char plain;
    const char *escape, *from = "\"\\/bfnrt", *to = "\"\\/\b\f\n\r\t";
    if (used + (*at == '\\' ? 5 : 2) > room) return -1;
    if (*at != '\\') {
      buffer[used++] = *at++;
      continue;
    }
    if (at + 1 >= end) return -1;
    plain = at[1];
    if (plain != 'u') {
      escape = strchr(from, plain);
      if (!plain || !escape) return -1;
      buffer[used++] = to[escape - from];
      at += 2;
      continue;
    }
    if (end - at < 6 || (code = patchbay_json_hex_(at + 2)) == UINT32_MAX) return -1;
    at += 6;
    if (code >= 0xD800 && code < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
      uint32_t low = patchbay_json_hex_(at + 2);
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        at += 6;
      }
    }
    if (code >= 0xD800 && code < 0xE000) code = 0xFFFD;
    if (code < 0x80) {
      buffer[used++] = (char)code;
    } else if (code < 0x800) {
      buffer[used++] = (char)(0xC0 | code >> 6);
      buffer[used++] = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      buffer[used++] = (char)(0xE0 | code >> 12);
      buffer[used++] = (char)(0x80 | (code >> 6 & 0x3F));
      buffer[used++] = (char)(0x80 | (code & 0x3F));
    } else {
      buffer[used++] = (char)(0xF0 | code >> 18);
      buffer[used++] = (char)(0x80 | (code >> 12 & 0x3F));
      buffer[used++] = (char)(0x80 | (code >> 6 & 0x3F));
      buffer[used++] = (char)(0x80 | (code & 0x3F));
    }
  }
  if (used >= room) return -1;
  buffer[used] = 0;
  return (int64_t)used;
}

#endif
