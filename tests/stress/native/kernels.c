/* Runs the loops of the engine that are plain C: every kernel at every alignment against the portable one, on
 * buffers that end where the data ends, alone and in several threads at once. Prints how many scans it compared.
 *
 * Arguments: rounds, and a fault on purpose that whoever watches this must find: "beyond" reads a byte too
 * many, "race" writes one word from all threads. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gear.h"
#include "reading.h"

enum { THREADS = 4, LARGEST = 20000, ALIGNMENTS = 64, READS = 11 };

typedef size_t (*scan)(const uint8_t *, size_t, size_t, uint64_t);

static scan kernels[3];
static int kernel_count;
static uint8_t *shared; /* which all threads read */
static long compared[THREADS], racing;

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void fill(uint8_t *data, size_t size, uint64_t *state)
{
    int narrow = gear_random(state) % 4 == 0; /* few values: runs, and many or no cuts */
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(gear_random(state) >> (narrow ? 63 : 56));
}

static long compare(const uint8_t *data, size_t size, uint64_t *state)
{
    static const unsigned bits[] = { 1, 4, 8, 11, 12, 13, 16, 20, 60 };
    long done = 0;
    for (size_t n = 0; n < sizeof bits / sizeof *bits; n++) {
        uint64_t mask = gear_mask(bits[n]);
        size_t first = GEAR_WINDOW + gear_random(state) % 300, last = size - gear_random(state) % 3;
        size_t expected = gear_scan_portable(data, first, last, mask);
        if (expected && (expected < first || expected > last || (gear_hash(data + expected) & mask)))
            fail("the portable kernel cuts where no cut may be");
        for (int k = 0; k < kernel_count; k++, done++)
            if (kernels[k](data, first, last, mask) != expected)
                fail("two kernels cut differently");
    }
    return done;
}

/* The notes of who reads which index are each thread's own. */
static void note_reads(int thread)
{
    static char indexes[THREADS][12]; /* more than there is room for: then it may be any */
    const char *other = &indexes[(thread + 1) % THREADS][0];
    for (int i = 0; i < 12; i++) {
        read_begins(&indexes[thread][i]);
        if (!is_reading(&indexes[thread][i]) || is_reading((void *)other) != (i >= 8))
            fail("a thread does not know what it reads");
    }
    for (int i = 0; i < 12; i++)
        read_ends(&indexes[thread][i]);
    if (is_reading(&indexes[thread][0]) || is_reading((void *)other))
        fail("a read that ended goes on");
}

static int rounds, beyond, race;

static void *work(void *number)
{
    int thread = (int)(intptr_t)number;
    uint64_t state = (uint64_t)thread + 1;
    for (int round = 0; round < rounds; round++) {
        for (int alignment = 0; alignment < ALIGNMENTS; alignment++) {
            size_t size = GEAR_WINDOW + gear_random(&state) % (round % 4 ? 2000 : LARGEST - ALIGNMENTS - GEAR_WINDOW);
            uint8_t *buffer = malloc(alignment + size);
            if (!buffer)
                fail("no memory");
            fill(buffer + alignment, size, &state);
            compared[thread] += compare(buffer + alignment, size, &state);
            if (beyond && buffer[alignment + size] == 1)
                compared[thread]++;
            free(buffer);
        }
        compared[thread] += compare(shared, LARGEST, &state);
        note_reads(thread);
        if (race)
            racing++;
    }
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t threads[THREADS];
    uint64_t state = 99;
    long sum = 0;
    rounds = count > 1 ? atoi(arguments[1]) : 1;
    beyond = count > 2 && !strcmp(arguments[2], "beyond");
    race = count > 2 && !strcmp(arguments[2], "race");
    gear_fill_tables();
    kernels[kernel_count++] = gear_scan_portable;
    if (gear_avx2_works())
        kernels[kernel_count++] = gear_scan_avx2;
    if (gear_avx512_works())
        kernels[kernel_count++] = gear_scan_avx512;
    shared = malloc(LARGEST);
    if (!shared)
        fail("no memory");
    fill(shared, LARGEST, &state);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i))
            fail("no thread");
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += compared[i];
    }
    free(shared);
    printf("%ld\n", sum);
    return 0;
}
