"""Where the chunker cuts: golden vectors, equal kernels, and the properties that deduplication needs."""

from __future__ import annotations

import functools
import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trove._engine.chunker import KERNELS, MAXIMUM_LIMIT, Chunker, parameters
from trove.errors import InvalidArgumentError

WORD = (1 << 64) - 1
TINY = (64, 200, 1024, 1)
SETS = [
    TINY,
    (64, 64, 64, 0),
    (64, 64, 4096, 4),
    (65, 1000, 1001, 0),
    (512, 2048, 8192, 2),
    (1000, 5000, 30000, 3),
    parameters(4096),
    parameters(10_000),
    parameters(65_536),
    (16_384, 262_144, 1_000_000, 4),
]


def splitmix64(seed: int) -> Iterator[int]:
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & WORD
        z = ((seed ^ seed >> 30) * 0xBF58476D1CE4E5B9) & WORD
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & WORD
        yield z ^ z >> 31


@functools.cache
def noise(size: int, seed: int) -> bytes:
    """Bytes that no version of Python will ever change."""
    words = splitmix64(seed)
    return b"".join(next(words).to_bytes(8, "little") for _ in range(-(-size // 8)))[:size]


@functools.cache
def prose(size: int) -> bytes:
    """Repetitive text: words from a short list, in an order that doesn't repeat."""
    words = b"the store keeps every chunk once and gives it back whole\n".split(b" ")
    return b" ".join(words[b % len(words)] for b in noise(size // 3, 7))[:size]


def inputs() -> dict[str, bytes]:
    return {
        "empty": b"",
        "one byte": b"x",
        "noise": noise(1_500_000, 1),
        "zeros": bytes(700_000),
        "prose": prose(1_000_000),
        "noise and zeros": noise(100_000, 2) + bytes(100_001) + noise(100_003, 3),
        "period 3": b"abc" * 100_000,
        "two values": bytes(b & 1 for b in noise(200_000, 4)),
    }


def reference_cuts(data: bytes, minimum: int, normal: int, maximum: int, level: int) -> list[int]:
    """The definition, as slow as it is plain; shares nothing with the code under test."""
    words = splitmix64(2)
    low = [next(words) for _ in range(16)]
    high = [next(words) for _ in range(16)]
    gear = [(low[b & 15] ^ high[b >> 4]) & ~0xFF00 for b in range(256)]

    def mask(bits: int) -> int:
        local = min(bits, 12)
        return ((1 << local) - 1) << (16 - local) | ((1 << (bits - local)) - 1) << (64 - (bits - local))

    bits = (normal**2).bit_length() // 2
    strict, loose = mask(bits + level), mask(bits - level)
    hashes = [0]  # hashes[n]: after n bytes of the whole; 64 shifts push older bytes out
    for byte in data:
        hashes.append((2 * hashes[-1] + gear[byte]) & WORD)
    cuts, start = [], 0
    while start < len(data):
        end = min(len(data), start + maximum)
        for cut in range(start + minimum, end):
            if not hashes[cut] & (strict if cut - start < normal else loose):
                end = cut
                break
        cuts.append(end - start)
        start = end
    return cuts


def ends(cuts: list[int]) -> set[int]:
    at, found = 0, set()
    for cut in cuts:
        at += cut
        found.add(at)
    return found


def stream_cuts(chunker: Chunker, data: bytes, sizes: list[int]) -> list[int]:
    """As a writer cuts a stream: buffers of any size, cut only while `maximum` bytes are at hand."""
    held, cuts, at, turn = b"", [], 0, 0
    while held or at < len(data):
        if at < len(data) and len(held) < chunker.maximum:
            size = sizes[turn % len(sizes)]
            held += data[at : at + size]
            at, turn = at + size, turn + 1
            continue
        cuts.append(chunker.cuts(held)[0])
        held = held[cuts[-1] :]
    return cuts


def digest_of_all_cuts(kernel: str) -> str:
    digest = hashlib.sha256()
    for name, data in inputs().items():
        for chosen in SETS:
            digest.update(f"{name} {chosen} {Chunker(*chosen, kernel=kernel).cuts(data)}\n".encode())
    return digest.hexdigest()


GOLDEN_DIGEST = "a6050eb0dad699ca3e501be9801f02451d952694a9b117bcee7d4cc090a2302a"
GOLDEN_SHORT = [228, 89, 585, 200, 540, 326, 270, 348, 245, 412, 246, 278, 297, 104, 178, 248, 406]


@pytest.mark.parametrize("kernel", KERNELS)
class TestAnOptimisationMustNeverChangeThis:
    """Stores were cut by these vectors; other cuts would share nothing with what they hold."""

    def test_all_parameter_sets(self, kernel: str) -> None:
        assert digest_of_all_cuts(kernel) == GOLDEN_DIGEST

    def test_short_input(self, kernel: str) -> None:
        assert Chunker(*TINY, kernel=kernel).cuts(noise(5000, 1)) == GOLDEN_SHORT

    def test_parameters_of_the_default_size(self, kernel: str) -> None:
        assert parameters(65_536) == (32_768, 51_200, 262_144, 2)
        assert Chunker(*parameters(65_536), kernel=kernel).cuts(noise(500_000, 5)) == [
            34615,
            54048,
            51745,
            96229,
            80829,
            62558,
            57568,
            51452,
            10956,
        ]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("chosen", [TINY, (64, 64, 4096, 4), (512, 2048, 8192, 2), (100, 130, 70_000, 4)])
def test_cuts_are_those_of_the_plain_definition(kernel: str, chosen: tuple[int, int, int, int]) -> None:
    for data in (noise(60_000, 6), prose(60_000), bytes(20_000), noise(9000, 8) + bytes(9000)):
        assert Chunker(*chosen, kernel=kernel).cuts(data) == reference_cuts(data, *chosen)


sets = st.builds(
    lambda minimum, more, most, level: (minimum, minimum + more, minimum + more + most, level),
    st.integers(64, 600),
    st.integers(0, 3000),
    st.integers(0, 20_000),
    st.integers(0, 4),
)
data_of_any_kind = st.one_of(
    st.binary(max_size=500),
    st.builds(
        lambda size, seed, skip, tail: noise(size, seed)[skip:] + tail,
        st.integers(0, 60_000),
        st.integers(0, 5),
        st.integers(0, 70),
        st.binary(max_size=40),
    ),
    st.builds(lambda piece, times: piece * times, st.binary(min_size=1, max_size=80), st.integers(0, 400)),
    st.builds(
        lambda size, skip: prose(60_000)[skip : skip + size], st.integers(0, 59_000), st.integers(0, 999)
    ),
)


@given(data=data_of_any_kind, chosen=sets)
@settings(deadline=None)
def test_all_kernels_cut_alike(data: bytes, chosen: tuple[int, int, int, int]) -> None:
    portable = Chunker(*chosen, kernel="portable").cuts(data)
    for kernel in KERNELS:
        assert Chunker(*chosen, kernel=kernel).cuts(data) == portable


@given(data=data_of_any_kind, chosen=sets)
@settings(deadline=None)
def test_chunks_cover_the_data_within_their_bounds(data: bytes, chosen: tuple[int, int, int, int]) -> None:
    minimum, _, maximum, _ = chosen
    cuts = Chunker(*chosen).cuts(data)
    assert sum(cuts) == len(data)
    assert all(minimum <= cut <= maximum for cut in cuts[:-1])
    assert all(0 < cut <= maximum for cut in cuts[-1:])


@given(
    data=data_of_any_kind,
    chosen=sets,
    sizes=st.lists(st.integers(1, 30_000), min_size=1, max_size=5),
)
@settings(deadline=None)
def test_a_stream_is_cut_like_the_whole(
    data: bytes, chosen: tuple[int, int, int, int], sizes: list[int]
) -> None:
    chunker = Chunker(*chosen)
    # A byte at a time would copy what is held thousands of times over.
    assert stream_cuts(chunker, data, [max(size, len(data) // 50) for size in sizes]) == chunker.cuts(data)


@given(size=st.integers(1, 64))
def test_data_up_to_the_minimum_is_one_chunk(size: int) -> None:
    assert Chunker(*TINY).cuts(noise(size, 1)) == [size]


def test_no_data_has_no_chunks() -> None:
    assert Chunker(*TINY).cuts(b"") == []


@given(at=st.integers(0, 20_000), inserted=st.binary(min_size=1, max_size=200))
@settings(deadline=None)
def test_cuts_fall_back_into_step_after_an_insertion(at: int, inserted: bytes) -> None:
    data = noise(400_000, 9)
    chunker = Chunker(*parameters(4096))
    before = ends(chunker.cuts(data))
    after = ends(chunker.cuts(data[:at] + inserted + data[at:]))
    assert {end for end in before if end <= at} <= after
    settled = at + 30 * 4096
    moved = {end - len(inserted) for end in after}
    assert {end for end in moved if end > settled} == {end for end in before if end > settled}


@pytest.mark.parametrize("chunk_size", [1024, 4096, 65_536])
def test_random_data_comes_out_near_the_average(chunk_size: int) -> None:
    data = noise(8_000_000, 10)
    cuts = Chunker(*parameters(chunk_size)).cuts(data)
    assert len(data) / len(cuts) == pytest.approx(chunk_size, rel=0.08)


@pytest.mark.parametrize("value", range(256))
def test_a_run_of_one_value_is_cut_at_the_maximum_only(value: int) -> None:
    chunker = Chunker(*parameters(4096))
    assert chunker.cuts(bytes([value]) * 40_000) == [16_384, 16_384, 7232]


def test_another_process_cuts_alike() -> None:
    source = (
        "from trove._engine.chunker import Chunker; import sys;"
        f"print(Chunker(*{TINY}).cuts(sys.stdin.buffer.read()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", source], input=noise(50_000, 1), capture_output=True, check=True
    )
    assert run.stdout.decode().strip() == str(Chunker(*TINY).cuts(noise(50_000, 1)))


def test_threads_share_a_chunker() -> None:
    chunker = Chunker(*parameters(4096))
    data = noise(1_500_000, 1)
    expected, found = chunker.cuts(data), []
    threads = [threading.Thread(target=lambda: found.append(chunker.cuts(data))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_any_contiguous_buffer_is_taken() -> None:
    data = noise(5000, 1)
    chunker = Chunker(*TINY)
    for same in (bytearray(data), memoryview(data), memoryview(data).cast("Q")):
        assert chunker.cuts(same) == GOLDEN_SHORT
    with pytest.raises(BufferError):
        chunker.cuts(memoryview(data)[::2])
    with pytest.raises(TypeError):
        chunker.cuts("text")  # type: ignore[arg-type]


def test_the_parameters_can_be_read_and_not_changed() -> None:
    chunker = Chunker(*TINY)
    assert (chunker.minimum, chunker.normal, chunker.maximum, chunker.level) == TINY
    assert chunker.kernel == KERNELS[0]
    with pytest.raises(AttributeError):
        chunker.minimum = 100  # type: ignore[misc]


@pytest.mark.parametrize(
    "chosen",
    [
        (63, 200, 1024, 1),
        (300, 200, 1024, 1),
        (64, 2000, 1024, 1),
        (64, 200, MAXIMUM_LIMIT, 1),
        (64, 200, 1 << 70, 1),
        (-64, 200, 1024, 1),
        (64, 200, 1024, -1),
        (64, 200, 1024, 5),
        (64.0, 200, 1024, 1),
        (64, "200", 1024, 1),
        (64, 200, 1024, True),
    ],
)
def test_impossible_parameters_are_refused(chosen: tuple[int, int, int, int]) -> None:
    with pytest.raises(InvalidArgumentError):
        Chunker(*chosen)


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="portable"):
        Chunker(*TINY, kernel="abacus")


@pytest.mark.parametrize("chunk_size", [127, 0, -1, 1 << 22, 1 << 80, 65536.0, "65536", True])
def test_impossible_chunk_sizes_are_refused(chunk_size: int) -> None:
    with pytest.raises(InvalidArgumentError, match="chunk_size"):
        parameters(chunk_size)


@given(chunk_size=st.integers(128, (1 << 22) - 1))
def test_every_chunk_size_gives_parameters_that_the_chunker_takes(chunk_size: int) -> None:
    minimum, normal, maximum, _ = parameters(chunk_size)
    Chunker(*parameters(chunk_size))
    assert minimum < chunk_size < maximum
    assert minimum < normal < chunk_size
