#define _GNU_SOURCE
#include "space.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire.h"

static patchbay_str text(const char *literal) {
  patchbay_str str = {literal, strlen(literal)};
  return str;
}

static void copy_name(char *to, patchbay_str name) {
  uint64_t length = name.len < PBI_NAME_BYTES - 1 ? name.len : PBI_NAME_BYTES - 1;
  if (length) memcpy(to, name.ptr, length);
  to[length] = 0;
}

static uint32_t bucket_of(patchbay_call call) { return (uint32_t)(call & 1023u); }

pbi_space *pbi_space_new(const patchbay_host *host, int32_t files[2], pbi_owner owner) {
  pbi_space *space = calloc(1, sizeof *space);
  if (!space) return NULL;
  space->owner = owner;
  space->files[0] = memfd_create("patchbay-worker", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  space->files[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  space->memory = MAP_FAILED;
  space->next_block = mmap(NULL, PBI_ARENA_BYTES >> CLASS_MIN << 3, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space->files[0] >= 0 && space->files[1] >= 0 && ftruncate(space->files[0], PBI_MEMORY_BYTES) == 0 &&
      fcntl(space->files[0], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    space->memory =
      mmap(NULL, PBI_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, space->files[0], 0);
  if (space->memory == MAP_FAILED || space->next_block == MAP_FAILED) {
    int number = errno;
    pbi_space_free(space);
    errno = number;
    return NULL;
  }
  pthread_mutex_init(&space->lock, NULL);
  for (uint32_t i = PBI_SLOTS - 1; i > 0; i--) {
    space->slots[i].next = space->free_slots;
    space->free_slots = i;
  }
  pbi_head *head = pbi_head_of(space->memory);
  head->layout = PBI_LAYOUT;
  head->abi_minor = host->abi_minor;
  copy_name(head->host_name, host->name);
  copy_name(head->host_version, host->version);
  space->logger = host->service(host, text(PATCHBAY_LOGGER));
  space->trace = host->service(host, text(PATCHBAY_TRACE));
  space->meter = host->service(host, text(PATCHBAY_METER));
  space->emit = host->service(host, text(PATCHBAY_EMIT));
  space->state = host->service(host, text(PATCHBAY_STATE));
  space->timer = host->service(host, text(PATCHBAY_TIMER));
  space->stream = host->service(host, text(PATCHBAY_STREAM));
  space->http = host->service(host, text(PATCHBAY_HTTP));
  space->mail = host->service(host, text(PATCHBAY_MAIL));
  for (int32_t level = 1; space->logger && level <= 24; level++)
    if (space->logger->enabled(host, level)) head->log_enabled |= 1u << level;
  files[0] = space->files[0];
  files[1] = space->files[1];
  return space;
}

void pbi_space_free(pbi_space *space) {
  if (space->memory != MAP_FAILED) munmap(space->memory, PBI_MEMORY_BYTES);
  if (space->next_block != MAP_FAILED) munmap(space->next_block, PBI_ARENA_BYTES >> CLASS_MIN << 3);
  for (int i = 0; i < 2; i++)
    if (space->files[i] >= 0) close(space->files[i]);
  space->owner.release(space->owner.context);
  free(space);
}

void *pbi_space_memory(pbi_space *space) { return space->memory; }
int32_t pbi_bell(pbi_space *space) { return space->files[1]; }

void pbi_space_bury(pbi_space *space) {
  atomic_store(&space->dead, 1);
  for (uint32_t i = 0; i < PBI_CHANNELS; i++) pbi_hand_over(pbi_channel_of(space->memory, i), PBI_TURN_HOST);
}

void pbi_space_stop(pbi_space *space) { atomic_store(&pbi_head_of(space->memory)->stopping, 1); }

/* ---- Blocks ---------------------------------------------------------------------------------------------------- */

static uint64_t take_block(pbi_space *space, uint32_t size_class) {
  uint64_t block = space->free_blocks[size_class];
  if (block) {
    space->free_blocks[size_class] = space->next_block[(block - PBI_ARENA_OFFSET) >> CLASS_MIN];
    return block;
  }
  uint64_t bytes = 1ull << (size_class + CLASS_MIN);
  if (bytes > PBI_ARENA_BYTES - space->arena_used) return 0;
  block = PBI_ARENA_OFFSET + space->arena_used;
  space->arena_used += bytes;
  return block;
}

static void give_block(pbi_space *space, uint64_t block, uint32_t size_class) {
  space->next_block[(block - PBI_ARENA_OFFSET) >> CLASS_MIN] = space->free_blocks[size_class];
  space->free_blocks[size_class] = block;
}

/* ---- Events ---------------------------------------------------------------------------------------------------- */

/* The texts of an event, in the order in which they lie behind it. */
#define TEXTS(X)                                                                                                      \
  X(id) X(source) X(type) X(subject) X(time) X(datacontenttype) X(dataschema) X(route) X(idempotency_key) X(traceparent) \
    X(tracestate)

static uint64_t event_bytes(const patchbay_event *event) {
  uint64_t bytes = sizeof *event + event->ext_count * sizeof(patchbay_kv) + event->data_len;
#define ADD(field) bytes += event->field.len;
  TEXTS(ADD)
#undef ADD
  for (uint64_t i = 0; i < event->ext_count; i++) bytes += event->ext[i].key.len + event->ext[i].value.len;
  return bytes;
}

/* Copies `text` behind the event; its pointer becomes the distance from the event, which the worker adds to. */
static patchbay_str place(uint8_t *base, uint64_t *at, patchbay_str text) {
  patchbay_str placed = {NULL, text.len};
  if (!text.len) return placed;
  memcpy(base + *at, text.ptr, text.len);
  placed.ptr = (const char *)(uintptr_t)*at;
  *at += text.len;
  return placed;
}

static void write_event(uint8_t *base, const patchbay_event *event) {
  patchbay_event copy = *event;
  patchbay_kv *pairs = (patchbay_kv *)(base + sizeof copy);
  uint64_t at = sizeof copy + event->ext_count * sizeof *pairs;
#define PLACE(field) copy.field = place(base, &at, event->field);
  TEXTS(PLACE)
#undef PLACE
  for (uint64_t i = 0; i < event->ext_count; i++) {
    pairs[i].key = place(base, &at, event->ext[i].key);
    pairs[i].value = place(base, &at, event->ext[i].value);
  }
  copy.ext = event->ext_count ? (const patchbay_kv *)sizeof copy : NULL;
  patchbay_str data = {(const char *)event->data, event->data_len};
  copy.data = (const uint8_t *)place(base, &at, data).ptr;
  memcpy(base, &copy, sizeof copy);
}

/* ---- Slots ----------------------------------------------------------------------------------------------------- */

uint32_t pbi_open(pbi_space *space, patchbay_call call, const patchbay_event *event) {
  uint64_t bytes = event_bytes(event);
  uint32_t size_class = 0;
  while (size_class < CLASSES && bytes > 1ull << (size_class + CLASS_MIN)) size_class++;
  if (size_class == CLASSES) return PBI_NEVER_FITS;
  pthread_mutex_lock(&space->lock);
  uint32_t index = space->free_slots;
  uint64_t block = index ? take_block(space, size_class) : 0;
  if (!block) {
    pthread_mutex_unlock(&space->lock);
    return 0;
  }
  space_slot *slot = &space->slots[index];
  space->free_slots = slot->next;
  slot->call = call;
  slot->generation++;
  slot->block = block;
  slot->size_class = size_class;
  slot->next = space->buckets[bucket_of(call)];
  space->buckets[bucket_of(call)] = index;
  space->open_bytes += 1ull << (size_class + CLASS_MIN);
  atomic_store(&slot->settled, 0);
  atomic_store(&slot->in_use, 1);
  /* From here on it can be cancelled. */
  atomic_store_explicit(&pbi_slot_of(space->memory, index)->cancel, 0, memory_order_relaxed);
  pthread_mutex_unlock(&space->lock);
  write_event((uint8_t *)space->memory + block, event);
  pbi_slot *shared = pbi_slot_of(space->memory, index);
  shared->block = block;
  atomic_store_explicit(&shared->word, slot->generation << PBI_GENERATION_SHIFT | PBI_OPEN, memory_order_release);
  return index;
}

void pbi_close(pbi_space *space, uint32_t index, patchbay_call call) {
  space_slot *slot = &space->slots[index];
  pthread_mutex_lock(&space->lock);
  if (atomic_load(&slot->in_use) && slot->call == call) {
    atomic_store(&slot->in_use, 0);
    atomic_store_explicit(&pbi_slot_of(space->memory, index)->word, slot->generation << PBI_GENERATION_SHIFT,
                          memory_order_release);
    uint32_t *link = &space->buckets[bucket_of(slot->call)];
    while (*link && *link != index) link = &space->slots[*link].next;
    if (*link) *link = slot->next;
    space->open_bytes -= 1ull << (slot->size_class + CLASS_MIN);
    give_block(space, slot->block, slot->size_class);
    /* A large event's memory goes back to the system. */
    if (slot->size_class + CLASS_MIN >= 18)
      madvise((char *)space->memory + slot->block, 1ull << (slot->size_class + CLASS_MIN), MADV_REMOVE);
    slot->next = space->free_slots;
    space->free_slots = index;
    /* Nothing is open: what was cut for some sizes may serve others. */
    if (!space->open_bytes) {
      space->arena_used = 0;
      memset(space->free_blocks, 0, sizeof space->free_blocks);
    }
  }
  pthread_mutex_unlock(&space->lock);
}

patchbay_call pbi_worker_call(pbi_space *space, uint32_t slot) {
  return pbi_call(space->slots[slot].generation, slot);
}

/* Under the lock. */
static uint32_t slot_of_call(pbi_space *space, patchbay_call call) {
  uint32_t index = space->buckets[bucket_of(call)];
  while (index && space->slots[index].call != call) index = space->slots[index].next;
  return index;
}

int32_t pbi_is_open(pbi_space *space, patchbay_call call) {
  pthread_mutex_lock(&space->lock);
  int32_t is_open = slot_of_call(space, call) != 0;
  pthread_mutex_unlock(&space->lock);
  return is_open;
}

patchbay_call pbi_cancel(pbi_space *space, patchbay_call call, int32_t why) {
  pthread_mutex_lock(&space->lock);
  uint32_t index = slot_of_call(space, call);
  if (index) atomic_store(&pbi_slot_of(space->memory, index)->cancel, why);
  patchbay_call seen = index ? pbi_worker_call(space, index) : 0;
  pthread_mutex_unlock(&space->lock);
  return seen;
}

/* ---- Outcomes -------------------------------------------------------------------------------------------------- */

static uint64_t word_of(pbi_space *space, uint32_t slot) {
  return atomic_load_explicit(&pbi_slot_of(space->memory, slot)->word, memory_order_acquire);
}

/* Takes a completion out of the slot, once. */
static int32_t take_completion(pbi_space *space, uint32_t index, patchbay_call call, pbi_slot *copy) {
  space_slot *slot = &space->slots[index];
  if (!atomic_load(&slot->in_use) || slot->call != call) return PBI_COMPLETED_BEFORE;
  if (atomic_load(&slot->settled)) return PBI_COMPLETED_BEFORE;
  uint64_t word = word_of(space, index);
  if (!(word & PBI_COMPLETED) || word >> PBI_GENERATION_SHIFT != slot->generation) return PBI_NOT_COMPLETED;
  atomic_store(&slot->settled, 1);
  memcpy(copy, pbi_slot_of(space->memory, index), sizeof *copy);
  return PBI_COMPLETED_NOW;
}

int32_t pbi_settle(pbi_space *space, uint32_t index, patchbay_call call, const patchbay_host *host) {
  pbi_slot copy;
  pthread_mutex_lock(&space->lock);
  int32_t taken = take_completion(space, index, call, &copy);
  pthread_mutex_unlock(&space->lock);
  if (taken != PBI_COMPLETED_NOW) return taken;
  patchbay_result result = {.size = sizeof result};
  result.outcome = copy.outcome;
  result.flags = copy.flags;
  result.code = copy.code;
  result.retry_after_ns = copy.retry_after_ns;
  uint64_t at = 0;
  uint32_t lengths[] = {copy.reason_length, copy.detail_length, copy.reply_length, copy.type_length};
  patchbay_str *texts[] = {&result.reason, &result.detail_json, &result.reply, &result.reply_content_type};
  for (int i = 0; i < 4; i++) {
    if (lengths[i] > sizeof copy.text - at) break;
    texts[i]->ptr = copy.text + at;
    texts[i]->len = lengths[i];
    at += lengths[i];
  }
  host->complete(host, call, &result);
  return PBI_COMPLETED_NOW;
}

int32_t pbi_was_entered(pbi_space *space, uint32_t slot) { return (word_of(space, slot) & PBI_ENTERED) != 0; }
int32_t pbi_was_running(pbi_space *space, uint32_t slot) { return (word_of(space, slot) & PBI_RUNNING) != 0; }

uint32_t pbi_next_completed(pbi_space *space) {
  pbi_head *head = pbi_head_of(space->memory);
  for (uint32_t i = 0; i < PBI_SLOTS / 64; i++) {
    uint64_t bits = atomic_load_explicit(&head->completed[i], memory_order_acquire);
    if (!bits) continue;
    uint64_t bit = bits & -bits;
    atomic_fetch_and(&head->completed[i], ~bit);
    uint32_t index = i * 64 + (uint32_t)__builtin_ctzll(bit);
    if (index && atomic_load(&space->slots[index].in_use)) return index;
  }
  return 0;
}

int32_t pbi_crash_of(pbi_space *space, pbi_crash_report *report) {
  pbi_crash *crash = &pbi_head_of(space->memory)->crash;
  uint32_t stage = atomic_load(&crash->stage);
  if (!stage) return 0;
  report->signal = crash->signal;
  /* The main thread and the one for errands are in no call. */
  int is_call = crash->channel > 0 && crash->channel < (int32_t)PBI_ERRAND_CHANNEL;
  report->channel = is_call ? crash->channel : -1;
  report->address = crash->address;
  return 1;
}

uint64_t pbi_crash_text(pbi_space *space, char *buffer, uint64_t capacity) {
  pbi_crash *crash = &pbi_head_of(space->memory)->crash;
  uint64_t length = atomic_load(&crash->stage) >= 2 ? crash->text_length : 0;
  if (length > sizeof crash->text) length = 0;
  if (length > capacity) length = capacity;
  memcpy(buffer, crash->text, length);
  return length;
}
