/* SPDX-License-Identifier: MIT */
#include "fields/date.h"

#define DAY_S 86400

static const char day_names[7][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct civil {
    int64_t year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
    int hour, minute, second;
    int weekday; /* 0 is Sunday */
};

/*
 * Days since 1970-01-01 of the proleptic Gregorian calendar. The year is taken to begin in March,
 * which puts the leap day at its end; 400 years are 146097 days. Years 1 to 9999 only, so nothing
 * here is negative.
 */
static int64_t days_of_civil(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t month_of_year = month > 2 ? month - 3 : month + 9;

    return y * 365 + y / 4 - y / 100 + y / 400 + (month_of_year * 153 + 2) / 5 + day - 1 - 719468;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int64_t year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* What is left of a text being read. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool broken;
};

static void expect(struct reader *in, const char *text)
{
    for (; *text != '\0'; text++) {
        if (in->left == 0 || *in->at != (uint8_t)*text) {
            in->broken = true;
            return;
        }
        in->at++;
        in->left--;
    }
}

static int read_digits(struct reader *in, unsigned count)
{
    int value = 0;

    for (; count > 0; count--) {
        if (in->left == 0 || *in->at < '0' || *in->at > '9') {
            in->broken = true;
            return 0;
        }
        value = value * 10 + (*in->at - '0');
        in->at++;
        in->left--;
    }
    return value;
}

static int read_month(struct reader *in)
{
    for (int i = 0; i < 12; i++) {
        struct reader ahead = *in;

        expect(&ahead, month_names[i]);
        if (!ahead.broken) {
            *in = ahead;
            return i + 1;
        }
    }
    in->broken = true;
    return 1;
}

/* Reads a name of a day, whole or its first three letters; says which by `*whole`. */
static int read_weekday(struct reader *in, bool *whole)
{
    for (int i = 0; i < 7; i++) {
        const char letters[4] = {day_names[i][0], day_names[i][1], day_names[i][2], '\0'};
        struct reader ahead = *in;
        struct reader further;

        expect(&ahead, letters);
        if (ahead.broken)
            continue;
        further = ahead;
        expect(&further, day_names[i] + 3);
        *whole = !further.broken;
        *in = *whole ? further : ahead;
        return i;
    }
    in->broken = true;
    return 0;
}

static void read_time(struct reader *in, struct civil *date)
{
    date->hour = read_digits(in, 2);
    expect(in, ":");
    date->minute = read_digits(in, 2);
    expect(in, ":");
    date->second = read_digits(in, 2);
}

static void read_imf(struct reader *in, struct civil *date)
{
    expect(in, ", ");
    date->day = read_digits(in, 2);
    expect(in, " ");
    date->month = read_month(in);
    expect(in, " ");
    date->year = read_digits(in, 4);
    expect(in, " ");
    read_time(in, date);
    expect(in, " GMT");
}

static void read_rfc850(struct reader *in, struct civil *date)
{
    expect(in, ", ");
    date->day = read_digits(in, 2);
    expect(in, "-");
    date->month = read_month(in);
    expect(in, "-");
    date->year = read_digits(in, 2);
    date->year += date->year >= 70 ? 1900 : 2000;
    expect(in, " ");
    read_time(in, date);
    expect(in, " GMT");
}

static void read_asctime(struct reader *in, struct civil *date)
{
    expect(in, " ");
    date->month = read_month(in);
    expect(in, " ");
    if (in->left > 0 && *in->at == ' ') {
        expect(in, " ");
        date->day = read_digits(in, 1);
    } else {
        date->day = read_digits(in, 2);
    }
    expect(in, " ");
    read_time(in, date);
    expect(in, " ");
    date->year = read_digits(in, 4);
}

enum rh_error rh_date_parse(struct rh_bytes text, int64_t *unix_s)
{
    struct reader in = {text.data, text.size, false};
    struct civil date = {0};
    bool whole = false;
    int64_t days;

    date.weekday = read_weekday(&in, &whole);
    if (whole)
        read_rfc850(&in, &date);
    else if (in.left > 0 && *in.at == ',')
        read_imf(&in, &date);
    else
        read_asctime(&in, &date);
    if (in.broken || in.left > 0 || date.year < 1)
        return RH_ERR_SYNTAX;
    if (date.day < 1 || date.day > days_in_month(date.year, date.month))
        return RH_ERR_SYNTAX;
    if (date.hour > 23 || date.minute > 59 || date.second > 60)
        return RH_ERR_SYNTAX;
    days = days_of_civil(date.year, date.month, date.day);
    /* 1970-01-01 was a Thursday; year 1 is 719162 days before, and 719162 = 7 × 102737 + 3. */
    if ((days + 719162 + 1) % 7 != date.weekday)
        return RH_ERR_SYNTAX;
    *unix_s = days * DAY_S + date.hour * 3600 + date.minute * 60 + date.second;
    return RH_OK;
}

static void civil_of_unix(int64_t unix_s, struct civil *date)
{
    /* Counted from 0000-03-01, which is before every date we write. */
    int64_t total_s = unix_s + (int64_t)719468 * DAY_S;
    int64_t days = total_s / DAY_S;
    int64_t second = total_s % DAY_S;
    int64_t era = days / 146097;
    int64_t day_of_era = days % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_of_year = (5 * day_of_year + 2) / 153;

    date->day = (int)(day_of_year - (153 * month_of_year + 2) / 5 + 1);
    date->month = (int)(month_of_year < 10 ? month_of_year + 3 : month_of_year - 9);
    date->year = era * 400 + year_of_era + (date->month <= 2 ? 1 : 0);
    date->hour = (int)(second / 3600);
    date->minute = (int)(second / 60 % 60);
    date->second = (int)(second % 60);
    date->weekday = (int)((days + 3) % 7); /* 0000-03-01 was a Wednesday */
}

static void put_digits(char *out, int64_t value, unsigned count)
{
    while (count-- > 0) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

static void put_letters(char *out, const char *letters)
{
    for (unsigned i = 0; i < 3; i++)
        out[i] = letters[i];
}

enum rh_error rh_date_write(struct rh_buffer *buffer, int64_t unix_s)
{
    char text[] = "Day, 00 Mon 0000 00:00:00 GMT";
    struct civil date;

    if (unix_s < days_of_civil(1, 1, 1) * DAY_S || unix_s >= days_of_civil(10000, 1, 1) * DAY_S)
        return RH_ERR_RANGE;
    civil_of_unix(unix_s, &date);
    put_letters(text, day_names[date.weekday]);
    put_digits(text + 5, date.day, 2);
    put_letters(text + 8, month_names[date.month - 1]);
    put_digits(text + 12, date.year, 4);
    put_digits(text + 17, date.hour, 2);
    put_digits(text + 20, date.minute, 2);
    put_digits(text + 23, date.second, 2);
    return rh_buffer_put(buffer, text, RH_DATE_CHARS);
}
