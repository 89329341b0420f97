// One CloudEvents object (JSON event format 1.0.2) from its tokens.
#include "decoder.hpp"
#include "rules.hpp"

namespace patchbay {

namespace {

class EventReader {
 public:
  EventReader(pbj_decoder &decoder, pbj_batch &batch, const Text &text, uint32_t base, pbj_event &event,
              pbj_field *fields)
      : decoder_(decoder), plan_(*decoder.plan), batch_(batch), text_(text), base_(base), event_(event),
        fields_(fields) {}

  template <bool Escapes>
  bool read(const uint32_t *token) {
    if (text_.at(++token) == '}') {
      ++token;
    } else {
      for (;;) {
        token = member<Escapes>(token);
        if (token == nullptr) return false;
        uint8_t c = text_.at(token++);
        if (c == '}') break;
        if (c != ',') return text_.refuse_syntax(token - 1) != nullptr;
      }
    }
    if (token != text_.end) return text_.refuse_syntax(token) != nullptr;
    return required() && data<Escapes>();
  }

 private:
  struct String {
    const char *bytes;
    uint32_t length;
  };

  pbj_decoder &decoder_;
  const pbj_plan &plan_;
  pbj_batch &batch_;
  const Text &text_;
  const uint32_t base_;  // of the line in the batch's text
  pbj_event &event_;
  pbj_field *fields_;
  uint32_t seen_ = 0;  // a bit a member, null or not
  bool has_version_ = false;
  const uint32_t *data_ = nullptr, *data_end_ = nullptr, *base64_ = nullptr;
  String data_name_ = {}, base64_name_ = {};

  pbj_span span(const String &string) const {
    auto offset = reinterpret_cast<uintptr_t>(string.bytes) - reinterpret_cast<uintptr_t>(text_.bytes);
    if (offset <= text_.length) return {base_ + static_cast<uint32_t>(offset), string.length};
    return {static_cast<uint32_t>(string.bytes - batch_.arena->base) | PBJ_ARENA, string.length};
  }

  const uint32_t *refuse(uint32_t error, const uint32_t *token, const String &name) {
    event_.error_name = span(name);
    return text_.refuse(error, *token);
  }
  bool refuse_missing(uint32_t error, Member member) {
    const char *name = name_of(member);
    event_.error_name = pbj_arena_copy(batch_.arena, name, strlen(name));
    if (event_.error_name.length == UINT32_MAX) event_.error_name = {0, 0};
    return text_.refuse(error, text_.length == 0 ? 0 : text_.length - 1) != nullptr;
  }
  /// For a value of a wrong type: what is not even JSON is refused as that.
  template <bool Escapes>
  const uint32_t *refuse_type(const uint32_t *token, const String &name) {
    NoSink none;
    return text_.walk<Escapes>(token, 1, none) == nullptr ? nullptr : refuse(PBJ_E_ATTRIBUTE, token, name);
  }

  template <bool Escapes>
  bool string(const uint32_t *token, String &out) {
    return text_.check_string<Escapes>(token) &&
           string_text<Escapes>(text_, token, batch_.arena, out.bytes, out.length);
  }

  template <bool Escapes>
  const uint32_t *member(const uint32_t *token) {
    if (text_.at(token) != '"') return text_.refuse_syntax(token);
    String name;
    if (!string<Escapes>(token, name)) return nullptr;
    if (text_.at(token + 1) != ':') return text_.refuse_syntax(token + 1);
    const uint32_t *value = token + 2;
    Member member = member_named(name.bytes, name.length);
    if (member == member_extension) return extension<Escapes>(token, value, name);
    if ((seen_ & 1u << member) != 0) return refuse(PBJ_E_DUPLICATE, token, name);
    seen_ |= 1u << member;
    if (member == member_data) {
      data_ = value;
      data_name_ = name;
      const uint32_t *next;
      if (plan_.data != nullptr) {
        next = decoder_.filler.value<Escapes>(text_, value, *plan_.data, 1);
      } else {
        NoSink none;
        next = text_.walk<Escapes>(value, 1, none);
      }
      return data_end_ = next;
    }
    return attribute<Escapes>(member, value, name);
  }

