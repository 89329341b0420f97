// One pass over the tokens of a JSON text that checks all of its grammar and shows a sink what goes by.
#pragma once
#include <cstdint>

#include "scan.hpp"
#include "tokens.hpp"

namespace patchbay {

/// The sink of a walk that only checks.
struct NoSink {
  void begin(bool) {}
  void end(bool) {}
  void key(const uint32_t *) {}
  void string(const uint32_t *) {}
  void number(const uint8_t *, const uint8_t *, bool) {}
  void literal(uint8_t) {}
};

/// A text, its tokens, and how deep it may nest. `levels` has room for `nesting` bytes.
///
/// A walk is started only on texts whose first token opens an array or object and whose last token closes one, so no
/// scalar is the last token and scans stop at a byte of the text.
struct Text {
  const uint8_t *bytes;
  uint32_t length;
  uint32_t nesting;
  uint8_t *levels;
  Refusal *refusal;
  const uint32_t *end;  // behind the last token

  const uint32_t *refuse(uint32_t error, uint32_t offset) const {
    *refusal = {error, offset < length ? offset : length};
    return nullptr;
  }
  /// Where brackets stay open, a walk may go on over the two ends behind the last token, and what follows the text.
  const uint32_t *refuse_syntax(const uint32_t *token) const {
    return refuse(PBJ_E_SYNTAX, token < end ? *token : length);
  }

  uint8_t at(const uint32_t *token) const { return bytes[*token]; }

  /// The quote that closes the string at `token`: between it and the next token is only whitespace.
  uint32_t closing_quote(const uint32_t *token) const {
    uint32_t k = token[1] - 1;
    while (bytes[k] != '"') --k;
    return k;
  }

  template <bool Escapes>
  bool check_string(const uint32_t *token) const {
    if constexpr (Escapes) {
      const uint8_t *bad = bad_escape(bytes + *token + 1, bytes + closing_quote(token));
      if (bad != nullptr) return refuse(PBJ_E_SYNTAX, static_cast<uint32_t>(bad - bytes)) != nullptr;
    }
    return true;
  }

  /// Checks a string, number or literal; shows it to the sink.
  template <bool Escapes, class Sink>
  bool scalar(const uint32_t *token, uint8_t first, Sink &sink) const {
    if (first == '"') {
      if (!check_string<Escapes>(token)) return false;
      sink.string(token);
      return true;
    }
    const uint8_t *begin = bytes + *token;
    if (first == '-' || is_digit(first)) {
      bool integral;
      const uint8_t *end = number_end(begin, integral);
      if (end == nullptr) return refuse_syntax(token) != nullptr;
      sink.number(begin, end, integral);
      return true;
    }
    if (literal_end(begin) == nullptr) return refuse_syntax(token) != nullptr;
    sink.literal(first);
    return true;
  }

  /// Walks the value at `token`, around which `depth` containers are open. The token after it, or nullptr: refused.
  template <bool Escapes, class Sink>
  const uint32_t *walk(const uint32_t *token, uint32_t depth, Sink &sink) const {
    const uint32_t floor = depth;
    uint8_t c = at(token);
    if (c == '{') goto object_begin;
    if (c == '[') goto array_begin;
    return scalar<Escapes>(token, c, sink) ? token + 1 : nullptr;

  object_begin:
    if (depth == nesting) return refuse(PBJ_E_TOO_DEEP, *token);
    levels[depth++] = 1;
    sink.begin(true);
    if (at(++token) == '}') {
      ++token;
      goto close;
    }

  object_key:
    if (at(token) != '"') return refuse_syntax(token);
    if (!check_string<Escapes>(token)) return nullptr;
    sink.key(token);
    if (at(++token) != ':') return refuse_syntax(token);
    c = at(++token);
    if (c == '{') goto object_begin;
    if (c == '[') goto array_begin;
    if (!scalar<Escapes>(token, c, sink)) return nullptr;
    ++token;

  object_next:
    c = at(token++);
    if (c == ',') goto object_key;
    if (c == '}') goto close;
    return refuse_syntax(token - 1);

  array_begin:
    if (depth == nesting) return refuse(PBJ_E_TOO_DEEP, *token);
    levels[depth++] = 0;
    sink.begin(false);
    if (at(++token) == ']') {
      ++token;
      goto close;
    }

  array_value:
    c = at(token);
    if (c == '{') goto object_begin;
    if (c == '[') goto array_begin;
    if (!scalar<Escapes>(token, c, sink)) return nullptr;
    ++token;

  array_next:
    c = at(token++);
    if (c == ',') goto array_value;
    if (c == ']') goto close;
    return refuse_syntax(token - 1);

  close:
    sink.end(levels[--depth] != 0);
    if (depth == floor) return token;
    if (levels[depth - 1] != 0) goto object_next;
    goto array_next;
  }
};

}  // namespace patchbay
