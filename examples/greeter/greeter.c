#include <patchbay/handler.h>

PATCHBAY_HANDLER(hello) {
  if (event->subject.len == 0) return patchbay_reject("invalid: nobody to greet");
  patchbay_log(context, PATCHBAY_LOG_INFO, "hello", event->subject);
  return patchbay_done();
}

PATCHBAY_MODULE((hello), "name": "greeter", "version": "1.0.0",
  "handlers": [{"id": "hello", "accepts": ["com.example.greeting.*"]}])
