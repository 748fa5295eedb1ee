/* SPDX-License-Identifier: MIT */
/* Text and links in a page of HTML. */
#ifndef FMGCAM_TOOLS_HTML_H
#define FMGCAM_TOOLS_HTML_H

#include <stdio.h>

/* @p text, UTF-8, as text or as the value of an attribute in quotes. */
void html_put_text(FILE *to, const char *text);

/* A relative path, its bytes encoded as in a URL where that is needed. */
void html_put_path(FILE *to, const char *path);

#endif
