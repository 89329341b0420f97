/* patchbay/event.hpp - events as they come and as they go. Include patchbay.hpp instead. */
#ifndef PATCHBAY_EVENT_HPP
#define PATCHBAY_EVENT_HPP
#include <chrono>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "patchbay.h"
#include "patchbay/emit.h"

#pragma GCC visibility push(hidden)
namespace patchbay {

inline std::string_view view(patchbay_str text) {
  return text.len ? std::string_view(text.ptr, text.len) : std::string_view();
}
inline patchbay_str lend(std::string_view text) { return {text.data(), text.size()}; }

/* What a host service answered instead of doing what it was asked. Thrown out of a handler it is tried again. */
class ServiceError : public std::runtime_error {
public:
  ServiceError(const char *operation, patchbay_status status)
      : std::runtime_error(std::string(operation) + ": status " + std::to_string(status)), status(status) {}
  const patchbay_status status; /* PATCHBAY_E_* */
};

/* One CloudEvent where the host keeps it: valid while `handle` runs, so it cannot be copied. Absent attributes are
 * empty. */
class Event {
public:
  explicit Event(const patchbay_event *raw) : raw(*raw) {}
  Event(const Event &) = delete;
  Event &operator=(const Event &) = delete;
  std::string_view id() const { return view(raw.id); }
  std::string_view source() const { return view(raw.source); }
  std::string_view type() const { return view(raw.type); }
  std::string_view subject() const { return view(raw.subject); }
  std::string_view time() const { return view(raw.time); }
  std::string_view data_content_type() const { return view(raw.datacontenttype); }
  std::string_view data_schema() const { return view(raw.dataschema); }
  std::string_view data() const {
    return raw.data_len ? std::string_view(reinterpret_cast<const char *>(raw.data), raw.data_len) : std::string_view();
  }
  std::string_view route() const { return view(raw.route); }
  std::string_view idempotency_key() const { return view(raw.idempotency_key); }
  std::string_view traceparent() const { return view(raw.traceparent); }
  uint32_t attempt() const { return raw.attempt; }
  uint32_t max_attempts() const { return raw.max_attempts; }
  /* Of CLOCK_MONOTONIC; none: 0. */
  std::chrono::nanoseconds deadline() const { return std::chrono::nanoseconds(raw.deadline_ns); }

  std::optional<std::string_view> extension(std::string_view name) const {
    for (uint64_t i = 0; i < raw.ext_count; i++)
      if (view(raw.ext[i].key) == name) return view(raw.ext[i].value);
    return std::nullopt;
  }

  const patchbay_event &raw;
};

/* An event to be; what is empty, the host fills in. */
struct Draft {
  std::string type, source, subject, id, data_content_type;
  std::vector<std::pair<std::string, std::string>> extensions;
  std::string data;
  uint64_t not_before_ns = 0; /* since the Unix epoch; 0: at once */
};

using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

namespace glue {

inline void need(const char *operation, const void *table) {
  if (!table) throw ServiceError(operation, PATCHBAY_E_UNSUPPORTED);
}
inline void check(const char *operation, patchbay_status status) {
  if (status < 0) throw ServiceError(operation, status);
}

template <class Pairs> std::vector<patchbay_kv> lend_pairs(const Pairs &from) {
  std::vector<patchbay_kv> pairs;
  for (const auto &pair : from) pairs.push_back({lend(pair.first), lend(pair.second)});
  return pairs;
}

/* A draft in the form of the ABI, as long as the draft lives. */
struct RawDraft {
  explicit RawDraft(const Draft &draft) : pairs(lend_pairs(draft.extensions)) {
    raw.size = sizeof raw;
    raw.type = lend(draft.type);
    raw.source = lend(draft.source);
    raw.subject = lend(draft.subject);
    raw.id = lend(draft.id);
    raw.datacontenttype = lend(draft.data_content_type);
    raw.ext = pairs.data();
    raw.ext_count = pairs.size();
    raw.data = reinterpret_cast<const uint8_t *>(draft.data.data());
    raw.data_len = draft.data.size();
    raw.not_before_ns = draft.not_before_ns;
  }
  RawDraft(RawDraft &&) = default; /* the pairs stay where they are */

  std::vector<patchbay_kv> pairs;
  patchbay_draft raw{};
};

/* Reads a value whose length is not known: `get(bytes, &length)` as patchbay_state.get. False: there is none. */
template <class Get> bool read_value(const char *operation, std::string &value, Get get) {
  value.assign(256, '\0');
  for (;;) {
    uint64_t length = value.size();
    const patchbay_status status = get(reinterpret_cast<uint8_t *>(&value[0]), &length);
    if (status == PATCHBAY_E_NOT_FOUND) return false;
    const bool is_short = status == PATCHBAY_E_LIMIT && length > value.size();
    if (!is_short) check(operation, status);
    value.resize(length);
    if (!is_short) return true;
  }
}

/* Runs `body`; the reason when it throws. */
template <class Body> std::optional<std::string> caught(Body body) noexcept {
  try {
    try {
      body();
      return std::nullopt;
    } catch (const std::exception &error) {
      return std::string("exception: ") + error.what();
    } catch (...) {
      return std::string("exception: of a type of its own");
    }
  } catch (...) {
    return std::string(); /* no memory for the words */
  }
}

} // namespace glue

} // namespace patchbay
#pragma GCC visibility pop

#endif
