/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/crc64.h"

static void *grown(void *array, size_t *cap, size_t wanted, size_t item)
{
    if (wanted <= *cap)
        return array;
    size_t more = *cap == 0 ? 16 : *cap;
    while (more < wanted)
        more *= 2;
    void *memory = realloc(array, more * item);
    RH_ASSERT(memory != NULL);
    *cap = more;
    return memory;
}

/* ---- Names ---- */

uint32_t image_names_of(struct image_names *names, uint32_t dir, const char *text, size_t size)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct image_name *name = &names->items[i];
        if (name->dir == dir && strncmp(name->text, text, size) == 0 && name->text[size] == '\0')
            return (uint32_t)i;
    }
    names->items = grown(names->items, &names->cap, names->count + 1, sizeof *names->items);
    char *copy = strndup(text, size);
    RH_ASSERT(copy != NULL);
    names->items[names->count] = (struct image_name){.dir = dir, .text = copy};
    return (uint32_t)names->count++;
}

void image_names_copy(struct image_names *to, const struct image_names *from)
{
    *to = (struct image_names){0};
    for (size_t i = 0; i < from->count; i++) {
        const struct image_name *name = &from->items[i];
        (void)image_names_of(to, name->dir, name->text, strlen(name->text));
    }
}

void image_names_finish(struct image_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i].text);
    free(names->items);
    *names = (struct image_names){0};
}

/* ---- Nodes and entries ---- */

void image_init(struct image *image)
{
    *image = (struct image){0};
    image_node(image, 0, true);
}

void image_finish(struct image *image)
{
    for (size_t i = 0; i < image->node_count; i++)
        free(image->nodes[i].bytes);
    free(image->nodes);
    free(image->entries);
    *image = (struct image){0};
}

void image_copy(struct image *to, const struct image *from)
{
    *to = (struct image){0};
    to->nodes = grown(NULL, &to->node_cap, from->node_count, sizeof *to->nodes);
    to->entries = grown(NULL, &to->entry_cap, from->entry_count + 1, sizeof *to->entries);
    to->node_count = from->node_count;
    to->entry_count = from->entry_count;
    if (from->entry_count > 0)
        memcpy(to->entries, from->entries, from->entry_count * sizeof *to->entries);
    for (size_t i = 0; i < from->node_count; i++) {
        to->nodes[i] = from->nodes[i];
        to->nodes[i].bytes = NULL;
        to->nodes[i].cap = 0;
        if (from->nodes[i].size == 0)
            continue;
        to->nodes[i].bytes = grown(NULL, &to->nodes[i].cap, from->nodes[i].size, 1);
        memcpy(to->nodes[i].bytes, from->nodes[i].bytes, from->nodes[i].size);
    }
}

void image_node(struct image *image, uint32_t node, bool is_dir)
{
    image->nodes = grown(image->nodes, &image->node_cap, (size_t)node + 1, sizeof *image->nodes);
    while (image->node_count <= node)
        image->nodes[image->node_count++] = (struct image_node){0};
    image->nodes[node].is_dir = is_dir;
}

void image_set(struct image *image, uint32_t entry, uint32_t node)
{
    image->entries =
        grown(image->entries, &image->entry_cap, (size_t)entry + 1, sizeof *image->entries);
    while (image->entry_count <= entry)
        image->entries[image->entry_count++] = IMAGE_NONE;
    image->entries[entry] = node;
}

uint32_t image_get(const struct image *image, uint32_t entry)
{
    return entry < image->entry_count ? image->entries[entry] : IMAGE_NONE;
}

void image_resize(struct image *image, uint32_t node, uint64_t size)
{
    struct image_node *file = &image->nodes[node];
    RH_ASSERT(node < image->node_count && !file->is_dir);
    file->bytes = grown(file->bytes, &file->cap, (size_t)size, 1);
    if (size > file->size)
        memset(file->bytes + file->size, 0, (size_t)size - file->size);
    file->size = (size_t)size;
}

void image_write(struct image *image, uint32_t node, uint64_t offset, const void *bytes,
                 size_t size)
{
    RH_ASSERT(node < image->node_count);
    if (size == 0)
        return;
    if (offset + size > image->nodes[node].size)
        image_resize(image, node, offset + size);
    memcpy(image->nodes[node].bytes + offset, bytes, size);
}

/* ---- The whole tree ---- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return rh_crc64_update(hash, text, strlen(text) + 1);
}

static uint64_t hash_dir(const struct image_names *names, const struct image *image, uint32_t dir,
                         uint64_t hash)
{
    for (size_t i = 0; i < image->entry_count; i++) {
        uint32_t node = image->entries[i];
        if (names->items[i].dir != dir || node == IMAGE_NONE)
            continue;
        const struct image_node *file = &image->nodes[node];
        hash = hash_text(hash, names->items[i].text);
        hash = rh_crc64_update(hash, &file->size, sizeof file->size);
        if (file->size > 0)
            hash = rh_crc64_update(hash, file->bytes, file->size);
        if (file->is_dir)
            hash = hash_text(hash_dir(names, image, node, hash_text(hash, "(")), ")");
    }
    return hash;
}

uint64_t image_hash(const struct image_names *names, const struct image *image)
{
    return hash_dir(names, image, 0, 0);
}

static bool build_file(const struct image_node *file, int parent, const char *name)
{
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool built = file->size == 0 || pwrite(fd, file->bytes, file->size, 0) == (ssize_t)file->size;
    close(fd);
    return built;
}

/* Paths of the files that were made, by node: the second name of one is a link to the first. */
struct build {
    const struct image_names *names;
    const struct image *image;
    int root;
    char (*made)[IMAGE_PATH];
};

