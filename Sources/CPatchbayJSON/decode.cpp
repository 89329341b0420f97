#include "patchbay_json.h"
