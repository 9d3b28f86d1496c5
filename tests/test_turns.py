"""The queue at a model: fair, and free of those who left."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ragkit.models.turns import Turns


def test_the_first_is_served_at_once() -> None:
    turn = Turns().join()
    assert turn.place == 0
    assert turn.wait(0)
    assert turn.place == 0


def test_the_next_waits_and_knows_its_place() -> None:
    turns = Turns()
    first, second, third = (turns.join() for _ in range(3))
    assert first.wait(0)
    assert not second.wait(0)
    assert (second.place, third.place) == (1, 2)
    first.leave()
    assert second.place == 0
    assert second.wait(0)


def test_one_at_a_time_in_order_of_arrival() -> None:
    turns, served, inside = Turns(), [], []
    joined = [turns.join() for _ in range(20)]

    def use(number: int) -> None:
        turn = joined[number]
        while not turn.wait(0.05):
            pass
        inside.append(number)
        assert len(inside) == 1
        time.sleep(0.002)
        inside.remove(number)
        served.append(number)
        turn.leave()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(use, reversed(range(20))))
    assert served == list(range(20))
    assert len(turns) == 0


def test_who_waits_hears_when_it_moves_up() -> None:
    turns = Turns()
    first, second, third = (turns.join() for _ in range(3))
    assert first.wait(0)
    threading.Timer(0.1, second.leave).start()
    began = time.monotonic()
    assert not third.wait(10)
    assert time.monotonic() - began < 5
    assert third.place == 1


def test_who_leaves_the_queue_holds_up_nobody() -> None:
    turns = Turns()
    first, second, third = (turns.join() for _ in range(3))
    assert first.wait(0)
    second.leave()
    second.leave()
    first.leave()
    assert third.wait(0)
    assert not second.wait(0)
    assert second.left


def test_who_waits_leaves_from_another_thread() -> None:
    turns = Turns()
    first, second = turns.join(), turns.join()
    assert first.wait(0)
    threading.Timer(0.1, second.leave).start()
    began = time.monotonic()
    assert not second.wait(30)
    assert time.monotonic() - began < 5
    assert len(turns) == 1


def test_who_does_not_take_up_its_turn_is_forgotten() -> None:
    turns = Turns(patience=0.2)
    first, gone, third = (turns.join() for _ in range(3))
    assert first.wait(0)
    assert not gone.wait(0)
    first.leave()
    began = time.monotonic()
    while not third.wait(1):
        assert time.monotonic() - began < 5
    assert 0.1 < time.monotonic() - began < 2
    assert len(turns) == 1


def test_nobody_is_forgotten_before_its_turn_has_come() -> None:
    turns = Turns(patience=0.1)
    first, slow, third = (turns.join() for _ in range(3))
    assert first.wait(0)
    time.sleep(0.3)
    assert not third.wait(0)
    first.leave()
    assert slow.wait(0)


def test_who_comes_back_stands_at_the_end() -> None:
    turns = Turns(patience=0.05)
    gone, second, third = (turns.join() for _ in range(3))
    while not second.wait(1):
        pass
    assert not gone.wait(0)
    assert (third.place, gone.place) == (1, 2)
    second.leave()
    assert third.wait(0)
    third.leave()
    assert gone.wait(0)


def test_a_thread_that_dies_in_the_queue_is_forgotten() -> None:
    turns = Turns(patience=0.1)
    first = turns.join()
    assert first.wait(0)
    thread = threading.Thread(target=lambda: turns.join().wait(0.01))
    thread.start()
    thread.join()
    last = turns.join()
    assert last.place == 2
    first.leave()
    while not last.wait(1):
        pass
    assert len(turns) == 1


@pytest.mark.parametrize("leaves_early", [2, 3])
def test_many_come_and_go(leaves_early: int) -> None:
    turns, inside, served = Turns(patience=0.5), [], []

    def use(number: int) -> None:
        turn = turns.join()
        try:
            if number % leaves_early == 0:
                turn.wait(0.001)
                return
            while not turn.wait(0.05):
                pass
            inside.append(number)
            assert inside == [number]
            inside.clear()
            served.append(number)
        finally:
            turn.leave()

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(use, range(200)))
    assert len(turns) == 0
    assert set(served) >= {n for n in range(200) if n % leaves_early}
