/* Loops over bytes that look for a cut: the gear hash, portable, for AVX2 and for AVX-512. No Python in here.
 *
 * The hash after byte t is h(t) = 2 * h(t - 1) + gear[byte t], modulo 2^64, so it depends on the last
 * GEAR_WINDOW bytes alone. A cut may stand where (h & mask) == 0. The table and the masks decide where
 * the objects of every existing store are cut: changing either is a new format, never an optimisation.
 *
 * Both are shaped so that a vector unit can look for cuts:
 *
 * - gear[b] = low[b & 15] ^ high[b >> 4]: a look-up is two byte shuffles over tables of sixteen, and not
 *   a gather, which is no faster than the scalar loop.
 * - Bits 8 to 15 of every entry are zero. So the low 16 bits of the hash are a sum of shifted bytes,
 *   which multiply-and-add instructions compute for all positions at once.
 * - A mask tests up to GEAR_LOCAL_BITS bits directly below bit 16, and the rest at the top. The low part,
 *   which depends on the last 16 bytes alone, is what the vector loop computes; one position in 4,096
 *   passes it, and only there the whole hash is computed.
 */

#ifndef TROVE_GEAR_H
#define TROVE_GEAR_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && defined(__x86_64__)
#define GEAR_HAS_VECTORS 1
#include <immintrin.h>
#define GEAR_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define GEAR_HAS_VECTORS 0
#define GEAR_UNLIKELY(condition) (condition)
#endif

enum {
    GEAR_WINDOW = 64,
    GEAR_LOCAL_BITS = 12,
    GEAR_LOCAL_TOP = 16,
    /* The smallest seed that gives no byte value zero in its low eight bits. Then no run of one byte
     * value, of zeros above all, is cut before the maximum: its low 16 bits are 0xFF00 and more. */
    GEAR_SEED = 2
};

static uint8_t gear_low_nibble[16], gear_high_nibble[16]; /* the low eight bits of low[] and high[] */
static uint64_t gear_table[256];

/* splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). */
static uint64_t gear_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Fills the tables; called once, before any scan. */
static void gear_fill_tables(void)
{
    uint64_t state = GEAR_SEED, low[16], high[16];
    for (int i = 0; i < 16; i++)
        low[i] = gear_random(&state);
    for (int i = 0; i < 16; i++)
        high[i] = gear_random(&state);
    for (int i = 0; i < 16; i++) {
        gear_low_nibble[i] = (uint8_t)low[i];
        gear_high_nibble[i] = (uint8_t)high[i];
    }
    for (int b = 0; b < 256; b++)
        gear_table[b] = (low[b & 15] ^ high[b >> 4]) & ~UINT64_C(0xFF00);
}

/* The mask that random data passes once in 2^bits positions; `bits` from 1 to 60. */
static uint64_t gear_mask(unsigned bits)
{
    unsigned local = bits < GEAR_LOCAL_BITS ? bits : GEAR_LOCAL_BITS;
    uint64_t mask = ((UINT64_C(1) << local) - 1) << (GEAR_LOCAL_TOP - local);
    if (bits > local)
        mask |= ~UINT64_C(0) << (64 - (bits - local));
    return mask;
}

/* The hash of the GEAR_WINDOW bytes that end before `end`. */
static uint64_t gear_hash(const uint8_t *end)
{
    uint64_t older = 0, newer = 0; /* two chains, for the processor to run side by side */
    for (int i = -GEAR_WINDOW; i < -GEAR_WINDOW / 2; i++) {
        older = 2 * older + gear_table[end[i]];
        newer = 2 * newer + gear_table[end[i + GEAR_WINDOW / 2]];
    }
    return (older << (GEAR_WINDOW / 2)) + newer;
}

/* The kernels: the smallest length from `first` to `last`, both included, at which `data` may be cut, or 0
 * where there is none. GEAR_WINDOW <= first, and `data` holds at least `last` bytes. */

static size_t gear_scan_portable(const uint8_t *data, size_t first, size_t last, uint64_t mask)
{
    if (first > last)
        return 0;
    uint64_t hash = gear_hash(data + first);
    if (!(hash & mask))
        return first;
    size_t at = first;
    /* Two bytes a step: what passes from one step to the next is one shift and one addition, not two. */
    for (; last - at >= 8; at += 8) {
        for (size_t i = 0; i < 8; i += 2) {
            uint64_t one = gear_table[data[at + i]];
            uint64_t two = 2 * one + gear_table[data[at + i + 1]];
            one += hash << 1;
            hash = (hash << 2) + two;
            if (GEAR_UNLIKELY(!(one & mask)))
                return at + i + 1;
            if (GEAR_UNLIKELY(!(hash & mask)))
                return at + i + 2;
        }
    }
    for (; at < last; at++) {
        hash = 2 * hash + gear_table[data[at]];
        if (!(hash & mask))
            return at + 1;
    }
    return 0;
}

