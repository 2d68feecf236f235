// A stand-in until the kernels come: it has what they need of a compiler and of a system.
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
__declspec(dllimport) int SwitchToThread(void);
#define yield_core() SwitchToThread()
#else
#define EXPORT __attribute__((visibility("default")))
extern int sched_yield(void);
#define yield_core() sched_yield()
#endif

EXPORT int repro_abi(void) { return 1; }

EXPORT void repro_clear(float *to, size_t count) { __builtin_memset(to, 0, count * sizeof *to); }

EXPORT void repro_wait(const int32_t *number, int32_t until) {
  while (__atomic_load_n(number, __ATOMIC_ACQUIRE) < until) yield_core();
}
