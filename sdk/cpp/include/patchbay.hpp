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
 * exception that leaves it is caught at the border: out of the constructor it refuses the configuration, out of
 * `handle` it asks for another attempt, both with what() as the reason; a Fault that another attempt cannot mend fails
 * for good.
 * Only the version script keeps the templates of the standard library out of the module's symbols.
 *
 * A handler that has one of these, too, is called:
 *   void handle_batch(const patchbay::Batch &batch)   several events at once, with `batch` in the manifest
 *   void cancel()                                     the host wants a call to end soon; returns promptly
 *   void reconfigure(std::string_view config)         a new configuration while calls are open; throws to refuse it
 *   void drain(std::chrono::steady_clock::time_point deadline)
 *                                                     no new call comes: end own threads; time_point::max() is no limit
 */
#ifndef PATCHBAY_HPP
#define PATCHBAY_HPP
#include "patchbay/call.hpp"

#pragma GCC visibility push(hidden)
namespace patchbay {
namespace glue {

template <class Handler> struct Instance {
  Instance(std::string_view config, const patchbay_host *raw) : host(raw), handler(config, host) {}
  Host host;
  Handler handler;
};

template <class Handler> Instance<Handler> *instance_of(patchbay_inst *raw) {
  return reinterpret_cast<Instance<Handler> *>(raw);
}

inline patchbay_status refuse(const patchbay_host *host, patchbay_status status, const std::string &problem) {
  host->set_error(host, lend(problem));
  return status;
}

template <class Handler>
patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  const auto problem = caught([&] {
    *out = reinterpret_cast<patchbay_inst *>(new Instance<Handler>(view(config), host));
  });
  return problem ? refuse(host, PATCHBAY_E_ARG, *problem) : PATCHBAY_OK;
}

template <class Handler>
patchbay_status handle(patchbay_inst *raw, patchbay_call id, const patchbay_event *event) {
  auto *instance = instance_of<Handler>(raw);
  bool is_deferred = false;
  const auto problem = caught([&] {
    Call call(instance->host, id);
    const Outcome outcome = [&] {
      try {
        return instance->handler.handle(Event(event), call);
      } catch (const Fault &fault) {
        return fault.outcome();
      }
    }();
    is_deferred = outcome.is_deferred();
    if (!is_deferred) outcome.complete(instance->host.raw, id);
  });
  if (problem) return refuse(instance->host.raw, PATCHBAY_E_INTERNAL, *problem);
  return is_deferred ? PATCHBAY_PENDING : PATCHBAY_OK;
}

struct BatchEnd {
  /* Where calls are deferred the status of the batch would be theirs, too: the others are settled here, one by one.
   * False: none is deferred. */
  static bool settles_rest(const Batch &batch, const std::optional<std::string> &problem) {
    if (!batch.has_deferred_) return false;
    const Outcome outcome = problem ? Outcome::retry(*problem) : Outcome::done();
    for (size_t i = 0; i < batch.count_; i++)
      if (!batch.settled_[i]) outcome.complete(batch.host_->raw, batch.calls_[i]);
    return true;
  }
};

template <class Handler>
patchbay_status handle_batch(patchbay_inst *raw, uint64_t count, const patchbay_call *calls,
                             const patchbay_event *const *events) {
  auto *instance = instance_of<Handler>(raw);
  const Batch batch(instance->host, count, calls, events);
  const auto problem = caught([&] { instance->handler.handle_batch(batch); });
  if (BatchEnd::settles_rest(batch, problem)) return PATCHBAY_PENDING;
  return problem ? refuse(instance->host.raw, PATCHBAY_E_INTERNAL, *problem) : PATCHBAY_OK;
}

template <class Handler> void cancel(patchbay_inst *raw, patchbay_call, int32_t) {
  /* A hint: nobody is to be told that it failed. */
  (void)caught([&] { instance_of<Handler>(raw)->handler.cancel(); });
}

template <class Handler> patchbay_status reconfigure(patchbay_inst *raw, patchbay_str config) {
  auto *instance = instance_of<Handler>(raw);
  const auto problem = caught([&] { instance->handler.reconfigure(view(config)); });
  return problem ? refuse(instance->host.raw, PATCHBAY_E_ARG, *problem) : PATCHBAY_OK;
}

template <class Handler> patchbay_status drain(patchbay_inst *raw, uint64_t deadline_ns) {
  using Time = std::chrono::steady_clock::time_point; /* CLOCK_MONOTONIC */
  auto *instance = instance_of<Handler>(raw);
  const Time deadline = deadline_ns ? Time(std::chrono::nanoseconds(deadline_ns)) : Time::max();
  const auto problem = caught([&] { instance->handler.drain(deadline); });
  return problem ? refuse(instance->host.raw, PATCHBAY_E_INTERNAL, *problem) : PATCHBAY_OK;
}

template <class Handler> void destroy(patchbay_inst *raw) {
  /* What a destructor has to say comes too late. */
  (void)caught([&] { delete instance_of<Handler>(raw); });
}

/* What of the optional functions a handler has. */
template <class Handler, class = void> struct Batches : std::false_type {};
template <class Handler>
struct Batches<Handler, std::void_t<decltype(std::declval<Handler &>().handle_batch(std::declval<const Batch &>()))>>
    : std::true_type {};
template <class Handler, class = void> struct Cancels : std::false_type {};
template <class Handler>
struct Cancels<Handler, std::void_t<decltype(std::declval<Handler &>().cancel())>> : std::true_type {};
template <class Handler, class = void> struct Reconfigures : std::false_type {};
template <class Handler>
struct Reconfigures<Handler, std::void_t<decltype(std::declval<Handler &>().reconfigure(std::string_view()))>>
    : std::true_type {};
template <class Handler, class = void> struct Drains : std::false_type {};
template <class Handler>
struct Drains<Handler, std::void_t<decltype(std::declval<Handler &>().drain(
                           std::declval<std::chrono::steady_clock::time_point>()))>> : std::true_type {};

template <class Handler> constexpr patchbay_handler handler_table() {
  patchbay_handler table{};
  table.size = sizeof table;
  table.id = {Handler::id, std::char_traits<char>::length(Handler::id)};
  table.create = create<Handler>;
  table.handle = handle<Handler>;
  if constexpr (Batches<Handler>::value) table.handle_batch = handle_batch<Handler>;
  if constexpr (Cancels<Handler>::value) table.cancel = cancel<Handler>;
  if constexpr (Reconfigures<Handler>::value) table.reconfigure = reconfigure<Handler>;
  if constexpr (Drains<Handler>::value) table.drain = drain<Handler>;
  table.destroy = destroy<Handler>;
  return table;
}

template <class Handler> inline constexpr patchbay_handler table = handler_table<Handler>();

template <class... Handlers>
const patchbay_module *module(void (*shutdown)() = nullptr, const void *(*component)(patchbay_str) = nullptr) {
  static const patchbay_handler *const handlers[] = {&table<Handlers>...};
  static const patchbay_module result = {
      sizeof(patchbay_module), PATCHBAY_ABI_MINOR, PATCHBAY_UNLOAD_NEVER, 0, handlers, sizeof...(Handlers),
      shutdown,                component};
  return &result;
}

} // namespace glue
} // namespace patchbay
#pragma GCC visibility pop

#define PATCHBAY_CPP_LIST_(...) __VA_ARGS__

#define PATCHBAY_CPP_ENTRY_(handlers, arguments, ...) \
  PATCHBAY_MANIFEST("{\"abi\": {\"major\": 1, \"minor\": 0}, \"runtime\": \"cpp\", \"runtimeVersion\": \"\", " \
                    "\"linkage\": \"shared\", " #__VA_ARGS__ "}"); \
  extern "C" PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *, const patchbay_module **out) { \
    *out = patchbay::glue::module<PATCHBAY_CPP_LIST_ handlers> arguments; \
    return PATCHBAY_OK; \
  }

/* The module: its handler types in brackets, and the members of its manifest as plain JSON, without `abi`, `runtime`
 * and `linkage`, which are added. Once, in one file. */
#define PATCHBAY_CPP_MODULE(handlers, ...) PATCHBAY_CPP_ENTRY_(handlers, (), __VA_ARGS__)

/* The same with `(shutdown, component)`: the ABI's functions of these names, or nullptr. */
#define PATCHBAY_CPP_MODULE_WITH(functions, handlers, ...) PATCHBAY_CPP_ENTRY_(handlers, functions, __VA_ARGS__)

#endif
