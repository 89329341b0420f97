#include "patchbay_system.h"
