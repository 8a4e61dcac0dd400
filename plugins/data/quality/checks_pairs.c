/* SPDX-License-Identifier: Apache-2.0
 * checks_pairs.c: rows that repeat or contradict one another, in time about linear in the number of rows.
 *
 * Near-duplicates by MinHash and locality-sensitive hashing (Broder 1997; Leskovec, Rajaraman, Ullman, "Mining of
 * Massive Datasets", ch. 3): rows that agree in all 4 minima of one of 16 bands are compared. Two rows with 90 % of
 * their word triples in common meet with a chance of 1 - (1 - 0.9^4)^16 > 0.9999999.
 */
#include "checks.h"

#define BANDS 16
#define BAND_ROWS 4
/* Rows compared within a bucket: bounds the time on data made from one template. */
#define BUCKET_ROWS 16

void check_exact_duplicates(Checking *c)
{
    Finding *finding = checking_find(c, CHECK_EXACT_DUPLICATES);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);
    Facts *row;
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;)
        if (!g_hash_table_add(seen, &row->whole))
            checking_mark(c, finding, row);
    checking_end(c, finding);
}

/* Minimum of one of the 64 hash functions over a row's triples. */
static uint64_t min_hash(const Facts *row, uint32_t function)
{
    /* Odd multipliers of a Weyl sequence make the family; the high half is what is compared. */
    uint64_t a = (0x9E3779B97F4A7C15ULL * (function * 2 + 1)) | 1, b = 0xD1B54A32D192ED03ULL * (function + 1);
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < row->n_shingles; i++) {
        uint64_t hash = (row->shingles[i] * a + b);
        hash ^= hash >> 32;
        hash *= a;
        least = MIN(least, hash >> 16);
    }
    return least;
}

static uint64_t band_key(const Facts *row, uint32_t band)
{
    uint64_t key = band + 1;
    for (uint32_t i = 0; i < BAND_ROWS; i++)
        key = (key ^ min_hash(row, band * BAND_ROWS + i)) * 0x100000001b3ULL;
    return key;
}

/* A row like `row` among those of its bucket. Texts that differ in a number differ in what they say. */
static bool is_like_one(const Facts *row, const GPtrArray *bucket, double threshold)
{
    for (guint i = 0; i < bucket->len; i++) {
        const Facts *other = bucket->pdata[i];
        if (other->numbers == row->numbers && facts_similarity(other, row) >= threshold)
            return true;
    }
    return false;
}

static void free_bucket(gpointer bucket)
{
    g_ptr_array_unref(bucket);
}

void check_near_duplicates(Checking *c)
{
    Finding *finding = checking_find(c, CHECK_NEAR_DUPLICATES);
    g_autoptr(GHashTable) exact = g_hash_table_new(g_int64_hash, g_int64_equal);
    g_autoptr(GHashTable) buckets = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_bucket);
    Facts *row;
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;) {
        if (!g_hash_table_add(exact, &row->whole))
            continue; /* an exact copy that was kept is not told twice */
        GPtrArray *own[BANDS];
        bool like = false;
        for (uint32_t band = 0; band < BANDS; band++) {
            uint64_t key = band_key(row, band);
            own[band] = g_hash_table_lookup(buckets, &key);
            if (own[band] == NULL) {
                own[band] = g_ptr_array_new();
                g_hash_table_insert(buckets, g_memdup2(&key, sizeof key), own[band]);
            }
            like = like || is_like_one(row, own[band], c->params->near_threshold);
        }
        if (like)
            checking_mark(c, finding, row);
        for (uint32_t band = 0; band < BANDS && !like; band++)
            if (own[band]->len < BUCKET_ROWS)
                g_ptr_array_add(own[band], row);
    }
    checking_end(c, finding);
}

void check_contradictions(Checking *c)
{
    Finding *finding = checking_find(c, CHECK_CONTRADICTIONS);
    g_autoptr(GHashTable) first = g_hash_table_new(g_int64_hash, g_int64_equal); /* question -> its first row */
    g_autoptr(GHashTable) torn = g_hash_table_new(g_int64_hash, g_int64_equal);  /* questions with several answers */
    Facts *row;
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;) {
        const Facts *earlier = g_hash_table_lookup(first, &row->question);
        if (earlier == NULL)
            g_hash_table_insert(first, &row->question, row);
        else if (earlier->reply != row->reply)
            g_hash_table_add(torn, &row->question);
    }
    /* Nobody knows which answer is right, so all rows of the question are concerned. */
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;)
        if (g_hash_table_contains(torn, &row->question))
            checking_mark(c, finding, row);
    if (finding->count > 0)
        finding->detail = g_strdup_printf("%u questions", g_hash_table_size(torn));
    checking_end(c, finding);
}
