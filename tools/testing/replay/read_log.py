#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Print a replay log as JSON, an object per line: the header, then each entry,
then what state the log is in.

A reader of its own, written from Documentation/replay-log.rst and not from the
C sources: the tests compare the two.
"""

import argparse
import dataclasses
import json
import struct
import sys

MASK = (1 << 64) - 1
HEADER_FIXED, SLOT_SIZE, HEADER_MAX = 304, 24, 4096
BLOCK_HEADER, LENGTH_MAX = 32, 69600
RESET, CLOSE = 1, 2
CHECKING = 2
MINOR = 2         # the version that this reader is of is 2.2

# Kind: name and parts, as in the document's table.
KINDS = {
    1: ("rdtsc", "ST"), 2: ("rdtscp", "ST"), 3: ("msr_tsc", "ST"),
    4: ("msr_tsc_deadline", "S"), 5: ("lapic_tmcct", "S"), 6: ("value", "RP"),
    16: ("exit", "S"), 17: ("breakpoint", "S"), 24: ("event", "RCP"), 25: ("timer", "RC"), 26: ("mark", ""),
    41: ("ram_hash", "RCHG"), 56: ("stop", "RCV"),
}
BITS = {"lapic_tmcct": 32, "exit": 32, "breakpoint": 4, "stop": 32}
REGISTERS, RIP = 18, 16


class Torn(Exception):
    """The log cannot be read on, as after a crash of its writer."""


class Corrupt(Exception):
    """The log cannot be read on, and no crash explains it."""


def crc_table():
    """CRC-32C of each byte."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = crc_table()


def crc(previous, data):
    """Continue a CRC-32C."""
    value = previous ^ 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ CRC_TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def zigzag(difference):
    """Z of a 64-bit difference."""
    difference &= MASK
    return (difference << 1 ^ (MASK if difference >> 63 else 0)) & MASK


def unzigzag(value):
    """The difference again, modulo 2^64."""
    return value >> 1 ^ (MASK if value & 1 else 0)


class Bytes:
    """A block's entries, taken from the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        """The next bytes."""
        if self.at + size > len(self.data):
            raise Corrupt("an entry goes beyond its block")
        self.at += size
        return self.data[self.at - size:self.at]

    def le64(self):
        """A fixed 64-bit integer."""
        return int.from_bytes(self.take(8), "little")

    def varint(self, bits=7):
        """V(bits), and what is above it in the first byte."""
        byte = first = self.take(1)[0]
        value, shift = first & ((1 << bits) - 1), bits
        more = 1 << bits
        while byte & more:
            byte, more = self.take(1)[0], 0x80
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte or value > MASK:
                raise Corrupt("a number that no writer writes")
        return value, first >> (bits + 1)


@dataclasses.dataclass
class Site:
    """One exiting instruction."""
    kind: int = 0
    rip: int = 0
    value: int = 0
    delta: int = 0
    progress: int = 0


class Context:
    """What reader and writer both remember."""

    def __init__(self, checking):
        self.checking = checking
        self.progress = self.site_progress = self.tsc = self.history = 0
        self.region = [0] * 4
        self.regs = [0] * REGISTERS
        self.site = [Site() for _ in range(64)]
        self.next = [0] * 256

    def nearest(self, rip):
        """The region of a RIP."""
        return min(range(4), key=lambda i: (zigzag(rip - self.region[i]), i))

    def next_site(self):
        """The site that is expected to come next."""
        return self.site[self.next[self.history]]

    @staticmethod
    def number(kind, rip):
        """Of an entry's site."""
        return ((rip ^ kind << 56) * 0x61C8864680B583EB & MASK) >> 58

    def predicted(self, kind, rip):
        """The value expected at a site."""
        site = self.site[self.number(kind, rip)]
        if (site.kind, site.rip) != (kind, rip):
            site = Site()
        base = self.tsc if "T" in KINDS[kind][1] else site.value
        return base + site.delta & MASK

    def form(self, kind, entry):
        """The form that this entry must have."""
        site = self.next_site()
        if "S" not in KINDS[kind][1] or (site.kind, site.rip) != (kind, entry["rip"]):
            return "full"
        same = self.site_progress + site.progress & MASK == entry["progress"]
        return "short" if same else "medium"

    def after(self, kind, entry, form):
        """Remember an entry."""
        parts = KINDS[kind][1]
        if form == "full" and parts:
            near = self.nearest(entry["rip"])
            if zigzag(entry["rip"] - self.region[near]) >= 1 << 21:
                near = 3
            self.region = [entry["rip"]] + self.region[:near] + self.region[near + 1:]
        if "S" in parts:
            self._after_site(kind, entry)
        self.regs = entry.get("regs", self.regs)
        self.progress = entry["progress"]

    def _after_site(self, kind, entry):
        number = self.number(kind, entry["rip"])
        site, tsc = self.site[number], "T" in KINDS[kind][1]
        known = (site.kind, site.rip) == (kind, entry["rip"])
        before = self.tsc if tsc else site.value
        self.site[number] = Site(kind, entry["rip"], entry["value"],
                                 entry["value"] - before & MASK if known else 0,
                                 entry["progress"] - self.site_progress)
        if tsc:
            self.tsc = entry["value"]
        self.site_progress = entry["progress"]
        self.next[self.history] = number
        self.history = (self.history << 4 ^ number) & 0xFF


