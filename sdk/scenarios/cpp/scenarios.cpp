// The scenarios of sdk/scenarios/README.md in C++.
#include <patchbay.hpp>

#include <sstream>
#include <thread>

namespace {

using patchbay::Call;
using patchbay::Draft;
using patchbay::Event;
using patchbay::Outcome;

void emit(Call &call, std::string type, std::string data) {
  Draft draft;
  draft.type = std::move(type);
  draft.data = std::move(data);
  call.emit(draft);
}

struct Run {
  static constexpr const char *id = "run";

  Run(std::string_view, const patchbay::Host &) {}

  Outcome handle(const Event &event, Call &call) {
    const std::string_view type = event.type();
    if (type == "scenario.echo") return echo(event, call);
    if (type == "scenario.retry") {
      if (event.attempt() == 1) return Outcome::retry_after(std::chrono::nanoseconds(0), "later: soon");
      emit(call, "seen.retry", "{\"attempt\": " + std::to_string(event.attempt()) + "}");
      return Outcome::done();
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
      Draft draft;
      draft.type = "scenario.fired";
      draft.not_before_ns = 1;
      call.set_timer("soon", draft);
      return Outcome::done();
    }
    if (type == "scenario.fired") {
      emit(call, "seen.fired", "{\"key\": \"" + std::string(event.extension("timerkey").value_or("")) + "\"}");
      return Outcome::done();
    }
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
    return Outcome::fail("unknown scenario");
  }

private:
  Outcome echo(const Event &event, Call &call) {
    std::ostringstream out;
    out << "{\"id\": \"" << event.id() << "\", \"source\": \"" << event.source() << "\", \"subject\": \"" << event.subject()
        << "\", \"time\": \"" << event.time() << "\", \"region\": \"" << event.extension("region").value_or("")
        << "\", \"bytes\": " << event.data().size() << ", \"route\": \"" << event.route()
        << "\", \"attempt\": " << event.attempt() << ", \"most\": " << event.max_attempts()
        << ", \"key\": " << (event.idempotency_key().empty() ? "false" : "true") << "}";
    emit(call, "seen.echo", out.str());
    return Outcome::done();
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
        << ", \"again\": " << put(patchbay::absent) << ", \"gone\": " << status([&] { return call.erase("none"); }) << "}";
    emit(call, "seen.state", out.str());
    return Outcome::done();
  }
};

} // namespace

PATCHBAY_CPP_MODULE((Run), "name": "scenarios", "version": "1.0.0",
  "handlers": [{"id": "run", "accepts": ["scenario.*"], "emits": ["seen.*"]}])
