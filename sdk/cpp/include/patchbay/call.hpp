/* patchbay/call.hpp - attempts to handle events: what a handler does while it works. Include patchbay.hpp instead. */
#ifndef PATCHBAY_CALL_HPP
#define PATCHBAY_CALL_HPP
#include "network.hpp"
#include "stream.hpp"

#pragma GCC visibility push(hidden)
namespace patchbay {

/* A stored value and its revision, which is never 0. */
struct Entry {
  std::string value;
  uint64_t revision;
};

/* `expected` of a write beside a revision. */
constexpr uint64_t absent = 0, anything = PATCHBAY_STATE_ANY;

/* A span of a handler's own, which ends with its scope. */
class Span {
public:
  Span(const Host &host, patchbay_call call, patchbay_span parent, std::string_view name)
      : host_(&host), call_(call),
        id_(host.trace && (parent || call) ? host.trace->begin(host.raw, call, parent, lend(name)) : 0) {}
  Span(Span &&other) noexcept
      : host_(other.host_), call_(other.call_), id_(std::exchange(other.id_, 0)), ok_(other.ok_) {}
  Span &operator=(Span &&) = delete;
  ~Span() {
    if (id_) host_->trace->end(host_->raw, id_, ok_);
  }
  /* `json` is a string, number, boolean or an array of one of these. */
  void set(std::string_view key, std::string_view json) {
    if (id_) host_->trace->attr(host_->raw, id_, lend(key), lend(json));
  }
  /* Adds an event with the present time. */
  void event(std::string_view name, Fields fields = {}) {
    if (!id_) return;
    const auto pairs = glue::lend_pairs(fields);
    host_->trace->event(host_->raw, id_, lend(name), pairs.data(), pairs.size());
  }
  /* A span below this one. */
  [[nodiscard]] Span span(std::string_view name) const { return Span(*host_, call_, id_, name); }
  /* W3C `traceparent` for a request to another system; empty: not sampled. */
  std::string traceparent() const {
    char text[64];
    const uint64_t length = id_ ? host_->trace->inject(host_->raw, id_, text, sizeof text) : 0;
    return length <= sizeof text ? std::string(text, length) : std::string();
  }
  void failed() { ok_ = 0; }

private:
  const Host *host_;
  patchbay_call call_;
  patchbay_span id_;
  int32_t ok_ = 1;
};

class Deferred;

/* One attempt to handle one event: how a handler reaches the host while it works. Usable from any thread. */
class Call {
public:
  Call(const Host &host, patchbay_call id) : host_(&host), id_(id) {}

  /* PATCHBAY_CANCEL_* once the host wants this call to end soon, else 0. */
  int32_t cancellation() const { return host_->raw->cancelled(host_->raw, id_); }

  void log(Level level, std::string_view message, Fields fields = {}) const { host_->log(id_, level, message, fields); }

  [[nodiscard]] Span span(std::string_view name) { return Span(*host_, id_, 0, name); }

  /* Emitted once this call is done; any other outcome drops it. */
  void emit(const Draft &draft) {
    glue::need("emit.add", host_->emit);
    const glue::RawDraft lent(draft);
    glue::check("emit.add", host_->emit->add(host_->raw, id_, &lent.raw));
  }

  /* ---- State ---- */

  std::optional<Entry> get(std::string_view key) {
    glue::need("state.get", host_->state);
    Entry entry{};
    const bool is_there = glue::read_value("state.get", entry.value, [&](uint8_t *bytes, uint64_t *length) {
      return host_->state->get(host_->raw, id_, lend(key), bytes, length, &entry.revision);
    });
    if (!is_there) return std::nullopt;
    return entry;
  }

  /* Stored once this call is done; `time_to_live` from then on, 0: for ever. `expected` is a revision, absent or
   * anything; throws PATCHBAY_E_CONFLICT where it is another one. */
  void put(std::string_view key, std::string_view value, uint64_t expected = anything,
           std::chrono::nanoseconds time_to_live = {}) {
    glue::need("state.put", host_->state);
    glue::check("state.put", host_->state->put(host_->raw, id_, lend(key),
                                               reinterpret_cast<const uint8_t *>(value.data()), value.size(), expected,
                                               static_cast<uint64_t>(time_to_live.count())));
  }

  /* False: there is no such key. */
  bool erase(std::string_view key, uint64_t expected = anything) {
    glue::need("state.del", host_->state);
    return found("state.del", host_->state->del(host_->raw, id_, lend(key), expected));
  }

  /* ---- Timers ---- */

  /* At draft.not_before_ns the event comes to this handler and no other. */
  void set_timer(std::string_view key, const Draft &draft) {
    glue::need("timer.set", host_->timer);
    const glue::RawDraft lent(draft);
    glue::check("timer.set", host_->timer->set(host_->raw, id_, lend(key), &lent.raw));
  }

  /* False: none was set. */
  bool cancel_timer(std::string_view key) {
    glue::need("timer.cancel", host_->timer);
    return found("timer.cancel", host_->timer->cancel(host_->raw, id_, lend(key)));
  }

  /* ---- Streams ---- */

  [[nodiscard]] Stream stream(std::string_view name) { return Stream(*host_, id_, name); }

