/* SPDX-License-Identifier: MIT */
#ifndef SIM_SOURCE_H
#define SIM_SOURCE_H
/*
 * What is recorded: one pool of bytes for all seeds, in which every upload begins at a place of its
 * own. So bytes in a wrong place, or of another upload, differ.
 */
#include <stdint.h>

const uint8_t *sim_source(uint32_t upload); /* SIM_SIZE_MAX bytes, constant */

#endif
