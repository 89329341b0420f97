/* patchbay.hpp - handlers in C++17 over patchbay.h. Header only; no ABI of its own.
 *
 *   #include <patchbay.hpp>
 *
 *   namespace {
 *   struct Hello {
 *     static constexpr const char *id = "hello";
 *     Hello(std::string_view config, const patchbay::Host &host) {}
 *     patchbay::Outcome handle(const patchbay::Event &event, patchbay::Call &call) {
 *       if (event.subject().empty()) return patchbay::Outcome::reject("invalid: nobody to greet");
 *       call.log(patchbay::Level::info, "hello", {{"detail", event.subject()}});
 *       return patchbay::Outcome::done();
 *     }
 *   };
 *   } // namespace
 *
 *   PATCHBAY_CPP_MODULE((Hello), "name": "greeter", "version": "1.0.0",
 *     "handlers": [{"id": "hello", "accepts": ["com.example.greeting.*"], "blocking": false}])
 *
 *   c++ -std=c++17 -shared -fPIC -fvisibility=hidden -Isdk/cpp/include -Isdk/c/include \
 *     -Wl,--version-script=sdk/swift/patchbay-module.map greeter.cpp -o greeter.so
 *
 * A handler is made once an instance and called on as many threads at once as the manifest's `concurrency` admits. An
 * exception that leaves it is caught at the border: out of the constructor it refuses the configuration, out of `handle`
 * it asks for another attempt, both with what() as the reason. Only the version script keeps the templates of the standard
 * library out of the module's symbols.
 */
#ifndef PATCHBAY_HPP
#define PATCHBAY_HPP
#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "patchbay.h"
#include "patchbay/emit.h"
#include "patchbay/state.h"
#include "patchbay/timer.h"

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

/* ---- Event ------------------------------------------------------------------------------------------------------ */

/* One CloudEvent where the host keeps it: valid while `handle` runs. Absent attributes are empty. */
class Event {
public:
  explicit Event(const patchbay_event *raw) : raw(*raw) {}
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

/* ---- Outcome ---------------------------------------------------------------------------------------------------- */

/* What became of an event. */
class Outcome {
public:
  static Outcome done() { return Outcome(PATCHBAY_DONE, {}); }
  static Outcome reply(std::string reply, std::string content_type) {
    Outcome outcome = done();
    outcome.reply_ = std::move(reply);
    outcome.reply_content_type_ = std::move(content_type);
    return outcome;
  }
  /* `reason` begins with a short, stable class such as `card_declined`. */
  static Outcome retry(std::string reason) { return Outcome(PATCHBAY_RETRY, std::move(reason)); }
  static Outcome retry_after(std::chrono::nanoseconds wait, std::string reason) {
    Outcome outcome = retry(std::move(reason));
    outcome.retry_after_ = wait.count() > 0 ? static_cast<uint64_t>(wait.count()) : 1;
    return outcome;
  }
  static Outcome fail(std::string reason) { return Outcome(PATCHBAY_FAIL, std::move(reason)); }
  /* The event itself is bad: the circuit breaker does not count it. */
  static Outcome reject(std::string reason) {
    Outcome outcome = fail(std::move(reason));
    outcome.flags_ = PATCHBAY_R_SPARE_BREAKER;
    return outcome;
  }
  static Outcome skip() { return Outcome(PATCHBAY_SKIP, {}); }
  static Outcome cancelled() { return Outcome(PATCHBAY_CANCELLED, {}); }
  static Outcome busy(std::string reason) { return Outcome(PATCHBAY_BUSY, std::move(reason)); }
  /* What `handle` returns after Call::defer(). */
  static Outcome deferred() { return Outcome(-1, {}); }

  Outcome with_code(int32_t code) && {
    code_ = code;
    return std::move(*this);
  }
  Outcome with_detail(std::string json) && {
    detail_ = std::move(json);
    return std::move(*this);
  }

  bool is_deferred() const { return kind_ == -1; }

  patchbay_status complete(const patchbay_host *host, patchbay_call call) const {
    patchbay_result result{};
    result.size = sizeof result;
    result.outcome = kind_;
    result.flags = flags_;
    result.code = code_;
    result.retry_after_ns = retry_after_;
    result.reason = lend(reason_);
    result.detail_json = lend(detail_);
    result.reply = lend(reply_);
    result.reply_content_type = lend(reply_content_type_);
    return host->complete(host, call, &result);
  }

private:
  Outcome(int32_t kind, std::string reason) : kind_(kind), reason_(std::move(reason)) {}

