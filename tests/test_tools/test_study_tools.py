"""tools/make_study.py and tools/tally_study.py: real command lines, and their variants."""
from __future__ import annotations

import base64
import csv
import json
import re

import numpy as np
import pytest
from command_lines import call, run

from mmdesra.apis.study_answers import COLUMNS
from mmdesra.apis.study_tally import CSV_COLUMNS
from mmdesra.files import write_image, write_mask

SIZE = 40, 60


@pytest.fixture
def heldout(tmp_path):
    """What DeSRAFinetuneHook leaves: three images, the second without a region."""
    for value, name in enumerate(('mse', 'gan_before', 'gan_after', 'mask_before')):
        (tmp_path / 'heldout' / name).mkdir(parents=True)
        for number in range(3):
            path = tmp_path / f'heldout/{name}/image{number}.png'
            if name == 'mask_before':
                mask = np.zeros(SIZE, bool)
                mask[10:20, 20:30] = number != 1
                write_mask(path, mask)
            else:
                write_image(path, np.full((*SIZE, 3), 50 * value + number, np.uint8))
    return tmp_path / 'heldout'


def read_key(path) -> dict:
    text = re.search('id="key">(.*)</script>', path.read_text()).group(1)
    return json.loads(base64.b64decode(text))


def test_a_real_command_line(heldout, tmp_path):
    done = run('make_study.py', '--heldout', heldout, '--repeats', 1, '--crop', 16,
               '--out', tmp_path / 'new/study.html')
    assert done.returncode == 0, done.stderr
    assert 'not asked about: 1 images without a region' in done.stdout
    assert 'after vs before: 2 questions, 1 of them twice' in done.stdout
    key = read_key(tmp_path / 'new/study.html')
    assert f'{key["id"]}: written to' in done.stdout
    assert [(one['pair'], one['image'], one['text'], one['size']) for one in key['questions']] == [
        (pair, image, text, [16, 16])
        for pair, text in (('after vs before', 'Which picture has fewer artifacts?'),
                           ('after vs MSE-SR', 'Which picture has more detail?'))
        for image in ('image0', 'image2')]
    assert (key['repeats'], key['ties'], key['seed']) == (1, True, 0)


def test_options(heldout, tmp_path, capsys):
    assert call('make_study.py', '--heldout', heldout, '--compare', 'mse', '--crop', 0,
                '--no-ties', '--max-images', 1, '--seed', 3, '--jpeg', 80, '--title',
                'Look & see', '--intro', 'Thank you.', '--out', tmp_path / 'study.html') == 0
    key, source = read_key(tmp_path / 'study.html'), (tmp_path / 'study.html').read_text()
    question, = key['questions']
    assert (question['pair'], question['size']) == ('after vs MSE-SR', [60, 40])
    assert (key['ties'], key['seed']) == (False, 3)
    assert key['id'].startswith('look-see-')
    assert '<h1>Look &amp; see</h1>\n<p>Thank you.</p>' in source
    assert 'data:image/jpeg' in source and 'data:image/png' not in source


def test_any_folders(heldout, tmp_path, capsys):
    assert call('make_study.py', '--pair', heldout / 'mse', f'new={heldout / "gan_after"}',
                '--pair', heldout / 'gan_before', heldout / 'mse', 'Which is sharper?',
                '--out', tmp_path / 'study.html') == 0
    assert [(one['pair'], one['text']) for one in read_key(tmp_path / 'study.html')['questions']
            ] == 3 * [('mse vs new', 'Which picture do you prefer?')] + 3 * [
                ('gan_before vs mse', 'Which is sharper?')]


def test_skipped_image_is_named(heldout, tmp_path, capsys, caplog):
    (heldout / 'gan_after/image0.png').write_bytes(b'broken')
    assert call('make_study.py', '--heldout', heldout, '--out', tmp_path / 'study.html') == 1
    assert 'skipped: 2' in capsys.readouterr().out  # once a pair
    assert str(heldout / 'gan_after/image0.png') in caplog.text
    assert len(read_key(tmp_path / 'study.html')['questions']) == 2


@pytest.mark.parametrize('options, message', [
    ([], 'give --heldout or --pair'),
    (['--heldout', 'x', '--pair', 'a', 'b'], 'give --heldout or --pair'),
    (['--heldout', 'nowhere'], 'expected WORK_DIR/heldout of a training run'),
    (['--pair', 'a', 'nowhere'], 'expected a folder of images'),
    (['--pair', 'a'], 'expected two folders'),
    (['--pair', 'a', 'b', '--jpeg', '101'], '--jpeg: expected 1 to 100, got 101'),
    (['--pair', 'a', 'b', '--max-images', '0'], '--max-images: expected 1 or more, got 0'),
])
def test_wrong_use(tmp_path, capsys, options, message):
    assert call('make_study.py', *options, '--out', tmp_path / 'study.html') == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'study.html').exists()


