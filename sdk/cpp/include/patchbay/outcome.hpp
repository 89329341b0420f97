/* patchbay/outcome.hpp - what became of an event. Include patchbay.hpp instead. */
#ifndef PATCHBAY_OUTCOME_HPP
#define PATCHBAY_OUTCOME_HPP
#include "event.hpp"

#pragma GCC visibility push(hidden)
namespace patchbay {

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

} // namespace patchbay
#pragma GCC visibility pop

#endif
