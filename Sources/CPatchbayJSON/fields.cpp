#include "decoder.hpp"

namespace patchbay {

namespace {

void set_text(pbj_field &field, uint32_t kind, const char *bytes, uint32_t length) {
  field.kind = kind;
  field.length = length;
  field.ptr = bytes;
}

}  // namespace

void FieldFiller::clear(const PlanNode &node) {
  if (node.slot != no_slot) fields_[node.slot].kind = PBJ_ABSENT;
  for (const auto &child : node.children) clear(*child);
}

template <bool Escapes>
bool FieldFiller::scalar(const Text &text, const uint32_t *token, uint8_t first, pbj_field &field) {
  if (first == '"') {
    const char *bytes;
    uint32_t length;
    if (!text.check_string<Escapes>(token) || !string_text<Escapes>(text, token, arena_, bytes, length)) return false;
    set_text(field, PBJ_STRING, bytes, length);
    return true;
  }
  struct Value : NoSink {
    pbj_field &field;
    explicit Value(pbj_field &field) : field(field) {}
    void number(const uint8_t *begin, const uint8_t *end, bool integral) { number_value(begin, end, integral, field); }
    void literal(uint8_t letter) {
      field.kind = letter == 'n' ? PBJ_NULL : PBJ_BOOL;
      field.length = 0;
      field.i = letter == 't';
    }
  } value(field);
  return text.scalar<Escapes>(token, first, value);
}

template <bool Escapes>
const PlanNode *FieldFiller::child(const Text &text, const uint32_t *key, const PlanNode &node, bool &refused) {
  const char *bytes;
  uint32_t length;
  uint64_t mark = arena_->used;
  refused = !string_text<Escapes>(text, key, arena_, bytes, length);
  if (refused) return nullptr;
  const PlanNode *found = node.find(bytes, length);
  arena_->used = mark;
  return found;
}

template <bool Escapes>
const uint32_t *FieldFiller::object(const Text &text, const uint32_t *token, const PlanNode &node, uint32_t depth) {
  NoSink none;
  if (depth == text.nesting) return text.refuse(PBJ_E_TOO_DEEP, *token);
  if (text.at(++token) == '}') return token + 1;
  for (;;) {
    if (text.at(token) != '"') return text.refuse_syntax(token);
    if (!text.check_string<Escapes>(token)) return nullptr;
    bool refused;
    const PlanNode *found = child<Escapes>(text, token, node, refused);
    if (refused) return nullptr;
    if (text.at(++token) != ':') return text.refuse_syntax(token);
    ++token;
    if (found == nullptr) {
      token = text.walk<Escapes>(token, depth + 1, none);
    } else {
      if (stamps_[found->serial] == serial_) clear(*found);
      stamps_[found->serial] = serial_;
      token = value<Escapes>(text, token, *found, depth + 1);
    }
    if (token == nullptr) return nullptr;
    uint8_t c = text.at(token++);
    if (c == '}') return token;
    if (c != ',') return text.refuse_syntax(token - 1);
  }
}

template <bool Escapes>
const uint32_t *FieldFiller::value(const Text &text, const uint32_t *token, const PlanNode &node, uint32_t depth) {
  uint8_t first = text.at(token);
  if (first != '{' && first != '[') {
    pbj_field unused;
    pbj_field &field = node.slot == no_slot ? unused : fields_[node.slot];
    return scalar<Escapes>(text, token, first, field) ? token + 1 : nullptr;
  }
  NoSink none;
  const uint32_t *next = first == '{' && !node.children.empty() ? object<Escapes>(text, token, node, depth)
                                                               : text.walk<Escapes>(token, depth, none);
  if (next != nullptr && node.slot != no_slot)
    set_text(fields_[node.slot], PBJ_JSON, reinterpret_cast<const char *>(text.bytes + *token),
             next[-1] + 1 - *token);
  return next;
}

template const uint32_t *FieldFiller::value<false>(const Text &, const uint32_t *, const PlanNode &, uint32_t);
template const uint32_t *FieldFiller::value<true>(const Text &, const uint32_t *, const PlanNode &, uint32_t);

bool NameSet::insert(const char *bytes, uint32_t length) {
  Name name = {bytes, length};
  if (names_.size() < linear_max) {
    for (const Name &other : names_)
      if (other == name) return false;
    names_.push_back(name);
    return true;
  }
  if (names_.size() == linear_max || names_.size() * 2 > table_.size()) rehash();
  size_t mask = table_.size() - 1, at = hash_name(bytes, length) & mask;
  for (; table_[at] != 0; at = (at + 1) & mask)
    if (names_[table_[at] - 1] == name) return false;
  names_.push_back(name);
  table_[at] = static_cast<uint32_t>(names_.size());
  return true;
}

void NameSet::rehash() {
  size_t size = 64;
  while (size < names_.size() * 4) size *= 2;
  table_.assign(size, 0);
  for (size_t k = 0; k < names_.size(); ++k) {
    size_t at = hash_name(names_[k].bytes, names_[k].length) & (size - 1);
    while (table_[at] != 0) at = (at + 1) & (size - 1);
    table_[at] = static_cast<uint32_t>(k + 1);
  }
}

}  // namespace patchbay
