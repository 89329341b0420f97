/* A library that knows nothing of Patchbay. */
#include <errno.h>
#include <stdint.h>

struct range {
  double low, high;
};

/* Where `value` lies in the range, from 0 to 1; outside of it -1 and ERANGE. */
int32_t scale(double value, const struct range *range, double *out) {
  if (value < range->low || value > range->high) {
    errno = ERANGE;
    return -1;
  }
  *out = (value - range->low) / (range->high - range->low);
  return 0;
}