  /* Once this call is done the events of `stream_name` come to this handler and no other: those from `filter.from` on,
   * then each as it is appended, in order. Repeatable: a subscription of this name that is there keeps its place. */
  void subscribe(std::string_view name, std::string_view stream_name, const StreamFilter &filter = {}) {
    host_->subscribe(id_, name, stream_name, filter);
  }

  /* False: there is no subscription of this name. */
  bool unsubscribe(std::string_view name) {
    glue::need("stream.unsubscribe", host_->subscriptions());
    return found("stream.unsubscribe", host_->stream->unsubscribe(host_->raw, id_, lend(name)));
  }

  /* ---- Network ---- */

  /* Sends a request and waits for the response, whatever its status: for a handler that is `"blocking": true`. Throws
   * Fault where there is none, and ServiceError where the host does not send it. */
  Response send(const Request &request) { return wait(request).response(); }

  /* The same for mail: returns when the server has taken it on. */
  void send(const Mail &mail) { (void)wait(mail).response(); }

  /* Sends a request or a mail; `receive(Answer)` is called once, on a thread of the host that carries the answers of
   * all modules: it takes what it needs and returns, such as `[owed = call.defer()](Answer answer) mutable { … }`.
   * Throws ServiceError where the host does not send it; then `receive` is destroyed and not called. */
  template <class Message, class Receive> void send(const Message &message, Receive receive) {
    auto *receiver = new glue::Receiver<Receive>{std::move(receive)};
    try {
      glue::send(*host_, id_, message, glue::Receiver<Receive>::answered, receiver);
    } catch (...) {
      delete receiver; /* nothing was sent, and nobody answers */
      throw;
    }
  }

  /* The right to complete the call later, from any thread; `handle` then returns Outcome::deferred(), having copied
   * what it needs of the event. */
  [[nodiscard]] inline Deferred defer();

private:
  friend class Deferred;
  friend class Batch;

  template <class Message> Answer wait(const Message &message) {
    glue::Waiting waiting;
    glue::send(*host_, id_, message, glue::Waiting::answered, &waiting);
    return waiting.wait();
  }

  static bool found(const char *operation, patchbay_status status) {
    if (status == PATCHBAY_E_NOT_FOUND) return false;
    glue::check(operation, status);
    return true;
  }

  const Host *host_; /* the instance's, which outlives its calls */
  patchbay_call id_;
};

/* The right to complete a call. Destroyed without being used it asks for another attempt, so that none is forgotten. */
class Deferred {
public:
  explicit Deferred(const Call &call) : call_(call) {}
  Deferred(Deferred &&other) noexcept : call_(other.call_), is_owed_(std::exchange(other.is_owed_, false)) {}
  Deferred &operator=(Deferred &&) = delete;
  ~Deferred() {
    if (!is_owed_) return;
    patchbay_result result{};
    result.size = sizeof result;
    result.outcome = PATCHBAY_RETRY;
    result.reason = lend("internal: the handler dropped its call");
    call_.host_->raw->complete(call_.host_->raw, call_.id_, &result);
  }
  /* For logging and services. */
  Call &call() { return call_; }
  /* False: the host has given the call up. */
  bool complete(const Outcome &outcome) && {
    is_owed_ = false;
    return outcome.complete(call_.host_->raw, call_.id_) >= 0;
  }

private:
  Call call_;
  bool is_owed_ = true;
};

inline Deferred Call::defer() { return Deferred(*this); }

namespace glue {
struct BatchEnd;
}

/* Events that are handled together, never two of one ordering key, for a handler that has `handle_batch`. Lent while
 * that runs: what it neither settles nor defers is done when it returns, and tried again when it throws. */
class Batch {
public:
  Batch(const Host &host, uint64_t count, const patchbay_call *calls, const patchbay_event *const *events)
      : host_(&host), count_(count), calls_(calls), events_(events) {}
  Batch(const Batch &) = delete;
  Batch &operator=(const Batch &) = delete;

  size_t size() const { return count_; }
  Event event(size_t index) const { return Event(events_[checked(index)]); }
  Call call(size_t index) const { return Call(*host_, calls_[checked(index)]); }
  /* Settles one event. False: it was settled before. */
  bool complete(size_t index, const Outcome &outcome) const {
    settled(checked(index));
    return outcome.complete(host_->raw, calls_[index]) >= 0;
  }
  /* The right to complete one call later, from any thread, having copied what is needed of the event. */
  [[nodiscard]] Deferred defer(size_t index) const {
    settled(checked(index));
    has_deferred_ = true;
    return Deferred(call(index));
  }

private:
  friend struct glue::BatchEnd;

  /* Nobody else is to settle it. */
  void settled(size_t index) const {
    if (settled_.empty()) settled_.resize(count_);
    settled_[index] = true;
  }

  size_t checked(size_t index) const {
    if (index >= count_) throw std::out_of_range("index out of the batch");
    return index;
  }

  const Host *host_;
  uint64_t count_;
  const patchbay_call *calls_;
  const patchbay_event *const *events_;
  mutable std::vector<bool> settled_; /* empty: none is */
  mutable bool has_deferred_ = false;
};

} // namespace patchbay
#pragma GCC visibility pop

#endif
