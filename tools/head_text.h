/* SPDX-License-Identifier: MIT */
/* What FMGCAM_HEAD_* means, in words. */
#ifndef FMGCAM_TOOLS_HEAD_TEXT_H
#define FMGCAM_TOOLS_HEAD_TEXT_H

#include <stdint.h>

/* A few words, for a report; and what to do, for people. */
const char *head_cause(uint32_t cause);
const char *head_advice(uint32_t cause);

#endif
