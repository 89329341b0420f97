/* patchbay_test.hpp - the test host of patchbay/test.h for handlers and tests in C++17. Header only, for one file.
 *
 *   #include <patchbay_test.hpp>       // link with the handler's own .cpp file and -pthread
 *
 *   int main() {
 *     patchbay::TestHost host("hello");
 *     EXPECT(host.send({"com.example.greeting.sent"}).outcome == PATCHBAY_DONE);
 *     EXPECT(host.logged("hello") == 1);
 *     return patchbay_test_finish();
 *   }
 */
#ifndef PATCHBAY_TEST_HPP
#define PATCHBAY_TEST_HPP
#include "patchbay/test.h"

#include <chrono>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace patchbay {

/* An event to be handled. */
struct TestEvent {
  std::string type, subject = {}, data = {};
  std::string id = "1", source = "/test", time = {}, data_content_type = {}, idempotency_key = {};
  std::vector<std::pair<std::string, std::string>> extensions = {}; /* four at most */
  uint32_t attempt = 1, max_attempts = 0;
};

/* What became of an event. */
struct TestReport {
  int32_t outcome; /* PATCHBAY_DONE to PATCHBAY_BUSY; 0: none came within a minute */
  int32_t code;
  std::string reason, detail, reply;
  std::optional<std::chrono::nanoseconds> retry_after;
  bool spares_breaker;
};

/* One handler of the module that the test is linked with; what it does is as in patchbay/test.h, whose functions take
 * `raw()`, too. */
class TestHost {
public:
  /* Throws std::runtime_error with what the module, its manifest or the handler said. */
  explicit TestHost(const std::string &id, const std::string &config = "{}") {
    char *why = nullptr;
    raw_ = patchbay_test_try(patchbay_module_v1, id.c_str(), config.c_str(), &why);
    if (raw_) return;
    const std::string message(why);
    free(why);
    throw std::runtime_error(message);
  }
  TestHost(const TestHost &) = delete;
  TestHost &operator=(const TestHost &) = delete;
  ~TestHost() { patchbay_test_close(raw_); }

  patchbay_test *raw() const { return raw_; }

  TestReport send(const TestEvent &event) {
    (void)patchbay_test_send(raw_, lend(event));
    return report(patchbay_test_outcome(raw_, 0));
  }
  /* The outcomes of events that come as one batch. */
  std::vector<int32_t> send_batch(const std::vector<TestEvent> &events) {
    std::vector<patchbay_test_event> lent;
    std::vector<int32_t> outcomes;
    for (const TestEvent &event : events) lent.push_back(lend(event));
    (void)patchbay_test_send_batch(raw_, lent.data(), lent.size());
    for (size_t i = 0; i < events.size(); i++) outcomes.push_back(patchbay_test_outcome(raw_, i));
    return outcomes;
  }
  patchbay_status reconfigure(const std::string &config) { return patchbay_test_reconfigure(raw_, config.c_str()); }
  patchbay_status drain() { return patchbay_test_drain(raw_, 0); }

  /* Has an answer ready for one request, or mail, whose URL begins with `url`. */
  void answer(std::string url, int32_t status, std::string body = "",
              std::vector<std::pair<std::string, std::string>> headers = {},
              std::chrono::nanoseconds retry_after = {}) {
    patchbay_test_reply reply{};
    reply.url = keep(std::move(url));
    reply.status = status;
    reply.body = keep(std::move(body));
    reply.retry_after_ns = static_cast<uint64_t>(retry_after.count());
    for (size_t i = 0; i < headers.size() && i < 3; i++) {
      reply.headers[2 * i] = keep(std::move(headers[i].first));
      reply.headers[2 * i + 1] = keep(std::move(headers[i].second));
    }
    patchbay_test_answer(raw_, reply);
  }
  /* The same for a fault, PATCHBAY_FAULT_*. */
  void fault(std::string url, int32_t code, std::string message, int32_t status = 0) {
    patchbay_test_reply reply{};
    reply.url = keep(std::move(url));
    reply.fault = code;
    reply.status = status;
    reply.message = keep(std::move(message));
    patchbay_test_answer(raw_, reply);
  }
  /* Appends an event to a stream, as somebody else would; gives its revision. */
  uint64_t append(const std::string &stream, const std::string &type, const std::string &json) {
    return patchbay_test_append(raw_, stream.c_str(), type.c_str(), json.c_str());
  }

  int logged(const std::string &part) const { return patchbay_test_logged(raw_, part.c_str()); }
  int emitted(const std::string &type) const { return patchbay_test_emitted(raw_, type.c_str()); }
  /* The `index`-th thing of a kind (PATCHBAY_TEST_LOG and so on) that the handler did with what was sent last, or null.
   * */
  const patchbay_test_record *at(int kind, size_t index = 0) const { return patchbay_test_at(raw_, kind, index); }
  std::optional<std::string> state(const std::string &key) const {
    return text(patchbay_test_state(raw_, key.c_str()));
  }
  /* The event of a stream at a revision, as JSON. */
  std::optional<std::string> appended(const std::string &stream, uint64_t revision) const {
    return text(patchbay_test_appended(raw_, stream.c_str(), revision));
  }
  std::optional<std::string> snapshot(const std::string &stream, uint64_t revision) const {
    return text(patchbay_test_snapshot(raw_, stream.c_str(), revision));
  }
  /* The stream that a subscription of this name reads. */
  std::optional<std::string> subscribed(const std::string &name) const {
    return text(patchbay_test_subscribed(raw_, name.c_str()));
  }
  /* In nanoseconds since the Unix epoch; 0: none is set. */
  uint64_t timer(const std::string &key) const { return patchbay_test_timer(raw_, key.c_str()); }

private:
  static std::optional<std::string> text(const char *text) {
    return text ? std::optional<std::string>(text) : std::nullopt;
  }

  static patchbay_test_event lend(const TestEvent &event) {
    patchbay_test_event raw{};
    raw.type = event.type.c_str();
    raw.id = event.id.c_str();
    raw.source = event.source.c_str();
    raw.subject = event.subject.c_str();
    raw.time = event.time.c_str();
    raw.datacontenttype = event.data_content_type.c_str();
    raw.data = event.data.c_str();
    raw.idempotency_key = event.idempotency_key.c_str();
    for (size_t i = 0; i < event.extensions.size() && i < 4; i++) {
      raw.ext[2 * i] = event.extensions[i].first.c_str();
      raw.ext[2 * i + 1] = event.extensions[i].second.c_str();
    }
    raw.attempt = event.attempt;
    raw.max_attempts = event.max_attempts;
    return raw;
  }

  TestReport report(int32_t outcome) const {
    TestReport report{outcome, raw_->code, raw_->reason, raw_->detail, raw_->reply, std::nullopt,
                      (raw_->flags & PATCHBAY_R_SPARE_BREAKER) != 0};
    if (raw_->retry_after_ns) report.retry_after = std::chrono::nanoseconds(raw_->retry_after_ns);
    return report;
  }

  const char *keep(std::string text) {
    texts_.push_back(std::move(text));
    return texts_.back().c_str();
  }

  patchbay_test *raw_;
  std::deque<std::string> texts_; /* of answers, where they stay */
};

} // namespace patchbay

#endif
