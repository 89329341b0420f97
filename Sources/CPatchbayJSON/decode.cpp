// Batches: lines out of a text, an event a line.
#include <charconv>
#include <new>

#include "decoder.hpp"

using namespace patchbay;

namespace {

bool is_blank(const uint8_t *bytes, uint32_t length) {
  for (uint32_t k = 0; k < length; ++k)
    if (!is_space(bytes[k])) return false;
  return true;
}

/// Type and source of a batch whose lines are data alone; copied once a call.
struct Envelope {
  pbj_span type = {0, 0}, source = {0, 0};
  bool copied = false;

  /// Writes type, source and the line's own id into the event; false: the arena is full.
  bool apply(const pbj_batch &batch, pbj_event &event) {
    const pbj_envelope &envelope = *batch.envelope;
    if (!copied) {
      type = pbj_arena_copy(batch.arena, envelope.type.ptr, envelope.type.len);
      source = pbj_arena_copy(batch.arena, envelope.source.ptr, envelope.source.len);
      if (type.length == UINT32_MAX || source.length == UINT32_MAX) return false;
      copied = true;
    }
    constexpr uint64_t digits_max = 20;
    char *to = batch.arena->room(envelope.id_prefix.len + digits_max);
    if (to == nullptr) return false;
    if (envelope.id_prefix.len != 0) memcpy(to, envelope.id_prefix.ptr, envelope.id_prefix.len);
    char *digits = to + envelope.id_prefix.len;
    auto end = std::to_chars(digits, digits + digits_max, envelope.id_first + event.line_index).ptr;
    event.id = batch.arena->commit(static_cast<uint64_t>(end - to));
    event.type = type;
    event.source = source;
    return true;
  }
};

/// Decodes one line that is not blank; false: `refusal` says why.
bool decode_line(pbj_decoder &decoder, pbj_batch &batch, Envelope &envelope, pbj_event &event, pbj_field *fields,
                 Refusal &refusal) {
  const auto *bytes = reinterpret_cast<const uint8_t *>(batch.text) + event.line.offset;
  const uint32_t length = event.line.length;
  if (length > decoder.limits.event_bytes) {
    refusal = {PBJ_E_TOO_LARGE, decoder.limits.event_bytes};
    return false;
  }
  if (!decoder.tokens.split(bytes, length, refusal)) return false;
  Text text = {bytes, length, decoder.limits.nesting, decoder.levels_for(length), &refusal,
               decoder.tokens.end()};
  bool escapes = memchr(bytes, '\\', length) != nullptr;
  decoder.filler.start(fields, batch.arena);
  if (batch.envelope != nullptr) {
    if (!envelope.apply(batch, event)) return text.refuse(PBJ_E_ARENA, 0) != nullptr;
    return read_data(decoder, batch, text, event.line.offset, escapes, event, fields);
  }
  if (!is_bracketed(text, decoder.tokens) || text.at(decoder.tokens.begin()) != '{') {
    uint32_t first = *decoder.tokens.begin();
    return check_whole(decoder, text) && text.refuse(PBJ_E_NOT_OBJECT, first) != nullptr;
  }
  decoder.names.clear();
  return read_event(decoder, batch, text, event.line.offset, escapes, event, fields);
}

void clear(pbj_field *fields, uint32_t count) {
  for (uint32_t k = 0; k < count; ++k) fields[k].kind = PBJ_ABSENT;
}

}  // namespace

extern "C" pbj_decoder *pbj_decoder_new(pbj_limits limits, const pbj_plan *plan) {
  static const pbj_plan empty;
  auto *decoder = new (std::nothrow) pbj_decoder;
  if (decoder == nullptr) return nullptr;
  decoder->limits = limits;
  decoder->plan = plan == nullptr ? &empty : plan;
  decoder->filler.set_plan(*decoder->plan);
  return decoder;
}

extern "C" void pbj_decoder_free(pbj_decoder *decoder) { delete decoder; }

extern "C" void pbj_decode(pbj_decoder *decoder, pbj_batch *batch) {
  const uint32_t slots = decoder->plan->slots;
  Envelope envelope;
  batch->count = batch->ext_count = batch->lines = 0;
  batch->consumed = batch->start;
  while (batch->consumed < batch->end && batch->count < batch->capacity) {
    const char *begin = batch->text + batch->consumed;
    auto *newline = static_cast<const char *>(memchr(begin, '\n', batch->end - batch->consumed));
    const char *end = newline == nullptr ? batch->text + batch->end : newline;
    auto next = static_cast<uint32_t>((newline == nullptr ? end : newline + 1) - batch->text);
    if (end != begin && end[-1] == '\r') --end;
    auto length = static_cast<uint32_t>(end - begin);
    if (!is_blank(reinterpret_cast<const uint8_t *>(begin), length)) {
      pbj_event &event = batch->events[batch->count];
      pbj_field *fields = batch->fields + static_cast<size_t>(batch->count) * slots;
      const uint32_t extensions = batch->ext_count;
      const uint64_t arena_mark = batch->arena->used;
      event = {};
      event.line = {batch->consumed, length};
      event.line_index = batch->lines;
      event.ext_first = extensions;
      clear(fields, slots);
      Refusal refusal;
      if (decode_line(*decoder, *batch, envelope, event, fields, refusal)) {
        event.ext_count = batch->ext_count - extensions;
      } else {
        batch->ext_count = extensions;
        bool room_ended = (refusal.error == stop_extensions && extensions != 0) ||
                          (refusal.error == PBJ_E_ARENA && batch->count != 0);
        if (room_ended) {
          batch->arena->used = arena_mark;
          return;
        }
        event.error = refusal.error == stop_extensions ? static_cast<uint32_t>(PBJ_E_TOO_LARGE) : refusal.error;
        event.error_offset = refusal.offset;
        event.flags = 0;
        event.data = {0, 0};
        clear(fields, slots);
      }
      ++batch->count;
    }
    ++batch->lines;
    batch->consumed = next;
  }
}
