/* SPDX-License-Identifier: MIT */
/* The scales of colours: that of the small panels on one line, if there is room
 * for that, and that of a large picture with its ends under it. */
#include "figure/figure_builder.h"

int32_t figure_put_ramp(figure_builder *b, int32_t left, int32_t top,
                        int32_t width)
{
    const figure_ramp *ramp = &b->content->ramp;
    int32_t gap = figure_pixels(b, 8), bar = figure_pixels(b, 14);
    int32_t third = (width - 2 * gap) / 3;
    figure_size low = figure_measure(b, ramp->low, FIGURE_STYLE_SMALL, third);
    figure_size high = figure_measure(b, ramp->high, FIGURE_STYLE_SMALL, third);
    int32_t length = smaller(figure_pixels(b, 180),
                             width - low.width - high.width - 2 * gap);
    int32_t line = larger(bar, larger(low.height, high.height));
    int32_t x = left;
    figure_put_text(b, ramp->low, FIGURE_STYLE_SMALL, x,
                    top + (line - low.height) / 2, third);
    x += low.width + gap;
    figure_put(b, FIGURE_ITEM_RAMP, 0,
               (figure_rect){x, top + (line - bar) / 2, length, bar});
    x += length + gap;
    figure_put_text(b, ramp->high, FIGURE_STYLE_SMALL, x,
                    top + (line - high.height) / 2, third);
    x += high.width + 3 * gap;

    int32_t rest = left + width - x;
    figure_size meaning =
        figure_measure(b, ramp->meaning, FIGURE_STYLE_SMALL, 0);
    if (meaning.width <= rest) {
        figure_put_text(b, ramp->meaning, FIGURE_STYLE_SMALL, x,
                        top + larger(line - meaning.height, 0) / 2, 0);
        return larger(line, meaning.height);
    }
    line += figure_pixels(b, 4);
    return line + figure_put_text(b, ramp->meaning, FIGURE_STYLE_SMALL, left,
                                  top + line, width)
                      .height;
}

int32_t figure_put_main_ramp(figure_builder *b, uint32_t index, int32_t left,
                             int32_t top, int32_t width)
{
    const figure_ramp *ramp = &b->content->main[index].ramp;
    int32_t bar = figure_pixels(b, 14),
            half = (width - figure_pixels(b, 8)) / 2;
    int32_t y = top + figure_pixels(b, 8);
    if (ramp->count == 0)
        return 0;
    figure_put(b, FIGURE_ITEM_MAIN_RAMP, index,
               (figure_rect){left, y, width, bar});
    y += bar + figure_pixels(b, 3);
    figure_size high = figure_measure(b, ramp->high, FIGURE_STYLE_SMALL, half);
    figure_size low =
        figure_put_text(b, ramp->low, FIGURE_STYLE_SMALL, left, y, half);
    figure_put_text(b, ramp->high, FIGURE_STYLE_SMALL,
                    left + width - high.width, y, half);
    return y + larger(low.height, high.height) - top;
}