  int32_t kind_;
  uint32_t flags_ = 0;
  int32_t code_ = 0;
  uint64_t retry_after_ = 0;
  std::string reason_, detail_, reply_, reply_content_type_;
};

/* ---- Call ------------------------------------------------------------------------------------------------------- */

enum class Level : int32_t {
  trace = PATCHBAY_LOG_TRACE,
  debug = PATCHBAY_LOG_DEBUG,
  info = PATCHBAY_LOG_INFO,
  warning = PATCHBAY_LOG_WARN,
  error = PATCHBAY_LOG_ERROR,
  fatal = PATCHBAY_LOG_FATAL
};

/* An event to be; what is empty, the host fills in. */
struct Draft {
  std::string type, source, subject, id, data_content_type;
  std::vector<std::pair<std::string, std::string>> extensions;
  std::string data;
  uint64_t not_before_ns = 0; /* since the Unix epoch; 0: at once */
};

/* A stored value and its revision, which is never 0. */
struct Entry {
  std::string value;
  uint64_t revision;
};

/* `expected` of a write beside a revision. */
constexpr uint64_t absent = 0, anything = PATCHBAY_STATE_ANY;

/* The host as an instance sees it. */
class Host {
public:
  explicit Host(const patchbay_host *raw)
      : raw(raw), logger(table<patchbay_logger>(PATCHBAY_LOGGER)), trace(table<patchbay_trace>(PATCHBAY_TRACE)),
        emit(table<patchbay_emit>(PATCHBAY_EMIT)), state(table<patchbay_state>(PATCHBAY_STATE)),
        timer(table<patchbay_timer>(PATCHBAY_TIMER)) {}

  std::string_view name() const { return view(raw->name); }
  std::string_view version() const { return view(raw->version); }
  /* The table of any service, or nullptr. */
  template <class Table> const Table *table(const char *id) const {
    return static_cast<const Table *>(raw->service(raw, lend(id)));
  }

  const patchbay_host *const raw;
  const patchbay_logger *const logger;
  const patchbay_trace *const trace;
  const patchbay_emit *const emit;
  const patchbay_state *const state;
  const patchbay_timer *const timer;
};

/* A span of a handler's own, which ends with its scope. */
class Span {
public:
  Span(const Host &host, patchbay_call call, std::string_view name)
      : host_(&host), id_(host.trace ? host.trace->begin(host.raw, call, 0, lend(name)) : 0) {}
  Span(Span &&other) noexcept : host_(other.host_), id_(std::exchange(other.id_, 0)), ok_(other.ok_) {}
  Span &operator=(Span &&) = delete;
  ~Span() {
    if (id_) host_->trace->end(host_->raw, id_, ok_);
  }
  /* `json` is a string, number, boolean or an array of one of these. */
  void set(std::string_view key, std::string_view json) {
    if (id_) host_->trace->attr(host_->raw, id_, lend(key), lend(json));
  }
  void failed() { ok_ = 0; }

private:
  const Host *host_;
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

  void log(Level level, std::string_view message,
           std::initializer_list<std::pair<std::string_view, std::string_view>> fields = {}) {
    const int32_t number = static_cast<int32_t>(level);
    if (!host_->logger || !host_->logger->enabled(host_->raw, number)) return;
    std::vector<patchbay_kv> pairs;
    for (const auto &field : fields) pairs.push_back({lend(field.first), lend(field.second)});
    host_->logger->write(host_->raw, id_, number, lend(message), pairs.data(), pairs.size());
  }

  [[nodiscard]] Span span(std::string_view name) { return Span(*host_, id_, name); }

  /* Emitted once this call is done; any other outcome drops it. */
  void emit(const Draft &draft) {
    with(draft, "emit.add", host_->emit,
         [&](const patchbay_draft *raw) { return host_->emit->add(host_->raw, id_, raw); });
  }

  std::optional<Entry> get(std::string_view key) {
    need("state.get", host_->state);
    Entry entry{std::string(256, '\0'), 0};
    for (;;) {
      uint64_t length = entry.value.size();
      const patchbay_status status = host_->state->get(
          host_->raw, id_, lend(key), reinterpret_cast<uint8_t *>(&entry.value[0]), &length, &entry.revision);
      if (status == PATCHBAY_E_NOT_FOUND) return std::nullopt;
      const bool is_short = status == PATCHBAY_E_LIMIT && length > entry.value.size();
      if (!is_short) check("state.get", status);
      entry.value.resize(length);
      if (!is_short) return entry;
    }
  }

  /* Stored once this call is done; `time_to_live` from then on, 0: for ever. `expected` is a revision, absent or anything;
   * throws PATCHBAY_E_CONFLICT where it is another one. */
  void put(std::string_view key, std::string_view value, uint64_t expected = anything,
           std::chrono::nanoseconds time_to_live = {}) {
    need("state.put", host_->state);
    check("state.put",
          host_->state->put(host_->raw, id_, lend(key), reinterpret_cast<const uint8_t *>(value.data()), value.size(),
                            expected, static_cast<uint64_t>(time_to_live.count())));
  }

