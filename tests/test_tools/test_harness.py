"""tools/benchmarks/harness: what benchmarks and reproductions share."""
from __future__ import annotations

import json
import sys

import pytest
from command_lines import TOOLS

from mmdesra.errors import InputError


@pytest.fixture(autouse=True)
def harness_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS / 'benchmarks'))
    yield
    for name in [name for name in sys.modules if name.split('.')[0] == 'harness']:
        del sys.modules[name]


def test_turns_go_forth_and_back_and_the_first_does_not_count():
    from harness.turns import Spent, take_turns
    order, seen = [], []
    numbers = dict(a=iter([90, 1, 2, 3]), b=iter([90, 2, 8, 9]))

    def way(name):
        order.append(name)
        return Spent(next(numbers[name]), 1.)

    turns = take_turns(dict(a=lambda: way('a'), b=lambda: way('b')), 3, seen.append)
    assert ''.join(order) == 'baabbaab'
    assert [sorted(results) for results in seen] == [['a', 'b']] * 4
    assert turns.median('a') == (2, 1) and turns.median('b') == (8, 1)
    ratio = turns.ratio('b', 'a')  # of 2, 4 and 3, not 8 / 2
    assert (ratio.median, ratio.low, ratio.high) == (3, 2.5, 3.5)
    assert f'{ratio:.1f}' == '3.0 (2.5 to 3.5)' and f'{ratio - 1:+.0%}' == '+200% (+150% to +250%)'
    assert turns.ratio('b', 'a', 'processor').median == 1


def test_seconds_of_a_call_that_does_not_say_its_own():
    from harness.turns import take_turns
    turns = take_turns(dict(work=lambda: sum(range(100_000))), 2)
    assert all(spent.clock > 0 and spent.processor > 0 for spent in turns.spent['work'])


def test_report_for_people_and_for_programs(tmp_path, capsys):
    from harness.report import Report
    from harness.turns import Quartiles
    report = Report(dict(images=3))
    report.table([dict(what='a|b', ms=1.25, ratio=Quartiles.of([1., 2., 3.]), mib=float('nan')),
                  dict(what='c', ms=None, ratio=None, mib=7)], dict(ms='.1f', ratio='.2f'),
                 'Times')
    report.table([])
    report.note('They differ.')
    report.give(tmp_path / 'figures.json')
    text = capsys.readouterr().out
    assert 'PyTorch' in text.splitlines()[0] and 'images: 3' in text
    assert text.endswith("""
Times

| what |  ms |               ratio | mib |
| ---- | --: | ------------------: | --: |
| a\\|b | 1.2 | 2.00 (1.50 to 2.50) |   - |
| c    |   - |                   - |   7 |

They differ.
""")
    found = json.loads((tmp_path / 'figures.json').read_text())
    assert found['settings'] == dict(images=3) and found['notes'] == ['They differ.']
    assert {'processor', 'threads', 'torch', 'python'} <= found['machine'].keys()
    (table,) = found['tables']
    assert table == dict(title='Times', rows=[
        dict(what='a|b', ms=1.25, ratio=dict(median=2., low=1.5, high=2.5), mib=None),
        dict(what='c', ms=None, ratio=None, mib=7)])


def test_what_was_done_is_not_done_again(tmp_path):
    from harness.kept import once
    runs = []

    def run():
        runs.append(1)
        return dict(figure=len(runs))

    assert once(tmp_path / 'rows/a.json', run) == once(tmp_path / 'rows/a.json', run)
    assert once(tmp_path / 'rows/b.json', run) == dict(figure=2)

    def fail():
        raise OSError

    with pytest.raises(OSError):
        once(tmp_path / 'rows/c.json', fail)
    assert not (tmp_path / 'rows/c.json').exists()


def test_figures_of_other_settings_are_named(tmp_path):
    from harness.kept import hold_settings
    for _ in range(2):
        hold_settings(tmp_path, dict(iters=1, sizes=(1, 2), gone=None))
    with pytest.raises(InputError, match=r'other settings \(iters, new, sizes\); give another'):
        hold_settings(tmp_path, dict(iters=2, sizes=(1,), new=1))
