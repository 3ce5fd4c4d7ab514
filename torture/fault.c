/* Counts the calls by which a process changes files, and ends it, or fails one of them, at the one that is asked for.
   To be loaded before the C library (LD_PRELOAD); see fault.py. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

struct state { long armed, at, error, count, torn; char name[32]; };
static struct state *shared; /* with children, so that the parent knows how far a dead one came */

__attribute__((constructor)) static void begin(void) {
    shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* at: which call, from 1; 0 for none, which only counts. error: its errno, 0 for death before it. torn: death in the
   middle of it, where it writes. */
void rece_arm(long at, long error, long torn) {
    shared->at = at, shared->error = error, shared->torn = torn, shared->count = 0, shared->name[0] = 0;
    shared->armed = 1;
}
void rece_disarm(void) { shared->armed = 0; }
long rece_count(void) { return shared->count; }
const char *rece_name(void) { return shared->name; }

/* Whether this call shall fail; does not return where the process shall die. */
static int hit(const char *name) {
    if (!shared->armed || ++shared->count != shared->at) return 0;
    strncpy(shared->name, name, sizeof shared->name - 1);
    if (shared->torn) return 2;
    if (!shared->error) kill(getpid(), SIGKILL), pause();
    errno = (int)shared->error;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRAP(type, name, parameters, arguments) \
    type name parameters { \
        int found = hit(#name); \
        if (found == 2) kill(getpid(), SIGKILL), pause(); \
        return found ? (type)-1 : REAL(name) arguments; \
    }
#define WRAP_OPEN(name, parameters, first) \
    int name parameters { \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); } \
        int found = hit(#name); \
        if (found == 2) kill(getpid(), SIGKILL), pause(); \
        return found ? -1 : REAL(name) first; \
    }

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
WRAP_OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))
WRAP(int, fsync, (int file), (file))
WRAP(int, fdatasync, (int file), (file))
WRAP(int, ftruncate, (int file, off_t size), (file, size))
WRAP(int, ftruncate64, (int file, off_t size), (file, size))
WRAP(int, rename, (const char *a, const char *b), (a, b))
WRAP(int, renameat, (int x, const char *a, int y, const char *b), (x, a, y, b))
WRAP(int, renameat2, (int x, const char *a, int y, const char *b, unsigned flags), (x, a, y, b, flags))
WRAP(int, link, (const char *a, const char *b), (a, b))
WRAP(int, linkat, (int x, const char *a, int y, const char *b, int flags), (x, a, y, b, flags))
WRAP(int, unlink, (const char *path), (path))
WRAP(int, unlinkat, (int at, const char *path, int flags), (at, path, flags))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(int, mkdirat, (int at, const char *path, mode_t mode), (at, path, mode))
WRAP(int, rmdir, (const char *path), (path))
WRAP(int, flock, (int file, int how), (file, how))

ssize_t write(int file, const void *content, size_t size) {
    int found = hit("write");
    if (found == 2) REAL(write)(file, content, size / 2), kill(getpid(), SIGKILL), pause();
    return found ? -1 : REAL(write)(file, content, size);
}
