/* patchbay/host.hpp - the host as an instance sees it: logging, metrics, subscriptions. Include patchbay.hpp instead.
 * */
#ifndef PATCHBAY_HOST_HPP
#define PATCHBAY_HOST_HPP
#include "patchbay/draft/stream.h"
#include "event.hpp"
#include "patchbay/http.h"
#include "patchbay/mail.h"
#include "patchbay/state.h"
#include "patchbay/timer.h"

#pragma GCC visibility push(hidden)
namespace patchbay {

enum class Level : int32_t {
  trace = PATCHBAY_LOG_TRACE,
  debug = PATCHBAY_LOG_DEBUG,
  info = PATCHBAY_LOG_INFO,
  warning = PATCHBAY_LOG_WARN,
  error = PATCHBAY_LOG_ERROR,
  fatal = PATCHBAY_LOG_FATAL
};

/* Which events of a stream: those for which all of this holds. What is zero or empty is no condition. */
struct StreamFilter {
  uint64_t from = 0; /* begin with this revision; backward: go down from it */
  bool backward = false;
  std::chrono::nanoseconds since{}, as_of{}; /* appended then or later, or before; since the Unix epoch */
  std::string type;                          /* a pattern as routes have it: `*` is one token, `**` the rest */
  std::string correlation;                   /* the event's `correlationid` */
};

namespace glue {

inline patchbay_stream_filter raw_filter(const StreamFilter &filter) {
  patchbay_stream_filter raw{};
  raw.size = sizeof raw;
  raw.flags = filter.backward ? PATCHBAY_STREAM_BACKWARD : 0;
  raw.from = filter.from;
  raw.since_ns = static_cast<uint64_t>(filter.since.count());
  raw.as_of_ns = static_cast<uint64_t>(filter.as_of.count());
  raw.type = lend(filter.type);
  raw.correlation = lend(filter.correlation);
  return raw;
}

} // namespace glue

class Counter;
class UpDownCounter;
class Gauge;
class Histogram;

/* The host as an instance sees it: for the constructor, and to keep a reference to. Services that it lacks are null. */
class Host {
public:
  explicit Host(const patchbay_host *raw)
      : raw(raw), logger(table<patchbay_logger>(PATCHBAY_LOGGER)), trace(table<patchbay_trace>(PATCHBAY_TRACE)),
        meter(table<patchbay_meter>(PATCHBAY_METER)), emit(table<patchbay_emit>(PATCHBAY_EMIT)),
        state(table<patchbay_state>(PATCHBAY_STATE)), timer(table<patchbay_timer>(PATCHBAY_TIMER)),
        stream(table<patchbay_stream>(PATCHBAY_STREAM)), http(table<patchbay_http>(PATCHBAY_HTTP)),
        mail(table<patchbay_mail>(PATCHBAY_MAIL)) {}
  Host(const Host &) = delete;
  Host &operator=(const Host &) = delete;

  std::string_view name() const { return view(raw->name); }
  std::string_view version() const { return view(raw->version); }
  /* The table of any service, or nullptr. */
  template <class Table> const Table *table(const char *id) const {
    return static_cast<const Table *>(raw->service(raw, lend(id)));
  }

  /* Writes a message that belongs to the instance and not to one event. */
  void log(Level level, std::string_view message, Fields fields = {}) const { log(0, level, message, fields); }
  void log(patchbay_call call, Level level, std::string_view message, Fields fields) const {
    const int32_t number = static_cast<int32_t>(level);
    if (!logger || !logger->enabled(raw, number)) return;
    const auto pairs = glue::lend_pairs(fields);
    logger->write(raw, call, number, lend(message), pairs.data(), pairs.size());
  }

  /* Instruments, only inside the constructor. `unit` is a UCUM unit such as `By`, `ms` or `{order}`. Throws
   * PATCHBAY_E_STATE later, PATCHBAY_E_CONFLICT for a name with another kind or unit, PATCHBAY_E_LIMIT. Without a
   * metering host an instrument does nothing. */
  inline Counter counter(std::string_view name, std::string_view unit = "1", std::string_view help = "") const;
  inline UpDownCounter up_down_counter(std::string_view name, std::string_view unit = "1",
                                       std::string_view help = "") const;
  inline Gauge gauge(std::string_view name, std::string_view unit = "1", std::string_view help = "") const;
  inline Histogram histogram(std::string_view name, std::string_view unit = "1", std::string_view help = "") const;

