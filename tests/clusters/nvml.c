/* A driver library of pretended GPUs: as many as PRETENDED_GPUS says, each of 16 GiB, the first PRETENDED_MIG of them
   divided into two MIG instances. Handles are small numbers: 1 + GPU, or 1000 + 2 GPU + instance. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef uintptr_t device;
struct memory { unsigned long long total, free, used; };

enum { OK = 0, INVALID = 2, UNSUPPORTED = 3, NOT_FOUND = 6 };

static unsigned number(const char *name) {
    const char *text = getenv(name);
    return text ? (unsigned)atoi(text) : 0;
}

int nvmlInit_v2(void) { return OK; }
int nvmlInitWithFlags(unsigned flags) { (void)flags; return OK; }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { (void)code; return "pretended"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = number("PRETENDED_GPUS");
    return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, device *handle) {
    if (index >= number("PRETENDED_GPUS")) return INVALID;
    *handle = 1 + index;
    return OK;
}

int nvmlDeviceGetUUID(device handle, char *uuid, unsigned length) {
    if (handle >= 1000)
        snprintf(uuid, length, "MIG-pretended-%02u", (unsigned)(handle - 1000));
    else
        snprintf(uuid, length, "GPU-pretended-%02u", (unsigned)(handle - 1));
    return OK;
}

int nvmlDeviceGetName(device handle, char *name, unsigned length) {
    (void)handle;
    snprintf(name, length, "Pretended GPU");
    return OK;
}

int nvmlDeviceGetMemoryInfo(device handle, struct memory *memory) {
    (void)handle;
    memory->total = 16ull << 30;
    memory->used = 1ull << 30;
    memory->free = memory->total - memory->used;
    return OK;
}

int nvmlDeviceGetMigMode(device handle, unsigned *current, unsigned *pending) {
    if (handle >= 1000) return UNSUPPORTED;
    *current = *pending = handle - 1 < number("PRETENDED_MIG");
    return OK;
}

int nvmlDeviceGetMaxMigDeviceCount(device handle, unsigned *count) {
    (void)handle;
    *count = 7;
    return OK;
}

int nvmlDeviceGetMigDeviceHandleByIndex(device handle, unsigned index, device *instance) {
    if (index >= 2) return NOT_FOUND;
    *instance = 1000 + 2 * (handle - 1) + index;
    return OK;
}
