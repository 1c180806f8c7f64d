/* SPDX-License-Identifier: MIT */
#include "serve/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MAX  2048
#define EXIT_SOFTWARE   70 /* EX_SOFTWARE of sysexits.h */
#define VALUE_BYTES_MAX 100
#define VALUE_ROOM_MAX  (6 * VALUE_BYTES_MAX + 64) /* every byte escaped, and the name */

static enum rh_log_level level_least = RH_LOG_INFO;
static bool as_json;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void rh_serve_log_init(enum rh_log_level least, bool json)
{
    level_least = least;
    as_json = json;
}

bool rh_serve_log_on(enum rh_log_level level)
{
    return level >= level_least;
}

struct line {
    char *out;
    size_t size;
    size_t cap;
};

static void put_char(struct line *line, char c)
{
    if (line->size < line->cap)
        line->out[line->size++] = c;
}

static void put_raw(struct line *line, const char *text)
{
    while (*text != '\0')
        put_char(line, *text++);
}

static void put_number(struct line *line, uint64_t number)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    put_raw(line, digits);
}

/* Whatever a value holds, it stays inside its line and inside its quotes. */
static void put_text(struct line *line, const char *text, bool json)
{
    size_t size = strnlen(text, VALUE_BYTES_MAX);

    put_char(line, '"');
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\') {
            put_char(line, '\\');
            put_char(line, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            char escape[8];

            snprintf(escape, sizeof escape, json ? "\\u%04x" : "\\x%02x", c);
            put_raw(line, escape);
        } else {
            put_char(line, (char)c);
        }
    }
    put_char(line, '"');
}

static bool is_plain(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (*text <= 0x20 || *text >= 0x7f || *text == '"' || *text == '=' || *text == '\\')
            return false;
    return true;
}

static void put_time(struct line *line, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    char text[40];

    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    put_raw(line, text);
    snprintf(text, sizeof text, ".%03dZ", (int)(wall_ms % 1000));
    put_raw(line, text);
}

static void put_value(struct line *line, const struct rh_log_value *value, bool json)
{
    if (json) {
        put_raw(line, ",\"");
        put_raw(line, value->name);
        put_raw(line, "\":");
    } else {
        put_char(line, ' ');
        put_raw(line, value->name);
        put_char(line, '=');
    }
    if (value->text == NULL)
        put_number(line, value->number);
    else if (!json && is_plain(value->text))
        put_raw(line, value->text);
    else
        put_text(line, value->text, json);
}

size_t rh_serve_log_format(char *out, size_t cap, bool json, int64_t wall_ms,
                           enum rh_log_level level, const char *message,
                           const struct rh_log_value *values, size_t count)
{
    /* Room for the closing brace stays, however long the values are. */
    struct line line = {.out = out, .cap = cap - 1};

    put_raw(&line, json ? "{\"time\":\"" : "");
    put_time(&line, wall_ms);
    put_raw(&line, json ? "\",\"level\":\"" : " ");
    put_raw(&line, level_names[level]);
    put_raw(&line, json ? "\",\"message\":" : " ");
    if (json)
        put_text(&line, message, true);
    else
        put_raw(&line, message);
    for (size_t i = 0; i < count; i++) {
        /* A value that might not fit is left out whole: half a value is broken JSON. */
        if (line.cap - line.size < VALUE_ROOM_MAX)
            break;
        put_value(&line, &values[i], json);
    }
    line.cap = cap;
    if (json)
        put_char(&line, '}');
    return line.size;
}

void rh_serve_log(enum rh_log_level level, const char *message, const struct rh_log_value *values,
                  size_t count)
{
    char line[LINE_BYTES_MAX];
    struct timespec now;
    size_t size;

    if (!rh_serve_log_on(level))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    size = rh_serve_log_format(line, sizeof line - 1, as_json,
                               (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, level, message,
                               values, count);
    line[size++] = '\n';
    /* A log that cannot be written must not stop the server. */
    if (write(STDERR_FILENO, line, size) < 0)
        return;
}

void rh_serve_say(enum rh_log_level level, const char *message)
{
    rh_serve_log(level, message, NULL, 0);
}

void rh_serve_die(const char *message)
{
    rh_serve_say(RH_LOG_ERROR, message);
    _exit(EXIT_SOFTWARE);
}
