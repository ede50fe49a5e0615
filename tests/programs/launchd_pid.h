// SPDX-License-Identifier: Apache-2.0
// Who serves this program's domain as launchd, read off /proc.
#ifndef LAUNCHD_PID_H_
#define LAUNCHD_PID_H_

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

// The process that serves this domain as launchd; 0: none.
static inline pid_t launchd_of_domain(void) {
  const char* domain = getenv("PORTOLAN_DOMAIN");
  DIR* list = opendir("/proc");
  pid_t found = 0;
  for (struct dirent* entry; found == 0 && (entry = readdir(list)) != NULL;) {
    char path[300], text[1024];
    snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
    const int fd = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? open(path, O_RDONLY) : -1;
    if (fd < 0) continue;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) continue;
    text[n] = 0;
    const size_t first = strlen(text);
    if (first + 1 < (size_t)n && strstr(text, "portolan-launchd") != NULL &&
        strcmp(text + first + 1, domain) == 0)
      found = atoi(entry->d_name);
  }
  closedir(list);
  return found;
}

#endif