#if GEAR_HAS_VECTORS

#define GEAR_AVX2 __attribute__((target("avx2")))

/* Two streams of bytes run side by side, one in each half of the registers, so that no step has to move
 * anything between the halves. Each step takes 16 bytes of either stream; what the next step needs of
 * this one stays here. */
typedef struct {
    __m256i low_nibble, high_nibble; /* the look-up tables, once in each half */
    __m256i gears;                   /* gear bytes of the step before */
    __m256i even2, odd2;             /* sums over the last 2, 4 and 8 bytes of the step before */
    __m256i even4, odd4;
    __m256i even8, odd8;
} gear_lanes;

/* The low 16 bits of the hash after each byte of the step: of bytes 0, 2, 4 … in `*even`, of bytes 1, 3, 5 … in
 * `*odd`. Right once two steps have gone before. */
GEAR_AVX2 static inline __attribute__((always_inline)) void
gear_step(gear_lanes *lanes, const uint8_t *a, const uint8_t *b, __m256i *even, __m256i *odd)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i two_one = _mm256_set1_epi16(0x0102); /* older byte times 2 plus newer byte */
    __m256i bytes = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)a)),
        _mm_loadu_si128((const __m128i *)(const void *)b), 1);
    __m256i gears = _mm256_xor_si256(
        _mm256_shuffle_epi8(lanes->low_nibble, _mm256_and_si256(bytes, nibble)),
        _mm256_shuffle_epi8(lanes->high_nibble, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble)));

    /* Each line doubles the number of bytes summed: s2n(t) = sn(t) + sn(t - n) * 2^n. */
    __m256i e2 = _mm256_maddubs_epi16(_mm256_alignr_epi8(gears, lanes->gears, 15), two_one);
    __m256i o2 = _mm256_maddubs_epi16(gears, two_one);
    __m256i e4 = _mm256_add_epi16(e2, _mm256_slli_epi16(_mm256_alignr_epi8(e2, lanes->even2, 14), 2));
    __m256i o4 = _mm256_add_epi16(o2, _mm256_slli_epi16(_mm256_alignr_epi8(o2, lanes->odd2, 14), 2));
    __m256i e8 = _mm256_add_epi16(e4, _mm256_slli_epi16(_mm256_alignr_epi8(e4, lanes->even4, 12), 4));
    __m256i o8 = _mm256_add_epi16(o4, _mm256_slli_epi16(_mm256_alignr_epi8(o4, lanes->odd4, 12), 4));
    *even = _mm256_add_epi16(e8, _mm256_slli_epi16(_mm256_alignr_epi8(e8, lanes->even8, 8), 8));
    *odd = _mm256_add_epi16(o8, _mm256_slli_epi16(_mm256_alignr_epi8(o8, lanes->odd8, 8), 8));

    lanes->gears = gears;
    lanes->even2 = e2;
    lanes->odd2 = o2;
    lanes->even4 = e4;
    lanes->odd4 = o4;
    lanes->even8 = e8;
    lanes->odd8 = o8;
}

/* One bit for each byte of a step, stream a in bits 0-15 and b in 16-31: is the hash at most `limit` there? */
GEAR_AVX2 static inline __attribute__((always_inline)) uint32_t
gear_candidates(__m256i even, __m256i odd, __m256i limit)
{
    even = _mm256_cmpeq_epi16(_mm256_min_epu16(even, limit), even);
    odd = _mm256_cmpeq_epi16(_mm256_min_epu16(odd, limit), odd);
    return (uint32_t)_mm256_movemask_epi8(_mm256_blendv_epi8(even, odd, _mm256_set1_epi16((short)0xFF00)));
}

/* The first of the `candidates` (bit i: a cut after byte i) at which the whole hash passes, as a pointer
 * to the end of the chunk; NULL if it passes at none. */
static const uint8_t *gear_confirm(const uint8_t *data, uint64_t candidates, uint64_t mask)
{
    for (; candidates; candidates &= candidates - 1) {
        const uint8_t *end = data + __builtin_ctzll(candidates) + 1;
        if (!(gear_hash(end) & mask))
            return end;
    }
    return NULL;
}

