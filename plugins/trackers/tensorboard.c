/* SPDX-License-Identifier: Apache-2.0
 * tensorboard.c: a tracker that writes a TensorBoard event file.
 *
 * The file is a row of TFRecords, each with two masked CRC-32C sums:
 *     u64 length, u32 mask(crc(length)), bytes [length], u32 mask(crc(bytes))        all little-endian
 *     mask(c) = ((c >> 15) | (c << 17)) + 0xa282ead8
 * The bytes are a protobuf message Event (tensorflow/core/util/event.proto): 1 wall_time double, 2 step int64,
 * 3 file_version string (in the first record only), 5 summary; a Summary is a list (1) of values with 1 tag string,
 * 2 simple_value float.
 *
 * The time of day would make a resumed run's file another one, so wall_time is the step, in seconds: TensorBoard's axis
 * STEP is right, its axes RELATIVE and WALL count steps.
 */
#include <errno.h>
#include <hone/error.h>
#include <hone/tracker.h>
#include <stdio.h>
#include <string.h>

#define NAME "events.out.tfevents.0000000000.hone" /* it looks for "tfevents" */

/* ---- CRC-32C (Castagnoli), reflected, as RFC 3720 B.4 has it. ---- */

static uint32_t crc32c(const void *data, size_t n)
{
    uint32_t crc = 0xffffffff;
    for (const unsigned char *p = data, *end = p + n; p < end; p++) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static uint32_t masked(const void *data, size_t n)
{
    uint32_t crc = crc32c(data, n);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

/* ---- Protobuf. ---- */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static void put_varint(GByteArray *out, uint64_t value)
{
    do {
        guint8 byte = (guint8)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        g_byte_array_append(out, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

/* The low `n` bytes, little-endian. */
static void put_fixed(GByteArray *out, uint64_t value, int n)
{
    for (int i = 0; i < n; i++) {
        guint8 byte = (guint8)(value >> (8 * i));
        g_byte_array_append(out, &byte, 1);
    }
}

static void put_key(GByteArray *out, uint32_t field, uint32_t type)
{
    put_varint(out, field << 3 | type);
}

static void put_bytes(GByteArray *out, uint32_t field, const void *data, size_t n)
{
    put_key(out, field, BYTES);
    put_varint(out, n);
    g_byte_array_append(out, data, (guint)n);
}

static void put_time(GByteArray *event, uint64_t step)
{
    double time = (double)step;
    uint64_t bits;
    memcpy(&bits, &time, sizeof bits);
    put_key(event, 1, FIXED64);
    put_fixed(event, bits, 8);
}

static bool write_record(FILE *file, const GByteArray *event, GError **error)
{
    g_autoptr(GByteArray) record = g_byte_array_new();
    put_fixed(record, event->len, 8);
    put_fixed(record, masked(record->data, 8), 4);
    g_byte_array_append(record, event->data, event->len);
    put_fixed(record, masked(event->data, event->len), 4);
    if (fwrite(record->data, 1, record->len, file) == record->len && fflush(file) == 0)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, NAME ": %s", g_strerror(errno));
    return false;
}

/* ---- The tracker. ---- */

static void *open_file(const void *params, const char *folder, GError **error)
{
    static const char version[] = "brain.Event:2";
    g_autofree char *path = g_build_filename(folder, NAME, NULL);
    g_autoptr(GByteArray) event = g_byte_array_new();
    FILE *file = fopen(path, "we");
    if (!file) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: %s", path, g_strerror(errno));
        return NULL;
    }
    put_time(event, 0);
    put_bytes(event, 3, version, strlen(version));
    if (write_record(file, event, error))
        return file;
    fclose(file);
    return NULL;
}

static bool log_figures(void *tracker, uint64_t step, const char *const *names, const double *values, size_t n,
                        GError **error)
{
    g_autoptr(GByteArray) event = g_byte_array_new(), summary = g_byte_array_new();
    for (size_t i = 0; i < n; i++) {
        g_autoptr(GByteArray) value = g_byte_array_new();
        float number = (float)values[i];
        uint32_t bits;
        memcpy(&bits, &number, sizeof bits);
        put_bytes(value, 1, names[i], strlen(names[i]));
        put_key(value, 2, FIXED32);
        put_fixed(value, bits, 4);
        put_bytes(summary, 1, value->data, value->len);
    }
    put_time(event, step);
    put_key(event, 2, VARINT);
    put_varint(event, step);
    put_bytes(event, 5, summary->data, summary->len);
    return write_record(tracker, event, error);
}

static bool close_file(void *tracker, GError **error)
{
    if (fclose(tracker) == 0)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, NAME ": %s", g_strerror(errno));
    return false;
}

static const HoneTrackerOps ops = {
    .size = sizeof(HoneTrackerOps), .open = open_file, .log = log_figures, .close = close_file};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_TRACKER,
    .name = "tensorboard",
    .version = "1",
    .summary = "every figure as a scalar of a TensorBoard event file",
    .help = "Writes an event file into the result; while the run lasts it grows in the node's work folder. The time "
            "of a step is its number: the file of a resumed run is that of an undisturbed one.",
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("tensorboard", "1", "Apache-2.0", "training figures for TensorBoard", &component)
