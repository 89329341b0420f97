/* patchbay/stream.hpp - streams of events, as a call reads and writes them. Include patchbay.hpp instead. */
#ifndef PATCHBAY_STREAM_FACE_HPP
#define PATCHBAY_STREAM_FACE_HPP
#include <type_traits>

#include "host.hpp"

#pragma GCC visibility push(hidden)
namespace patchbay {

/* An event of a stream, while it is shown. */
struct StreamEvent {
  uint64_t revision;
  std::chrono::nanoseconds appended; /* since the Unix epoch */
  std::string_view id, source, type;
  std::string_view json; /* all of it: a structured CloudEvent */
};

/* What an append expects of a stream. */
class Expected {
public:
  static constexpr Expected anything() { return Expected(PATCHBAY_STREAM_ANY); }
  static constexpr Expected exists() { return Expected(PATCHBAY_STREAM_EXISTS); }
  static constexpr Expected absent() { return Expected(PATCHBAY_STREAM_NONE); }
  /* Its last revision, appends of this call included. */
  static constexpr Expected revision(uint64_t revision) { return Expected(revision); }
  const uint64_t raw;

private:
  explicit constexpr Expected(uint64_t raw) : raw(raw) {}
};

/* Somebody else appended first. */
class StreamConflict : public ServiceError {
public:
  explicit StreamConflict(uint64_t raw) : ServiceError("stream.append", PATCHBAY_E_CONFLICT) {
    if (raw != PATCHBAY_STREAM_NONE) revision = raw;
  }
  std::optional<uint64_t> revision; /* that the stream has; none: it does not exist */
};

struct StreamHead {
  uint64_t first; /* revision that is not truncated */
  uint64_t next;  /* revision that comes next */
};

struct Snapshot {
  std::string value;
  uint64_t revision; /* the last one that it includes */
};

/* A stream in the hands of one call. Appends and snapshots count once the call is done; reading shows what is
 * committed. Valid while its call is open. */
class Stream {
public:
  Stream(const Host &host, patchbay_call call, std::string_view name) : host_(&host), call_(call), name_(name) {}

  /* Appends after what this call has appended before; gives the first event's revision. Throws StreamConflict where the
   * stream is not as expected, and ServiceError: PATCHBAY_E_STATE for a deleted stream, PATCHBAY_E_LIMIT. */
  uint64_t append(const std::vector<Draft> &drafts, Expected expected = Expected::anything()) {
    glue::need("stream.append", host_->stream);
    std::vector<glue::RawDraft> lent;
    std::vector<const patchbay_draft *> raw;
    lent.reserve(drafts.size());
    for (const Draft &draft : drafts) raw.push_back(&lent.emplace_back(draft).raw);
    uint64_t revision = 0;
    const patchbay_status status = host_->stream->append(host_->raw, call_, lend(name_), raw.data(), raw.size(),
                                                         expected.raw, &revision);
    if (status == PATCHBAY_E_CONFLICT) throw StreamConflict(revision);
    glue::check("stream.append", status);
    return revision;
  }

  /* None: there is no such stream. */
  std::optional<StreamHead> head() const {
    glue::need("stream.head", host_->stream);
    StreamHead head{};
    const patchbay_status status = host_->stream->head(host_->raw, call_, lend(name_), &head.first, &head.next);
    if (status == PATCHBAY_E_NOT_FOUND) return std::nullopt;
    glue::check("stream.head", status);
    return head;
  }

  /* Shows at most `count` events (1000 a page) from a revision on, or down: `visit(const StreamEvent &)` returns
   * nothing, or false to end. False: there is no such stream. */
  template <class Visit> bool read(uint64_t from, uint64_t count, Visit visit, bool backward = false) const {
    glue::need("stream.read", host_->stream);
    Visitor<Visit> visitor{visit, nullptr};
    const patchbay_status status =
        host_->stream->read(host_->raw, call_, lend(name_), from, count, backward ? PATCHBAY_STREAM_BACKWARD : 0,
                            Visitor<Visit>::show, &visitor);
    return visitor.finish("stream.read", status);
  }

  /* Shows at most `count` events that `filter` takes (1000 a page; 10000 are looked at). Gives the `from` with which
   * the next query goes on; none: all are seen, or there is no such stream. */
  template <class Visit> std::optional<uint64_t> query(const StreamFilter &filter, uint64_t count, Visit visit) const {
    glue::need("stream.query", host_->stream);
    Visitor<Visit> visitor{visit, nullptr};
    const patchbay_stream_filter raw = glue::raw_filter(filter);
    uint64_t next = PATCHBAY_STREAM_NONE;
    const patchbay_status status = host_->stream->query(host_->raw, call_, lend(name_), &raw, count,
                                                        Visitor<Visit>::show, &visitor, &next);
    if (!visitor.finish("stream.query", status) || next == PATCHBAY_STREAM_NONE) return std::nullopt;
    return next;
  }

  /* The latest snapshot at this revision or before. */
  std::optional<Snapshot> snapshot(uint64_t at = PATCHBAY_STREAM_ANY) const {
    glue::need("stream.snapshot_get", host_->stream);
    Snapshot found{};
    const bool is_there = glue::read_value("stream.snapshot_get", found.value, [&](uint8_t *bytes, uint64_t *length) {
      return host_->stream->snapshot_get(host_->raw, call_, lend(name_), at, bytes, length, &found.revision);
    });
    if (!is_there) return std::nullopt;
    return found;
  }

  /* Keeps what the events up to `revision` amount to; those that this call appends count. */
  void keep_snapshot(uint64_t revision, std::string_view value) {
    glue::need("stream.snapshot_put", host_->stream);
    glue::check("stream.snapshot_put",
                host_->stream->snapshot_put(host_->raw, call_, lend(name_), revision,
                                            reinterpret_cast<const uint8_t *>(value.data()), value.size()));
  }

private:
  /* Carries what the visitor throws around the host. */
  template <class Visit> struct Visitor {
    Visit &visit;
    std::exception_ptr thrown;

    static int32_t show(void *context, const patchbay_stream_event *raw) noexcept {
      auto *self = static_cast<Visitor *>(context);
      const StreamEvent event{raw->revision,  std::chrono::nanoseconds(raw->appended_ns),
                              view(raw->id),  view(raw->source),
                              view(raw->type), view(raw->json)};
      try {
        if constexpr (std::is_void_v<std::invoke_result_t<Visit &, const StreamEvent &>>) {
          self->visit(event);
          return 0;
        } else {
          return self->visit(event) ? 0 : 1;
        }
      } catch (...) {
        self->thrown = std::current_exception();
        return 1;
      }
    }

    bool finish(const char *operation, patchbay_status status) const {
      if (thrown) std::rethrow_exception(thrown);
      if (status == PATCHBAY_E_NOT_FOUND) return false;
      glue::check(operation, status);
      return true;
    }
  };

  const Host *host_;
  patchbay_call call_;
  std::string name_;
};

} // namespace patchbay
#pragma GCC visibility pop

#endif
