/* SPDX-License-Identifier: MIT */
/* The operator's shared token. It is hashed at once; the text does not stay in memory. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "serve/config.h"

#define TOKEN_BYTES_MIN 16
#define TOKEN_BYTES_MAX 512

static const char how_to_make[] = "Make one with: openssl rand -hex 32";

static enum rh_error complain(char *complaint, enum rh_error error, const char *what)
{
    snprintf(complaint, RH_COMPLAINT_BYTES, "%s %s", what, how_to_make);
    return error;
}

static enum rh_error hash_token(const char *text, size_t size, uint8_t hash[static 32],
                                char *complaint)
{
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
        size--;
    if (size < TOKEN_BYTES_MIN || size > TOKEN_BYTES_MAX)
        return complain(complaint, RH_ERR_SYNTAX,
                        "The operator's token must have 16 to 512 characters.");
    for (size_t i = 0; i < size; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f)
            return complain(complaint, RH_ERR_SYNTAX,
                            "The operator's token must be one word of printable ASCII.");
    SHA256((const unsigned char *)text, size, hash);
    return RH_OK;
}

enum rh_error rh_config_token(const struct rh_config *config, const char *environment,
                              uint8_t hash[static 32], char complaint[static RH_COMPLAINT_BYTES])
{
    char text[TOKEN_BYTES_MAX + 8];
    ssize_t size;
    int fd;
    enum rh_error error;

    if (config->token_file == NULL && environment == NULL)
        return complain(complaint, RH_ERR_UNKNOWN,
                        "--auth token needs the operator's token: give --token-file FILE or set "
                        "REELHAUL_TOKEN.");
    if (config->token_file == NULL)
        return hash_token(environment, strlen(environment), hash, complaint);
    fd = open(config->token_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(complaint, RH_COMPLAINT_BYTES, "--token-file %s cannot be read: %m. %s",
                 config->token_file, how_to_make);
        return RH_ERR_IO;
    }
    size = read(fd, text, sizeof text);
    close(fd);
    error = size < 0 ? RH_ERR_IO : hash_token(text, (size_t)size, hash, complaint);
    if (size < 0)
        snprintf(complaint, RH_COMPLAINT_BYTES, "--token-file %s cannot be read.",
                 config->token_file);
    OPENSSL_cleanse(text, sizeof text);
    return error;
}
