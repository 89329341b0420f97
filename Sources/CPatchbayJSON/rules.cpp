#include "rules.hpp"

#include <cstring>
#include <initializer_list>

#include "scan.hpp"

namespace patchbay {

namespace {

enum : uint8_t { name_char = 1, uri_char = 2, token_char = 4, scheme_char = 8 };

struct Classes {
  uint8_t of[256];

  constexpr Classes() : of() {
    constexpr char uri_marks[] = "-._~:/?#[]@!$&'()*+,;=%";
    constexpr char token_marks[] = "!#$%&'*+-.^_`|~";
    constexpr char scheme_marks[] = "+-.";
    for (int c = 'a'; c <= 'z'; ++c) of[c] = name_char | uri_char | token_char | scheme_char;
    for (int c = '0'; c <= '9'; ++c) of[c] = name_char | uri_char | token_char | scheme_char;
    for (int c = 'A'; c <= 'Z'; ++c) of[c] = uri_char | token_char | scheme_char;
    for (const char *c = uri_marks; *c != 0; ++c) of[static_cast<uint8_t>(*c)] |= uri_char;
    for (const char *c = token_marks; *c != 0; ++c) of[static_cast<uint8_t>(*c)] |= token_char;
    for (const char *c = scheme_marks; *c != 0; ++c) of[static_cast<uint8_t>(*c)] |= scheme_char;
  }
};
constexpr Classes classes;

bool all(const char *text, uint32_t length, uint8_t wanted) {
  uint8_t common = wanted;
  for (uint32_t k = 0; k < length; ++k) common &= classes.of[static_cast<uint8_t>(text[k])];
  return common != 0;
}

/// Eight bytes against a pattern in which '0' stands for any digit and everything else for itself.
bool matches(uint64_t word, const char (&pattern)[9]) {
  uint64_t expected = load8(pattern), limits = 0;
  for (int k = 0; k < 8; ++k) limits |= static_cast<uint64_t>(pattern[k] == '0' ? 0x76 : 0x7F) << (8 * k);
  uint64_t difference = word ^ expected;
  return ((difference | (difference + limits)) & 0x8080808080808080u) == 0;
}

uint32_t two_digits(const char *p) { return static_cast<uint32_t>((p[0] - '0') * 10 + (p[1] - '0')); }

uint32_t days_in(uint32_t year, uint32_t month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/// Length of `type/subtype` at the front, or 0.
uint32_t media_type_length(const char *text, uint32_t length, uint32_t &slash) {
  uint32_t k = 0;
  while (k < length && (classes.of[static_cast<uint8_t>(text[k])] & token_char)) ++k;
  if (k == 0 || k == length || text[k] != '/') return 0;
  slash = k++;
  while (k < length && (classes.of[static_cast<uint8_t>(text[k])] & token_char)) ++k;
  return k == slash + 1 ? 0 : k;
}

bool is_json_word(const char *p) { return (load4(p) | 0x20202020u) == 0x6e6f736au; }

}  // namespace

bool is_timestamp(const char *text, uint32_t length) {
  if (length < 20) return false;
  uint64_t middle = load8(text + 8) | 0x0000000000200000u;  // 't' is as good as 'T'
  if (!matches(load8(text), "0000-00-") || !matches(middle, "00t00:00") || text[16] != ':') return false;
  if (!is_digit(static_cast<uint8_t>(text[17])) || !is_digit(static_cast<uint8_t>(text[18]))) return false;
  uint32_t month = two_digits(text + 5), day = two_digits(text + 8);
  if (month < 1 || month > 12 || day < 1 || two_digits(text + 11) > 23 || two_digits(text + 14) > 59) return false;
  if (two_digits(text + 17) > 60) return false;
  if (day > 28 && day > days_in(two_digits(text) * 100 + two_digits(text + 2), month)) return false;

  uint32_t k = 19;
  if (text[k] == '.') {
    uint32_t first = ++k;
    while (k < length && is_digit(static_cast<uint8_t>(text[k]))) ++k;
    if (k == first) return false;
  }
  if (k + 1 == length) return (text[k] | 0x20) == 'z';
  if (k + 6 != length || (text[k] != '+' && text[k] != '-') || text[k + 3] != ':') return false;
  for (uint32_t n : {k + 1, k + 2, k + 4, k + 5})
    if (!is_digit(static_cast<uint8_t>(text[n]))) return false;
  return two_digits(text + k + 1) < 24 && two_digits(text + k + 4) < 60;
}

bool is_media_type(const char *text, uint32_t length) {
  uint32_t slash = 0, k = media_type_length(text, length, slash);
  if (k == 0) return false;
  while (k < length && (text[k] == ' ' || text[k] == '\t')) ++k;
  return k == length || text[k] == ';';
}

bool is_json_media_type(const char *text, uint32_t length) {
  uint32_t slash = 0, end = media_type_length(text, length, slash);
  if (end == 0 || end - slash < 5 || !is_json_word(text + end - 4)) return false;
  return end - slash == 5 || text[end - 5] == '+';
}

bool is_uri_reference(const char *text, uint32_t length) {
  if (length == 0 || !all(text, length, uri_char)) return false;
  auto *percent = static_cast<const char *>(memchr(text, '%', length));
  for (const char *end = text + length; percent != nullptr;) {
    if (end - percent < 3) return false;
    for (int k = 1; k < 3; ++k) {
      auto c = static_cast<uint8_t>(percent[k] | 0x20);
      if (!is_digit(static_cast<uint8_t>(percent[k])) && (c < 'a' || c > 'f')) return false;
    }
    percent = static_cast<const char *>(memchr(percent + 3, '%', static_cast<size_t>(end - percent - 3)));
  }
  return true;
}

bool is_uri(const char *text, uint32_t length) {
  auto *colon = static_cast<const char *>(length == 0 ? nullptr : memchr(text, ':', length));
  if (colon == nullptr || colon == text) return false;
  auto first = static_cast<uint8_t>(text[0] | 0x20);
  return first >= 'a' && first <= 'z' && all(text, static_cast<uint32_t>(colon - text), scheme_char) &&
         is_uri_reference(text, length);
}

bool is_attribute_name(const char *text, uint32_t length) { return length != 0 && all(text, length, name_char); }

}  // namespace patchbay
