/* SPDX-License-Identifier: MIT */
#include "serve/places.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

/* Recordings of people: nobody else on the machine gets to list them. */
#define DATA_MODE 0700

/* Where this one may not look, it did not make anything either. */
static enum rh_error sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? 0 : fsync(fd);
    int why = errno;

    if (fd >= 0)
        close(fd);
    errno = why;
    return result == 0 || why == EROFS || why == EINVAL ? RH_OK : RH_ERR_IO;
}

/* Without its own name in the directory above, nothing in a data directory would outlive a power
 * failure. Synced whether made now or not: who made it may have been killed before its sync. */
static enum rh_error make_directories(const char *directory)
{
    char path[PATH_MAX];
    size_t size = strlen(directory);
    size_t name = 0; /* where the component begins */

    if (size == 0 || size >= sizeof path)
        return RH_ERR_LIMIT;
    memcpy(path, directory, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        path[i] = '\0';
        if (mkdir(path, DATA_MODE) != 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
            return RH_ERR_IO;
        char first = path[name];
        path[name] = '\0';
        enum rh_error error = sync_directory(name == 0 ? "." : path);
        path[name] = first;
        if (error != RH_OK)
            return error;
        path[i] = i == size ? '\0' : '/';
        name = i + 1;
    }
    return RH_OK;
}

/* Whose lock it is, for people; the lock itself is the descriptor's. */
static void write_pid(int lock)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    if (ftruncate(lock, 0) != 0 || pwrite(lock, text, (size_t)size, 0) < 0)
        return;
}

static void complain_locked(int lock, const char *directory, char *complaint)
{
    char text[32] = "";
    ssize_t size = pread(lock, text, sizeof text - 1, 0);
    long pid = 0;

    if (size > 0)
        (void)sscanf(text, "%ld", &pid);
    snprintf(complaint, RH_COMPLAINT_BYTES,
             "Another server (process %ld) is using %s. Stop it first, or give this one a "
             "directory of its own with --data.",
             pid, directory);
}

static enum rh_error complain_errno(const char *directory, char *complaint)
{
    snprintf(complaint, RH_COMPLAINT_BYTES,
             "The data directory %s cannot be used: %m. Make it writable for this user, or choose "
             "another with --data.",
             directory);
    return RH_ERR_IO;
}

enum rh_error rh_places_data(const char *directory, int *data, int *lock,
                             char complaint[static RH_COMPLAINT_BYTES])
{
    *data = -1;
    *lock = -1;
    if (make_directories(directory) != RH_OK)
        return complain_errno(directory, complaint);
    *data = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*data < 0)
        return complain_errno(directory, complaint);
    *lock = openat(*data, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*lock < 0)
        return complain_errno(directory, complaint);
    if (flock(*lock, LOCK_EX | LOCK_NB) == 0) {
        write_pid(*lock);
        return RH_OK;
    }
    if (errno != EWOULDBLOCK)
        return complain_errno(directory, complaint);
    complain_locked(*lock, directory, complaint);
    return RH_ERR_EXISTS;
}

static int open_pages(const char *directory)
{
    return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_pages_beside_binary(void)
{
    char path[PATH_MAX + 64];
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX);
    char *slash;

    if (size <= 0)
        return -1;
    path[size] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL)
        return -1;
    snprintf(slash, 64, "/../share/reelhaul/web");
    return open_pages(path);
}

enum rh_error rh_places_pages(const char *said, int *pages,
                              char complaint[static RH_COMPLAINT_BYTES])
{
    if (said != NULL) {
        *pages = open_pages(said);
        if (*pages >= 0)
            return RH_OK;
        snprintf(complaint, RH_COMPLAINT_BYTES,
                 "--web %.300s cannot be opened: %m. Give the directory that holds app/ and sdk/.",
                 said);
        return RH_ERR_IO;
    }
    *pages = open_pages("web");
    if (*pages < 0)
        *pages = open_pages_beside_binary();
    if (*pages >= 0)
        return RH_OK;
    snprintf(complaint, RH_COMPLAINT_BYTES,
             "no pages were found in ./web; recordings are received all the same; see --web");
    return RH_ERR_UNKNOWN;
}
