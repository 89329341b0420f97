// Compiles the headers once as C, so that an error in one shows in this package first.
#include "patchbay.h"
#include "patchbay/draft/stream.h"
#include "patchbay/emit.h"
#include "patchbay/http.h"
#include "patchbay/mail.h"
#include "patchbay/state.h"
#include "patchbay/timer.h"
