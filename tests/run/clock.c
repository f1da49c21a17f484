/* A wall clock that jumps forward by a day and back again, each quarter of a second.
   The file named by CLOCK_JUMPED gets a byte each time that a process has seen it jump. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int (*clock_function)(clockid_t, struct timespec *);

static int real(clockid_t id, struct timespec *t) {
  static clock_function f;
  if (!f) f = (clock_function)dlsym(RTLD_NEXT, "clock_gettime");
  return f(id, t);
}

static void witness(time_t now) {
  static time_t before = -1;
  const char *name = getenv("CLOCK_JUMPED");
  if (before != -1 && before != now && name) {
    int file = open(name, O_CREAT | O_WRONLY | O_APPEND, 0600);
    if (file >= 0) {
      if (write(file, "!", 1) < 0) abort();
      close(file);
    }
  }
  before = now;
}

static time_t jump(void) {
  struct timespec t;
  real(CLOCK_MONOTONIC, &t);
  time_t by = (t.tv_nsec / 250000000) % 2 ? 86400 : 0;
  witness(by);
  return by;
}

int clock_gettime(clockid_t id, struct timespec *t) {
  int r = real(id, t);
  if (!r && id == CLOCK_REALTIME) t->tv_sec += jump();
  return r;
}

int gettimeofday(struct timeval *restrict v, void *restrict zone) {
  struct timespec t;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &t);
  v->tv_sec = t.tv_sec;
  v->tv_usec = t.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  if (out) *out = t.tv_sec;
  return t.tv_sec;
}
