#!/usr/bin/env python3
"""bench/real_files.py -- files as programs write them, through `bale pack` and a server.

usage: real_files.py [--baled build/server/baled] [--bale build/tools/bale] [FILE...]

Makes files of kinds that people store, some MiB each, from fixed seeds, with the libraries that others use for them: numpy, pyarrow, tifffile
and safetensors, which Debian need not have (`python3 -m venv V && V/bin/pip install numpy pyarrow tifffile safetensors`, then V/bin/python
bench/real_files.py); WAV, SQLite, FASTQ and tar are the standard library's; what is missing is left out. Programs and libraries of the machine
and the FILEs that are named come on top. Each is tried by `bale pack`, put, read back whole and in ranges, and compared; the last column is what
it takes with columns, header and index included, against plain zstd -1 of the `zstd` program. Exits with 1 where a byte is wrong, or one is more
than 1 % larger than that.
"""

import argparse
import json
import math
import random
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import wave
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "s3")]

import events  # noqa: E402
from client import Client  # noqa: E402
from daemon import Daemon  # noqa: E402

try:
    import numpy
except ImportError:
    numpy = None
ALLOWED = 1.01
RANGES = 20
OF_THE_MACHINE = ("/usr/bin/python3", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/lib/x86_64-linux-gnu/libc.a", "/bin/bash")


# ---- with the standard library ----

def make_wav(path):
    """Stereo, 16 bit, 44.1 kHz: three notes that fade, and noise."""
    draw, samples = random.Random(1), bytearray()
    for at in range(44100 * 20):
        fade = math.exp(-(at % 44100) / 20000)
        sound = sum(math.sin(2 * math.pi * note * at / 44100) for note in (220, 277.2, 329.6)) * 6000 * fade
        for side in (0.9, 1.1):
            samples += int(sound * side + draw.gauss(0, 30)).to_bytes(2, "little", signed=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 44100, 0, "NONE", ""))
        file.writeframes(bytes(samples))


def make_sqlite(path):
    draw = random.Random(2)
    base = sqlite3.connect(path)
    base.execute("create table visits (id integer primary key, at integer, user integer, page text, seconds real, agent text)")
    base.execute("create index by_user on visits (user, at)")
    base.executemany("insert into visits (at, user, page, seconds, agent) values (?, ?, ?, ?, ?)",
                     ((1764000000 + number * 3 + draw.randrange(3), draw.randrange(5000), f"/{draw.choice(events.WORDS)}/{draw.randrange(400)}",
                       round(draw.expovariate(1 / 30), 2), draw.choice(events.AGENTS)) for number in range(60000)))
    base.commit()
    base.close()


def make_fastq(path):
    """Reads of 150 bases of one genome, with the few qualities that today's machines tell apart."""
    draw = random.Random(3)
    genome = "".join(draw.choices("ACGT", k=200_000))
    with open(path, "w", encoding="ascii") as file:
        for number in range(20000):
            start = draw.randrange(len(genome) - 150)
            quality = "".join(draw.choices("F:,#", weights=(90, 7, 2, 1), k=150))
            file.write(f"@A00123:45:HXXXX:1:{1101 + number // 5000}:{draw.randrange(30000)}:{draw.randrange(30000)} 1:N:0:ATCACG\n"
                       f"{genome[start:start + 150]}\n+\n{quality}\n")


def make_tar(path):
    with tarfile.open(path, "w") as tar:
        tar.add(ROOT / "docs", "docs")
        tar.add(ROOT / "server", "server")


def make_jsonl(path):
    draw = events.Draw(4)
    path.write_bytes(b"\n".join(events.make("access", draw) for _ in range(10000)) + b"\n")


# ---- with numpy, and what builds on it ----

def table(rows=200_000):
    draw = numpy.random.default_rng(5)
    return {"time": 1764000000000 + numpy.cumsum(draw.integers(1, 2000, rows)), "sensor": draw.integers(0, 500, rows).astype("i4"),
            "value": numpy.round(20 + numpy.cumsum(draw.normal(0, 0.05, rows)), 2), "count": draw.zipf(1.6, rows).clip(0, 10 ** 9),
            "state": numpy.array(["ok", "late", "lost"])[draw.choice(3, rows, p=(0.9, 0.08, 0.02))]}


def make_npy_f64(path):
    numpy.save(path, numpy.cumsum(numpy.random.default_rng(6).normal(0, 1, 1_000_000)))


def make_npy_records(path):
    columns = table()
    rows = numpy.zeros(len(columns["time"]), dtype=[("time", "i8"), ("sensor", "i4"), ("value", "f4"), ("count", "u4")])
    for name in rows.dtype.names:
        rows[name] = columns[name]
    numpy.save(path, rows)


def make_npz(path):
    numpy.savez_compressed(path, **{name: column for name, column in table().items() if name != "state"})


def terrain(size):
    """Hills of all sizes, as heights in decimetres."""
    draw = numpy.random.default_rng(7)
    frequencies = numpy.fft.fftfreq(size)
    power = numpy.hypot(*numpy.meshgrid(frequencies, frequencies))
    power[0, 0] = 1
    heights = numpy.fft.ifft2(numpy.fft.fft2(draw.normal(size=(size, size))) / power ** 1.8).real
    return ((heights - heights.min()) / numpy.ptp(heights) * 20000).astype("u2")


def make_tiff_u16(path):
    import tifffile
    tifffile.imwrite(path, terrain(1500))


