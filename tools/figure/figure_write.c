/* SPDX-License-Identifier: MIT */
/* PNG, PDF and SVG: surfaces of Cairo's that write into an output. */
#include "figure/figure_write.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>

#include "diagnose.h"
#include "figure/figure_draw.h"
#include "figure/figure_layout.h"
#include "figure/figure_text.h"
#include "picture.h"

/* Of Cairo's image surfaces. */
#define MOST_PIXELS 32767

/* A pixel of a page is 1/96 inch, as in CSS; a point is 1/72. */
#define POINTS_A_PIXEL 0.75

typedef struct figure_run {
    const figure_content *content;
    figure_page page;
    figure_fonts fonts;
    output *to;
} figure_run;

/* ---- Cairo --------------------------------------------------------------- */

static cairo_status_t put_bytes(void *opaque, const unsigned char *data,
                                unsigned int size)
{
    return output_put(opaque, data, size) ? CAIRO_STATUS_WRITE_ERROR
                                          : CAIRO_STATUS_SUCCESS;
}

static int check(const figure_run *run, cairo_status_t status)
{
    if (run->to->status) /* it was the output that failed, and said so */
        return run->to->status;
    if (status == CAIRO_STATUS_SUCCESS)
        return 0;
    if (status == CAIRO_STATUS_NO_MEMORY)
        return fail_memory();
    return fail(run->to->path, "%s", cairo_status_to_string(status));
}

/* @p scale: units of the surface a pixel. */
static int draw(const figure_run *run, cairo_surface_t *surface, double scale,
                bool by_pixels)
{
    cairo_t *cr = cairo_create(surface);
    cairo_scale(cr, scale, scale);
    int status =
        figure_draw(cr, run->content, &run->page, &run->fonts, by_pixels);
    cairo_status_t drawn = cairo_status(cr);
    cairo_destroy(cr);
    return status ? status : check(run, drawn);
}

/* ---- The kinds of files -------------------------------------------------- */

static int write_png(const figure_run *run)
{
    if (run->page.height > MOST_PIXELS)
        return fail(run->to->path,
                    "the figure would be %ld pixels high, which is more than "
                    "%d; a smaller --width or .pdf or .svg will do",
                    (long)run->page.height, MOST_PIXELS);
    cairo_surface_t *surface = cairo_image_surface_create(
        CAIRO_FORMAT_RGB24, run->page.width, run->page.height);
    int status = draw(run, surface, 1, true);
    if (!status)
        status = check(run, cairo_surface_write_to_png_stream(
                                surface, put_bytes, run->to));
    cairo_surface_destroy(surface);
    return status;
}

/* Finish, so that all is written. */
static int finish(const figure_run *run, cairo_surface_t *surface, int status)
{
    cairo_surface_finish(surface);
    if (!status)
        status = check(run, cairo_surface_status(surface));
    cairo_surface_destroy(surface);
    return status;
}

static int write_pdf(const figure_run *run)
{
    const char *title = run->content->title;
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(
        put_bytes, run->to, run->page.width * POINTS_A_PIXEL,
        run->page.height * POINTS_A_PIXEL);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE,
                                   title ? title : "FM-G-CAM");
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR,
                                   run->content->creator);
    /* The same input gives the same file. */
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, "");
    return finish(run, surface, draw(run, surface, POINTS_A_PIXEL, false));
}

static int write_svg(const figure_run *run)
{
    cairo_surface_t *surface = cairo_svg_surface_create_for_stream(
        put_bytes, run->to, run->page.width, run->page.height);
    cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX);
    return finish(run, surface, draw(run, surface, 1, false));
}

int figure_require(void)
{
    return 0;
}

int figure_write(const figure_content *content, output *to)
{
    figure_run run = {.content = content, .to = to};
    int status = figure_fonts_open(&run.fonts);
    if (!status) {
        figure_ruler ruler = figure_fonts_ruler(&run.fonts);
        status = figure_lay_out(content, &ruler, &run.page);
    }
    if (!status)
        status = picture_has_suffix(to->path, ".pdf")   ? write_pdf(&run)
                 : picture_has_suffix(to->path, ".svg") ? write_svg(&run)
                                                        : write_png(&run);
    figure_page_release(&run.page);
    figure_fonts_close(&run.fonts);
    return status;
}
