/// Tells the thread sanitizer of the order that a Swift `Mutex` makes when it has to be waited for.
///
/// An uncontended `Mutex` is taken and given back by atomics in the program itself, which the sanitizer sees. The slow
/// ways are functions of libswiftSynchronization, which is not built for the sanitizer: what one thread did under the lock
/// before another waited for it looked like a race. Preloaded, this library stands before these two functions, as they are
/// named in Swift 6.2 (`_MutexHandle` in the interface of the module Synchronization), and adds what is missing.
///
///     LD_PRELOAD=.build-thread/MutexOrder.so circlemeter serve ...
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

#define SWIFT __attribute__((swiftcall))
#define HANDLE __attribute__((swift_context)) void *handle

/// In a program that is not built for the sanitizer they are missing.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

typedef SWIFT void LockSlow(uint32_t thread, HANDLE);
typedef SWIFT void UnlockSlow(HANDLE);

SWIFT void lockSlow(uint32_t thread, HANDLE) __asm__(LOCK_SLOW);
SWIFT void unlockSlow(HANDLE) __asm__(UNLOCK_SLOW);

SWIFT void lockSlow(uint32_t thread, HANDLE) {
    ((LockSlow *)dlsym(RTLD_NEXT, LOCK_SLOW))(thread, handle);
    if (__tsan_acquire) __tsan_acquire(handle);
}

SWIFT void unlockSlow(HANDLE) {
    if (__tsan_release) __tsan_release(handle);
    ((UnlockSlow *)dlsym(RTLD_NEXT, UNLOCK_SLOW))(handle);
}
