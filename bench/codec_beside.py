"""bench/codec_beside.py -- Bale's codec beside `zstd -b`, on the same bytes, in frames of the same size.

bench/micro gives CPU time of its thread, `zstd -b` the time that passed: where other work took a share of the processor, its
speeds are held against the share that it had. Of both the quickest of the turns counts."""

import json
import os
import resource
import subprocess
import time

LEVELS = (1, 3, 6, 9)
FRAME_BYTES = 1 << 20


def of_bale(micro, data_set, level):
    """(ratio, MB/s in, MB/s out)."""
    name = f"codec/zstd-{level}/{data_set}/"
    cases = json.loads(subprocess.run([micro, "--json", name], capture_output=True, text=True, check=True).stdout)["cases"]
    found = {case["name"].rpartition("/")[2]: case for case in cases}
    return found["pack"]["ratio"], *(found[way]["bytes"] * 1e3 / found[way]["ns_best"] for way in ("pack", "unpack"))


def of_zstd(path, level):
    """The same; of a line such as `-1   179873 (5.830) 512.34 MB/s 1227.9 MB/s  logs`."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["zstd", "-q", f"-b{level}", "-i1", f"-B{FRAME_BYTES}", path], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    share = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / (time.monotonic() - began)
    line = next(line for line in (done.stdout + done.stderr).splitlines() if line.startswith(f"-{level}"))
    words = line.replace("(", " ").replace(")", " ").split()
    return float(words[2]), float(words[3]) / share, float(words[5]) / share


def best(turns):
    return turns[0][0], max(turn[1] for turn in turns), max(turn[2] for turn in turns)


def compare(build, data_sets, turns, folder):
    """Prints the table. Sets as `micro --list` names them."""
    micro = os.path.join(build, "bench", "micro")
    subprocess.run([micro, "--write-sets", folder], check=True)
    print("| data | level | Bale: ratio, in, out, MB/s | zstd -b | in | out |\n|---|---|---|---|---|---|")
    for data_set in data_sets:
        for level in LEVELS:
            pairs = [(of_bale(micro, data_set, level), of_zstd(os.path.join(folder, data_set), level)) for _ in range(turns)]
            ours, theirs = best([pair[0] for pair in pairs]), best([pair[1] for pair in pairs])
            texts = [f"{ratio:.2f}, {speed_in:.0f}, {speed_out:.0f}" for ratio, speed_in, speed_out in (ours, theirs)]
            print(f"| {data_set} | {level} | {texts[0]} | {texts[1]} | x {ours[1] / theirs[1]:.2f} | x {ours[2] / theirs[2]:.2f} |",
                  flush=True)