  /* Inside the constructor: the handler has the events of `stream` from its start, as Call::subscribe says. */
  void subscribe(std::string_view name, std::string_view stream_name, const StreamFilter &filter = {}) const {
    subscribe(0, name, stream_name, filter);
  }
  void subscribe(patchbay_call call, std::string_view name, std::string_view stream_name,
                 const StreamFilter &filter) const {
    glue::need("stream.subscribe", subscriptions());
    const patchbay_stream_filter raw_filter = glue::raw_filter(filter);
    glue::check("stream.subscribe", stream->subscribe(raw, call, lend(name), lend(stream_name), &raw_filter));
  }

  /* The table of streams, where it has what was appended to it last. */
  const patchbay_stream *subscriptions() const {
    return stream && PATCHBAY_HAS(stream, unsubscribe) ? stream : nullptr;
  }

  const patchbay_host *const raw;
  const patchbay_logger *const logger;
  const patchbay_trace *const trace;
  const patchbay_meter *const meter;
  const patchbay_emit *const emit;
  const patchbay_state *const state;
  const patchbay_timer *const timer;
  const patchbay_stream *const stream;
  const patchbay_http *const http;
  const patchbay_mail *const mail;
};

/* ---- Metrics ---------------------------------------------------------------------------------------------------- */

/* What a handler measures with; lives as long as its host. Recording is cheap and never blocks. */
class Instrument {
protected:
  Instrument(const Host &host, int32_t kind, std::string_view name, std::string_view unit, std::string_view help)
      : host_(&host) {
    if (host.meter)
      glue::check("meter.declare", host.meter->declare(host.raw, kind, lend(name), lend(unit), lend(help), &id_));
  }
  void record(double value, Fields attributes) const {
    if (!host_->meter) return;
    const auto pairs = glue::lend_pairs(attributes);
    host_->meter->record(host_->raw, id_, value, pairs.data(), pairs.size());
  }

private:
  const Host *host_;
  uint32_t id_ = 0;
};

/* Only grows. */
class Counter : Instrument {
public:
  void add(double value, Fields attributes = {}) const { record(value, attributes); }

private:
  friend class Host;
  Counter(const Host &host, std::string_view name, std::string_view unit, std::string_view help)
      : Instrument(host, PATCHBAY_METER_COUNTER, name, unit, help) {}
};

/* May shrink. */
class UpDownCounter : Instrument {
public:
  void add(double value, Fields attributes = {}) const { record(value, attributes); }

private:
  friend class Host;
  UpDownCounter(const Host &host, std::string_view name, std::string_view unit, std::string_view help)
      : Instrument(host, PATCHBAY_METER_UP_DOWN, name, unit, help) {}
};

/* Is replaced. */
class Gauge : Instrument {
public:
  void set(double value, Fields attributes = {}) const { record(value, attributes); }

private:
  friend class Host;
  Gauge(const Host &host, std::string_view name, std::string_view unit, std::string_view help)
      : Instrument(host, PATCHBAY_METER_GAUGE, name, unit, help) {}
};

/* A distribution. */
class Histogram : Instrument {
public:
  void observe(double value, Fields attributes = {}) const { record(value, attributes); }

private:
  friend class Host;
  Histogram(const Host &host, std::string_view name, std::string_view unit, std::string_view help)
      : Instrument(host, PATCHBAY_METER_HISTOGRAM, name, unit, help) {}
};

inline Counter Host::counter(std::string_view name, std::string_view unit, std::string_view help) const {
  return Counter(*this, name, unit, help);
}
inline UpDownCounter Host::up_down_counter(std::string_view name, std::string_view unit, std::string_view help) const {
  return UpDownCounter(*this, name, unit, help);
}
inline Gauge Host::gauge(std::string_view name, std::string_view unit, std::string_view help) const {
  return Gauge(*this, name, unit, help);
}
inline Histogram Host::histogram(std::string_view name, std::string_view unit, std::string_view help) const {
  return Histogram(*this, name, unit, help);
}

} // namespace patchbay
#pragma GCC visibility pop

#endif
