#include <zlib.h>

// Macros with arguments do not reach Swift.
static inline int circlemeter_inflate_init_gzip(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
static inline int circlemeter_deflate_init_gzip(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
