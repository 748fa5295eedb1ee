/* SPDX-License-Identifier: MIT */
/* One style sheet within each page, so that a page is one file. */
#include "batch/batch_index_page.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "batch/html.h"

/* Colours follow the reader's choice of light or dark; contrasts of text are
 * 4.5 to 1 or more in both. */
static const char style[] =
    ":root{color-scheme:light dark;--page:#f6f6f4;--card:#fff;--text:#1c1c1c;"
    "--soft:#5c5c5c;--line:#d6d6d2;--well:#e9e9e6;--link:#0b57a4;"
    "--bad:#a3190b;--edge:#8a8a8a}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#141414;--card:#1f1f1f;"
    "--text:#ececec;--soft:#a9a9a9;--line:#383838;--well:#0c0c0c;"
    "--link:#8ab8f5;--bad:#ff9d8f;--edge:#777}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;padding:1rem;max-width:110rem;background:var(--page);"
    "color:var(--text);font:1rem/1.4 system-ui,sans-serif}\n"
    "a{color:var(--link)}\n"
    "h1{font-size:1.4rem;margin:.2rem 0;overflow-wrap:anywhere}\n"
    "h2{font-size:1rem;margin:0;overflow-wrap:anywhere}\n"
    "p{margin:.4rem 0 0}\n"
    "ul{list-style:none;margin:.4rem 0 0;padding:0}\n"
    "nav{display:flex;flex-wrap:wrap;gap:.3rem;margin:1rem 0}\n"
    "nav>*{padding:.25rem .6rem;border:1px solid var(--line);"
    "border-radius:.3rem;background:var(--card);text-decoration:none}\n"
    "nav>b{border-color:var(--text)}\n"
    "nav>i{border:0;background:none;padding:.25rem 0}\n"
    "main{display:grid;gap:1rem;margin-top:1rem;align-items:start;"
    "grid-template-columns:repeat(auto-fill,minmax(min(100%,16rem),1fr))}\n"
    "article,.failures{min-width:0;padding:.75rem;border:1px solid var(--line);"
    "border-radius:.4rem;background:var(--card)}\n"
    ".failures{margin-top:1rem}\n"
    "summary{cursor:pointer;font-weight:bold}\n"
    ".notice{font-size:1.2rem;overflow-wrap:anywhere}\n"
    "p a{margin-right:.7rem}\n"
    "header a{margin:0}\n"
    ".failures li{margin-top:.2rem;overflow-wrap:anywhere}\n"
    "article:target{outline:2px solid var(--link)}\n"
    "article.failed{border-color:var(--bad)}\n"
    "article.left{color:var(--soft)}\n"
    "article>a{display:block;margin:-.75rem -.75rem .6rem;"
    "aspect-ratio:4/3;background:var(--well);border-radius:.4rem .4rem 0 0;"
    "overflow:hidden}\n"
    "img{display:block;width:100%;height:100%;object-fit:contain}\n"
    "li{display:flex;gap:.45rem;overflow-wrap:anywhere}\n"
    "li>i{flex:none;width:.85rem;height:.85rem;margin-top:.28rem;"
    "border:1px solid var(--edge);border-radius:.15rem}\n"
    "li>span{min-width:0}\n"
    ".failures li{display:block}\n"
    ".n{color:var(--soft);font-size:.875rem;"
    "white-space:nowrap}\n"
    ".error,.bad{color:var(--bad)}\n"
    ".error{overflow-wrap:anywhere}\n"
    "article p{font-size:.875rem}\n"
    "footer{margin-top:1.5rem;color:var(--soft);font-size:.875rem}\n";

void index_name_page(size_t number, char name[INDEX_NAME_SIZE])
{
    if (number == 0)
        snprintf(name, INDEX_NAME_SIZE, "index.html");
    else
        snprintf(name, INDEX_NAME_SIZE, "index-%zu.html", number + 1);
}

/* ---- Links to pages ------------------------------------------------------ */

static void put_page_link(FILE *to, const index_page *page, size_t number)
{
    char name[INDEX_NAME_SIZE];
    index_name_page(number, name);
    if (number == page->number)
        fprintf(to, "<b>%zu</b>\n", number + 1);
    else
        fprintf(to, "<a href=\"%s\">%zu</a>\n", name, number + 1);
}

/* The first, the last, and those near this one. */
static bool is_shown(const index_page *page, size_t number)
{
    size_t distance =
        number > page->number ? number - page->number : page->number - number;
    return number == 0 || number == page->pages - 1 || distance <= 3;
}

static void put_pages(FILE *to, const index_page *page)
{
    bool in_gap = false;
    if (page->pages < 2)
        return;
    fputs("<nav aria-label=\"Pages\">\n", to);
    for (size_t i = 0; i < page->pages; i++) {
        if (is_shown(page, i))
            put_page_link(to, page, i);
        else if (!in_gap)
            fputs("<i>...</i>\n", to);
        in_gap = !is_shown(page, i);
    }
    fputs("</nav>\n", to);
}

/* ---- Head and foot ------------------------------------------------------- */

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void put_counts(FILE *to, const index_page *page)
{
    size_t left = page->total - page->done - page->failed;
    fprintf(to, "<p>%zu case%s: %zu done", page->total,
            page->total == 1 ? "" : "s", page->done);
    if (page->failed)
        fprintf(to, ", <span class=\"bad\">%zu failed</span>", page->failed);
    if (left)
        fprintf(to, ", %zu not run yet", left);
    fputs(". <a href=\"summary.csv\">summary.csv</a></p>\n", to);
}

void index_put_head(FILE *to, const index_page *page)
{
    const char *title = file_name(page->title);
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
          "<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" "
          "content=\"width=device-width,initial-scale=1\">\n<title>",
          to);
    html_put_text(to, title);
    fputs(": fmgcam</title>\n<style>\n", to);
    fputs(style, to);
    fputs("</style>\n</head>\n<body>\n<header>\n", to);
    if (page->notice && *page->notice) {
        fputs("<p class=\"notice\"><strong>", to);
        html_put_text(to, page->notice);
        fputs("</strong></p>\n", to);
    }
    fputs("<h1>", to);
    html_put_text(to, title);
    fputs("</h1>\n", to);
    put_counts(to, page);
    if (page->pages > 1)
        fprintf(to, "<p>Cases %zu to %zu</p>\n", page->first + 1, page->last);
    fputs("</header>\n", to);
    put_pages(to, page);
}

void index_put_foot(FILE *to, const index_page *page)
{
    put_pages(to, page);
    fprintf(to,
            "<footer>Class activation maps by fmgcam. %s: where it is, the "
            "picture speaks for that class.</footer>\n"
            "</body>\n</html>\n",
            page->by_class ? "A colour is a class in all pictures"
                           : "Within a picture a colour is a class");
}