def make_tiff_rgb(path):
    import tifffile
    heights = terrain(1200)
    noise = numpy.random.default_rng(8).integers(-2, 3, (1200, 1200, 3))
    tifffile.imwrite(path, (numpy.stack([heights // 90, heights // 100 + 20, 200 - heights // 120], axis=2) + noise).clip(0, 255).astype("u1"),
                     photometric="rgb")


def make_safetensors(path, kind="f2"):
    from safetensors.numpy import save_file
    draw = numpy.random.default_rng(9)
    save_file({f"layer.{number}.weight": (draw.normal(0, 0.02, (512, 1024))).astype(kind) for number in range(8)}, str(path))


def make_safetensors_bf16(path):
    """numpy has no such type: the upper halves of floats, behind the header that the format asks for."""
    draw = numpy.random.default_rng(10)
    weights = [(draw.normal(0, 0.02, 512 * 1024).astype("<f4").view("<u4") >> 16).astype("<u2").tobytes() for _ in range(8)]
    head = json.dumps({f"layer.{number}.weight": {"dtype": "BF16", "shape": [512, 1024], "data_offsets": [number << 20, (number + 1) << 20]}
                       for number in range(8)}).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + b"".join(weights))


def parquet(codec):
    def make(path):
        import pyarrow
        import pyarrow.parquet
        pyarrow.parquet.write_table(pyarrow.table(table()), path, compression=codec, use_dictionary=["state", "sensor"])
    return make


def make_arrow(path):
    import pyarrow
    import pyarrow.feather
    pyarrow.feather.write_feather(pyarrow.table(table()), path, compression="uncompressed")


KINDS = {
    "sound.wav": make_wav, "visits.sqlite": make_sqlite, "reads.fastq": make_fastq, "sources.tar": make_tar, "access.jsonl": make_jsonl}
KINDS_OF_NUMPY = {
    "walk-f64.npy": make_npy_f64, "records.npy": make_npy_records, "columns.npz": make_npz, "terrain-u16.tiff": make_tiff_u16,
    "picture-rgb.tiff": make_tiff_rgb, "weights-f16.safetensors": make_safetensors,
    "weights-f32.safetensors": lambda path: make_safetensors(path, "f4"), "weights-bf16.safetensors": make_safetensors_bf16,
    "table-plain.parquet": parquet("none"), "table-snappy.parquet": parquet("snappy"), "table-zstd.parquet": parquet("zstd"),
    "table.arrow": make_arrow}


def make_files(folder, more=()):
    """(files, what is left out: one line for each kind or reason)"""
    files, left_out = [], []
    if not numpy:
        left_out.append(f"{', '.join(KINDS_OF_NUMPY)}: this Python has no numpy")
    for name, make in {**KINDS, **(KINDS_OF_NUMPY if numpy else {})}.items():
        try:
            make(folder / name)
            files.append(folder / name)
        except ImportError as missing:
            left_out.append(f"{name}: {missing}")
    return files + [path for path in map(Path, (*OF_THE_MACHINE, *more)) if path.is_file()], left_out


# ---- each file ----

def plain_size(path):
    """Of the zstd program at level 1: one frame, however long."""
    return len(subprocess.run(["zstd", "-1", "-q", "-c", path.resolve()], capture_output=True, check=True).stdout)


def tried(path):
    """Of each way the bytes stored, and MB/s of original bytes in and out."""
    lines = subprocess.run([ARGUMENTS.bale, "pack", "--json", path], capture_output=True, text=True, check=True).stdout.splitlines()
    said = json.loads(lines[0])
    return said["original"], {name: (way["stored"], *(said["original"] / 1e6 / max(way[f"{side}_seconds"], 1e-9) for side in ("in", "out")))
                              for name, way in said["ways"].items()}


def comes_back(client, path):
    body, draw = path.read_bytes(), random.Random(path.name)
    if client.put("bench", path.name, (), (), body).status != 200 or client.get("bench", path.name).body != body:
        return False
    for _ in range(RANGES):
        first = draw.randrange(len(body))
        last = min(len(body) - 1, first + draw.randrange(1, 1 << draw.randrange(1, 22)))
        if client.get("bench", path.name, (), {"Range": f"bytes={first}-{last}"}).body != body[first:last + 1]:
            return False
    return True


def main():
    daemon = Daemon(ARGUMENTS.baled, ("--shards", "1", "--log-level", "warning"))
    client = Client(daemon.start(), daemon.accounts["alice"])
    assert client.put("bench").status == 200
    folder, wrong = Path(tempfile.mkdtemp(prefix="bale-files-")), 0
    print("| file | bytes | zstd -1 | Bale, columns off | in / out | Bale, columns on | in / out | of zstd -1 |\n|---|---|---|---|---|---|---|---|")
    files, left_out = make_files(folder, ARGUMENTS.files)
    for path in files:
        (original, ways), plain = tried(path), plain_size(path)
        share, right = ways["columns"][0] / plain, comes_back(client, path)
        wrong += share > ALLOWED or not right
        cells = "".join(f"| {original / stored:.2f} | {fast_in:.0f} / {fast_out:.0f} " for stored, fast_in, fast_out in
                        (ways["zstd"], ways["columns"]))
        print(f"| {path.name} | {original:,} | {original / plain:.2f} {cells}| {share:.1%}{'' if right else ' WRONG BYTES'} |", flush=True)
    print("".join(f"\nleft out: {what}" for what in left_out))
    shutil.rmtree(folder)
    daemon.stop()
    daemon.remove()
    return 1 if wrong else 0


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description="real files through bale pack and a server")
    PARSER.add_argument("--baled", default=str(ROOT / "build/server/baled"))
    PARSER.add_argument("--bale", default=str(ROOT / "build/tools/bale"))
    PARSER.add_argument("files", nargs="*")
    ARGUMENTS = PARSER.parse_args()
    sys.exit(main())
