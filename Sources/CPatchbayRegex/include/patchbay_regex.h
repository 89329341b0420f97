#ifndef PATCHBAY_REGEX_H
#define PATCHBAY_REGEX_H
#endif
