// Compiles the header once as C, so that an error in it shows in this package first.
#include "patchbay.h"
