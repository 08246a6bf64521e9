"""What runs in the background: order, overlap, bounds, errors, and that nothing is left of it."""
from __future__ import annotations

import threading
import time
import weakref
from contextlib import closing

import pytest

from mmdesra.files import in_background


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


def results(futures):
    return [future.result() for future in futures]


@pytest.mark.parametrize('count', [0, 1, 2, 3, 50])
def test_results_come_in_order(count):
    assert results(in_background(str, range(count))) == [str(k) for k in range(count)]


def test_one_call_at_a_time_and_never_in_the_callers_thread():
    threads, running = set(), threading.Lock()

    def note(_):
        assert running.acquire(blocking=False)
        time.sleep(.001)
        threads.add(threading.get_ident())
        running.release()

    results(in_background(note, range(10)))
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_the_next_is_read_and_the_one_before_written_meanwhile():
    """Each stage ends only if the others work at the same time: else it waits in vain."""
    read, written = [threading.Event() for _ in range(6)], [threading.Event() for _ in range(6)]

    def compute(number):
        assert number == 5 or read[number + 1].wait(60)
        assert number < 2 or written[number - 2].wait(60)
        return number

    def read_one(number):
        read[number].set()
        return number

    def write_one(number):
        written[number].set()

    computed = (compute(file.result()) for file in in_background(read_one, range(6)))
    results(in_background(write_one, computed))
    assert all(event.is_set() for event in written)


def test_items_are_taken_as_they_are_needed_and_let_go():
    """However slowly they are used, one waits; however slow the function is, two are held."""
    class Item:
        pass

    taken = []

    def items():
        for _ in range(20):
            item = Item()
            taken.append(weakref.ref(item))
            yield item
            del item

    def alive():
        return sum(reference() is not None for reference in taken)

    most = []

    def use(item):
        time.sleep(.001)
        most.append(alive())

    for number, future in enumerate(in_background(use, items())):
        future.result()
        assert len(taken) <= number + 2
    assert len(most) == 20 and max(most) <= 2 and alive() == 0


def test_an_error_stays_with_its_item():
    futures = list(in_background(lambda number: 6 / number, [1, 0, 2]))
    assert (futures[0].result(), futures[2].result()) == (6, 3)
    with pytest.raises(ZeroDivisionError):
        futures[1].result()


@pytest.mark.parametrize('error', [OSError, KeyboardInterrupt])
def test_what_was_taken_is_done_when_the_items_end_in_an_error(error):
    done = []

    def items():
        yield from range(3)
        raise error

    with pytest.raises(error):
        results(in_background(done.append, in_background(str, items())))
    assert [number.result() for number in done] == ['0', '1', '2']


def test_closed_early():
    done = []
    with closing(in_background(done.append, range(100))) as futures:
        next(futures).result()
    assert done == [0, 1]


def test_left_by_an_error_of_the_caller():
    def use():
        for future in in_background(str, range(100)):
            raise OSError(future.result())

    with pytest.raises(OSError, match='0'):
        use()


def test_the_thread_uses_the_gpu_of_the_caller(monkeypatch):
    """Each thread of CUDA begins with the first GPU, whatever its process has chosen."""
    chosen = {}
    monkeypatch.setattr('torch.cuda.is_initialized', lambda: True)
    monkeypatch.setattr('torch.cuda.current_device', lambda: 3)
    monkeypatch.setattr('torch.cuda.set_device',
                        lambda index: chosen.update({threading.get_ident(): index}))
    threads = set(results(in_background(lambda _: threading.get_ident(), range(2))))
    assert chosen == dict.fromkeys(threads, 3)
