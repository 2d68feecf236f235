// What an x86-64 CPU says of itself and what its system keeps of it, as four words; ../library.py
// reads them. Compiled for the oldest CPUs, so that any can be asked.
#include <cpuid.h>
#include <stdint.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

EXPORT void repro_cpu(uint32_t words[4]) {
  uint32_t a, b, c, d;
  words[0] = words[1] = words[2] = words[3] = 0;
  if (__get_cpuid(1, &a, &b, &c, &d)) words[0] = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) words[1] = b;
  if (__get_cpuid(0x80000001, &a, &b, &c, &d)) words[2] = c;
  if (words[0] & (1u << 27)) {  // xgetbv is an instruction here
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    words[3] = a;
  }
}
