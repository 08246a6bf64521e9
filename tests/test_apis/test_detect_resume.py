"""A stopped run goes on where it was, and ends as one that was never stopped."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from command_lines import PATIENCE, call, command, environment
from known_labels import KnownLabels, store_labels
from toys import MIN_AREA, make_pairs, write_pairs

from mmdesra.apis.detect import detect_folder
from mmdesra.apis.progress import FOLDER
from mmdesra.detectors import DeSRA
from mmdesra.errors import InputError
from mmdesra.files import ImageError, read_image, write_image
from mmdesra.generators import ArrayPairs, GeneratedPairs, Pair, StoredPairs, Upscaler
from mmdesra.segmentors import LabelFolder

COUNT = 7
NAMES = [f'image{k}.png' for k in range(COUNT)]


@pytest.fixture(scope='module')
def pairs(tmp_path_factory):
    """Seven pairs, two without artifacts, with stored label maps."""
    root = tmp_path_factory.mktemp('pairs')
    write_pairs(root, COUNT, clean=(1, 4))
    store_labels(root / 'labels', {f'image{k}': read_image(root / f'gan/image{k}.png')
                                   for k in range(COUNT)})
    return root


@pytest.fixture
def root(pairs, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(pairs, tmp_path / 'pairs')


@pytest.fixture(scope='module')
def stopped(pairs, tmp_path_factory):
    """What a run over the pairs left that was stopped after four images."""
    out = tmp_path_factory.mktemp('stopped') / 'out'
    run(pairs, out, **stop_at(4))
    return out


@pytest.fixture(scope='module')
def whole(pairs, tmp_path_factory):
    """The files of a run over the pairs that was not stopped."""
    out = tmp_path_factory.mktemp('whole') / 'out'
    run(pairs, out)
    return files_of(out)


@pytest.fixture
def out(stopped, tmp_path):
    """A copy of the stopped run, which a test may change and resume."""
    return shutil.copytree(stopped, tmp_path / 'out')


class Watched(StoredPairs):
    """Pairs that note which are read, and raise some errors."""

    def __init__(self, root, **errors):
        super().__init__(root / 'gan', root / 'mse')
        self.errors, self.seen = errors, []

    def read(self, path):
        if path.stem in self.errors:
            raise self.errors[path.stem]
        self.seen.append(path.name)
        return super().read(path)


def run(root, out, resume=False, labels=None, detector=None, options=None, **errors):
    """Detect; returns what was read. Some errors stop the run, as they should."""
    source = Watched(root, **errors)
    run_on(source, out, resume, labels, detector, **(options or {}))
    return source.seen


def run_on(source, out, resume=False, labels=None, detector=None, **options):
    try:
        return detect_folder(source, detector or DeSRA(min_area=MIN_AREA), out, labels,
                             show_progress=False, resume=resume, **options)
    except (KeyboardInterrupt, OSError):
        return None


def stop_at(number, error=KeyboardInterrupt):
    return {f'image{number}': error}


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in folder.rglob('*')}


def pictures_of(out, number):
    return out / f'report_files/0/{number}.js'


def journal_of(out):
    return out / FOLDER / '0-0.jsonl'


def done_of(out):
    return [json.loads(line)['result']['image'] for path in sorted((out / FOLDER).glob('*.jsonl'))
            for line in path.read_text().splitlines()[1:]]


# ---------------------------------------- the same in the end


@pytest.mark.parametrize('options', [dict(), dict(save_map=True, save_sr=True),
                                     dict(report=False)])
def test_what_was_done_is_not_done_again(pairs, tmp_path, options):
    run(pairs, tmp_path / 'whole', options=options)
    run(pairs, tmp_path / 'out', options=options, **stop_at(3))
    assert done_of(tmp_path / 'out') == NAMES[:3]
    assert run(pairs, tmp_path / 'out', resume=True, options=options) == NAMES[3:]
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'whole')


def test_a_run_of_an_earlier_version_is_gone_on_with(pairs, out, whole):
    """Its journals are those of today, but it did not describe itself."""
    (out / 'run.json').unlink()
    assert run(pairs, out, resume=True) == NAMES[4:]
    begun = json.loads((out / 'run.json').read_text())['begun']
    assert begun.startswith('before 20') and begun in (out / 'report.html').read_text()
    varies = {'run.json', 'report.html'}
    found = files_of(out)
    assert {name: found[name] for name in found.keys() - varies} == {
        name: whole[name] for name in whole.keys() - varies}


def test_any_number_of_stops(pairs, tmp_path):
    run(pairs, tmp_path / 'whole')
    run(pairs, tmp_path / 'out', **stop_at(1, OSError('disk full')))
    for number in (3, 3, 6):
        run(pairs, tmp_path / 'out', resume=True, **stop_at(number))
        assert done_of(tmp_path / 'out') == NAMES[:number]
        assert f'the {number} images done until then' in (
            tmp_path / 'out/report.html').read_text()
    assert run(pairs, tmp_path / 'out', resume=True) == NAMES[6:]
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'whole')


def test_results_are_returned_in_order(pairs, tmp_path):
    whole = run_on(Watched(pairs), tmp_path / 'whole')
    run(pairs, tmp_path / 'out', **stop_at(3))
    assert run_on(Watched(pairs), tmp_path / 'out', resume=True) == whole


@pytest.mark.parametrize('make_labels', [
    lambda root: LabelFolder(root / 'labels'), lambda root: KnownLabels(batch_size=2)])
def test_with_labels(pairs, tmp_path, make_labels):
    run(pairs, tmp_path / 'whole', labels=make_labels(pairs))
    seen = run(pairs, tmp_path / 'out', labels=make_labels(pairs), **stop_at(4))
    done = done_of(tmp_path / 'out')
    assert 0 < len(done) <= len(seen)  # those that wait for others of their batch are not done
    again = run(pairs, tmp_path / 'out', resume=True, labels=make_labels(pairs))
    assert sorted(done + again) == NAMES
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'whole')


def test_from_generators(pairs, tmp_path, monkeypatch):
    calls = []
    enlarge = Upscaler.__call__
    monkeypatch.setattr(Upscaler, '__call__',
                        lambda self, lq: calls.append(None) or enlarge(self, lq))
    run_on(make_pairs(pairs / 'lq'), tmp_path / 'whole')
    assert len(calls) == 2 * COUNT
    read = GeneratedPairs.read
    with monkeypatch.context() as patch:
        patch.setattr(GeneratedPairs, 'read', lambda self, path: stop() if path.stem == 'image5'
                      else read(self, path))
        run_on(make_pairs(pairs / 'lq'), tmp_path / 'out')
    calls.clear()
    run_on(make_pairs(pairs / 'lq'), tmp_path / 'out', resume=True)
    assert len(calls) == 2 * (COUNT - 5)
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'whole')


def stop():
    raise KeyboardInterrupt


def test_skipped_images_are_tried_again(pairs, tmp_path):
    whole = run(pairs, tmp_path / 'whole')
    run(pairs, tmp_path / 'out', image1=ImageError('image1.png: damaged'), **stop_at(4))
    assert done_of(tmp_path / 'out') == ['image0.png', *NAMES[2:4]]
    assert run(pairs, tmp_path / 'out', resume=True) == ['image1.png', *whole[4:]]
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'whole')


def test_skipped_again_they_are_told_again(pairs, tmp_path):
    error = dict(image1=ImageError('image1.png: damaged'))
    run(pairs, tmp_path / 'whole', **error)
    run(pairs, tmp_path / 'out', **error, **stop_at(4))
    run(pairs, tmp_path / 'out', resume=True, **error)
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'whole')


# ---------------------------------------- what is done again


@pytest.mark.parametrize('name', ['gan/image1.png', 'mse/image1.png', 'labels/image1.png'])
def test_a_changed_file_is_looked_at_again(root, tmp_path, name):
    """The same bytes, written again: what was seen of them is the time."""
    labels = LabelFolder(root / 'labels')
    run(root, tmp_path / 'out', labels=labels, **stop_at(4))
    (root / name).write_bytes((root / name).read_bytes())
    assert run(root, tmp_path / 'out', resume=True, labels=labels) == ['image1.png', *NAMES[4:]]
    run(root, tmp_path / 'whole', labels=labels)
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'whole')


def test_a_file_of_another_size_is_looked_at_again(root, tmp_path):
    """Also where its time says that it has not changed, as an unpacked one may."""
    run(root, tmp_path / 'out', **stop_at(4))
    path, status = root / 'gan/image1.png', (root / 'gan/image1.png').stat()
    write_image(path, read_image(root / 'gan/image0.png'))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size != status.st_size
    assert run(root, tmp_path / 'out', resume=True) == ['image1.png', *NAMES[4:]]


def test_a_file_that_changes_while_it_is_read_is_looked_at_again(root, tmp_path):
    class Changing(Watched):
        def read(self, path):
            pair = super().read(path)
            if path.stem == 'image1':  # before anything of it is written
                os.utime(path)
            return pair

    run_on(Changing(root, **stop_at(4)), tmp_path / 'out')
    assert run(root, tmp_path / 'out', resume=True) == ['image1.png', *NAMES[4:]]


def test_another_image_of_the_same_name(root, tmp_path):
    run(root, tmp_path / 'out', **stop_at(4))
    for folder in ('gan', 'mse'):
        write_image(root / folder / 'image1.png', read_image(root / folder / 'image0.png')[::-1])
    run(root, tmp_path / 'whole')
    run(root, tmp_path / 'out', resume=True)
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'whole')


@pytest.mark.parametrize('is_there', [False, True])
def test_a_result_that_is_gone_or_empty_is_made_again(pairs, tmp_path, is_there):
    options = dict(save_map=True, save_sr=True)
    run(pairs, tmp_path / 'out', options=options, **stop_at(6))
    gone = [tmp_path / 'out' / name for name in (
        'mask/image0.png', 'overlay/image1.jpg', 'map/image2.png', 'sr/gan/image3.png',
        'sr/mse/image4.png')]
    for path in gone:
        path.unlink()
        if is_there:  # as after a power cut
            path.touch()
    assert run(pairs, tmp_path / 'out', resume=True, options=options) == [*NAMES[:5], NAMES[6]]
    assert all(path.stat().st_size for path in gone)


def test_pictures_of_the_report_that_are_gone_are_made_again(pairs, out, whole):
    os.truncate(pictures_of(out, 1), pictures_of(out, 1).stat().st_size - 1)
    (out / 'report_files/0/2.jpg').unlink()
    assert run(pairs, out, resume=True) == [*NAMES[1:3], *NAMES[4:]]
    assert files_of(out) == whole


def test_other_images_of_the_same_name(root, tmp_path):
    """From another folder; and what came later in the same folder is no result of the first."""
    run(root, tmp_path / 'out', **stop_at(4))
    for path in list((tmp_path / 'out' / FOLDER).iterdir()):  # the next is session 10
        path.rename(path.with_name(path.name.replace('0-0', '9-0')))
    other = shutil.copytree(root, tmp_path / 'other')  # with the times of the files
    run(other, tmp_path / 'out', resume=True, **stop_at(2))
    assert sorted(done_of(tmp_path / 'out')) == sorted([*NAMES[:4], *NAMES[:2]])
    assert run(root, tmp_path / 'out', resume=True) == [*NAMES[:2], *NAMES[4:]]


def test_an_image_more(root, tmp_path):
    run(root, tmp_path / 'out', **stop_at(4))
    for folder in ('gan', 'mse'):
        shutil.copy(root / folder / 'image0.png', root / folder / 'image30.png')
    again = run(root, tmp_path / 'out', resume=True)
    assert 'image30.png' in again and 'image0.png' not in again
    run(root, tmp_path / 'whole')
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'whole')


def test_arrays_are_never_taken_over(tmp_path, monkeypatch):
    """Also not where a file has the name that they are given."""
    monkeypatch.chdir(tmp_path)
    images = [np.full((24, 24, 3), value, np.uint8) for value in (50, 100)]
    (tmp_path / 'array0').touch()
    made = []

    def source(last):
        def make(number, path):
            if number == last:
                raise KeyboardInterrupt
            made.append(path.name)
            return Pair(images[number], images[number])
        return ArrayPairs([0, 1], make)

    run_on(source(last=1), tmp_path / 'out')
    assert not (tmp_path / 'out' / FOLDER).exists()
    run_on(source(last=None), tmp_path / 'out', resume=True)
    assert made == ['array0', 'array0', 'array1']


# ---------------------------------------- beginnings


def test_nothing_to_resume(pairs, tmp_path):
    assert run(pairs, tmp_path / 'out', resume=True) == NAMES
    assert run(pairs, tmp_path / 'out', resume=True) == NAMES  # the first has come to its end
    assert not (tmp_path / 'out' / FOLDER).exists()


def test_stopped_before_the_first_image(pairs, tmp_path):
    run(pairs, tmp_path / 'out', **stop_at(0))
    assert not (tmp_path / 'out').exists() or not (tmp_path / 'out' / FOLDER).exists()


def test_without_resume_all_begins_anew(pairs, tmp_path):
    run(pairs, tmp_path / 'out', **stop_at(4))
    (tmp_path / 'out' / FOLDER / 'mine.txt').write_text('notes')
    run(pairs, tmp_path / 'out', **stop_at(2))
    assert done_of(tmp_path / 'out') == NAMES[:2]
    assert run(pairs, tmp_path / 'out', resume=True) == NAMES[2:]
    assert [path.name for path in (tmp_path / 'out' / FOLDER).iterdir()] == ['mine.txt']


@pytest.mark.parametrize('change, told', [
    (dict(detector=DeSRA(.6, MIN_AREA)), r'detector.threshold: there 0\.7, now 0\.6'),
    (dict(options=dict(save_map=True)), 'save_map: there False, now True'),
    (dict(options=dict(save_sr=True)), 'save_sr: there False, now True'),
    (dict(options=dict(report=False)), 'report: there True, now False'),
    (dict(labels=KnownLabels()), 'labels.type: there None, now KnownLabels')])
def test_other_settings_are_named(pairs, out, change, told):
    before = files_of(out)
    with pytest.raises(InputError, match=f'other settings .*{told}.*run without --resume'):
        run(pairs, out, resume=True, **change)
    assert files_of(out) == before
    assert run(pairs, out, resume=True) == NAMES[4:]


def test_other_weights_are_named(pairs, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr('mmdesra.apis.run_results.RunResults.write_tables', lambda self: stop())
        run_on(make_pairs(pairs / 'lq'), tmp_path / 'out')
    with pytest.raises(InputError, match='pairs.gan_sha256: there [0-9a-f]{8}'):
        run_on(make_pairs(pairs / 'lq', .1), tmp_path / 'out', resume=True)
    with pytest.raises(InputError, match='pairs.gan_sha256: there .*, now None'):
        run(pairs, tmp_path / 'out', resume=True)
    assert len(run_on(make_pairs(pairs / 'lq'), tmp_path / 'out', resume=True)) == COUNT


def test_it_is_told_and_the_bar_begins_there(pairs, tmp_path, capsys):
    options = ['--gan', pairs / 'gan', '--mse', pairs / 'mse', '--min-area', MIN_AREA, '--out',
               tmp_path / 'out']
    run(pairs, tmp_path / 'out', **stop_at(4))
    assert call('detect.py', *options, '--resume') == 0
    captured = capsys.readouterr()
    assert 'resumed: 4 of 7 images were done before\n' in captured.out
    bar = [line for line in captured.err.split('\r') if 'image/s' in line]
    assert '| 4/7 [00:00<?' in bar[0] and '| 7/7 [' in bar[-1]
    assert call('detect.py', *options, '--resume') == 0
    assert 'nothing to resume: starting with the first image\n' in capsys.readouterr().out


# ---------------------------------------- damaged and forged


def test_a_torn_last_line_is_left_out(pairs, out, whole):
    journal = journal_of(out)
    os.truncate(journal, journal.stat().st_size - 5)
    assert run(pairs, out, resume=True) == NAMES[3:]
    assert files_of(out) == whole


def test_a_torn_first_line_is_nothing(pairs, out, whole):
    os.truncate(journal_of(out), 5)
    assert run(pairs, out, resume=True) == NAMES
    assert files_of(out) == whole


@pytest.mark.parametrize('line', [0, 2, 4])
@pytest.mark.parametrize('content', ['', '{', '[]', '{"settings": 5}', 'null', '\xff', '{"a": 1}'])
def test_a_damaged_journal_is_named(pairs, out, line, content):
    lines = journal_of(out).read_text().split('\n')
    lines[line] = content
    journal_of(out).write_text('\n'.join(lines), encoding='latin-1')
    with pytest.raises(InputError, match=r'0-0.jsonl: is damaged \(.+\); run without --resume'):
        run(pairs, out, resume=True)


def test_a_damaged_journal_does_not_keep_from_starting_anew(pairs, out, whole):
    journal_of(out).write_text('words\n')
    assert run(pairs, out) == NAMES
    assert files_of(out) == whole


def forge_record(out, forge):
    first, record, *others = journal_of(out).read_text().splitlines()
    image = json.loads(record)
    forge(image, image['result'], image['row'])
    journal_of(out).write_text('\n'.join([first, json.dumps(image), *others, '']))


@pytest.mark.parametrize('forge', [
    lambda image, result, row: image.update(number='3'),
    lambda image, result, row: image.update(number=True),
    lambda image, result, row: image.update(sizes=5),
    lambda image, result, row: image.update(result=None),
    lambda image, result, row: image.update(made_from=[['x', 1]]),
    lambda image, result, row: image.pop('row'),
    lambda image, result, row: result.update(boxes=[['x']]),
    lambda image, result, row: result.update(error='x'),
    lambda image, result, row: result.update(labelled=0),
    lambda image, result, row: result.pop('image'),
    lambda image, result, row: row.update(areas=[-1]),
    lambda image, result, row: row.update(pixels=0),
    lambda image, result, row: row.update(pictures=1),
    lambda image, result, row: row.update(strength='8'),
    lambda image, result, row: result.update(strengths=[None]),
    lambda image, result, row: row.update(name='other.png'),
    lambda image, result, row: row.update(spool='/')])
def test_a_forged_record_is_refused(pairs, out, forge):
    forge_record(out, forge)
    with pytest.raises(InputError, match='is damaged'):
        run(pairs, out, resume=True)


@pytest.mark.parametrize('forge', [
    lambda image, result, row: image.update(number=-COUNT),
    lambda image, result, row: image.update(number=COUNT),
    lambda image, result, row: image.update(number=5),
    lambda image, result, row: image.update(made_from=[]),
    lambda image, result, row: [one.update({key: '../image0.png'}) for one, key in (
        (result, 'image'), (row, 'name'))],
    lambda image, result, row: row.update(pictures=False),
    lambda image, result, row: image['sizes'].pop(),
    lambda image, result, row: image.update(row=None)])
def test_a_record_of_nothing_that_is_there_is_left_out(pairs, out, whole, forge):
    forge_record(out, forge)
    assert run(pairs, out, resume=True) == ['image0.png', *NAMES[4:]]
    assert files_of(out) == whole


def test_an_image_that_is_gone_is_not_taken_for_one_made_from_nothing(root, tmp_path):
    run(root, tmp_path / 'out', **stop_at(4))
    forge_record(tmp_path / 'out', lambda image, result, row: image.update(made_from=[]))
    source = Watched(root)
    (root / 'gan/image0.png').unlink()
    results = run_on(source, tmp_path / 'out', resume=True)
    assert 'image0.png' in results[0].error and not results[1].error


@pytest.mark.parametrize('name', [FOLDER, f'{FOLDER}/0-0.jsonl'])
def test_links_lead_nowhere(pairs, out, whole, tmp_path, name):
    elsewhere = tmp_path / 'elsewhere'
    (out / name).rename(elsewhere)
    (out / name).symlink_to(elsewhere)
    before = files_of(elsewhere) or elsewhere.read_bytes()
    with pytest.raises(InputError, match='got a link.*run without --resume'):
        run(pairs, out, resume=True)
    assert run(pairs, out) == NAMES
    assert files_of(out) == whole
    assert before == (files_of(elsewhere) or elsewhere.read_bytes())


def test_a_script_among_the_pictures_is_not_kept(pairs, out, whole):
    """Of the size that was noted."""
    content = pictures_of(out, 1).read_bytes()
    forged = b"alert('1');//" + content[13:]
    assert len(forged) == len(content)
    pictures_of(out, 1).write_bytes(forged)
    assert run(pairs, out, resume=True) == ['image1.png', *NAMES[4:]]
    assert files_of(out) == whole


def test_forged_pictures_do_not_reach_the_report(pairs, out):
    content, before = pictures_of(out, 0).read_bytes(), (out / 'report.html').read_bytes()
    old, new = b'data:image/jpeg;base64,', b'https://example.org/xx/'
    assert old in content and len(old) == len(new)
    pictures_of(out, 0).write_bytes(content.replace(old, new))
    with pytest.raises(InputError, match='0.js: is damaged'):
        run(pairs, out, resume=True)
    assert (out / 'report.html').read_bytes() == before


# ---------------------------------------- killed


def test_what_is_done_is_noted_at_once(pairs, tmp_path):
    """A kill takes what waits in a buffer of the process."""
    out, seen = tmp_path / 'out', []

    class Looking(StoredPairs):
        def read(self, path):
            if path.stem == 'image6':  # at most five are on their way
                rows = [json.loads(line)['row'] for line in journal_of(out).read_text().split(
                    '\n')[1:-1]]
                seen.append((rows[0]['name'], all(row['pictures'] for row in rows)))
            return super().read(path)

    run_on(Looking(pairs / 'gan', pairs / 'mse'), out)
    assert seen == [('image0.png', True)]


def test_kill(root, tmp_path):
    """SIGKILL for a real command line; another run, in this process, goes on."""
    for k in range(10, 80):  # enough to be killed among them
        for folder in ('gan', 'mse'):
            os.link(root / folder / 'image0.png', root / folder / f'image{k}.png')
    options = ['--gan', root / 'gan', '--mse', root / 'mse', '--min-area', MIN_AREA, '--out']
    process = subprocess.Popen(command('detect.py', *options, tmp_path / 'out'),
                               env=environment(), stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    journal = journal_of(tmp_path / 'out')
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        if journal.exists() and journal.stat().st_size > 20_000:
            break
        time.sleep(.001)
    process.kill()
    _, log = process.communicate()
    assert process.returncode == -signal.SIGKILL, log.decode()
    done = done_of(tmp_path / 'out')
    assert 3 < len(done) < 77

    assert call('detect.py', *options, tmp_path / 'whole') == 0
    seen = run(root, tmp_path / 'out', resume=True)
    assert sorted(seen + done[:77 - len(seen)]) == sorted(path.name for path in StoredPairs(
        root / 'gan', root / 'mse').paths)
    assert len(seen) in (77 - len(done), 78 - len(done))  # the last line may be torn
    found, wanted = files_of(tmp_path / 'out'), files_of(tmp_path / 'whole')
    assert found.pop('run.json') != wanted.pop('run.json')  # the command names the folder
    assert found == wanted