  /* False: there is no such key. */
  bool erase(std::string_view key, uint64_t expected = anything) {
    need("state.del", host_->state);
    const patchbay_status status = host_->state->del(host_->raw, id_, lend(key), expected);
    if (status == PATCHBAY_E_NOT_FOUND) return false;
    check("state.del", status);
    return true;
  }

  /* At draft.not_before_ns the event comes to this handler and no other. */
  void set_timer(std::string_view key, const Draft &draft) {
    with(draft, "timer.set", host_->timer,
         [&](const patchbay_draft *raw) { return host_->timer->set(host_->raw, id_, lend(key), raw); });
  }

  /* False: none was set. */
  bool cancel_timer(std::string_view key) {
    need("timer.cancel", host_->timer);
    const patchbay_status status = host_->timer->cancel(host_->raw, id_, lend(key));
    if (status == PATCHBAY_E_NOT_FOUND) return false;
    check("timer.cancel", status);
    return true;
  }

  /* The right to complete the call later, from any thread; `handle` then returns Outcome::deferred(), having copied what
   * it needs of the event. */
  [[nodiscard]] inline Deferred defer();

private:
  friend class Deferred;

  static void need(const char *operation, const void *table) {
    if (!table) throw ServiceError(operation, PATCHBAY_E_UNSUPPORTED);
  }
  static void check(const char *operation, patchbay_status status) {
    if (status < 0) throw ServiceError(operation, status);
  }

  template <class Body> void with(const Draft &draft, const char *operation, const void *table, Body body) {
    need(operation, table);
    std::vector<patchbay_kv> pairs;
    for (const auto &pair : draft.extensions) pairs.push_back({lend(pair.first), lend(pair.second)});
    patchbay_draft raw{};
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
    check(operation, body(&raw));
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

/* ---- Glue ------------------------------------------------------------------------------------------------------- */

namespace glue {

template <class Handler> struct Instance {
  Instance(std::string_view config, const patchbay_host *raw) : host(raw), handler(config, host) {}
  Host host;
  Handler handler;
};

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

template <class Handler>
patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  const auto problem = caught([&] {
    *out = reinterpret_cast<patchbay_inst *>(new Instance<Handler>(view(config), host));
  });
  if (!problem) return PATCHBAY_OK;
  host->set_error(host, lend(*problem));
  return PATCHBAY_E_ARG;
}

template <class Handler>
patchbay_status handle(patchbay_inst *raw, patchbay_call id, const patchbay_event *event) {
  auto *instance = reinterpret_cast<Instance<Handler> *>(raw);
  bool is_deferred = false;
  const auto problem = caught([&] {
    Call call(instance->host, id);
    const Outcome outcome = instance->handler.handle(Event(event), call);
    is_deferred = outcome.is_deferred();
    if (!is_deferred) outcome.complete(instance->host.raw, id);
  });
  if (problem) {
    instance->host.raw->set_error(instance->host.raw, lend(*problem));
    return PATCHBAY_E_INTERNAL;
  }
  return is_deferred ? PATCHBAY_PENDING : PATCHBAY_OK;
}

template <class Handler> void destroy(patchbay_inst *raw) {
  /* What a destructor has to say comes too late. */
  (void)caught([&] { delete reinterpret_cast<Instance<Handler> *>(raw); });
}

template <class Handler>
inline const patchbay_handler table = {sizeof(patchbay_handler), 0, {Handler::id, std::char_traits<char>::length(Handler::id)},
                                       create<Handler>, handle<Handler>, nullptr, nullptr, nullptr, nullptr,
                                       destroy<Handler>};

template <class... Handlers> const patchbay_module *module() {
  static const patchbay_handler *const handlers[] = {&table<Handlers>...};
  static const patchbay_module result = {sizeof(patchbay_module), PATCHBAY_ABI_MINOR, PATCHBAY_UNLOAD_NEVER, 0, handlers,
                                         sizeof...(Handlers),     nullptr,            nullptr};
  return &result;
}

} // namespace glue
} // namespace patchbay
#pragma GCC visibility pop

#define PATCHBAY_CPP_LIST_(...) __VA_ARGS__

/* The module: its handler types in brackets, and the members of its manifest as plain JSON, without `abi`, `runtime` and
 * `linkage`, which are added. Once, in one file. */
#define PATCHBAY_CPP_MODULE(handlers, ...) \
  PATCHBAY_MANIFEST("{\"abi\": {\"major\": 1, \"minor\": 0}, \"runtime\": \"cpp\", \"runtimeVersion\": \"\", " \
                    "\"linkage\": \"shared\", " #__VA_ARGS__ "}"); \
  extern "C" PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *, const patchbay_module **out) { \
    *out = patchbay::glue::module<PATCHBAY_CPP_LIST_ handlers>(); \
    return PATCHBAY_OK; \
  }

#endif
