/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_LOG_H
#define REELHAUL_BASE_LOG_H
/* Levels of log lines. The writing of lines belongs to hosted code (serve, cli); the brains do not
 * log. */

enum rh_log_level {
    RH_LOG_DEBUG = 0,
    RH_LOG_INFO = 1,
    RH_LOG_WARN = 2,
    RH_LOG_ERROR = 3,
};

#endif