def test_nothing_to_ask(heldout, tmp_path, capsys):
    for number in (0, 2):
        write_mask(heldout / f'mask_before/image{number}.png', np.zeros(SIZE, bool))
    assert call('make_study.py', '--heldout', heldout, '--out', tmp_path / 'study.html') == 2
    assert 'no image is left to ask about' in capsys.readouterr().err


def test_more_repeats_than_questions(heldout, tmp_path, capsys):
    assert call('make_study.py', '--heldout', heldout, '--repeats', 3, '--out',
                tmp_path / 'study.html') == 2
    assert '--repeats 3: expected at most' in capsys.readouterr().err


def write_answers(path, participant, chosen, again=()):
    """Choices (a version or 'none') about image0, image1 …; ``again`` repeats the first ones."""
    path.parent.mkdir(exist_ok=True)
    with path.open('w', newline='') as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for repeat, choices in enumerate((chosen, again)):
            sides = ('after', 'before')[::-1 if repeat else 1]
            rows.writerows([
                participant, 'study-1', 'after vs before', f'image{number}', *sides,
                'none' if choice == 'none' else ('left', 'right')[sides.index(choice)],
                2.0, repeat] for number, choice in enumerate(choices))


def test_tally(tmp_path, capsys):
    write_answers(tmp_path / 'in/a.csv', 'Ann', ['after'] * 7 + ['before', 'none', 'none'],
                  ['after', 'before'])
    write_answers(tmp_path / 'in/b.csv', 'Bob', ['after'] * 10)
    assert call('tally_study.py', tmp_path / 'in', '--json', tmp_path / 'out/tally.json',
                '--csv', tmp_path / 'out/tally.csv') == 0
    printed = capsys.readouterr().out
    assert 'study-1: 2 participants' in printed
    lines = [line.replace(' ', '') for line in printed.splitlines()]
    assert '|aftervsbefore|after|17/20|85.0%|64.0%to94.8%|' in lines
    assert '|aftervsbefore|nodifference|2/20|10.0%|2.8%to30.1%|' in lines
    assert '|Ann|10|1/2|80.0%|2.0|' in lines and '|Bob|10|-|100.0%|2.0|' in lines
    # 18 decided, 17 of one kind: 2 (1 + 18) / 2^18.
    assert ('of 18 answers with a preference 94.4% (74.2% to 99.0%) are for after, p = 0.00014'
            in printed)
    assert 'participants who chose it more often: 2 after, 0 before, of 2' in printed
    figures = json.loads((tmp_path / 'out/tally.json').read_text())
    assert figures['pairs'][0]['p_value'] == pytest.approx(38 / 2**18)
    with (tmp_path / 'out/tally.csv').open(newline='') as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == CSV_COLUMNS and len(table) == 4
    assert float(table[0]['share']) == .85


def test_tally_names_what_it_does_not_count(tmp_path, capsys):
    write_answers(tmp_path / 'in/a.csv', 'Ann', ['after', 'before'])
    write_answers(tmp_path / 'in/copy.csv', 'Ann', ['after', 'none'])
    (tmp_path / 'in/other.csv').write_text('a,b\n')
    assert call('tally_study.py', tmp_path / 'in') == 1
    out, err = capsys.readouterr()
    assert '1 rows were repeated and are counted once' in out
    assert 'not counted: 2 rows or files' in out
    assert 'copy.csv, line 3' in err and 'other.csv: expected the columns' in err


def test_tally_leaves_out_who_is_not_consistent(tmp_path, capsys):
    write_answers(tmp_path / 'a.csv', 'Ann', ['before'], ['after'])
    write_answers(tmp_path / 'b.csv', 'Bob', ['after'], ['after'])
    assert call('tally_study.py', tmp_path / 'a.csv', tmp_path / 'b.csv',
                '--min-consistency', 1) == 0
    out = capsys.readouterr().out
    assert 'not consistent enough, left out: Ann' in out
    assert '|aftervsbefore|after|1/1|' in out.replace(' ', '')


@pytest.mark.parametrize('options, message', [
    (['nowhere.csv'], 'nowhere.csv: no such file'),
    (['.', '--min-consistency', '2'], '--min-consistency: expected 0 to 1, got 2'),
])
def test_wrong_use_of_tally(capsys, options, message):
    assert call('tally_study.py', *options) == 2
    assert message in capsys.readouterr().err


def test_tally_without_a_usable_row(tmp_path, capsys):
    (tmp_path / 'a.csv').write_text('a,b\n')
    assert call('tally_study.py', tmp_path / 'a.csv') == 2
    assert 'none that can be used' in capsys.readouterr().err
