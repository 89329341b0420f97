// The tests of the C++ SDK: handler.cpp in the test host.
#include <patchbay_test.hpp>

namespace {

using patchbay::TestHost;

void outcomes() {
  TestHost host("everything", "a");
  auto report = host.send({"throw"});
  EXPECT(report.outcome == PATCHBAY_RETRY && report.reason == "exception: went wrong");
  report = host.send({"reply", "b"});
  EXPECT(report.outcome == PATCHBAY_DONE && report.reply == "a/b");
  report = host.send({"later"});
  EXPECT(report.outcome == PATCHBAY_RETRY && report.code == 7 && report.retry_after == std::chrono::seconds(2));
  report = host.send({"reject"});
  EXPECT(report.outcome == PATCHBAY_FAIL && report.spares_breaker && report.detail == "{\"a\": 1}");
  report = host.send({"forgotten"});
  EXPECT(report.outcome == PATCHBAY_RETRY && report.reason.find("internal: ") == 0);
}

void creation() {
  try {
    TestHost host("everything");
    EXPECT(!"the handler was made");
  } catch (const std::runtime_error &error) {
    EXPECT(std::string(error.what()) == "everything: create refused: exception: no configuration for patchbay-test");
  }
}

void life() {
  TestHost host("everything", "a");
  EXPECT(host.reconfigure("refuse") == PATCHBAY_E_ARG && std::string(host.raw()->error) == "exception: never");
  EXPECT(host.reconfigure("b") == PATCHBAY_OK && host.send({"reply"}).reply == "b/");
  EXPECT(host.drain() == PATCHBAY_OK);
}

void metrics() {
  TestHost host("everything", "a");
  host.send({"reply"});
  const patchbay_test_record *measured = host.at(PATCHBAY_TEST_METRIC);
  EXPECT(measured && std::string(measured->name) == "test.seen" && measured->value == 1);
  EXPECT(measured && std::string(measured->text) == "type=reply");
}

void batches() {
  TestHost host("everything", "a");
  EXPECT((host.send_batch({{"good"}, {"bad"}, {"good"}}) ==
          std::vector<int32_t>{PATCHBAY_DONE, PATCHBAY_FAIL, PATCHBAY_DONE}));
  EXPECT(host.emitted("from batch") == 2);
  EXPECT((host.send_batch({{"bad"}, {"throw"}, {"good"}}) ==
          std::vector<int32_t>{PATCHBAY_FAIL, PATCHBAY_RETRY, PATCHBAY_RETRY}));
  EXPECT(host.emitted("from batch") == 0);
  EXPECT((host.send_batch({{"later"}, {"good"}, {"bad"}, {"forgotten"}}) ==
          std::vector<int32_t>{PATCHBAY_SKIP, PATCHBAY_DONE, PATCHBAY_FAIL, PATCHBAY_RETRY}));
  EXPECT(host.send_batch({{"later"}, {"throw"}, {"good"}}) ==
         (std::vector<int32_t>{PATCHBAY_SKIP, PATCHBAY_RETRY, PATCHBAY_RETRY}));
  EXPECT(patchbay_test_stale(host.raw()) == 0);
  EXPECT((host.send_batch({{"outside"}}) == std::vector<int32_t>{PATCHBAY_RETRY}));
}

void streams() {
  TestHost host("everything", "a");
  EXPECT(host.subscribed("orders") == "all-orders");
  EXPECT(host.send({"stream"}).outcome == PATCHBAY_DONE);
  EXPECT(host.appended("s", 1) && host.appended("s", 1)->find("\"data\":{\"n\":2}") != std::string::npos);
  EXPECT(host.snapshot("s", 1) == std::string(1000, 'x'));
  const auto report = host.send({"stream", "", "{}"});
  EXPECT(report.outcome == PATCHBAY_DONE && report.reply == "twoone two1 all 1000@1");
  EXPECT(host.append("s", "other", "{}") == 3);
  EXPECT(host.send({"conflict"}).reply == "3");
  const auto thrown = host.send({"visitor throws"});
  EXPECT(thrown.outcome == PATCHBAY_RETRY && thrown.reason == "exception: enough");
  EXPECT(host.send({"no subscription"}).outcome == PATCHBAY_DONE);
  EXPECT(host.send({"subscribe"}).outcome == PATCHBAY_DONE && host.subscribed("one") == "s");
}

void network() {
  TestHost host("everything", "a");
  host.answer("https://api.example/", 200, "body", {{"x", "y"}});
  EXPECT(host.send({"get"}).reply == "body");
  const patchbay_test_record *request = host.at(PATCHBAY_TEST_HTTP);
  EXPECT(request && std::string(request->name) == "GET https://api.example/1");
  EXPECT(request && std::string(request->subject) == "accept=text/plain");

  host.answer("https://api.example/", 503, "", {}, std::chrono::seconds(3));
  auto report = host.send({"get"});
  EXPECT(report.outcome == PATCHBAY_RETRY && report.code == 503 && report.retry_after == std::chrono::seconds(3));
  host.answer("https://api.example/", 404, "not here");
  report = host.send({"get later", "", "sent"});
  EXPECT(report.outcome == PATCHBAY_FAIL && report.spares_breaker && report.reason == "http_404: not here");
  request = host.at(PATCHBAY_TEST_HTTP);
  EXPECT(request && std::string(request->name) == "POST https://api.example/2" && std::string(request->text) == "sent");

  report = host.send({"get"});
  EXPECT(report.outcome == PATCHBAY_RETRY && report.reason.find("connect: ") == 0);
  host.fault("https://api.example/", PATCHBAY_FAULT_DENIED, "not granted");
  report = host.send({"get"});
  EXPECT(report.outcome == PATCHBAY_FAIL && report.reason == "denied: not granted");
  report = host.send({"receiver throws"});
  EXPECT(report.outcome == PATCHBAY_RETRY && report.reason.find("internal: ") == 0);

  host.answer("smtp://mail.example", 250);
  EXPECT(host.send({"mail"}).outcome == PATCHBAY_DONE);
  const patchbay_test_record *mail = host.at(PATCHBAY_TEST_MAIL);
  EXPECT(mail && std::string(mail->subject) == "from=a@example.com to=b@example.com to=c@example.com");
  host.fault("smtp://mail.example", PATCHBAY_FAULT_REFUSED, "no such user", 550);
  report = host.send({"mail"});
  EXPECT(report.outcome == PATCHBAY_FAIL && report.code == 550);
}

} // namespace

int main() {
  outcomes();
  creation();
  life();
  metrics();
  batches();
  streams();
  network();
  return patchbay_test_finish();
}
