/* The indexes that this thread reads just now, as far as there is room to note them. */
static _Thread_local struct { void *index[8]; int count; } reading;

static void read_begins(void *index)
{
    if (reading.count < 8)
        reading.index[reading.count++] = index;
}

static void read_ends(void *index)
{
    for (int i = reading.count - 1; i >= 0; i--)
        if (reading.index[i] == index) {
            reading.index[i] = reading.index[--reading.count];
            return;
        }
}

static int is_reading(void *index)
{
    for (int i = reading.count - 1; i >= 0; i--)
        if (reading.index[i] == index)
            return 1;
    return 0;
}