/* Scans the two streams of `half` bytes (a multiple of 32) that begin at `data`, one behind the other. */
GEAR_AVX2 static const uint8_t *
gear_scan_block(const uint8_t *data, size_t half, uint64_t mask, unsigned local_bits)
{
    /* A block is scanned from two places at once, which hardware prefetchers follow badly. */
    enum { AHEAD = 4096 };
    const __m256i limit = _mm256_set1_epi16((short)((1u << (GEAR_LOCAL_TOP - local_bits)) - 1));
    const __m256i zero = _mm256_setzero_si256();
    const uint8_t *a = data, *b = data + half, *in_b = NULL;
    __m256i even0, odd0, even1, odd1;
    gear_lanes lanes = {
        .low_nibble = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(void *)gear_low_nibble)),
        .high_nibble = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(void *)gear_high_nibble)),
        .gears = zero, .even2 = zero, .odd2 = zero, .even4 = zero, .odd4 = zero, .even8 = zero, .odd8 = zero,
    };
    gear_step(&lanes, a - 32, b - 32, &even0, &odd0);
    gear_step(&lanes, a - 16, b - 16, &even0, &odd0);
    for (size_t i = 0; i < half; i += 32) {
        /* As integers: no pointer may be formed past the buffer, but a prefetch there does no harm. */
        _mm_prefetch((const char *)((uintptr_t)(a + i) + AHEAD), _MM_HINT_T0);
        _mm_prefetch((const char *)((uintptr_t)(b + i) + AHEAD), _MM_HINT_T0);
        gear_step(&lanes, a + i, b + i, &even0, &odd0);
        gear_step(&lanes, a + i + 16, b + i + 16, &even1, &odd1);
        __m256i least = _mm256_min_epu16(_mm256_min_epu16(even0, odd0), _mm256_min_epu16(even1, odd1));
        least = _mm256_cmpeq_epi16(_mm256_min_epu16(least, limit), least);
        if (GEAR_UNLIKELY(_mm256_movemask_epi8(least))) {
            uint32_t early = gear_candidates(even0, odd0, limit), late = gear_candidates(even1, odd1, limit);
            const uint8_t *in_a = gear_confirm(a + i, (early & 0xFFFF) | late << 16, mask);
            if (in_a)
                return in_a; /* whatever stream b holds stands behind it */
            if (!in_b)
                in_b = gear_confirm(b + i, early >> 16 | (late & 0xFFFF0000), mask);
        }
    }
    return in_b;
}

GEAR_AVX2 static size_t gear_scan_avx2(const uint8_t *data, size_t first, size_t last, uint64_t mask)
{
    enum { MOST = 2048, LEAST = 64 }; /* bytes of one stream in a block */
    const unsigned local_bits = (unsigned)__builtin_popcountll(mask & 0xFFFF);
    if (first > last)
        return 0;
    size_t at = first - 1; /* the byte after which the first cut may stand is the one before `first` */
    while (last - at >= 2 * LEAST) {
        size_t half = (last - at) / 2 & ~(size_t)31;
        if (half > MOST)
            half = MOST;
        const uint8_t *end = gear_scan_block(data + at, half, mask, local_bits);
        if (end)
            return (size_t)(end - data);
        at += 2 * half;
    }
    return gear_scan_portable(data, at + 1, last, mask);
}

/* With AVX-512's permutations, which take any bytes out of two registers, one stream of 64 bytes a step does. */
#define GEAR_AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi,bmi2")))

/* Which bytes, or words, of two registers end to end to take: those that begin `back` before the second one. */
#define GEAR_BYTES_4(back, i) 64 - (back) + (i), 65 - (back) + (i), 66 - (back) + (i), 67 - (back) + (i)
#define GEAR_BYTES_16(back, i) GEAR_BYTES_4(back, i), GEAR_BYTES_4(back, (i) + 4), GEAR_BYTES_4(back, (i) + 8), \
                               GEAR_BYTES_4(back, (i) + 12)
#define GEAR_BYTES(back) { GEAR_BYTES_16(back, 0), GEAR_BYTES_16(back, 16), GEAR_BYTES_16(back, 32), \
                           GEAR_BYTES_16(back, 48) }

static const uint8_t gear_back_1[64] = GEAR_BYTES(1), gear_back_2[64] = GEAR_BYTES(2),
                     gear_back_3[64] = GEAR_BYTES(3), gear_back_9[64] = GEAR_BYTES(9);
static const uint16_t gear_back_2_words[32] = {
    30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45,
    46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61,
};

/* What the next step needs of this one: gear bytes, and sums over the last 4 and 8 bytes. */
typedef struct {
    __m512i gears, even4, odd4, even8, odd8;
} gear_row;