  template <bool Escapes>
  const uint32_t *attribute(Member member, const uint32_t *token, const String &name) {
    uint8_t first = text_.at(token);
    if (first != '"') {
      if (first == 'n' && literal_end(text_.bytes + *token) != nullptr) return token + 1;  // unset
      return refuse_type<Escapes>(token, name);
    }
    if (member == member_data_base64) {
      if (!text_.check_string<Escapes>(token)) return nullptr;
      base64_ = token;
      base64_name_ = name;
      return token + 1;
    }
    String value;
    if (!string<Escapes>(token, value)) return nullptr;
    bool right = value.length != 0;
    switch (member) {
      case member_specversion:
        has_version_ = true;
        right = value.length == 3 && memcmp(value.bytes, "1.0", 3) == 0;
        if (!right) return refuse(PBJ_E_SPECVERSION, token, name);
        break;
      case member_id: event_.id = span(value); break;
      case member_type: event_.type = span(value); break;
      case member_source:
        right = right && is_uri_reference(value.bytes, value.length);
        event_.source = span(value);
        break;
      case member_subject: event_.subject = span(value); break;
      case member_time:
        right = is_timestamp(value.bytes, value.length);
        event_.time = span(value);
        break;
      case member_datacontenttype:
        right = is_media_type(value.bytes, value.length);
        event_.datacontenttype = span(value);
        break;
      default:
        right = is_uri(value.bytes, value.length);
        event_.dataschema = span(value);
        break;
    }
    if (!right) {
      bool missing = value.length == 0 && member <= member_type;
      return refuse(missing ? PBJ_E_MISSING : PBJ_E_ATTRIBUTE, token, name);
    }
    if (plan_.member_slot[member] != no_slot) set_string(fields_[plan_.member_slot[member]], value);
    return token + 1;
  }

  static void set_string(pbj_field &field, const String &value) {
    field.kind = PBJ_STRING;
    field.length = value.length;
    field.ptr = value.bytes;
  }

  template <bool Escapes>
  const uint32_t *extension(const uint32_t *key, const uint32_t *token, const String &name) {
    if (!is_attribute_name(name.bytes, name.length)) return refuse(PBJ_E_NAME, key, name);
    if (!decoder_.names.insert(name.bytes, name.length)) return refuse(PBJ_E_DUPLICATE, key, name);
    uint8_t first = text_.at(token);
    const uint8_t *begin = text_.bytes + *token;
    String value;
    pbj_field field;
    if (first == '"') {
      if (!string<Escapes>(token, value)) return nullptr;
      set_string(field, value);
    } else if (first == 'n' && literal_end(begin) != nullptr) {
      return token + 1;  // unset
    } else if (first == 't' || first == 'f') {
      const uint8_t *end = literal_end(begin);
      if (end == nullptr) return text_.refuse_syntax(token);
      value = {reinterpret_cast<const char *>(begin), static_cast<uint32_t>(end - begin)};
      field.kind = PBJ_BOOL;
      field.length = 0;
      field.i = first == 't';
    } else {
      bool integral;
      const uint8_t *end = first == '-' || is_digit(first) ? number_end(begin, integral) : nullptr;
      if (end == nullptr || !integral) return refuse_type<Escapes>(token, name);
      number_value(begin, end, true, field);
      if (field.kind != PBJ_INT || field.i < INT32_MIN || field.i > INT32_MAX)
        return refuse(PBJ_E_ATTRIBUTE, token, name);
      if (field.i == 0) begin = end - 1;  // "-0"
      value = {reinterpret_cast<const char *>(begin), static_cast<uint32_t>(end - begin)};
    }
    if (batch_.ext_count == batch_.ext_capacity) return refuse(stop_extensions, key, name);
    batch_.ext[batch_.ext_count++] = {{name.bytes, name.length}, {value.bytes, value.length}};
    if (plan_.reads_extensions) {
      const PlanNode *node = plan_.root.find(name.bytes, name.length);
      if (node != nullptr && node->slot != no_slot) fields_[node->slot] = field;
    }
    return token + 1;
  }

  bool required() {
    if (!has_version_) return refuse_missing(PBJ_E_SPECVERSION, member_specversion);
    if (event_.id.length == 0) return refuse_missing(PBJ_E_MISSING, member_id);
    if (event_.source.length == 0) return refuse_missing(PBJ_E_MISSING, member_source);
    if (event_.type.length == 0) return refuse_missing(PBJ_E_MISSING, member_type);
    return true;
  }

