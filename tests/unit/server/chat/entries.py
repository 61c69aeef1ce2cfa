"""Entries of all kinds, sound and not, as Hypothesis draws them."""

from __future__ import annotations

from hypothesis import strategies as st

from ringchat_server.chat.accounts import SESSION_LIFETIME_MS, verification
from ringchat_server.chat.dedupe import IDLE_MAX_MS
from ringchat_server.chat.requests import _CHECKS
from ringchat_server.records import NOOP, SENDS_MAX, Entry, message_id
from tests.unit.server.chat.room import (
    ANN,
    BOB,
    CY,
    NONCE,
    NOW_MS,
    TOKEN,
)

builtin_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(), max_size=5),
        st.binary(max_size=33),
        st.builds(bytearray),
        st.frozensets(st.text(max_size=2), max_size=3),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=2), inner, max_size=2),
    ),
    max_leaves=6,
)
names = st.sampled_from(["ann", "bob", "cy", "eve", ""])
tokens = st.sampled_from([b"", TOKEN["ann"], TOKEN["bob"], b"T" * 32])
kinds = st.sampled_from([*_CHECKS, "?"])
texts = st.sampled_from(["hi", "é", "x" * 70_000, "\ud800"])
some_sound_texts = st.lists(st.sampled_from(["hi", "é", "ho"]), min_size=1, max_size=6).map(tuple)
sends = st.one_of(
    st.tuples(st.just("send"), st.tuples(names), st.tuples(texts)),
    st.tuples(st.just("send"), st.tuples(names), some_sound_texts),
    st.lists(st.tuples(st.sampled_from(["ann", "bob", "cy", "eve"]), texts), min_size=2).map(
        lambda rows: ("send", *zip(*rows, strict=True))
    ),
    some_sound_texts.flatmap(
        lambda some: st.tuples(
            st.just("send"),
            st.tuples(*[st.sampled_from(["ann", "bob", "eve"])] * len(some)),
            st.just(some),
        )
    ),
)
references = st.one_of(
    st.integers(0, 40).map(lambda index: message_id(index, 0)),
    st.tuples(st.sampled_from([ANN, BOB, CY]), st.integers(0, 12)),
)
conversations = st.one_of(st.sampled_from(["ann", "bob", "eve"]), references)
good_requests = st.one_of(
    st.just(NOOP),
    st.tuples(st.just("create"), names, names.map("hash of {}".format)),
    st.just(("delete",)),
    st.tuples(
        st.just("login"),
        names,
        names.map(lambda name: verification(f"hash of {name}")),
        tokens,
        st.just(NONCE),
    ),
    st.just(("logout",)),
    st.one_of(sends, sends, sends),
    st.tuples(st.just("post"), conversations, st.tuples(texts), references),
    st.tuples(st.just("post"), conversations, some_sound_texts, st.just(0)),
    st.tuples(st.just("read"), conversations, references),
    st.tuples(st.just("edit"), conversations, references, texts),
    st.tuples(st.just("erase"), conversations, references),
    st.tuples(
        st.just("room"),
        st.just("a title"),
        st.just("a topic"),
        st.booleans(),
        st.lists(st.sampled_from(["ann", "bob", "eve"]), max_size=2).map(tuple),
    ),
    st.tuples(st.sampled_from(["join", "leave"]), references),
    st.tuples(st.sampled_from(["invite", "remove"]), references, names),
    st.tuples(
        st.just("change"),
        references,
        st.sampled_from([None, "another title"]),
        st.sampled_from([None, "another topic"]),
        st.sampled_from([None, "ann", "bob"]),
    ),
    st.tuples(
        st.just("password"),
        names.map(lambda name: verification(f"hash of {name}")),
        names.map("hash of {}".format),
    ),
    st.tuples(st.just("profile"), st.sampled_from(["", "Ann"])),
    st.tuples(st.just("end"), tokens),
    st.tuples(st.just("block"), names, st.booleans()),
    st.tuples(
        st.just("update"),
        st.integers(0, 60 * SENDS_MAX),
        st.lists(st.tuples(st.sampled_from([ANN, BOB]), st.integers(0, 9)), max_size=3).map(tuple),
    ),
)
any_requests = st.tuples(kinds, st.lists(builtin_values, max_size=4)).map(lambda r: (r[0], *r[1]))
times = st.one_of(
    st.integers(NOW_MS, NOW_MS + 10),
    st.sampled_from([NOW_MS + IDLE_MAX_MS + 5, NOW_MS + SESSION_LIFETIME_MS]),
)
entries = st.builds(
    Entry,
    st.integers(0, 3),
    times,
    st.sampled_from([ANN, BOB, CY, b""]),
    st.integers(1, 12),
    names,
    tokens,
    good_requests,
)
any_entries = st.builds(
    Entry,
    st.one_of(st.integers(), st.booleans()),
    st.one_of(times, st.integers(), st.sampled_from([2**63, -1])),
    st.one_of(st.sampled_from([ANN, b""]), st.binary(max_size=80)),
    st.one_of(st.integers(), st.integers(1, 5), st.booleans()),
    st.one_of(names, st.text(st.characters(), max_size=40)),
    st.one_of(tokens, st.binary(max_size=3)),
    st.one_of(good_requests, any_requests),
)
