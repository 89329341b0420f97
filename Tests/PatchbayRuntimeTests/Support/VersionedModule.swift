import Foundation
import Synchronization

/// A C module of which there are as many builds as a test wants: the module `shop` with a version and faults.
enum VersionedModule {
    private static let built = Mutex<Set<String>>([])

    /// A build: `version` as `1.0.0`; `flags` are faults such as `-DFAILING`.
    static func library(_ version: String, _ flags: String...) throws -> String {
        let name = "shop-\(version)\(flags.joined())".replacingOccurrences(of: "=", with: "-")
        let target = "\(Modules.folder)/\(name).so"
        return try built.withLock { built in
            if built.contains(name) { return target }
            let file = "\(Modules.folder)/\(name).c"
            try source.write(toFile: file, atomically: true, encoding: .utf8)
            try Modules.compile(
                [
                    "-shared", "-fPIC", "-O1", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-pthread",
                    "-I\(Modules.include)", "-DVERSION=\"\(version)\"", file, "-o", target,
                ] + flags)
            built.insert(name)
            return target
        }
    }

    /// `charge` counts its calls and writes `VERSION charge COUNT` when it is destroyed; `wait` says when it enters and
    /// leaves, and stays until the file `gate` is there.
    private static let source = ##"""
        #include <patchbay.h>
        #include <patchbay/json.h>
        #include <fcntl.h>
        #include <stdarg.h>
        #include <stdatomic.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>

        #ifndef CHARGE
        #define CHARGE "charge"
        #endif
        #ifndef CONCURRENCY
        #define CONCURRENCY 0
        #endif
        #ifndef BLOCKING
        #define BLOCKING false
        #endif
        #define TEXT_(x) #x
        #define TEXT(x) TEXT_(x)
        #define NAME(x) {x, sizeof(x) - 1}

        PATCHBAY_MANIFEST("{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"shop\", \"version\": \"" VERSION "\", "
                          "\"runtime\": \"c\", \"handlers\": [{\"id\": \"" CHARGE "\", \"concurrency\": "
                          TEXT(CONCURRENCY) ", \"blocking\": " TEXT(BLOCKING) ", \"config\": {}}, "
                          "{\"id\": \"wait\", \"blocking\": true, \"config\": {}}]}");

        typedef struct {
          char path[512], gate[512];
          atomic_ullong calls;
        } shop;

        static void note(shop *shop, const char *format, ...) {
          char line[256];
          int length, file;
          va_list arguments;
          if (!shop->path[0]) return;
          va_start(arguments, format);
          length = vsnprintf(line, sizeof line - 1, format, arguments);
          va_end(arguments);
          line[length++] = '\n';
          file = open(shop->path, O_WRONLY | O_CREAT | O_APPEND, 0600);
          if (file < 0) return;
          if (write(file, line, (size_t)length) < 0) perror("write");
          close(file);
        }

        static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
          shop *made = calloc(1, sizeof *made);
          (void)host;
        #ifdef NO_CREATE
          (void)config;
          (void)out;
          free(made);
          host->set_error(host, (patchbay_str)NAME("the till is locked"));
          return PATCHBAY_E_STATE;
        #else
          if (!made) return PATCHBAY_E_NOMEM;
          patchbay_json_string(config, "path", made->path, sizeof made->path);
          patchbay_json_string(config, "gate", made->gate, sizeof made->gate);
          *out = (patchbay_inst *)made;
          return PATCHBAY_OK;
        #endif
        }

        static void destroy(patchbay_inst *inst) {
          shop *gone = (shop *)inst;
          note(gone, VERSION " calls %llu", atomic_load(&gone->calls));
          memset(gone, 0xA5, sizeof *gone);
          free(gone);
        }

        static patchbay_status charge(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
          shop *shop_ = (shop *)inst;
          (void)call;
          (void)event;
          atomic_fetch_add_explicit(&shop_->calls, 1, memory_order_relaxed);
        #ifdef FAILING
          return PATCHBAY_E_INTERNAL;
        #else
          return PATCHBAY_OK;
        #endif
        }

        static patchbay_status wait_for(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
          shop *shop_ = (shop *)inst;
          (void)call;
          note(shop_, VERSION " enter %.*s", (int)event->id.len, event->id.ptr);
          while (access(shop_->gate, F_OK) != 0) usleep(500);
          note(shop_, VERSION " leave %.*s", (int)event->id.len, event->id.ptr);
          return PATCHBAY_OK;
        }

        static const patchbay_handler charging = {
          .size = sizeof(patchbay_handler), .id = NAME(CHARGE), .create = create, .handle = charge, .destroy = destroy};
        static const patchbay_handler waiting = {
          .size = sizeof(patchbay_handler), .id = NAME("wait"), .create = create, .handle = wait_for,
          .destroy = destroy};
        static const patchbay_handler *const handlers[] = {&charging, &waiting};
        static const patchbay_module module = {
          .size = sizeof(patchbay_module), .handlers = handlers, .handler_count = 2};

        #ifndef ENTRY
        #define ENTRY patchbay_module_v1
        #endif
        PATCHBAY_EXPORT patchbay_status ENTRY(const patchbay_host *host, const patchbay_module **out) {
          (void)host;
          *out = &module;
          return PATCHBAY_OK;
        }
        """##
}
