// What the C++ SDK offers, in one handler that does what an event's type says.
#include <patchbay.hpp>

#include <stdexcept>
#include <thread>

namespace {

using patchbay::Call;
using patchbay::Draft;
using patchbay::Event;
using patchbay::Expected;
using patchbay::Outcome;
using patchbay::StreamFilter;

Draft draft_of(std::string type, std::string data) {
  Draft draft;
  draft.type = std::move(type);
  draft.data = std::move(data);
  return draft;
}

class Everything {
public:
  static constexpr const char *id = "everything";

  Everything(std::string_view config, const patchbay::Host &host)
      : config_(config), seen_(host.counter("test.seen", "{event}", "events seen")) {
    if (config == "{}") throw std::invalid_argument("no configuration for " + std::string(host.name()));
    StreamFilter filter;
    filter.type = "order.*";
    host.subscribe("orders", "all-orders", filter);
  }

  Outcome handle(const Event &event, Call &call) {
    const std::string_view type = event.type();
    seen_.add(1, {{"type", type}});
    if (type == "throw") throw std::runtime_error("went wrong");
    if (type == "reply") return Outcome::reply(config_ + "/" + std::string(event.subject()), "text/plain");
    if (type == "later") return Outcome::retry_after(std::chrono::seconds(2), "later: soon").with_code(7);
    if (type == "reject") return Outcome::reject("invalid: no").with_detail("{\"a\": 1}");
    if (type == "stream") return stream(event, call);
    if (type == "conflict") return conflict(call);
    if (type == "visitor throws") {
      call.stream("s").read(0, 10, [](const patchbay::StreamEvent &) -> bool { throw std::runtime_error("enough"); });
      return Outcome::done();
    }
    if (type == "get") {
      patchbay::Request request;
      request.url = "https://api.example/1";
      request.headers = {{"accept", "text/plain"}};
      const patchbay::Response response = call.send(request);
      Outcome outcome = response.outcome();
      if (response.status == 200) return Outcome::reply(response.body, std::string(response.header("x").value_or("")));
      return outcome;
    }
    if (type == "get later") {
      patchbay::Request request;
      request.url = "https://api.example/2";
      request.body = std::string(event.data());
      call.send(request, [owed = call.defer()](patchbay::Answer answer) mutable {
        std::move(owed).complete(answer.outcome());
      });
      return Outcome::deferred();
    }
    if (type == "receiver throws") {
      call.send(patchbay::Request{}, [owed = call.defer()](patchbay::Answer) { throw 1; });
      return Outcome::deferred();
    }
    if (type == "mail") {
      patchbay::Mail mail;
      mail.server = "smtp://mail.example:25";
      mail.from = "a@example.com";
      mail.recipients = {"b@example.com", "c@example.com"};
      mail.content = "subject: x\r\n\r\ny\r\n";
      call.send(mail);
      return Outcome::done();
    }
    if (type == "forgotten") {
      (void)call.defer();
      return Outcome::deferred();
    }
    if (type == "no subscription") return call.unsubscribe("none") ? Outcome::fail("there") : Outcome::done();
    if (type == "subscribe") {
      call.subscribe("one", "s");
      return Outcome::done();
    }
    return Outcome::skip();
  }

  void handle_batch(const patchbay::Batch &batch) {
    for (size_t i = 0; i < batch.size(); i++) {
      const std::string_view type = batch.event(i).type();
      batch.call(i).emit(draft_of("from batch", "{}"));
      if (type == "bad") batch.complete(i, Outcome::reject("invalid"));
      if (type == "later")
        std::thread([owed = batch.defer(i)]() mutable {
          owed.call().emit(draft_of("from thread", "{}"));
          std::move(owed).complete(Outcome::skip());
        }).detach();
      if (type == "forgotten") (void)batch.defer(i);
      if (type == "throw") throw std::runtime_error("the rest later");
      if (type == "outside") (void)batch.event(batch.size());
    }
  }

  void reconfigure(std::string_view config) {
    if (config == "refuse") throw std::invalid_argument("never");
    config_ = config;
  }

  void drain(std::chrono::steady_clock::time_point deadline) {
    if (deadline != std::chrono::steady_clock::time_point::max()) throw std::logic_error("no deadline was given");
  }

  void cancel() {}

private:
  Outcome stream(const Event &event, Call &call) {
    auto stream = call.stream("s");
    const auto head = stream.head();
    if (!head) {
      if (stream.read(0, 1, [](const patchbay::StreamEvent &) {})) return Outcome::fail("read what is not there");
      if (stream.snapshot()) return Outcome::fail("a snapshot of nothing");
      if (stream.append({draft_of("one", "{\"n\":1}"), draft_of("two", "{\"n\":2}")}, Expected::absent()) != 0)
        return Outcome::fail("not the first revision");
      stream.keep_snapshot(1, std::string(1000, 'x'));
      return Outcome::done();
    }
    std::string seen;
    stream.read(head->next - 1, 10, [&](const patchbay::StreamEvent &at) { seen += at.type; }, true);
    StreamFilter filter;
    filter.type = "two";
    std::string asked;
    const auto next = stream.query(filter, 10, [&](const patchbay::StreamEvent &at) {
      asked += std::string(at.type) + std::to_string(at.revision);
      return true;
    });
    const auto snapshot = stream.snapshot();
    stream.append({draft_of("three", std::string(event.data()))}, Expected::revision(head->next - 1));
    const std::string kept = std::to_string(snapshot->value.size()) + "@" + std::to_string(snapshot->revision);
    return Outcome::reply(seen + " " + asked + (next ? " more " : " all ") + kept, "");
  }

  Outcome conflict(Call &call) {
    try {
      call.stream("s").append({draft_of("x", "{}")}, Expected::absent());
    } catch (const patchbay::StreamConflict &conflict) {
      return Outcome::reply(conflict.revision ? std::to_string(*conflict.revision) : "none", "");
    }
    return Outcome::fail("appended");
  }

  std::string config_;
  patchbay::Counter seen_;
};

} // namespace

PATCHBAY_CPP_MODULE((Everything), "name": "everything", "version": "1.0.0",
  "handlers": [{"id": "everything", "batch": {"max": 8}}])
