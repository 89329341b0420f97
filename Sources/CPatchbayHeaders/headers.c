// The headers are embedded by the compiler, so that the binary always carries those it was built from.
#pragma clang diagnostic ignored "-Wc23-extensions"
#include "patchbay_headers.h"

static const char patchbay_text[] = {
#embed "../../sdk/c/include/patchbay.h"
};
static const char emit_text[] = {
#embed "../../sdk/c/include/patchbay/emit.h"
};
static const char http_text[] = {
#embed "../../sdk/c/include/patchbay/http.h"
};
static const char mail_text[] = {
#embed "../../sdk/c/include/patchbay/mail.h"
};
static const char state_text[] = {
#embed "../../sdk/c/include/patchbay/state.h"
};
static const char stream_text[] = {
#embed "../../sdk/c/include/patchbay/draft/stream.h"
};
static const char timer_text[] = {
#embed "../../sdk/c/include/patchbay/timer.h"
};
static const char handler_text[] = {
#embed "../../sdk/c/include/patchbay/handler.h"
};
static const char json_text[] = {
#embed "../../sdk/c/include/patchbay/json.h"
};
static const char test_text[] = {
#embed "../../sdk/c/include/patchbay/test.h"
};
static const char test_host_text[] = {
#embed "../../sdk/c/include/patchbay/test_host.h"
};
static const char test_network_text[] = {
#embed "../../sdk/c/include/patchbay/test_network.h"
};
static const char test_stream_text[] = {
#embed "../../sdk/c/include/patchbay/test_stream.h"
};
static const char cpp_text[] = {
#embed "../../sdk/cpp/include/patchbay.hpp"
};
static const char cpp_call_text[] = {
#embed "../../sdk/cpp/include/patchbay/call.hpp"
};
static const char cpp_event_text[] = {
#embed "../../sdk/cpp/include/patchbay/event.hpp"
};
static const char cpp_host_text[] = {
#embed "../../sdk/cpp/include/patchbay/host.hpp"
};
static const char cpp_network_text[] = {
#embed "../../sdk/cpp/include/patchbay/network.hpp"
};
static const char cpp_outcome_text[] = {
#embed "../../sdk/cpp/include/patchbay/outcome.hpp"
};
static const char cpp_stream_text[] = {
#embed "../../sdk/cpp/include/patchbay/stream.hpp"
};
static const char cpp_test_text[] = {
#embed "../../sdk/cpp/include/patchbay_test.hpp"
};
static const char map_text[] = {
#embed "../../sdk/swift/patchbay-module.map"
};

static const patchbay_header headers[] = {
    {"patchbay.h", patchbay_text, sizeof patchbay_text},
    {"patchbay/draft/stream.h", stream_text, sizeof stream_text},
    {"patchbay/emit.h", emit_text, sizeof emit_text},
    {"patchbay/handler.h", handler_text, sizeof handler_text},
    {"patchbay/http.h", http_text, sizeof http_text},
    {"patchbay/json.h", json_text, sizeof json_text},
    {"patchbay/mail.h", mail_text, sizeof mail_text},
    {"patchbay/state.h", state_text, sizeof state_text},
    {"patchbay/test.h", test_text, sizeof test_text},
    {"patchbay/test_host.h", test_host_text, sizeof test_host_text},
    {"patchbay/test_network.h", test_network_text, sizeof test_network_text},
    {"patchbay/test_stream.h", test_stream_text, sizeof test_stream_text},
    {"patchbay/timer.h", timer_text, sizeof timer_text},
};

static const patchbay_header cpp_files[] = {
    {"include/patchbay.hpp", cpp_text, sizeof cpp_text},
    {"include/patchbay/call.hpp", cpp_call_text, sizeof cpp_call_text},
    {"include/patchbay/event.hpp", cpp_event_text, sizeof cpp_event_text},
    {"include/patchbay/host.hpp", cpp_host_text, sizeof cpp_host_text},
    {"include/patchbay/network.hpp", cpp_network_text, sizeof cpp_network_text},
    {"include/patchbay/outcome.hpp", cpp_outcome_text, sizeof cpp_outcome_text},
    {"include/patchbay/stream.hpp", cpp_stream_text, sizeof cpp_stream_text},
    {"include/patchbay_test.hpp", cpp_test_text, sizeof cpp_test_text},
    {"patchbay-module.map", map_text, sizeof map_text},
};

const patchbay_header *patchbay_cpp_files(uint64_t *count) {
  *count = sizeof cpp_files / sizeof cpp_files[0];
  return cpp_files;
}

const patchbay_header *patchbay_headers(uint64_t *count) {
  *count = sizeof headers / sizeof headers[0];
  return headers;
}