static bool build_entry(const struct build *b, uint32_t node, int parent, const char *name,
                        const char *path)
{
    char *made = b->made[node];
    if (made[0] != '\0')
        return linkat(b->root, made, parent, name, 0) == 0;
    snprintf(made, IMAGE_PATH, "%s", path);
    return build_file(&b->image->nodes[node], parent, name);
}

static bool build_dir(const struct build *b, uint32_t dir, int parent, const char *above)
{
    char path[IMAGE_PATH];
    bool built = true;
    for (size_t i = 0; i < b->image->entry_count && built; i++) {
        uint32_t node = b->image->entries[i];
        const char *name = b->names->items[i].text;
        if (b->names->items[i].dir != dir || node == IMAGE_NONE)
            continue;
        int size = snprintf(path, sizeof path, "%s%s%s", above, above[0] != '\0' ? "/" : "", name);
        RH_ASSERT(size > 0 && (size_t)size < sizeof path);
        if (!b->image->nodes[node].is_dir) {
            built = build_entry(b, node, parent, name, path);
            continue;
        }
        int fd = mkdirat(parent, name, 0700) == 0
                     ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                     : -1;
        built = fd >= 0 && build_dir(b, node, fd, path);
        if (fd >= 0)
            close(fd);
    }
    return built;
}

bool image_build(const struct image_names *names, const struct image *image, const char *path)
{
    struct build b = {.names = names, .image = image};
    b.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b.root < 0)
        return false;
    b.made = calloc(image->node_count, IMAGE_PATH);
    RH_ASSERT(b.made != NULL);
    bool built = build_dir(&b, 0, b.root, "");
    free(b.made);
    close(b.root);
    return built;
}

static bool read_into(struct image *image, uint32_t node, int fd)
{
    uint8_t block[4096];
    uint64_t at = 0;
    ssize_t got;
    while ((got = pread(fd, block, sizeof block, (off_t)at)) > 0) {
        image_write(image, node, at, block, (size_t)got);
        at += (uint64_t)got;
    }
    return got == 0;
}

/* Takes over the descriptor. */
static bool read_dir(struct image_names *names, struct image *image, uint32_t dir, int fd)
{
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    bool is_read = stream != NULL;
    for (struct dirent *entry; is_read && (entry = readdir(stream)) != NULL;) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        uint32_t node = (uint32_t)image->node_count;
        image_node(image, node, entry->d_type == DT_DIR);
        image_set(image, image_names_of(names, dir, name, strlen(name)), node);
        int child = openat(fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (entry->d_type == DT_DIR) {
            is_read = read_dir(names, image, node, child);
        } else {
            is_read = child >= 0 && read_into(image, node, child);
            close(child);
        }
    }
    if (stream != NULL)
        closedir(stream);
    return is_read;
}

bool image_read(struct image_names *names, struct image *image, const char *path, const char *name)
{
    image_init(image);
    image_node(image, 1, true);
    image_set(image, image_names_of(names, 0, name, strlen(name)), 1);
    return read_dir(names, image, 1, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static bool clear_dir(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    bool cleared = dir != NULL;
    if (dir == NULL)
        return false;
    for (struct dirent *entry; cleared && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entry->d_type == DT_DIR)
            cleared =
                clear_dir(fd, entry->d_name) && unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0;
        else
            cleared = unlinkat(fd, entry->d_name, 0) == 0;
    }
    closedir(dir);
    return cleared;
}

bool image_clear(const char *path)
{
    return clear_dir(AT_FDCWD, path);
}

/* ---- Against the real one ---- */

struct comparison {
    const struct image_names *names;
    const struct image *image;
    bool (*ignored)(const char *name);
    char *why;
    size_t why_size;
};

static bool differs(const struct comparison *c, const char *path, const char *what)
{
    snprintf(c->why, c->why_size, "%s: %s", path, what);
    return false;
}

static bool file_equals(const struct comparison *c, const struct image_node *file, const char *path)
{
    uint8_t block[4096];
    size_t at = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool equal = fd >= 0;
    for (ssize_t got; equal && (got = pread(fd, block, sizeof block, (off_t)at)) > 0;) {
        equal = at + (size_t)got <= file->size && memcmp(block, file->bytes + at, (size_t)got) == 0;
        at += (size_t)got;
    }
    if (fd >= 0)
        close(fd);
    return equal && at == file->size ? true : differs(c, path, "its bytes were not all recorded");
}

static bool dir_equals(const struct comparison *c, uint32_t dir, const char *path)
{
    char child[IMAGE_PATH];
    size_t expected = 0;
    size_t there = 0;
    for (size_t i = 0; i < c->image->entry_count; i++) {
        uint32_t node = c->image->entries[i];
        if (c->names->items[i].dir != dir || node == IMAGE_NONE)
            continue;
        expected++;
        snprintf(child, sizeof child, "%s/%s", path, c->names->items[i].text);
        const struct image_node *file = &c->image->nodes[node];
        if (!(file->is_dir ? dir_equals(c, node, child) : file_equals(c, file, child)))
            return false;
    }
    DIR *stream = opendir(path);
    if (stream == NULL)
        return differs(c, path, "it is not there");
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
        there += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
                 !c->ignored(entry->d_name);
    closedir(stream);
    return there == expected ? true : differs(c, path, "it holds a name that was not recorded");
}

bool image_equals(const struct image_names *names, const struct image *image, const char *path,
                  bool (*ignored)(const char *name), char *why, size_t why_size)
{
    struct comparison c = {names, image, ignored, why, why_size};
    return dir_equals(&c, 0, path);
}
