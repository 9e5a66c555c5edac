#!/usr/bin/env python3
"""Make the class-balanced Fashion-MNIST slice that hwsim embeds.

Takes the first TRAIN_PER_CLASS training and TEST_PER_CLASS test images of every class, in file
order, from the four IDX files of Fashion-MNIST (Debian package `dataset-fashion-mnist`) and writes
them, still in file order, as four gzip-compressed IDX files. Only the standard library is used.
The gzip header carries no name and no time, so the same zlib gives the same bytes; the CRC-32 of
the raw pixels and labels is printed, which does not depend on zlib (src/data/embedded.rs tests it).
"""

import argparse
import gzip
import os
import pathlib
import struct
import zlib

CLASSES = 10
TRAIN_PER_CLASS = 600
TEST_PER_CLASS = 100
IMAGES_MAGIC = 2051
LABELS_MAGIC = 2049


def read_images(path):
    """The images of an IDX file as (rows, columns, list of bytes)."""
    data = gzip.decompress(path.read_bytes())
    magic, count, rows, columns = struct.unpack_from(">4I", data)
    size = rows * columns
    if magic != IMAGES_MAGIC or len(data) != 16 + count * size:
        raise SystemExit(f"{path}: not a complete IDX image file")
    return rows, columns, [data[16 + i * size : 16 + (i + 1) * size] for i in range(count)]


def read_labels(path):
    """The labels of an IDX file as bytes."""
    data = gzip.decompress(path.read_bytes())
    magic, count = struct.unpack_from(">2I", data)
    if magic != LABELS_MAGIC or len(data) != 8 + count:
        raise SystemExit(f"{path}: not a complete IDX label file")
    return data[8:]


def first_of_each_class(labels, per_class):
    """Ascending indices of the first `per_class` images of every class."""
    taken = [0] * CLASSES
    chosen = []
    for index, label in enumerate(labels):
        if taken[label] < per_class:
            taken[label] += 1
            chosen.append(index)
    if taken != [per_class] * CLASSES:
        raise SystemExit(f"classes have {taken} images, {per_class} of each are needed")
    return chosen


def write(path, data):
    """Write `data` gzip-compressed, under a temporary name first."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as raw:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0) as file:
            file.write(data)
    os.replace(partial, path)


def slice_set(source, destination, prefix, per_class):
    """Write the slice of the training (`train`) or the test set (`t10k`)."""
    rows, columns, images = read_images(source / f"{prefix}-images-idx3-ubyte.gz")
    labels = read_labels(source / f"{prefix}-labels-idx1-ubyte.gz")
    if len(images) != len(labels):
        raise SystemExit(f"{prefix}: {len(images)} images but {len(labels)} labels")
    chosen = first_of_each_class(labels, per_class)
    pixels = b"".join(images[index] for index in chosen)
    chosen_labels = bytes(labels[index] for index in chosen)
    header = struct.pack(">4I", IMAGES_MAGIC, len(chosen), rows, columns)
    write(destination / f"{prefix}-images-idx3-ubyte.gz", header + pixels)
    header = struct.pack(">2I", LABELS_MAGIC, len(chosen))
    write(destination / f"{prefix}-labels-idx1-ubyte.gz", header + chosen_labels)
    print(
        f"{prefix}: {len(chosen)} images, CRC-32 of the pixels {zlib.crc32(pixels):#010x}, "
        f"of the labels {zlib.crc32(chosen_labels):#010x}"
    )


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--source",
        type=pathlib.Path,
        default=pathlib.Path("/usr/share/datasets/fashion-mnist"),
        help="folder with the four .gz files of Fashion-MNIST (default: %(default)s)",
    )
    parser.add_argument(
        "--destination",
        type=pathlib.Path,
        default=root / "src" / "data" / "embedded",
        help="folder that receives the slice (default: src/data/embedded)",
    )
    arguments = parser.parse_args()
    arguments.destination.mkdir(parents=True, exist_ok=True)
    slice_set(arguments.source, arguments.destination, "train", TRAIN_PER_CLASS)
    slice_set(arguments.source, arguments.destination, "t10k", TEST_PER_CLASS)


if __name__ == "__main__":
    main()
