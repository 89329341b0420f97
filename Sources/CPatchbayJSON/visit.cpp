// Any JSON text, shown to callbacks in document order.
#include "decoder.hpp"

using namespace patchbay;

namespace {

/// Turns what a walk passes into callbacks; pointers go into the caller's text, or into `plain` for what had escapes.
struct VisitorSink {
  const pbj_visitor &visitor;
  const Text &text;       // the padded copy that is walked
  const char *original;
  std::vector<char> plain = {};

  void begin(bool is_object) {
    if (visitor.begin != nullptr) visitor.begin(visitor.context, is_object);
  }
  void end(bool is_object) {
    if (visitor.end != nullptr) visitor.end(visitor.context, is_object);
  }
  void key(const uint32_t *token) {
    if (visitor.key == nullptr) return;
    pbj_field field = string_field(token);
    visitor.key(visitor.context, field.ptr, field.length);
  }
  void string(const uint32_t *token) {
    if (visitor.scalar == nullptr) return;
    pbj_field field = string_field(token);
    visitor.scalar(visitor.context, &field);
  }
  void number(const uint8_t *begin, const uint8_t *end, bool integral) {
    if (visitor.scalar == nullptr) return;
    pbj_field field;
    number_value(begin, end, integral, field);
    visitor.scalar(visitor.context, &field);
  }
  void literal(uint8_t letter) {
    if (visitor.scalar == nullptr) return;
    pbj_field field = {letter == 'n' ? static_cast<uint32_t>(PBJ_NULL) : static_cast<uint32_t>(PBJ_BOOL), 0, {}};
    field.i = letter == 't';
    visitor.scalar(visitor.context, &field);
  }

 private:
  pbj_field string_field(const uint32_t *token) {
    uint32_t begin = *token + 1, end = text.closing_quote(token);
    pbj_field field = {PBJ_STRING, end - begin, {}};
    field.ptr = original + begin;
    if (memchr(text.bytes + begin, '\\', end - begin) == nullptr) return field;
    plain.resize(end - begin);
    field.length = static_cast<uint32_t>(unescape(text.bytes + begin, text.bytes + end, plain.data()));
    field.ptr = plain.data();
    return field;
  }
};

}  // namespace

extern "C" uint32_t pbj_visit(pbj_decoder *decoder, const char *bytes, uint64_t length, const pbj_visitor *visitor,
                              uint32_t *error_offset) {
  Refusal refusal;
  auto finish = [&] {
    if (error_offset != nullptr) *error_offset = refusal.offset;
    return refusal.error;
  };
  if (length > INT32_MAX) {
    refusal = {PBJ_E_TOO_LARGE, INT32_MAX};
    return finish();
  }
  auto size = static_cast<uint32_t>(length);
  Text given = {reinterpret_cast<const uint8_t *>(bytes), size, decoder->limits.nesting, decoder->levels_for(size),
                &refusal, nullptr};
  Text text = padded_copy(*decoder, given);
  if (!decoder->tokens.split(text.bytes, size, refusal)) return finish();
  text.end = decoder->tokens.end();
  VisitorSink sink{*visitor, text, bytes};
  const uint32_t *next = text.walk<true>(decoder->tokens.begin(), 0, sink);
  if (next != nullptr && next != text.end) text.refuse_syntax(next);
  return finish();
}
