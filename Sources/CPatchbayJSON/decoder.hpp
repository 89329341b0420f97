// What one decoder keeps between lines.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "arena.hpp"
#include "patchbay_json.h"
#include "plan.hpp"
#include "tokens.hpp"
#include "walk.hpp"

namespace patchbay {

/// The names of one event's extension attributes, so that none comes twice: compared in turn while few, hashed beyond.
class NameSet {
 public:
  void clear() { names_.clear(); }
  /// False: it is there already. The bytes must stay until `clear`.
  bool insert(const char *name, uint32_t length);

 private:
  struct Name {
    const char *bytes;
    uint32_t length;
    bool operator==(const Name &other) const {
      return length == other.length && memcmp(bytes, other.bytes, length) == 0;
    }
  };
  static constexpr size_t linear_max = 16;
  std::vector<Name> names_;
  std::vector<uint32_t> table_;  // index into `names_` plus one; used past `linear_max`

  void rehash();
};

/// Fills the slots of the plan while `data` is walked.
class FieldFiller {
 public:
  void set_plan(const pbj_plan &plan) { stamps_.assign(plan.nodes, 0); }
  /// Starts an event whose slots are all absent.
  void start(pbj_field *fields, pbj_arena *arena) {
    fields_ = fields;
    arena_ = arena;
    if (++serial_ == 0) {
      stamps_.assign(stamps_.size(), 0);
      serial_ = 1;
    }
  }
  /// Walks the value at `token` and fills the slots at and below `node`. A key given twice counts as its last.
  template <bool Escapes>
  const uint32_t *value(const Text &text, const uint32_t *token, const PlanNode &node, uint32_t depth);
  /// Makes the slots at and below `node` absent.
  void clear(const PlanNode &node);

 private:
  pbj_field *fields_ = nullptr;
  pbj_arena *arena_ = nullptr;
  std::vector<uint32_t> stamps_;  // the event in which a node was last seen
  uint32_t serial_ = 0;

  template <bool Escapes>
  const uint32_t *object(const Text &text, const uint32_t *token, const PlanNode &node, uint32_t depth);
  template <bool Escapes>
  bool scalar(const Text &text, const uint32_t *token, uint8_t first, pbj_field &field);
  template <bool Escapes>
  const PlanNode *child(const Text &text, const uint32_t *key, const PlanNode &node, bool &refused);
};

/// The text of a string token without its escapes: in the text itself, or in the arena. False: the arena is full.
template <bool Escapes>
inline bool string_text(const Text &text, const uint32_t *token, pbj_arena *arena, const char *&bytes,
                        uint32_t &length) {
  const uint8_t *begin = text.bytes + *token + 1, *end = text.bytes + text.closing_quote(token);
  bytes = reinterpret_cast<const char *>(begin);
  length = static_cast<uint32_t>(end - begin);
  if constexpr (Escapes) {
    if (memchr(begin, '\\', length) == nullptr) return true;
    char *to = arena->room(length);
    if (to == nullptr) return text.refuse(PBJ_E_ARENA, *token) != nullptr;
    length = static_cast<uint32_t>(unescape(begin, end, to));
    arena->commit(length);
    bytes = to;
  }
  return true;
}

}  // namespace patchbay

struct pbj_decoder {
  pbj_limits limits;
  const pbj_plan *plan;
  patchbay::Tokens tokens;
  patchbay::NameSet names;
  patchbay::FieldFiller filler;
  std::vector<uint8_t> levels;   // one byte a level of nesting, as deep as was needed so far
  std::vector<char> scratch;     // padded copies of texts, and strings without escapes, for visits

  /// Room for `nesting` levels, but no more than a text of `length` bytes can open.
  uint8_t *levels_for(uint32_t length) {
    size_t wanted = length < limits.nesting ? length : limits.nesting;
    if (levels.size() <= wanted) levels.resize(wanted + 1);
    return levels.data();
  }
};

namespace patchbay {

/// `stop_extensions`: no error of the event, but its extensions do not fit into what is left of the batch's room.
constexpr uint32_t stop_extensions = 100;

/// Decodes the CloudEvents object in `text` (tokens split) into `event`, the batch's extensions and `fields`.
/// False: refused, or `stop_extensions`; see `text.refusal`.
bool read_event(pbj_decoder &, pbj_batch &, const Text &text, uint32_t base, bool escapes, pbj_event &event,
                pbj_field *fields);
/// The same for a line that is data alone.
bool read_data(pbj_decoder &, pbj_batch &, const Text &text, uint32_t base, bool escapes, pbj_event &event,
               pbj_field *fields);

/// A copy of `text` in the decoder's scratch, with newlines after it: there a walk is safe whatever the last token is.
Text padded_copy(pbj_decoder &, const Text &text);
/// Walks all of a text on a padded copy, to say what is wrong with it and where; true: it is JSON.
bool check_whole(pbj_decoder &, const Text &text);
/// The text is one array or object as far as its first and last tokens tell, so that walks need no padding.
inline bool is_bracketed(const Text &text, const Tokens &tokens) {
  uint8_t first = text.at(tokens.begin()), last = text.at(tokens.begin() + tokens.count() - 1);
  return (first == '{' || first == '[') && (last == '}' || last == ']');
}

}  // namespace patchbay
