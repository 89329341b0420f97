#include "scan.hpp"

namespace patchbay {

namespace {

int hex_digit(uint8_t c) {
  if (is_digit(c)) return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// The four hexadecimal digits at `p`, or -1.
int32_t hex4(const uint8_t *p, const uint8_t *end) {
  if (end - p < 4) return -1;
  int32_t value = 0;
  for (int k = 0; k < 4; ++k) {
    int digit = hex_digit(p[k]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

/// What stands for the letter of a two-byte escape, or 0.
char short_escape(uint8_t c) {
  switch (c) {
    case '"': case '\\': case '/': return static_cast<char>(c);
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
  }
}

char *put_utf8(char *to, uint32_t code) {
  if (code < 0x80) {
    *to++ = static_cast<char>(code);
  } else if (code < 0x800) {
    *to++ = static_cast<char>(0xC0 | code >> 6);
    *to++ = static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    *to++ = static_cast<char>(0xE0 | code >> 12);
    *to++ = static_cast<char>(0x80 | (code >> 6 & 0x3F));
    *to++ = static_cast<char>(0x80 | (code & 0x3F));
  } else {
    *to++ = static_cast<char>(0xF0 | code >> 18);
    *to++ = static_cast<char>(0x80 | (code >> 12 & 0x3F));
    *to++ = static_cast<char>(0x80 | (code >> 6 & 0x3F));
    *to++ = static_cast<char>(0x80 | (code & 0x3F));
  }
  return to;
}

const uint8_t *next_backslash(const uint8_t *begin, const uint8_t *end) {
  auto *found = static_cast<const uint8_t *>(memchr(begin, '\\', static_cast<size_t>(end - begin)));
  return found == nullptr ? end : found;
}

}  // namespace

const uint8_t *bad_escape(const uint8_t *begin, const uint8_t *end) {
  for (const uint8_t *p = next_backslash(begin, end); p != end; p = next_backslash(p, end)) {
    if (end - p < 2) return p;
    if (p[1] != 'u') {
      if (short_escape(p[1]) == 0) return p;
      p += 2;
      continue;
    }
    int32_t unit = hex4(p + 2, end);
    if (unit < 0 || (unit >= 0xDC00 && unit < 0xE000)) return p;
    if (unit >= 0xD800 && unit < 0xDC00) {
      if (end - p < 12 || p[6] != '\\' || p[7] != 'u') return p;
      int32_t low = hex4(p + 8, end);
      if (low < 0xDC00 || low >= 0xE000) return p;
      p += 6;
    }
    p += 6;
  }
  return nullptr;
}

uint64_t unescape(const uint8_t *begin, const uint8_t *end, char *to) {
  char *start = to;
  for (const uint8_t *p = begin; p != end;) {
    const uint8_t *escape = next_backslash(p, end);
    memmove(to, p, static_cast<size_t>(escape - p));
    to += escape - p;
    if (escape == end) break;
    if (escape[1] != 'u') {
      *to++ = short_escape(escape[1]);
      p = escape + 2;
      continue;
    }
    auto code = static_cast<uint32_t>(hex4(escape + 2, end));
    p = escape + 6;
    if (code >= 0xD800 && code < 0xDC00) {
      code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<uint32_t>(hex4(p + 2, end)) - 0xDC00);
      p += 6;
    }
    to = put_utf8(to, code);
  }
  return static_cast<uint64_t>(to - start);
}

bool decode_base64(const uint8_t *bytes, uint64_t length, char *to, uint64_t &written, uint64_t &wrong) {
  struct Table {
    uint8_t value[256];
    constexpr Table() : value() {
      for (auto &entry : value) entry = 64;
      for (uint8_t k = 0; k < 26; ++k) {
        value['A' + k] = k;
        value['a' + k] = static_cast<uint8_t>(26 + k);
      }
      for (uint8_t k = 0; k < 10; ++k) value['0' + k] = static_cast<uint8_t>(52 + k);
      value[static_cast<uint8_t>('+')] = 62;
      value[static_cast<uint8_t>('/')] = 63;
    }
  };
  static constexpr Table table;
  uint64_t symbols = length;
  while (symbols > 0 && length - symbols < 2 && bytes[symbols - 1] == '=') --symbols;
  char *start = to;
  uint32_t bits = 0;
  for (uint64_t k = 0; k < symbols; ++k) {
    uint8_t value = table.value[bytes[k]];
    if (value == 64) {
      wrong = k;
      return false;
    }
    bits = bits << 6 | value;
    if (k % 4 == 1) *to++ = static_cast<char>(bits >> 4);
    if (k % 4 == 2) *to++ = static_cast<char>(bits >> 2);
    if (k % 4 == 3) *to++ = static_cast<char>(bits);
  }
  wrong = length;
  written = static_cast<uint64_t>(to - start);
  return length % 4 == 0 && symbols % 4 != 1;
}

uint64_t bad_utf8(const uint8_t *text, uint64_t length) {
  uint64_t k = 0;
  while (k < length) {
    uint8_t lead = text[k];
    if (lead < 0x80) {
      ++k;
      continue;
    }
    uint64_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || k + size > length) return k;
    for (uint64_t n = 1; n < size; ++n)
      if ((text[k + n] & 0xC0) != 0x80) return k;
    uint8_t second = text[k + 1];
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
        (lead == 0xF4 && second > 0x8F))
      return k;
    k += size;
  }
  return length;
}

uint64_t bad_string(const uint8_t *text, uint64_t length) {
  bool inside = false;
  uint64_t opened = 0;
  for (uint64_t k = 0; k < length; ++k) {
    if (text[k] == '\\') {
      ++k;
      if (inside && k < length && text[k] < 0x20) return k;
    } else if (text[k] == '"') {
      inside = !inside;
      opened = k;
    } else if (inside && text[k] < 0x20) {
      return k;
    }
  }
  return inside ? opened : length;
}

}  // namespace patchbay