/* As gear_step, of one stream: right once 16 bytes have gone before. */
GEAR_AVX512 static inline __attribute__((always_inline)) void
gear_step_avx512(gear_row *row, __m512i bytes, __m512i *even, __m512i *odd)
{
    const __m512i two_one = _mm512_set1_epi16(0x0102), eight_four = _mm512_set1_epi16(0x0408);
    const __m512i back_1 = _mm512_loadu_si512(gear_back_1), back_2 = _mm512_loadu_si512(gear_back_2);
    const __m512i back_3 = _mm512_loadu_si512(gear_back_3), back_9 = _mm512_loadu_si512(gear_back_9);
    const __m512i back_2_words = _mm512_loadu_si512(gear_back_2_words);
    const __m512i low = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(void *)gear_low_nibble));
    const __m512i high = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(void *)gear_high_nibble));
    const __mmask64 high_bytes = UINT64_C(0xAAAAAAAAAAAAAAAA);

    /* A look-up minds the low six bits of an index and the tables repeat after four: nothing has to be cleared. */
    __m512i gears = _mm512_xor_si512(
        _mm512_permutexvar_epi8(bytes, low), _mm512_permutexvar_epi8(_mm512_srli_epi16(bytes, 4), high));
    __m512i e4 = _mm512_add_epi16(
        _mm512_maddubs_epi16(_mm512_permutex2var_epi8(row->gears, back_1, gears), two_one),
        _mm512_maddubs_epi16(_mm512_permutex2var_epi8(row->gears, back_3, gears), eight_four));
    __m512i o4 = _mm512_add_epi16(
        _mm512_maddubs_epi16(gears, two_one),
        _mm512_maddubs_epi16(_mm512_permutex2var_epi8(row->gears, back_2, gears), eight_four));
    __m512i e8 = _mm512_add_epi16(e4, _mm512_slli_epi16(_mm512_permutex2var_epi16(row->even4, back_2_words, e4), 4));
    __m512i o8 = _mm512_add_epi16(o4, _mm512_slli_epi16(_mm512_permutex2var_epi16(row->odd4, back_2_words, o4), 4));
    /* Of the sum that ended 8 bytes before, the low byte alone counts, as the high one: 9 back, and the rest zero. */
    *even = _mm512_add_epi16(e8, _mm512_maskz_permutex2var_epi8(high_bytes, row->even8, back_9, e8));
    *odd = _mm512_add_epi16(o8, _mm512_maskz_permutex2var_epi8(high_bytes, row->odd8, back_9, o8));

    row->gears = gears;
    row->even4 = e4;
    row->odd4 = o4;
    row->even8 = e8;
    row->odd8 = o8;
}

GEAR_AVX512 static size_t gear_scan_avx512(const uint8_t *data, size_t first, size_t last, uint64_t mask)
{
    enum { STEP = 64, BEFORE = 32, AHEAD = 2048 };
    const unsigned local_bits = (unsigned)__builtin_popcountll(mask & 0xFFFF);
    const __m512i limit = _mm512_set1_epi16((short)((1u << (GEAR_LOCAL_TOP - local_bits)) - 1));
    const __m512i zero = _mm512_setzero_si512();
    gear_row row = { .gears = zero, .even4 = zero, .odd4 = zero, .even8 = zero, .odd8 = zero };
    __m512i even, odd;
    if (first > last)
        return 0;
    size_t at = first - 1;
    gear_step_avx512(
        &row, _mm512_inserti64x4(zero, _mm256_loadu_si256((const __m256i *)(const void *)(data + at - BEFORE)), 1),
        &even, &odd);
    for (; last - at >= STEP; at += STEP) {
        _mm_prefetch((const char *)((uintptr_t)(data + at) + AHEAD), _MM_HINT_T0);
        gear_step_avx512(&row, _mm512_loadu_si512(data + at), &even, &odd);
        if (GEAR_UNLIKELY(_mm512_cmple_epu16_mask(_mm512_min_epu16(even, odd), limit))) {
            uint64_t candidates = _pdep_u64(_mm512_cmple_epu16_mask(even, limit), UINT64_C(0x5555555555555555))
                                  | _pdep_u64(_mm512_cmple_epu16_mask(odd, limit), UINT64_C(0xAAAAAAAAAAAAAAAA));
            const uint8_t *end = gear_confirm(data + at, candidates, mask);
            if (end)
                return (size_t)(end - data);
        }
    }
    return gear_scan_portable(data, at + 1, last, mask);
}

static int gear_avx2_works(void)
{
    return __builtin_cpu_supports("avx2");
}

static int gear_avx512_works(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
           && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("bmi2");
}

#else

static size_t gear_scan_avx2(const uint8_t *data, size_t first, size_t last, uint64_t mask)
{
    return gear_scan_portable(data, first, last, mask);
}

static size_t gear_scan_avx512(const uint8_t *data, size_t first, size_t last, uint64_t mask)
{
    return gear_scan_portable(data, first, last, mask);
}

static int gear_avx2_works(void)
{
    return 0;
}

static int gear_avx512_works(void)
{
    return 0;
}

#endif
#endif
