/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/id.h"
#include "vault/store_files_paths.h"

static bool component_is_safe(const char *text)
{
    return text[0] != '\0' && text[0] != '.' && strchr(text, '/') == NULL;
}

static bool target_is_safe(const struct rh_store_target *target)
{
    return component_is_safe(target->upload) &&
           (target->session[0] == '\0' || component_is_safe(target->session)) &&
           component_is_safe(target->name);
}

__attribute__((format(printf, 3, 4))) static enum rh_error format(char *out, size_t cap,
                                                                  const char *pattern, ...)
{
    va_list arguments;
    va_start(arguments, pattern);
    int size = vsnprintf(out, cap, pattern, arguments);
    va_end(arguments);
    RH_ASSERT(size >= 0);
    return (size_t)size < cap ? RH_OK : RH_ERR_LIMIT;
}

enum rh_error rh_path_incoming(const struct rh_store_target *target, char *out, size_t cap)
{
    if (!component_is_safe(target->upload))
        return RH_ERR_DENIED;
    return format(out, cap, "incoming/%s", target->upload);
}

enum rh_error rh_path_identity(const struct rh_store_target *target, char *out, size_t cap)
{
    if (!component_is_safe(target->upload))
        return RH_ERR_DENIED;
    return format(out, cap, "incoming/%s.identity", target->upload);
}

enum rh_error rh_path_waiting_root(const struct rh_store_target *target, char *out, size_t cap)
{
    if (!target_is_safe(target))
        return RH_ERR_DENIED;
    if (target->session[0] == '\0' || rh_named_session_is(target->session, target->name))
        return format(out, cap, "uploaded_data/%s/temp", target->name);
    return format(out, cap, "uploaded_data/%s/%s/temp", target->session, target->name);
}

enum rh_error rh_path_waiting(const struct rh_store_target *target, uint64_t index, char *out,
                              size_t cap)
{
    char root[RH_PATH_MAX];
    enum rh_error error = rh_path_waiting_root(target, root, sizeof root);
    if (error != RH_OK)
        return error;
    return format(out, cap, "%s/shard_%04" PRIu64 "/%" PRIu64 ".part", root,
                  index / RH_CHUNKS_IN_A_SHARD, index);
}

/* In a session the extension is always added, so that two names never become one file. */
enum rh_error rh_path_object(const struct rh_store_target *target, char *out, size_t cap)
{
    const char *extension = rh_store_extension(target->mime);
    size_t name_size = strlen(target->name);
    size_t extension_size = strlen(extension);
    if (!target_is_safe(target))
        return RH_ERR_DENIED;
    if (target->session[0] != '\0')
        return format(out, cap, "recordings/%s/%s%s", target->session, target->name, extension);
    /* Alone in its folder: a name that brings an extension keeps it. */
    const char *dot = strrchr(target->name, '.');
    bool has_extension = name_size > extension_size && dot != NULL && strlen(dot) > 1;
    return format(out, cap, "files/%s/%s%s", target->upload, target->name,
                  has_extension ? "" : extension);
}

enum rh_error rh_path_text(const struct rh_store_target *target, enum rh_store_text kind, char *out,
                           size_t cap)
{
    if (kind == RH_TEXT_SESSION) {
        if (!component_is_safe(target->session))
            return RH_ERR_DENIED;
        return format(out, cap, "recordings/%s/session.json", target->session);
    }
    if (!target_is_safe(target))
        return RH_ERR_DENIED;
    if (target->session[0] != '\0')
        return format(out, cap, "recordings/%s/%s.metadata.json", target->session, target->name);
    return format(out, cap, "files/%s/%s.metadata.json", target->upload, target->name);
}

void rh_path_parent(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        *slash = '\0';
    else
        strcpy(path, ".");
}
