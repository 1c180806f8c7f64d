/* SPDX-License-Identifier: MIT */
#include "cli/token.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cli/files.h"

static enum rh_error copy(const char *text, size_t size, char *out, size_t cap)
{
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
        size--;
    if (size >= cap)
        return RH_ERR_SYNTAX;
    for (size_t i = 0; i < size; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f)
            return RH_ERR_SYNTAX;
    memcpy(out, text, size);
    out[size] = '\0';
    return RH_OK;
}

enum rh_error rh_token_read(const char *file, char *out, size_t cap)
{
    const char *environment = getenv("REELHAUL_TOKEN");
    uint8_t *bytes;
    size_t size;
    out[0] = '\0';
    if (file == NULL)
        return environment == NULL ? RH_OK : copy(environment, strlen(environment), out, cap);
    enum rh_error error = rh_file_load(AT_FDCWD, file, 4096, &bytes, &size);
    if (error != RH_OK)
        return error;
    error = copy((const char *)bytes, size, out, cap);
    memset(bytes, 0, size);
    free(bytes);
    return error;
}
