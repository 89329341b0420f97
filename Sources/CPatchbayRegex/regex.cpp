#include "patchbay_regex.h"