  const char *bytes_of(pbj_span span) const {
    if ((span.offset & PBJ_ARENA) != 0) return batch_.arena->base + (span.offset & ~PBJ_ARENA);
    return batch_.text + span.offset;
  }

  /// `data` as its content type says, once all attributes are known.
  template <bool Escapes>
  bool data() {
    bool declared = event_.datacontenttype.length != 0;
    bool json = declared && is_json_media_type(bytes_of(event_.datacontenttype), event_.datacontenttype.length);
    if (base64_ != nullptr) return binary<Escapes>(json);
    if (data_ == nullptr) return true;
    uint8_t first = text_.at(data_);
    if (json || !declared) {
      event_.data = {base_ + *data_, value_end(first) - *data_};
      event_.flags = PBJ_HAS_DATA | PBJ_DATA_IS_JSON;
      return true;
    }
    if (first == '"') {
      String value;
      if (!string_text<Escapes>(text_, data_, batch_.arena, value.bytes, value.length)) return false;
      event_.data = span(value);
      event_.flags = PBJ_HAS_DATA;
      return true;
    }
    if (plan_.data != nullptr) decoder_.filler.clear(*plan_.data);
    if (first == 'n') return true;  // null where a string belongs: unset
    return refuse(PBJ_E_ATTRIBUTE, data_, data_name_) != nullptr;
  }

  /// Where the text of `data` ends, whitespace left out.
  uint32_t value_end(uint8_t first) const {
    if (first == '{' || first == '[') return data_end_[-1] + 1;
    if (first == '"') return text_.closing_quote(data_) + 1;
    uint32_t end = *data_;
    while (!ends_scalar(text_.bytes[end])) ++end;
    return end;
  }

  template <bool Escapes>
  bool binary(bool json) {
    if (data_ != nullptr && text_.at(data_) != 'n') return refuse(PBJ_E_DUPLICATE, base64_, base64_name_) != nullptr;
    if (plan_.data != nullptr) decoder_.filler.clear(*plan_.data);
    String encoded;
    if (!string_text<Escapes>(text_, base64_, batch_.arena, encoded.bytes, encoded.length)) return false;
    char *to = batch_.arena->room(encoded.length);
    if (to == nullptr) return text_.refuse(PBJ_E_ARENA, *base64_) != nullptr;
    uint64_t length = 0, wrong = 0;
    if (!decode_base64(reinterpret_cast<const uint8_t *>(encoded.bytes), encoded.length, to, length, wrong)) {
      event_.error_name = span(base64_name_);
      return text_.refuse(PBJ_E_BASE64, *base64_ + 1 + static_cast<uint32_t>(wrong)) != nullptr;
    }
    event_.data = batch_.arena->commit(length);
    event_.flags = PBJ_HAS_DATA | PBJ_DATA_BINARY;
    if (json && decoded_json(reinterpret_cast<const uint8_t *>(to), static_cast<uint32_t>(length)))
      event_.flags |= PBJ_DATA_IS_JSON;
    return true;
  }

  /// Bytes whose content type says JSON are read as such; when they are not JSON they stay bytes. Ends the use of the
  /// line's tokens.
  bool decoded_json(const uint8_t *bytes, uint32_t length) {
    Refusal refusal;
    if (!decoder_.tokens.split(bytes, length, refusal)) return false;
    Text inner = {bytes, length, text_.nesting, decoder_.levels_for(length), &refusal,
                  decoder_.tokens.end()};
    pbj_event unused = {};
    bool json = read_data(decoder_, batch_, inner, 0, true, unused, fields_);
    if (!json && plan_.data != nullptr) decoder_.filler.clear(*plan_.data);
    return json;
  }
};

}  // namespace

bool read_event(pbj_decoder &decoder, pbj_batch &batch, const Text &text, uint32_t base, bool escapes,
                pbj_event &event, pbj_field *fields) {
  EventReader reader(decoder, batch, text, base, event, fields);
  const uint32_t *token = decoder.tokens.begin();
  return escapes ? reader.read<true>(token) : reader.read<false>(token);
}

}  // namespace patchbay
