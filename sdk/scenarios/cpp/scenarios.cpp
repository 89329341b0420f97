// The scenarios of sdk/scenarios/README.md in C++.
#include <patchbay.hpp>

#include <mutex>
#include <sstream>
#include <thread>

namespace {

using patchbay::Call;
using patchbay::Draft;
using patchbay::Event;
using patchbay::Expected;
using patchbay::Outcome;
using patchbay::StreamEvent;

Draft draft_of(std::string type, std::string data) {
  Draft draft;
  draft.type = std::move(type);
  draft.data = std::move(data);
  return draft;
}

Outcome emit(Call &call, std::string type, std::string data) {
  call.emit(draft_of(std::move(type), std::move(data)));
  return Outcome::done();
}

/* The text of a member of a flat JSON object. */
std::string member(std::string_view json, const std::string &name) {
  const size_t key = json.find("\"" + name + "\"");
  if (key == std::string_view::npos) throw std::invalid_argument(name + " is missing");
  const size_t from = json.find('"', json.find(':', key)) + 1;
  return std::string(json.substr(from, json.find('"', from) - from));
}

class Run {
public:
  static constexpr const char *id = "run";

  Run(std::string_view config, const patchbay::Host &host)
      : host_(host), url_(member(config, "url")), denied_(member(config, "denied")),
        mail_(member(config, "mail")), greeting_(member(config, "greeting")), events_(host.counter("scenario.events", "{event}", "events seen")) {
    host.subscribe("own", "bookings");
    host.log(patchbay::Level::info, "made by the host");
  }

  Outcome handle(const Event &event, Call &call) {
    const std::string_view type = event.type();
    events_.add(1, {{"type", type}});
    if (type == "scenario.echo") return echo(event, call);
    if (type == "scenario.retry") {
      if (event.attempt() == 1) return Outcome::retry_after(std::chrono::nanoseconds(0), "later: soon");
      return emit(call, "seen.retry", "{\"attempt\": " + std::to_string(event.attempt()) + "}");
    }
    if (type == "scenario.fail") {
      emit(call, "seen.never", "{}");
      return Outcome::fail("declined: no funds").with_code(7).with_detail("{\"a\": 1}");
    }
    if (type == "scenario.reject") return Outcome::reject("invalid: no amount");
    if (type == "scenario.skip") return Outcome::skip();
    if (type == "scenario.throw") throw std::runtime_error("went wrong");
    if (type == "scenario.state") return count(call);
    if (type == "scenario.timer") {
      Draft draft = draft_of("scenario.fired", "");
      draft.not_before_ns = 1;
      call.set_timer("soon", draft);
      return Outcome::done();
    }
    if (type == "scenario.fired")
      return emit(call, "seen.fired", "{\"key\": \"" + std::string(event.extension("timerkey").value_or("")) + "\"}");
    if (type == "scenario.log") {
      call.log(patchbay::Level::warning, "noted by the handler", {{"detail", "with a detail"}});
      auto span = call.span("inner");
      return Outcome::done();
    }
    if (type == "scenario.deferred") {
      std::thread([owed = call.defer()]() mutable {
        emit(owed.call(), "seen.deferred", "{}");
        std::move(owed).complete(Outcome::done());
      }).detach();
      return Outcome::deferred();
    }
    if (type == "scenario.append") return append(call);
    if (type == "scenario.read") return read(call);
    if (type == "scenario.booked")
      return emit(call, "seen.booked",
                  "{\"revision\": \"" + std::string(event.extension("streamrevision").value_or("")) + "\"}");
    if (type == "scenario.http") return http(call);
    if (type == "scenario.busy") {
      patchbay::Request request;
      request.url = url_ + "/busy";
      const Outcome outcome = call.send(request).outcome();
      if (event.attempt() > 1) emit(call, "seen.busy", "{\"attempt\": " + std::to_string(event.attempt()) + "}");
      return outcome;
    }
    if (type == "scenario.denied") {
      patchbay::Request request;
      request.url = denied_;
      return call.send(request).outcome();
    }
    if (type == "scenario.mail") {
      patchbay::Mail mail;
      mail.server = mail_;
      mail.from = "shop@example.com";
      mail.recipients = {"ada@example.com", "bob@example.com"};
      mail.content = "Subject: paid\r\n\r\nthank you\r\n";
      mail.is_tls_optional = true;
      call.send(mail);
      return emit(call, "seen.mail", "{}");
    }
    if (type == "scenario.life") {
      const std::lock_guard<std::mutex> lock(mutex_);
      return emit(call, "seen.life", "{\"greeting\": \"" + greeting_ + "\"}");
    }
    return Outcome::fail("unknown scenario");
  }

  void reconfigure(std::string_view config) {
    const std::lock_guard<std::mutex> lock(mutex_);
    greeting_ = member(config, "greeting");
  }

  void drain(std::chrono::steady_clock::time_point) { host_.log(patchbay::Level::info, "drained by the host"); }

private:
  Outcome echo(const Event &event, Call &call) {
    std::ostringstream out;
    out << "{\"id\": \"" << event.id() << "\", \"source\": \"" << event.source() << "\", \"subject\": \""
        << event.subject() << "\", \"time\": \"" << event.time() << "\", \"region\": \""
        << event.extension("region").value_or("")
        << "\", \"bytes\": " << event.data().size() << ", \"route\": \"" << event.route()
        << "\", \"attempt\": " << event.attempt() << ", \"most\": " << event.max_attempts()
        << ", \"key\": " << (event.idempotency_key().empty() ? "false" : "true") << "}";
    return emit(call, "seen.echo", out.str());
  }