def predicted_entry(context, data):
    """An entry in short or medium form; its kind, itself and the form."""
    site = context.next_site()
    if not site.kind:
        raise Corrupt("a predicted entry where none is")
    if data.data[data.at] & 0x80:
        form, progress = "short", context.site_progress + site.progress
        difference = data.varint(6)[0]
    else:
        form, progress = "medium", context.progress + data.varint(5)[0]
        difference = data.varint()[0]
    value = context.predicted(site.kind, site.rip) + unzigzag(difference) & MASK
    return site.kind, {"progress": progress & MASK, "rip": site.rip, "value": value}, form


def full_entry(context, data):
    """An entry in full form; its kind, itself and the form."""
    kind = data.take(1)[0]
    if kind not in KINDS:
        raise Corrupt(f"unknown kind {kind}")
    parts, entry, has_rcx = KINDS[kind][1], {}, 0
    if parts:
        difference, above = data.varint(4)
        region, has_rcx = above & 3, above >> 2
        entry["rip"] = context.region[region] + unzigzag(difference) & MASK
        if context.nearest(entry["rip"]) != region or (has_rcx and "C" not in parts):
            raise Corrupt("a RIP that no writer writes so")
    entry["progress"] = context.progress + data.varint()[0]
    if has_rcx:
        entry["rcx"] = data.varint()[0]
    if "S" in parts:
        entry["value"] = context.predicted(kind, entry["rip"]) + \
            unzigzag(data.varint()[0]) & MASK
    if "V" in parts:
        entry["value"] = data.varint()[0]
    if "H" in parts:
        entry["value"] = data.le64()
    if "G" in parts:
        entry["gfn"], entry["npages"] = data.varint()[0], data.varint()[0]
        if not entry["npages"] or entry["gfn"] + entry["npages"] > 1 << 40:
            raise Corrupt("pages that cannot be")
    if "P" in parts:
        entry["tag"], entry["payload"] = data.varint()[0], data.varint()[0]
        if entry["tag"] >= 1 << 32 or entry["payload"] > 65536:
            raise Corrupt("tag or payload too large")
    return kind, entry, "full"


def read_registers(context, data, rip):
    """All registers of an entry at rip."""
    changed, regs = data.varint()[0], list(context.regs)
    if changed >> REGISTERS:
        raise Corrupt("a register that does not exist")
    regs[RIP] = rip
    for i in range(REGISTERS):
        if changed & 1 << (i + 1) % REGISTERS:
            difference = data.varint()[0]
            if not difference:
                raise Corrupt("a register that changed by nothing")
            regs[i] = regs[i] + unzigzag(difference) & MASK
    return regs


def read_entry(context, data):
    """The next entry."""
    predicted = data.at < len(data.data) and data.data[data.at] & 0xC0
    kind, entry, form = (predicted_entry if predicted else full_entry)(context, data)
    kind_name = KINDS[kind][0]
    if context.checking and KINDS[kind][1]:
        entry["regs"] = read_registers(context, data, entry["rip"])
    if "payload" in entry:
        entry["payload"] = data.take(entry["payload"]).hex()
    if not context.progress <= entry["progress"] <= MASK:
        raise Corrupt("progress goes back")
    if kind_name in BITS and entry["value"] >= 1 << BITS[kind_name]:
        raise Corrupt("value too large")
    if context.form(kind, entry) != form:
        raise Corrupt("an entry in a form that no writer chooses")
    context.after(kind, entry, form)
    return {"kind": kind_name, **entry}


def text(field):
    """Characters of the header."""
    if not all(0x20 <= byte <= 0x7E for byte in field):
        raise Corrupt("a string in the header")
    return field.decode("ascii")


def name(field):
    """A string of the header that does not fill its field."""
    string = field.rstrip(b"\0")
    if not string or len(string) == len(field):
        raise Corrupt("a string in the header")
    return text(string)


def read_slots(data):
    """The header's memory slots."""
    slots, end = [], 0
    for gpa, size, slot, flags in struct.iter_unpack("<QQII", data):
        if (gpa | size) & 4095 or not size or gpa < end or gpa + size > MASK or flags > 1:
            raise Corrupt("memory slots")
        slots.append({"gpa": gpa, "size": size, "slot": slot, "flags": flags})
        end = gpa + size
    return slots


