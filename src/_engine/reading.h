/* The indexes that this thread reads just now. Where there is no room to note one, it may be any. */
static _Thread_local struct { void *index[8]; int count, more; } reading;

static void read_begins(void *index)
{
    if (reading.count < 8)
        reading.index[reading.count++] = index;
    else
        reading.more++;
}

static void read_ends(void *index)
{
    for (int i = reading.count - 1; i >= 0; i--)
        if (reading.index[i] == index) {
            reading.index[i] = reading.index[--reading.count];
            return;
        }
    if (reading.more)
        reading.more--;
}

static int is_reading(void *index)
{
    for (int i = reading.count - 1; i >= 0; i--)
        if (reading.index[i] == index)
            return 1;
    return reading.more != 0;
}