  /* A number that is kept under `n`, one more with each event. */
  Outcome count(Call &call) {
    const auto status = [](auto body) -> patchbay_status {
      try {
        return body() ? PATCHBAY_OK : PATCHBAY_E_NOT_FOUND;
      } catch (const patchbay::ServiceError &error) {
        return error.status;
      }
    };
    const auto entry = call.get("n");
    const int n = (entry ? std::stoi(entry->value) : 0) + 1;
    const auto put = [&](uint64_t expected) {
      return status([&] {
        call.put("n", std::to_string(n), expected);
        return true;
      });
    };
    std::ostringstream out;
    out << "{\"n\": " << n << ", \"stored\": " << put(entry ? entry->revision : patchbay::absent)
        << ", \"again\": " << put(patchbay::absent)
        << ", \"gone\": " << status([&] { return call.erase("none"); }) << "}";
    return emit(call, "seen.state", out.str());
  }

  /* Two events in a stream that does not exist, a third where it ought not to, and a snapshot. */
  Outcome append(Call &call) {
    auto stream = call.stream("bookings");
    const uint64_t first = stream.append(
        {draft_of("scenario.booked", "{\"n\": 1}"), draft_of("scenario.booked", "{\"n\": 2}")}, Expected::absent());
    std::string found = "none";
    try {
      stream.append({draft_of("scenario.booked", "{}")}, Expected::absent());
    } catch (const patchbay::StreamConflict &conflict) {
      found = std::to_string(conflict.revision.value_or(99));
    }
    stream.keep_snapshot(1, "sum 3");
    return emit(call, "seen.append", "{\"first\": " + std::to_string(first) + ", \"found\": " + found + "}");
  }

  Outcome read(Call &call) {
    auto stream = call.stream("bookings");
    std::string forward, backward, asked;
    const auto into = [](std::string &text) {
      return [&text](const StreamEvent &event) {
        text += std::to_string(event.revision) + " " + std::string(event.json.substr(0, 1));
      };
    };
    const auto head = stream.head();
    stream.read(0, 10, into(forward));
    stream.read(head->next - 1, 10, into(backward), true);
    patchbay::StreamFilter filter;
    filter.from = 1;
    filter.type = "scenario.*";
    stream.query(filter, 10, into(asked));
    const auto snapshot = stream.snapshot();
    std::ostringstream out;
    out << "{\"next\": " << head->next << ", \"forward\": \"" << forward << "\", \"backward\": \"" << backward
        << "\", \"asked\": \"" << asked << "\", \"snapshot\": \"" << snapshot->value
        << "\", \"at\": " << snapshot->revision
        << ", \"none\": " << (call.stream("none").head() ? "false" : "true") << "}";
    return emit(call, "seen.read", out.str());
  }

  Outcome http(Call &call) {
    patchbay::Request request;
    request.url = url_ + "/echo";
    request.headers = {{"x-scenario", "yes"}};
    request.body = "ping";
    call.send(request, [owed = call.defer()](patchbay::Answer answer) mutable {
      const patchbay::Response &response = answer.response();
      emit(owed.call(), "seen.http",
           "{\"status\": " + std::to_string(response.status) + ", \"body\": \"" + response.body + "\", \"header\": \"" +
               std::string(response.header("x-answer").value_or("")) + "\"}");
      std::move(owed).complete(answer.outcome());
    });
    return Outcome::deferred();
  }

  const patchbay::Host &host_;
  const std::string url_, denied_, mail_;
  std::mutex mutex_;
  std::string greeting_;
  patchbay::Counter events_;
};

struct Bulk {
  static constexpr const char *id = "bulk";

  Bulk(std::string_view, const patchbay::Host &) {}

  Outcome handle(const Event &event, Call &) {
    volatile int *volatile nowhere = nullptr;
    if (event.type() == "bulk.crash") *nowhere = 1;
    return Outcome::fail("alone: not in a batch");
  }

  void handle_batch(const patchbay::Batch &batch) {
    for (size_t i = 0; i < batch.size(); i++) {
      const Event event = batch.event(i);
      Call call = batch.call(i);
      emit(call, "seen.bulk",
           "{\"id\": \"" + std::string(event.id()) + "\", \"of\": " + std::to_string(batch.size()) + "}");
      if (event.type() == "bulk.later")
        std::thread([owed = batch.defer(i), id = std::string(event.id())]() mutable {
          emit(owed.call(), "seen.owed", "{\"id\": \"" + id + "\"}");
          std::move(owed).complete(Outcome::done());
        }).detach();
      if (event.type() == "bulk.bad") batch.complete(i, Outcome::reject("invalid: bad"));
    }
  }

  /* An instance takes a configuration when all of its handlers do. */
  void reconfigure(std::string_view) {}
};

} // namespace

PATCHBAY_CPP_MODULE((Run, Bulk), "name": "scenarios", "version": "1.0.0",
  "requires": ["patchbay.meter/1", "patchbay.emit/1", "patchbay.state/1",
              "patchbay.timer/1", "patchbay.http/1", "patchbay.mail/1", "patchbay.stream/0"],
  "capabilities": {"network": ["127.0.0.1"]},
  "handlers": [{"id": "run", "accepts": ["scenario.*"], "emits": ["seen.*"], "config": {"type": "object"}},
               {"id": "bulk", "accepts": ["bulk.*"], "emits": ["seen.*"], "config": {"type": "object"},
                "batch": {"max": 8}}])
