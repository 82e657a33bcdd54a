"""Buckets let pass what their rule says, in every order and at every moment."""

import timeit
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.foundation.ids import uuid7
from insula.kernel.http.buckets import Buckets, Layer, layer
from tests.kernel.http.limits.served import Clock

MINUTE = 60.0


def passed(buckets: Buckets, rule: Layer, subject: str = "a") -> bool:
    """Whether one more request passes."""
    return not buckets.take([(rule, (subject,))]).wait


def test_a_full_bucket_holds_its_quota_and_fills_evenly() -> None:
    """S0-53: 300 at once, then one in each fifth of a second."""
    clock = Clock()
    buckets, rule = Buckets(clock), Layer("tenant", 300, MINUTE)
    assert sum(passed(buckets, rule) for _ in range(400)) == 300
    clock.seconds += 0.1
    assert not passed(buckets, rule)
    for _ in range(50):
        clock.seconds += 0.2
        assert passed(buckets, rule)
    clock.seconds += MINUTE
    assert sum(passed(buckets, rule) for _ in range(400)) == 300


def test_in_an_hour_as_many_pass_as_the_rule_says() -> None:
    """Promise 14: within 5 %, however fast they come."""
    clock, rule, number = Clock(), Layer("user", 100, MINUTE), 0
    buckets = Buckets(clock)
    for _ in range(3600 * 10):
        clock.seconds += 0.1
        number += passed(buckets, rule)
    assert abs(number - 6000) <= 0.05 * 6000


def test_the_wait_is_how_long_it_takes() -> None:
    """Promise 14: whoever waits so long passes, and nobody who waits less."""
    clock, rule = Clock(), Layer("login", 5, MINUTE)
    buckets, subject = Buckets(clock), ("198.51.100.7",)
    for _ in range(5):
        assert not buckets.take([(rule, subject)]).wait
    wait = buckets.take([(rule, subject)]).wait
    assert 11.99 < wait <= 12.0
    clock.seconds += wait - 0.01
    assert buckets.take([(rule, subject)]).wait > 0
    clock.seconds += 0.02
    assert not buckets.take([(rule, subject)]).wait


def test_one_empty_bucket_stops_all_and_takes_from_none() -> None:
    """R14: all layers must pass, and what is refused costs nothing."""
    clock = Clock()
    buckets, wide, narrow = Buckets(clock), Layer("wide", 10, 60), Layer("n", 2, 60)
    both = [(wide, ("t",)), (narrow, ("u",))]
    assert [bool(buckets.take(both).wait) for _ in range(5)] == [False] * 2 + [True] * 3
    assert sum(passed(buckets, wide, "t") for _ in range(20)) == 8


def test_subjects_and_layers_are_apart() -> None:
    """S3-70, S4-41, S4-42."""
    buckets, one, other = Buckets(Clock()), Layer("one", 1, 60), Layer("other", 1, 60)
    assert passed(buckets, one, "a")
    assert passed(buckets, one, "b")
    assert passed(buckets, other, "a")
    assert not passed(buckets, one, "a")


def test_memory_is_bounded_and_who_is_busy_stays() -> None:
    """R14: a flood of addresses makes nobody forget who is being stopped."""
    buckets, rule = Buckets(Clock(), most=100), Layer("login", 5, MINUTE)
    for _ in range(5):
        passed(buckets, rule, "busy")
    for number in range(10_000):
        passed(buckets, rule, f"{number}")
        assert len(buckets) <= 200
    assert passed(buckets, rule, "busy")  # it asked for nothing meanwhile
    for number in range(10_000):
        passed(buckets, rule, f"{number}")
        if number % 50 == 0 and number < 250:
            assert passed(buckets, rule, "busy") is (number < 200)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5000)), max_size=60),
    st.integers(1, 20),
)
def test_no_window_lets_more_pass_than_the_bucket_and_its_filling(
    asked: list[tuple[str, int]], quota: int
) -> None:
    """Promise 14: against an exact model in fractions."""
    clock, rule = Clock(), Layer("x", quota, 10.0)
    buckets, millis = Buckets(clock), 0
    level = {"a": Fraction(quota), "b": Fraction(quota)}
    seen = {"a": 0, "b": 0}
    for subject, pause in asked:
        millis += pause
        clock.seconds = 1000 + millis / 1000
        rate = Fraction(quota, 10_000)
        filled = level[subject] + (millis - seen[subject]) * rate
        level[subject], seen[subject] = min(filled, Fraction(quota)), millis
        may = level[subject] >= 1
        if may:
            level[subject] -= 1
        near = abs(level[subject] + may - 1) < Fraction(1, 10_000)
        assert passed(buckets, rule, subject) is may or near


def test_asking_all_layers_costs_next_to_nothing() -> None:
    """R14: three layers for less than a thousandth of what a password costs."""
    actor = Actor(ActorKind.user, uuid7())
    tenant, rules = uuid7(), [layer(it, 10**9, MINUTE) for it in ("user", "tenant")]
    wanted = [
        (rule, subject)
        for rule, subject in zip(rules, ((actor.id, "x"), (tenant,)), strict=True)
        if rule is not None
    ]
    buckets, plain = Buckets(), dict.fromkeys(range(1000), 0)

    def look() -> None:
        for key in range(100):
            plain[key] += 1

    ours = min(timeit.repeat(lambda: buckets.take(wanted), number=2000, repeat=5))
    ours_each = ours / 2000
    theirs = min(timeit.repeat(look, number=200, repeat=5)) / 200
    assert ours_each < 2 * theirs  # no more than 200 looks into a dictionary
