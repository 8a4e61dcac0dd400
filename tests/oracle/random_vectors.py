# SPDX-License-Identifier: Apache-2.0
"""Writes tests/core/data/random.txt: expected values of sdk/core/random.c, from an own Philox4x32-10 in Python.

The Python implementation is first held against the three known answers that Random123 publishes for philox4x32-10
(github.com/DEShawResearch/random123, tests/kat_vectors). Usage: random_vectors.py OUT
"""
import math
import random
import struct
import sys

KNOWN = [  # counter, key, output: Random123's kat_vectors
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
MASK = 0xFFFFFFFF


def philox(counter, key):
    x, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * x[0], 1 << 32)
        high1, low1 = divmod(0xCD9E8D57 * x[2], 1 << 32)
        x = [high1 ^ x[1] ^ k[0], low1, high0 ^ x[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return x


def block(seed, stream, counter):
    words = philox([counter & MASK, counter >> 32, stream & MASK, stream >> 32], [seed & MASK, seed >> 32])
    return words[0] | words[1] << 32, words[2] | words[3] << 32


def bits(value):
    return "%016x" % struct.unpack("<Q", struct.pack("<d", value))[0]


def permutation(seed, stream, epoch, n):
    own = block(seed, stream, epoch)[0]
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = block(own, stream, i)[0] * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return order


def main():
    lines = []
    for counter, key, out in KNOWN:
        got = philox([int(w, 16) for w in counter.split()], [int(w, 16) for w in key.split()])
        assert " ".join("%08x" % w for w in got) == out, (counter, key)
        lines.append("block %s %s %s" % (counter, key, out))
    source = random.Random(20240607)
    for _ in range(40):
        counter, key = [source.getrandbits(32) for _ in range(4)], [source.getrandbits(32) for _ in range(2)]
        lines.append("block " + " ".join("%08x" % w for w in counter + key + philox(counter, key)))
    for i in range(60):
        # Small arguments as they are used, and the whole width.
        width = (4, 16, 64)[i % 3]
        seed, stream, counter = (source.getrandbits(width) for _ in range(3))
        n = source.getrandbits(source.randrange(1, 65)) | 1
        first, second = block(seed, stream, counter)
        radius, angle = ((first >> 11) + 1) * 2.0**-53, (second >> 11) * 2.0**-53
        normal = math.sqrt(-2 * math.log(radius)) * math.cos(2 * math.pi * angle)
        lines.append("draw %016x %016x %016x %016x %s %016x %016x %s" % (
            seed, stream, counter, first, bits((first >> 11) * 2.0**-53), n, first * n >> 64, bits(normal)))
    for n in (0, 1, 2, 7, 40):
        order = permutation(7, 1, 3, n)
        assert sorted(order) == list(range(n))
        lines.append("order 7 1 3 %d %s" % (n, ",".join(map(str, order))))
    with open(sys.argv[1], "w") as out:
        out.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
