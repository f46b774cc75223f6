"""TensorBoard event files, read without TensorBoard."""

from __future__ import annotations

import base64
import itertools
import math
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.formats.tensorboard import EventReader, read_events

WRITTEN = zlib.decompress(
    base64.b64decode(
        "eNptkj1oE2EYgO8vyeWNSZMvDUL6Y7lGwWub2IoOwf54WK0pFclQxA7nJfliUy534btrrTg0FXRxEMQOKro4OeiggxQEiz/UIa5F"
        "HRSctCAIuki1Ndd85AT7Tcd9z3PP+8KNMY2zeWPsrt+eeLKprnw4Gg/miFYykqNz2LDTA9kk9NrYsEySMzVSSFqz5bJGLiYvkJKN"
        "SRI7lFos6VhtvFldTJyI0++iO+/6/NtPx66PhEEOQgAE3bSs2NtabTByfON1LyV/PqqNumSrvAc6GqQiiqwsMEx1KBMAP/isvKZr"
        "xNqQVo2dK53/VBhmZeHrFTIpUXI+MvjHJVk5BlFgbSUkcogZEJfW9n0JJCND70+fRwlqKD3VCdfg5N0Qc4yw6EdMFn5t0cOefTHF"
        "tlEnHrwXdR1eDsEux/GJPGLSrP/5tW5PD0Wvtr0cd1FB7oR28M7hvG0SBYksEhAncpJYX3+4zow8CKBXHVQ9l/rU7aoeOQwhEKY1"
        "vah4xegMV61U+LUzO4/k3R6JyzloaIZbWbipXA7tpej6s8M/XHSruaHcAkHw5nDRJDjmDDMVOFCcpNKpvs+Pm5I8DiehVZ2uaEQr"
        "W2oKz1cwKZXr/0mmH1LgoxcogSTJC5xOunjJB7yWt7tYSQTBwJbdxcse4BFb3v/725JJK3r/4ke3UoActLsVC1tWyTRUy9aIrZaM"
        "oplRYMStHYofhBanhvyR27ecszxc38jJIm9cIFifhUgjXicawe/D+bSUOULzb57ez7p5Z5X4/3lsFBrxSL3WjAsSJ7Lryw8v/QXN"
        "gNc0"
    )
)
"""What TensorBoard 2.21 wrote: scalars of both versions, tensors of six types, hyperparameters."""


def test_scalars_of_every_form_are_read():
    events, problem = read_events(WRITTEN)
    assert problem is None
    read = [(event.step, tag, value) for event in events for tag, value in event.scalars.items()]
    assert read[:2] == [(10, "loss", 0.1), (20, "loss", 0.25)]
    assert read[2][:2] == (30, "loss")
    assert math.isnan(read[2][2])
    assert read[3:] == [
        (1, "t", 1e-9),
        (2, "t", -7.0),
        (3, "t", 9.0),
        (5, "half", 0.5),
        (6, "bf", 1.5),
        (-1, "before", 2.0),
    ]
    assert {event.wall_time for event in events[:-1]} == {1000.5}


def test_hyperparameters_are_read():
    assert [event.hparams for event in read_events(WRITTEN)[0] if event.hparams] == [
        {"lr": 0.1, "act": "relu", "nest": 1.0}
    ]


@given(st.lists(st.integers(0, len(WRITTEN)), max_size=8))
def test_how_a_growing_file_is_cut_changes_nothing(cuts):
    reader = EventReader()
    ends = [0, *sorted(cuts), len(WRITTEN)]
    events = [event for start, end in itertools.pairwise(ends) for event in reader.feed(WRITTEN[start:end])]
    assert repr(events) == repr(read_events(WRITTEN)[0])


@given(st.integers(0, len(WRITTEN)))
def test_a_torn_last_record_never_happened(length):
    events, problem = read_events(WRITTEN[:length])
    assert problem is None
    assert repr(events) == repr(read_events(WRITTEN)[0][: len(events)])


@given(st.integers(0, len(WRITTEN) - 1), st.integers(1, 255))
def test_a_changed_byte_is_told_with_its_place_and_nothing_before_it_is_lost(place, change):
    damaged = bytearray(WRITTEN)
    damaged[place] ^= change
    events, problem = read_events(bytes(damaged))
    whole = read_events(WRITTEN)[0]
    if problem is None:  # the record seems longer than the file, and waits
        assert len(events) < len(whole)
    else:
        assert "the record at byte" in problem
        assert int(problem.split("byte ")[1].split()[0]) <= place
    assert repr(events) == repr(whole[: len(events)])


@given(st.binary(min_size=12, max_size=200))
def test_what_is_no_event_file_is_told(content):
    events, problem = read_events(content)
    assert events == []
    assert problem == "the record at byte 0 is damaged: its length does not match its checksum"


@pytest.mark.parametrize("size", [70_000, 3_000_000])
def test_long_records_are_passed_over(size):
    import struct

    from playbook_cli.formats.tensorboard import masked_crc

    length = struct.pack("<Q", size)
    image = length + struct.pack("<I", masked_crc(length)) + b"\1" * size + b"\0\0\0\0"
    reader = EventReader()
    content = image + WRITTEN
    events = [event for at in range(0, len(content), 65536) for event in reader.feed(content[at : at + 65536])]
    assert (len(events), reader.problem) == (len(read_events(WRITTEN)[0]), None)
