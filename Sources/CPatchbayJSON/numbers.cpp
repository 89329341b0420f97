#include <charconv>
#include <limits>

#include "scan.hpp"

namespace patchbay {

namespace {

constexpr double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/// At most fifteen digits with a fraction and no exponent: mantissa and power of ten are exact, so one division
/// rounds correctly (Clinger 1990).
bool short_decimal(const uint8_t *p, const uint8_t *end, double &value) {
  if (end - p > 17) return false;
  bool negative = *p == '-';
  uint64_t mantissa = 0;
  uint32_t digits = 0, fraction = 0;
  bool dot = false;
  for (p += negative; p != end; ++p) {
    if (*p == '.') {
      dot = true;
      continue;
    }
    if (!is_digit(*p)) return false;
    mantissa = mantissa * 10 + (*p - '0');
    fraction += dot;
    ++digits;
  }
  if (digits > 15) return false;
  value = static_cast<double>(mantissa) / powers[fraction];
  if (negative) value = -value;
  return true;
}

/// Infinity or zero, for a number too large or too small for a double.
double beyond_range(const uint8_t *p, const uint8_t *end) {
  bool negative = *p == '-';
  p += negative;
  int64_t point = 0;  // decimal exponent of the first digit that is not zero
  bool dot = false, found = false;
  for (; p != end && (is_digit(*p) || *p == '.'); ++p) {
    if (*p == '.') dot = true;
    else if (found || *p != '0') {
      found = true;
      point += !dot;
    } else {
      point -= dot;
    }
  }
  if (p != end) {
    ++p;
    bool down = *p == '-';
    if (*p == '-' || *p == '+') ++p;
    int64_t exponent = 0;
    for (; p != end; ++p) exponent = exponent > 1'000'000'000'000 ? exponent : exponent * 10 + (*p - '0');
    point += down ? -exponent : exponent;
  }
  double value = point > 0 ? std::numeric_limits<double>::infinity() : 0.0;
  return negative ? -value : value;
}

}  // namespace

void number_value(const uint8_t *begin, const uint8_t *end, bool integral, pbj_field &field) {
  auto *first = reinterpret_cast<const char *>(begin), *last = reinterpret_cast<const char *>(end);
  field.length = 0;
  if (integral) {
    if (std::from_chars(first, last, field.i).ec == std::errc()) {
      field.kind = PBJ_INT;
      return;
    }
    if (*first != '-' && std::from_chars(first, last, field.u).ec == std::errc()) {
      field.kind = PBJ_UINT;
      return;
    }
  }
  field.kind = PBJ_DOUBLE;
  if (short_decimal(begin, end, field.d)) return;
  if (std::from_chars(first, last, field.d).ec != std::errc()) field.d = beyond_range(begin, end);
}

}  // namespace patchbay
