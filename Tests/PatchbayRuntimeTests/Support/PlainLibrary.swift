import Foundation

/// A library of no SDK: a function for each type, for each way in and out, and for each bound that a process has.
enum PlainLibrary {
    static func path() throws -> String { try built.get() }

    private static let built = Result { try compile("plain", source) }

    /// One whose constructor crashes.
    static func crashing() throws -> String {
        try compile("crashing", "__attribute__((constructor)) static void f(void) { *(volatile int *)8 = 1; }")
    }

    /// `libanswer.so` in a folder, whose `answer()` gives a number that it has from `libbeside.so` in the same folder.
    static func answering(_ number: Int, in folder: String) throws -> String {
        let beside = try compile(
            "beside", "int number(void) { return \(number); }", in: folder, ["-Wl,-soname,libbeside.so"])
        return try compile(
            "answer", "int number(void); int answer(void) { return number(); }", in: folder,
            ["-Wl,-rpath,$ORIGIN", beside])
    }

    private static func compile(
        _ name: String, _ text: String, in folder: String = Modules.folder, _ flags: [String] = []
    ) throws -> String {
        let source = "\(folder)/\(name).c"
        let library = "\(folder)/lib\(name).so"
        try text.write(toFile: source, atomically: true, encoding: .utf8)
        try Modules.compile(
            ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-pthread", source, "-o", library] + flags)
        return library
    }

    private static let source = #"""
        #include <errno.h>
        #include <fcntl.h>
        #include <pthread.h>
        #include <stdint.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <time.h>
        #include <unistd.h>
        #define SAME(type, name) type same_##name(type value) { return value; } \
          void set_##name(type value, type *to) { *to = value; } \
          void twice_##name(type *value) { *value = (type)(*value * 2); }
        SAME(int8_t, i8) SAME(int16_t, i16) SAME(int32_t, i32) SAME(int64_t, i64)
        SAME(uint8_t, u8) SAME(uint16_t, u16) SAME(uint32_t, u32) SAME(uint64_t, u64)
        SAME(float, f32) SAME(double, f64)
        const char *same_text(const char *text) { return text; }
        uint64_t length(const char *text) { return text ? strlen(text) : 99; }
        uint64_t sum(const uint8_t *bytes, uint64_t count) { uint64_t s = 0; while (count--) s += bytes[count]; return s; }
        void upper(uint8_t *bytes, uint64_t n) { for (uint64_t i = 0; i < n; i++) if (bytes[i] >= 'a') bytes[i] -= 32; }
        int32_t fill(uint8_t *bytes, char *text) { memset(bytes, 7, 3); strcpy(text, "done"); return 3; }
        struct mixed { int8_t a; double b; int16_t c; uint64_t d; float e; };
        double read_(const struct mixed *m) { return m ? m->a + m->b + m->c + (double)m->d + (double)m->e : -1; }
        void write_(struct mixed *m) { m->a = -1; m->b = 0.5; m->c = -300; m->d = UINT64_MAX; m->e = 1.5f; }
        void grow(struct mixed *m) { m->a++; m->b *= 2; m->c--; m->d /= 2; m->e += 1; }
        int32_t fails(int32_t with) { errno = with; return -1; }
        double many(int8_t a, float b, int64_t c, double d, uint16_t e, float f, int32_t g, double h, uint8_t i, int64_t j) {
          return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8 + i * 9 + j * 10;
        }
        /* Another thread's call in between would show. */
        uint64_t slow(uint64_t value, uint64_t *out) {
          *out = value;
          for (volatile int i = 0; i < 2000; i++) {}
          errno = (int)(value & 63);
          return *out;
        }
        void crash(void) { *(volatile int *)8 = 1; }
        void hang(uint64_t really) { while (really) pause(); }
        int32_t grabs(uint64_t bytes) { void *m = malloc(bytes); if (m) memset(m, 1, bytes); return m ? 1 : 0; }
        int32_t opens(int32_t n) { int ok = 0; for (int i = 0; i < n; i++) ok += open("/dev/null", O_RDONLY) >= 0; return ok; }
        static void *idle(void *none) { pause(); return none; }
        int32_t starts(int32_t n) { pthread_t t; int ok = 0; while (n--) ok += !pthread_create(&t, NULL, idle, NULL); return ok; }
        int32_t burns(int64_t ms) { clock_t end = clock() + ms * (CLOCKS_PER_SEC / 1000); while (clock() < end) {} return 1; }
        int32_t reads(const char *path) { FILE *f = fopen(path, "r"); if (f) fclose(f); return f ? 1 : 0; }
        int32_t writes(const char *path) { FILE *f = fopen(path, "w"); if (f) fclose(f); return f ? 1 : 0; }
        """#
}
