// The example of all SDKs: greets whom an event is about.
#include <patchbay.hpp>

namespace {

struct Hello {
  static constexpr const char *id = "hello";

  Hello(std::string_view, const patchbay::Host &) {}

  patchbay::Outcome handle(const patchbay::Event &event, patchbay::Call &call) {
    if (event.subject().empty()) return patchbay::Outcome::reject("invalid: nobody to greet");
    call.log(patchbay::Level::info, "hello", {{"detail", event.subject()}});
    return patchbay::Outcome::done();
  }
};

} // namespace

PATCHBAY_CPP_MODULE((Hello), "name": "greeter", "version": "1.0.0",
  "handlers": [{"id": "hello", "accepts": ["com.example.greeting.*"], "blocking": false}])
