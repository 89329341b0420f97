/* thumbs.make: makes thumbnails of pictures, and dies of one, as code that reads other people's files may. */
#include <patchbay/handler.h>
#include <patchbay/json.h>

PATCHBAY_HANDLER(make) {
  char picture[64];
  if (patchbay_json_string(patchbay_data(event), "picture", picture, sizeof picture) < 0)
    return patchbay_reject("invalid: no picture");
  if (strcmp(picture, "broken.png") == 0) *(volatile int *)8 = 1; /* the bug */
  patchbay_log(context, PATCHBAY_LOG_INFO, "made", patchbay_text(picture));
  return patchbay_done();
}

PATCHBAY_MODULE((make), "name": "thumbs", "version": "1.0.0", "requires": ["patchbay.logger/1"],
  "handlers": [{"id": "make", "accepts": ["com.example.picture"], "concurrency": 1}])
