// Compiles the headers once as C, so that an error in one shows in this package first.
#include "patchbay.h"
#include "patchbay/draft/emit.h"
#include "patchbay/draft/http.h"
#include "patchbay/draft/mail.h"
#include "patchbay/draft/state.h"
#include "patchbay/draft/stream.h"
#include "patchbay/draft/timer.h"