def read_header(log):
    """The header, and its length."""
    if log[:8] != b"KVMFTLOG"[:len(log)]:
        raise Corrupt("this is no log")
    if len(log) < 16:
        raise Torn("ends within the header")
    major, minor, length = struct.unpack_from("<HHI", log, 8)
    if major != 2:
        raise Corrupt(f"unknown version {major}.{minor}")
    if not HEADER_FIXED <= length <= HEADER_MAX:
        raise Corrupt("length of the header")
    if len(log) < length:
        raise Torn("ends within the header")
    if crc(crc(0, log[:16]), log[20:length]) != int.from_bytes(log[16:20], "little"):
        raise Corrupt("checksum of the header")
    names = ("crc", "ft_version", "flags", "counter", "session", "generation", "tsc_khz",
             "first_ordinal", "cpu_vendor", "cpu_family", "cpu_model", "cpu_stepping",
             "cpu_features", "cpuid_hash", "kernel", "build", "guest", "slots", "reserved")
    header = dict(zip(names, struct.unpack_from("<IIII16sIIQ12sIIIQQ64s64s64sII", log, 16)))
    end = HEADER_FIXED + header["slots"] * SLOT_SIZE
    reserved = header.pop("reserved")
    if header["slots"] > 64 or end > length or (minor <= MINOR and (end != length or reserved)):
        raise Corrupt("length of the header")
    if header["flags"] > 3 or header["counter"] not in (1, 2) or not header["tsc_khz"]:
        raise Corrupt("flags, counter or TSC frequency")
    header["session"] = header["session"].hex()
    header["cpu_vendor"] = text(header["cpu_vendor"])
    for field in ("kernel", "build", "guest"):
        header[field] = name(header[field])
    header["slots"] = read_slots(log[HEADER_FIXED:end])
    return {"version": f"{major}.{minor}", **header}, length


def check_block(header, log, at):
    """The intact block at an offset: flags, number, ordinal, count and entries."""
    head = log[at:at + BLOCK_HEADER]
    if not any(head):
        raise Torn("zeros instead of a block")
    if head[:3] != b"kFB"[:len(head)]:
        raise Torn("no block where one should begin")
    if len(head) < BLOCK_HEADER:
        raise Torn("ends within a block")
    flags, length, number, ordinal, count, check = struct.unpack("<BIQQII", head[3:])
    if length > LENGTH_MAX:
        raise Torn("length of a block")
    entries = log[at + BLOCK_HEADER:at + BLOCK_HEADER + length]
    if len(entries) < length:
        raise Torn("ends within a block")
    if crc(crc(header["crc"], head[:28]), entries) != check:
        raise Torn("checksum of a block")
    return flags, number, ordinal, count, entries


def read_blocks(header, log, at):
    """Generate the entries of all blocks, each with the block's offset."""
    context, ordinal, number, closed = None, header["first_ordinal"], 0, False
    while at < len(log):
        if closed:
            raise Corrupt("data after the closing block")
        flags, number_here, ordinal_here, count, entries = check_block(header, log, at)
        closed = flags == CLOSE
        if flags not in (0, RESET, CLOSE) or (closed and (count or entries)) or \
                (not flags and not context):
            raise Corrupt("flags of a block")
        if (number_here, ordinal_here) != (number, ordinal):
            raise Corrupt("blocks missing, repeated or swapped")
        if not count and not closed:
            raise Corrupt("an empty block")
        if flags == RESET:
            context = Context(header["flags"] & CHECKING)
        data = Bytes(entries)
        for left in reversed(range(count)):
            entry = read_entry(context, data)
            if not left and data.at != len(entries):
                raise Corrupt("more in a block than its entries")
            yield {"ordinal": ordinal, **entry}
            ordinal += 1
        at += BLOCK_HEADER + len(entries)
        number += 1
    if not closed:
        raise Torn("ends without a closing block")


def read_log(log, header=None):
    """Generate what is to be printed, of a log as bytes."""
    try:
        header, length = read_header(log)
        yield header
        yield from read_blocks(header, log, length)
    except (Torn, Corrupt) as error:
        closes = False
        if header:
            try:
                closes = check_block(header, log, len(log) - BLOCK_HEADER)[0] == CLOSE
            except Torn:
                pass
        torn = isinstance(error, Torn) and not closes
        yield {"state": "torn" if torn else "corrupt", "reason": str(error)}
        return
    yield {"state": "complete"}


def main():
    """Print; the exit status says whether the log is complete."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0],
                                     epilog="Exits with 0 if the log is complete, else 1.")
    parser.add_argument("log", type=argparse.FileType("rb"), help="file to read")
    state = None
    for item in read_log(parser.parse_args().log.read()):
        print(json.dumps(item))
        state = item.get("state")
    return 0 if state == "complete" else 1


if __name__ == "__main__":
    sys.exit(main())
