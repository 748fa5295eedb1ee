/* SPDX-License-Identifier: MIT */
/* What a page of the index has around its cases: style, counts, links to the
 * other pages. */
#ifndef FMGCAM_TOOLS_BATCH_INDEX_PAGE_H
#define FMGCAM_TOOLS_BATCH_INDEX_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { INDEX_NAME_SIZE = 40 };

typedef struct index_page {
    const char *title;
    const char *notice; /* or NULL */
    bool by_class;      /* all pictures have a class's colour in common */
    size_t total, done, failed; /* cases of the batch */
    size_t number, pages;       /* number from 0 */
    size_t first, last;         /* cases on this page, [first, last) */
} index_page;

/* index.html, index-2.html, ... */
void index_name_page(size_t number, char name[INDEX_NAME_SIZE]);

void index_put_head(FILE *to, const index_page *page);
void index_put_foot(FILE *to, const index_page *page);

#endif
