#pragma once

// Searches that take sixteen bytes a step by instructions that Swift cannot name. Inline, because a call would cost as much as
// the search. Everything else about reading is in Wire, and of usage exports in CircleCI.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/// How many of the first `count` bytes, up to the first other one, are characters that stand for themselves in a JSON
/// string: from 0x20 to 0x7f, neither quote nor backslash.
static inline size_t scan_plain_characters(const uint8_t *_Nonnull bytes, size_t count) {
    size_t index = 0;
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8(0x22), backslash = _mm_set1_epi8(0x5c), last_control = _mm_set1_epi8(0x1f);
    for (; index + 16 <= count; index += 16) {
        const __m128i chunk = _mm_loadu_si128((const __m128i *)(bytes + index));
        // Signed: what is above 0x7f is below zero.
        const __m128i in_range = _mm_cmpgt_epi8(chunk, last_control);
        const __m128i special = _mm_or_si128(_mm_cmpeq_epi8(chunk, quote), _mm_cmpeq_epi8(chunk, backslash));
        const unsigned others = (unsigned)_mm_movemask_epi8(_mm_andnot_si128(special, in_range)) ^ 0xffffu;
        if (others != 0) return index + (size_t)__builtin_ctz(others);
    }
#elif defined(__ARM_NEON)
    for (; index + 16 <= count; index += 16) {
        const uint8x16_t chunk = vld1q_u8(bytes + index);
        const uint8x16_t out_of_range = vcgeq_u8(vsubq_u8(chunk, vdupq_n_u8(0x20)), vdupq_n_u8(0x60));
        const uint8x16_t special = vorrq_u8(vceqq_u8(chunk, vdupq_n_u8(0x22)), vceqq_u8(chunk, vdupq_n_u8(0x5c)));
        // Four bits of each byte.
        const uint8x8_t narrow = vshrn_n_u16(vreinterpretq_u16_u8(vorrq_u8(out_of_range, special)), 4);
        const uint64_t others = vget_lane_u64(vreinterpret_u64_u8(narrow), 0);
        if (others != 0) return index + (size_t)__builtin_ctzll(others) / 4;
    }
#endif
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    for (; index + 8 <= count; index += 8) {
        uint64_t word;
        memcpy(&word, bytes + index, 8);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        const uint64_t quotes = word ^ (ones * 0x22), backslashes = word ^ (ones * 0x5c);
        // A byte's top bit is set where it is below 0x20, a quote, a backslash (each subtraction borrows), or above 0x7f. A
        // borrow can mark a byte wrongly only above one that is marked rightly, and the lowest mark is the one that counts.
        const uint64_t marks = ((word - ones * 0x20) | (quotes - ones) | (backslashes - ones) | word) & highs;
        if (marks != 0) return index + (size_t)__builtin_ctzll(marks) / 8;
    }
    for (; index < count; index++) {
        const uint8_t byte = bytes[index];
        if (byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5c) break;
    }
    return index;
}

/// A stretch of a CSV cell.
struct scan_cell_stretch {
    size_t count;
    /// Whether one of its bytes does not stand for itself in a JSON string: it is below 0x20 or above 0x7f, or a quote.
    bool is_odd;
};

/// The first of the `count` bytes, up to the first one that is `stop`, a line feed, a carriage return or a backslash.
static inline struct scan_cell_stretch scan_cell(const uint8_t *_Nonnull bytes, size_t count, uint8_t stop) {
    struct scan_cell_stretch stretch = {0, false};
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8(0x22), backslash = _mm_set1_epi8(0x5c), last_control = _mm_set1_epi8(0x1f);
    const __m128i line_feed = _mm_set1_epi8(0x0a), carriage_return = _mm_set1_epi8(0x0d);
    const __m128i other_stop = _mm_set1_epi8((char)stop);
    for (; stretch.count + 16 <= count; stretch.count += 16) {
        const __m128i chunk = _mm_loadu_si128((const __m128i *)(bytes + stretch.count));
        const __m128i line_ends = _mm_or_si128(_mm_cmpeq_epi8(chunk, line_feed), _mm_cmpeq_epi8(chunk, carriage_return));
        const __m128i others = _mm_or_si128(_mm_cmpeq_epi8(chunk, other_stop), _mm_cmpeq_epi8(chunk, backslash));
        const unsigned stops = (unsigned)_mm_movemask_epi8(_mm_or_si128(line_ends, others));
        // Signed: what is above 0x7f is below zero.
        const __m128i in_range = _mm_cmpgt_epi8(chunk, last_control);
        const unsigned odd =
            (unsigned)_mm_movemask_epi8(_mm_andnot_si128(_mm_cmpeq_epi8(chunk, quote), in_range)) ^ 0xffffu;
        if (stops != 0) {
            // Those below the lowest stop.
            if ((odd & (stops - 1) & ~stops) != 0) stretch.is_odd = true;
            stretch.count += (size_t)__builtin_ctz(stops);
            return stretch;
        }
        if (odd != 0) stretch.is_odd = true;
    }
#endif
    for (; stretch.count < count; stretch.count++) {
        const uint8_t byte = bytes[stretch.count];
        if (byte == stop || byte == 0x0a || byte == 0x0d || byte == 0x5c) break;
        if (byte < 0x20 || byte >= 0x80 || byte == 0x22) stretch.is_odd = true;
    }
    return stretch;
}
