/* A library with nothing of interest in it. */
#ifdef OTHER
const int patchbay_fixture_other = 1;
#endif
extern const int patchbay_fixture_here;
const int patchbay_fixture_here = 1;
