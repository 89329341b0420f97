// JSON that is data alone, and whole texts of any value.
#include "decoder.hpp"

namespace patchbay {

namespace {

constexpr size_t padding = 64;

void set_slot(pbj_field *fields, uint32_t slot, const char *bytes, uint64_t length) {
  if (slot == no_slot) return;
  fields[slot].kind = PBJ_STRING;
  fields[slot].length = static_cast<uint32_t>(length);
  fields[slot].ptr = bytes;
}

}  // namespace

Text padded_copy(pbj_decoder &decoder, const Text &text) {
  decoder.scratch.assign(reinterpret_cast<const char *>(text.bytes),
                         reinterpret_cast<const char *>(text.bytes) + text.length);
  decoder.scratch.insert(decoder.scratch.end(), padding, '\n');
  Text copy = text;
  copy.bytes = reinterpret_cast<const uint8_t *>(decoder.scratch.data());
  return copy;
}

bool check_whole(pbj_decoder &decoder, const Text &text) {
  NoSink none;
  const uint32_t *next = padded_copy(decoder, text).walk<true>(decoder.tokens.begin(), 0, none);
  if (next == nullptr) return false;
  return next == text.end || text.refuse_syntax(next) != nullptr;
}

bool read_data(pbj_decoder &decoder, pbj_batch &batch, const Text &text, uint32_t base, bool escapes,
               pbj_event &event, pbj_field *fields) {
  const uint32_t *begin = decoder.tokens.begin(), *end = begin + decoder.tokens.count();
  const PlanNode nothing;
  const PlanNode &node = decoder.plan->data == nullptr ? nothing : *decoder.plan->data;
  bool bracketed = is_bracketed(text, decoder.tokens);
  if (!bracketed && !check_whole(decoder, text)) return false;
  // Strings stay where they are; numbers and literals at the very end are read from the padded copy.
  bool copied = !bracketed && text.at(begin) != '"';
  Text safe = text;
  if (copied) safe.bytes = reinterpret_cast<const uint8_t *>(decoder.scratch.data());
  const uint32_t *next = escapes ? decoder.filler.value<true>(safe, begin, node, 0)
                                 : decoder.filler.value<false>(safe, begin, node, 0);
  if (next == nullptr) return false;
  if (next != end) return text.refuse_syntax(next) != nullptr;

  uint32_t last = text.length;
  while (is_space(text.bytes[last - 1])) --last;
  event.data = {base + *begin, last - *begin};
  event.flags = PBJ_HAS_DATA | PBJ_DATA_IS_JSON;
  const pbj_envelope *envelope = batch.envelope;
  if (envelope != nullptr) {
    auto text_of = [&](pbj_span span) { return batch.arena->base + (span.offset & ~PBJ_ARENA); };
    const uint32_t *slots = decoder.plan->member_slot;
    set_slot(fields, slots[member_id], text_of(event.id), event.id.length);
    set_slot(fields, slots[member_type], text_of(event.type), event.type.length);
    set_slot(fields, slots[member_source], text_of(event.source), event.source.length);
    set_slot(fields, slots[member_specversion], "1.0", 3);
  }
  return true;
}

}  // namespace patchbay
