// Pieces of JSON's grammar over bytes: digits, numbers, literals, whitespace.
//
// Everything here may read up to 64 bytes past what it is given; callers see to the padding.
#pragma once
#include <cstdint>
#include <cstring>

#include "patchbay_json.h"

namespace patchbay {

inline uint64_t load8(const void *bytes) {
  uint64_t word;
  memcpy(&word, bytes, 8);
  return word;
}
inline uint32_t load4(const void *bytes) {
  uint32_t word;
  memcpy(&word, bytes, 4);
  return word;
}

inline bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
inline bool is_digit(uint8_t c) { return static_cast<uint8_t>(c - '0') < 10; }
/// What may follow a number or a literal.
inline bool ends_scalar(uint8_t c) { return c == ',' || c == '}' || c == ']' || is_space(c); }

/// The first byte at or after `p` that is no digit; eight at a time, because lengths vary and branches on them miss.
inline const uint8_t *skip_digits(const uint8_t *p) {
  for (;;) {
    uint64_t word = load8(p);
    uint64_t other = ((word & 0xF0F0F0F0F0F0F0F0u) | (((word + 0x0606060606060606u) & 0xF0F0F0F0F0F0F0F0u) >> 4)) ^
                     0x3333333333333333u;
    if (other != 0) return p + (__builtin_ctzll(other) >> 3);
    p += 8;
  }
}

/// The end of the number at `p` as RFC 8259 writes numbers, or nullptr. `integral`: no fraction and no exponent.
inline const uint8_t *number_end(const uint8_t *p, bool &integral) {
  if (*p == '-') ++p;
  const uint8_t *digits = p;
  p = skip_digits(p);
  if (p == digits || (*digits == '0' && p != digits + 1)) return nullptr;
  integral = true;
  if (*p == '.') {
    integral = false;
    digits = ++p;
    p = skip_digits(p);
    if (p == digits) return nullptr;
  }
  if ((*p | 0x20) == 'e') {
    integral = false;
    ++p;
    if (*p == '+' || *p == '-') ++p;
    digits = p;
    p = skip_digits(p);
    if (p == digits) return nullptr;
  }
  return ends_scalar(*p) ? p : nullptr;
}

/// The end of `true`, `false` or `null` at `p`, or nullptr.
inline const uint8_t *literal_end(const uint8_t *p) {
  switch (*p) {
    case 't': return load4(p) == 0x65757274u && ends_scalar(p[4]) ? p + 4 : nullptr;
    case 'f': return load4(p + 1) == 0x65736c61u && ends_scalar(p[5]) ? p + 5 : nullptr;
    case 'n': return load4(p) == 0x6c6c756eu && ends_scalar(p[4]) ? p + 4 : nullptr;
    default: return nullptr;
  }
}

/// The value of a number that `number_end` accepted.
void number_value(const uint8_t *begin, const uint8_t *end, bool integral, pbj_field &field);

/// Where an escape in [begin, end) is not one of JSON's, or a surrogate stands alone; nullptr: all are right.
const uint8_t *bad_escape(const uint8_t *begin, const uint8_t *end);
/// Writes [begin, end), whose escapes `bad_escape` accepted, without them; returns the length written, never more
/// than was read.
uint64_t unescape(const uint8_t *begin, const uint8_t *end, char *to);
/// Decodes RFC 4648 base64 (padded); false and the offset of the first wrong byte, or the length when it is short.
bool decode_base64(const uint8_t *bytes, uint64_t length, char *to, uint64_t &written, uint64_t &wrong);

/// Offset of the first byte that starts no valid UTF-8 sequence; `length` when all is valid.
uint64_t bad_utf8(const uint8_t *text, uint64_t length);
/// Offset of the first control character inside a string, or of the quote that no quote closes.
uint64_t bad_string(const uint8_t *text, uint64_t length);

}  // namespace patchbay
