/* SPDX-License-Identifier: MIT */
#include "serve/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SEGMENT_BYTES_MAX 255
/* A fifo must not block the loop that opens it. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

/* Whether every segment names something below. */
static bool is_path_below(const char *path)
{
    if (*path == '\0')
        return false;
    for (;;) {
        size_t size = strcspn(path, "/");

        if (size == 0 || size > SEGMENT_BYTES_MAX)
            return false;
        if ((size == 1 && path[0] == '.') || (size == 2 && path[0] == '.' && path[1] == '.'))
            return false;
        if (path[size] == '\0')
            return true;
        path += size + 1;
    }
}

static enum rh_error error_of_errno(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case EPERM:
    case ELOOP: /* a symbolic link */
    case EXDEV: /* it would have led out */
    case ENAMETOOLONG:
    case ENXIO:
        return RH_ERR_UNKNOWN;
    default:
        return RH_ERR_IO;
    }
}

enum rh_error rh_file_stat(struct rh_file *file)
{
    struct stat st;

    if (fstat(file->fd, &st) != 0)
        return RH_ERR_IO;
    if (!S_ISREG(st.st_mode))
        return RH_ERR_UNKNOWN;
    file->size = (uint64_t)st.st_size;
    file->modified_s = st.st_mtim.tv_sec;
    file->modified_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return RH_OK;
}

static enum rh_error finish_open(int fd, struct rh_file *file)
{
    enum rh_error error;

    if (fd < 0)
        return error_of_errno();
    file->fd = fd;
    error = rh_file_stat(file);
    if (error != RH_OK) {
        close(fd);
        file->fd = -1;
    }
    return error;
}

enum rh_error rh_file_open_stepwise(int root, const char *path, struct rh_file *file)
{
    int directory = root;
    int fd;

    file->fd = -1;
    if (!is_path_below(path))
        return RH_ERR_UNKNOWN;
    for (;;) {
        char segment[SEGMENT_BYTES_MAX + 1];
        size_t size = strcspn(path, "/");
        bool last = path[size] == '\0';

        memcpy(segment, path, size);
        segment[size] = '\0';
        fd = openat(directory, segment,
                    last ? OPEN_FLAGS : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (directory != root) {
            int saved = errno;

            close(directory);
            errno = saved;
        }
        if (fd < 0 || last)
            return finish_open(fd, file);
        directory = fd;
        path += size + 1;
    }
}

enum rh_error rh_file_open(int root, const char *path, struct rh_file *file)
{
    struct open_how how = {
        .flags = OPEN_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;

    file->fd = -1;
    if (!is_path_below(path))
        return RH_ERR_UNKNOWN;
    do
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR)); /* EAGAIN: a rename raced with ".." */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))     /* EPERM: some sandboxes say so */
        return rh_file_open_stepwise(root, path, file);
    return finish_open((int)fd, file);
}

const char *rh_file_mime(const char *path)
{
    static const struct {
        const char *extension;
        const char *mime;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".wasm", "application/wasm"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".webm", "video/webm"},
        {".mp4", "video/mp4"},
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(dot, types[i].extension) == 0)
            return types[i].mime;
    return "application/octet-stream";
}
