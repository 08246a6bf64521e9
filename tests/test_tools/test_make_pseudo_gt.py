"""tools/make_pseudo_gt.py: the real command line, and its variants in this process."""
from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from command_lines import PATIENCE, call, command, environment, run, run_in_two
from PIL import Image
from toys import MIN_AREA, make_lq_folder, make_lq_image, write_checkpoints, write_generator_config

from mmdesra.files import read_image, read_mask, write_image, write_mask


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """The options that name the toy generator and its checkpoints."""
    root = tmp_path_factory.mktemp('weights')
    gan, mse = write_checkpoints(root)
    return ['--gan-checkpoint', gan, '--mse-checkpoint', mse, '--generator',
            write_generator_config(root), '--min-area', MIN_AREA]


def make(lq, out, weights, *options):
    """Call the tool in this process; returns its exit code."""
    return call('make_pseudo_gt.py', '--lq', lq, '--out', out, *weights, *options)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob('*'))}


def without_command(folder):
    return {name: content for name, content in contents(folder).items() if name != 'run.json'}


def stems(folder):
    return {path.stem for path in folder.iterdir()}


def records(out):
    manifest = json.loads((out / 'manifest.json').read_text())
    return {record['name']: record for record in manifest['records']}


def test_bad_lr_images_are_skipped_and_the_rest_is_done(weights, tmp_path):
    lq, out = tmp_path / 'lq', tmp_path / 'out'
    image = read_image(make_lq_folder(lq, 2)[0])  # image1 is clean
    png = (lq / 'image0.png').read_bytes()
    (lq / 'truncated.png').write_bytes(png[:len(png) // 2])
    (lq / 'text.png').write_text('these are words, not pixels')
    (lq / 'notes.txt').write_text('not named like an image')
    write_image(lq / 'tiny.png', make_lq_image(0, (2, 2)))
    Image.fromarray(image[..., 1]).save(lq / 'grey.png')
    Image.fromarray(np.dstack([image, image[..., 0]])).save(lq / 'alpha.png')
    cv2.imwrite(str(lq / 'deep.png'), image[..., ::-1].astype(np.uint16) * 256 + 99)
    bad = {'truncated.png': 'cannot be read as an image', 'text.png': 'cannot be read as an image',
           'tiny.png': 'at least 11x11 px .* got 8x8'}

    process = run('make_pseudo_gt.py', '--lq', lq, '--out', out, *weights)
    assert process.returncode == 1, process.stderr
    assert 'Traceback' not in process.stdout + process.stderr
    assert 'semantic step: OFF' in process.stderr
    assert re.search(rf'{out}: 4 pseudo GTs with \d+ regions; 1 images are clean', process.stdout)
    manifest = json.loads((out / 'manifest.json').read_text())
    assert manifest['skipped'].keys() == bad.keys()
    for name, message in bad.items():
        assert re.search(f'{name}: .*{message}', manifest['skipped'][name])
        assert re.search(f'skipped: {name}: .*{message}', process.stdout)
    good = {'image0', 'grey', 'alpha', 'deep'}
    assert stems(out) == {'gt', 'mask', 'manifest', 'run'}
    assert stems(out / 'gt') == stems(out / 'mask') == good
    described = json.loads((out / 'run.json').read_text())
    assert described['settings'] == manifest['made_with']
    assert [described['weights'][name]['sha256'] for name in ('GAN-SR', 'MSE-SR')] == [
        hashlib.sha256(Path(weights[place]).read_bytes()).hexdigest() for place in (1, 3)]
    assert records(out).keys() == good | {'image1'}
    for name in ('alpha', 'deep'):
        for kind in ('gt', 'mask'):
            same = (out / kind / 'image0.png').read_bytes()
            assert (out / kind / f'{name}.png').read_bytes() == same

    in_two = run_in_two('make_pseudo_gt.py', '--lq', lq, '--out', tmp_path / 'two', *weights)
    assert in_two.returncode == 1, in_two.stderr
    assert without_command(tmp_path / 'two') == without_command(out)
    assert in_two.stdout == process.stdout.replace(str(out), str(tmp_path / 'two'))
    assert len(set(re.findall(r'\d/(\d) \[', in_two.stderr))) == 1  # one bar, of half of them


def noted(out):
    """How many lines the journal has; 0 before there is one and when it is no longer needed."""
    try:
        return (out / '.journal-0.jsonl').read_bytes().count(b'\n')
    except FileNotFoundError:
        return 0


def kill_while_making(lq, out, weights):
    """Kill the tool when it has made a few images; returns when each of its files was written."""
    process = subprocess.Popen(
        command('make_pseudo_gt.py', '--lq', lq, '--out', out, *weights), env=environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and noted(out) < 6 and time.monotonic() < deadline:
        time.sleep(.005)
    process.kill()
    process.wait()
    assert process.returncode in (0, -signal.SIGKILL)
    return {path: path.stat().st_mtime_ns for path in (out / 'gt').glob('*.png')}


def test_killed_and_run_again(weights, tmp_path):
    """The real thing, once; tests/test_datasets/test_pseudo_gt_kill.py has every moment."""
    lq, out = tmp_path / 'lq', tmp_path / 'out'
    make_lq_folder(lq, 30, size=(24, 28))
    for _ in range(20):  # a busy machine may let it finish before it is killed
        shutil.rmtree(out, ignore_errors=True)
        done = kill_while_making(lq, out, weights)
        if len(done) < 29 and not (out / 'manifest.json').exists():
            break
    assert make(lq, out, weights) == 0
    kept = [path for path, changed in done.items() if path.stat().st_mtime_ns == changed]
    assert 0 < len(done) - 1 <= len(kept) < 29
    assert make(lq, tmp_path / 'undisturbed', weights) == 0
    assert without_command(out) == without_command(tmp_path / 'undisturbed')


@pytest.fixture(scope='module')
def made(weights, tmp_path_factory):
    root = tmp_path_factory.mktemp('made')
    make_lq_folder(root / 'lq')
    assert make(root / 'lq', root / 'out', weights) == 0
    return root


@pytest.fixture
def root(made, tmp_path):
    return shutil.copytree(made, tmp_path, dirs_exist_ok=True)


def test_what_is_done_is_left_alone(made, weights, capsys):
    before = contents(made / 'out')
    assert make(made / 'lq', made / 'out', weights) == 0
    assert contents(made / 'out') == before
    assert '3 pseudo GTs with' in capsys.readouterr().out


def other_weights(options, folder):
    gan, _ = write_checkpoints(folder, amplitude=.1)
    return [gan if option == options[1] else option for option in options]


@pytest.mark.parametrize('change, named', [
    (lambda options, folder: [*options, '--threshold', '0.6'], 'threshold: there 0.7, now 0.6'),
    (lambda options, folder: [*options, '--min-area', '1%'], 'min_area: there 200 px, now 1%'),
    (lambda options, folder: [*options, '--tile', '16'], 'tile: there 0, now 16'),
    (lambda options, folder: [*options, '--half'], 'half: there False, now True'),
    (other_weights, 'gan_sha256'),
])
@pytest.mark.parametrize('more', [[], ['--recompose']])
def test_other_weights_or_settings_are_refused(made, weights, tmp_path, capsys, change, named,
                                               more):
    before = contents(made / 'out')
    assert make(made / 'lq', made / 'out', change(weights, tmp_path), *more) == 2
    error = capsys.readouterr().err
    assert 'error: ' in error and 'other weights or settings' in error and named in error
    assert contents(made / 'out') == before


def test_curated_masks_are_followed(root, weights, capsys):
    painted = np.zeros((160, 192), bool)
    painted[20:60, 30:90] = True
    (root / 'out/mask/image0.png').unlink()
    for name in ('image1', 'image2'):
        write_mask(root / f'out/mask/{name}.png', painted)
    assert make(root / 'lq', root / 'out', weights, '--recompose') == 0
    assert '3 pseudo GTs with' in capsys.readouterr().out
    assert stems(root / 'out/gt') == stems(root / 'out/mask') == {'image1', 'image2', 'image3'}
    mse = read_image(root / 'lq/image1.png').repeat(4, 0).repeat(4, 1)
    np.testing.assert_array_equal(read_image(root / 'out/gt/image1.png')[painted], mse[painted])
    np.testing.assert_array_equal(read_mask(root / 'out/mask/image1.png'), painted)
    assert records(root / 'out')['image0']['regions'] == 0


def test_a_mask_that_cannot_be_used_is_named(root, weights, capsys):
    write_mask(root / 'out/mask/image2.png', np.ones((40, 48), bool))
    mask, gt = (root / f'out/{kind}/image2.png' for kind in ('mask', 'gt'))
    before = mask.read_bytes(), gt.read_bytes()
    assert make(root / 'lq', root / 'out', weights, '--recompose') == 1
    output = capsys.readouterr().out
    assert 'skipped: image2.png: ' in output
    assert "mask/image2.png: expected a mask of the SR image's size 192x160" in output
    assert (mask.read_bytes(), gt.read_bytes()) == before


def test_masks_of_paint_and_annotation_programs_are_followed(root, weights, capsys):
    painted = np.zeros((160, 192), bool)
    painted[20:60, 30:90] = painted[100:140, 100:160] = True
    numbers = painted.astype(np.uint8)
    numbers[:, 96:] *= 2
    strokes = np.zeros((160, 192, 4), np.uint8)
    strokes[..., 3] = painted * 255
    for name, pixels in (('image0', numbers), ('image1', strokes)):
        Image.fromarray(pixels).save(root / f'out/mask/{name}.png')
    write_mask(root / 'out/mask/image3.png', painted & False)
    drawn = (root / 'out/mask/image1.png').read_bytes()
    assert make(root / 'lq', root / 'out', weights, '--recompose') == 0
    error = capsys.readouterr().err
    assert 'image0.png: read as region numbers (1 to 2)' in error
    assert 'image1.png: read by its transparency' in error
    assert 'image3.png: is empty, so image3.png counts as clean' in error
    for name in ('image0', 'image1'):
        np.testing.assert_array_equal(read_mask(root / f'out/mask/{name}.png'), painted)
        assert records(root / 'out')[name]['area'] == painted.sum()
    assert (root / 'out/drawn/image1.png').read_bytes() == drawn
    assert (root / 'out/mask/image3.png').is_file()
    assert stems(root / 'out/gt') == {'image0', 'image1', 'image2'}


def test_nothing_to_recompose_is_an_error(made, weights, tmp_path, capsys):
    assert make(made / 'lq', tmp_path / 'out', weights, '--recompose') == 2
    assert 'holds no manifest.json' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_where_nothing_can_be_done_the_exit_code_is_2(weights, tmp_path):
    (tmp_path / 'lq').mkdir()
    (tmp_path / 'lq/a.png').write_text('text')
    assert make(tmp_path / 'lq', tmp_path / 'out', weights) == 2


def test_labels_are_used(made, weights, tmp_path, capsys):
    (tmp_path / 'labels').mkdir()
    for k in range(4):
        write_image(tmp_path / f'labels/image{k}.png', np.zeros((160, 192), np.uint8))
    table = tmp_path / 'table.csv'
    table.write_text('index,class,bin\n0,thing,19.9\n')
    assert make(made / 'lq', tmp_path / 'out', weights, '--labels', tmp_path / 'labels',
                '--class-table', table) == 0
    output = capsys.readouterr()
    assert '0 pseudo GTs with 0 regions; 4 images are clean' in output.out
    assert 'semantic step: OFF' not in output.err


@pytest.mark.parametrize('content', [None, [], ['notes.txt']])
def test_a_folder_without_lr_images_is_an_error(weights, tmp_path, capsys, content):
    if content is not None:
        (tmp_path / 'lq').mkdir()
        for name in content:
            (tmp_path / 'lq' / name).touch()
    assert make(tmp_path / 'lq', tmp_path / 'out', weights) == 2
    assert f'error: {tmp_path}/lq: ' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('out', ['file', 'file/out'])
def test_an_output_that_cannot_be_written_is_an_error(made, weights, tmp_path, capsys, out):
    (tmp_path / 'file').write_text('mine')
    assert make(made / 'lq', tmp_path / out, weights) == 2
    assert f'error: {tmp_path / out}: cannot write into this folder' in capsys.readouterr().err
    assert (tmp_path / 'file').read_text() == 'mine'


@pytest.mark.parametrize('damage', [
    lambda out: (out / 'manifest.json').write_text('{'),
    lambda out: (out / 'manifest.json').write_text('{"format": "another", "version": 1}'),
    lambda out: (out / '.journal-3.jsonl').write_text('PNG\n')])
@pytest.mark.parametrize('more', [[], ['--recompose']])
def test_a_damaged_folder_is_an_error(root, weights, capsys, damage, more):
    damage(root / 'out')
    before = contents(root / 'out')
    assert make(root / 'lq', root / 'out', weights, *more) == 2
    assert f'error: {root}/out' in capsys.readouterr().err
    assert contents(root / 'out') == before


@pytest.mark.parametrize('content, message', [
    (None, 'no such checkpoint file'),
    (dict(params=dict(gain=torch.ones(1))), 'missing: amplitude')])
def test_a_checkpoint_that_cannot_be_used_is_an_error(made, weights, tmp_path, capsys, content,
                                                      message):
    if content:
        torch.save(content, tmp_path / 'bad.pth')
    options = [tmp_path / 'bad.pth' if option == weights[1] else option for option in weights]
    assert make(made / 'lq', tmp_path / 'out', options) == 2
    error = capsys.readouterr().err
    assert f'error: {tmp_path}/bad.pth' in error and message in error
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('missing', ['--lq', '--out', '--gan-checkpoint', '--mse-checkpoint',
                                     '--generator'])
def test_what_must_be_given(made, weights, capsys, missing):
    options = ['--lq', made / 'lq', '--out', made / 'new', *weights]
    index = options.index(missing)
    del options[index:index + 2]
    assert call('make_pseudo_gt.py', *options) == 2
    assert missing in capsys.readouterr().err.splitlines()[-1]


def test_help_is_for_newcomers(capsys):
    assert call('make_pseudo_gt.py', '--help') == 0
    text = capsys.readouterr().out
    for part in ('gt/NAME.png', 'goes on where it stopped', '--recompose', 'Exit code'):
        assert part in text


# ---------------------------------------- an earlier try that found nothing


def test_an_empty_folder_of_an_earlier_try_is_made_anew(weights, tmp_path, capsys, caplog):
    lq, out = tmp_path / 'lq', tmp_path / 'out'
    make_lq_folder(lq, 2)
    assert make(lq, out, weights, '--min-area', '20%') == 0
    said = capsys.readouterr().out
    assert '0 pseudo GTs' in said and 'dropped for their size (20%): regions in 1 image' in said
    area = int(re.search(r'--min-area (\d+) shows it', said)[1])
    assert make(lq, out, weights, '--min-area', str(area)) == 0
    assert f'{out}: is empty, of an earlier try with other weights or settings' in caplog.text
    assert f'detector.min_area: there 20%, now {area} px' in caplog.text
    assert f'{out}: 1 pseudo GTs' in capsys.readouterr().out
    manifest = json.loads((out / 'manifest.json').read_text())
    assert manifest['made_with']['detector']['min_area'] == f'{area} px'
    assert make(lq, out, weights, '--min-area', str(area + 1)) == 2  # it is not empty any more
    assert 'made with other weights or settings' in capsys.readouterr().err


@pytest.mark.parametrize('file', ['mask/image1.png', 'gt/sub/notes.txt', 'drawn/image0.png'])
def test_a_folder_with_a_file_of_a_persons_is_left_alone(weights, tmp_path, capsys, file):
    lq, out = tmp_path / 'lq', tmp_path / 'out'
    make_lq_folder(lq, 2)
    assert make(lq, out, weights, '--min-area', '20%') == 0
    (out / file).parent.mkdir(parents=True, exist_ok=True)
    write_mask(out / 'mask.png', np.ones((160, 192), bool))
    (out / 'mask.png').rename(out / file)
    before = contents(out)
    assert make(lq, out, weights) == 2
    assert 'made with other weights or settings' in capsys.readouterr().err
    assert {name: text for name, text in contents(out).items() if name != '.lock'} == {
        name: text for name, text in before.items() if name != '.lock'}


def test_a_try_that_was_stopped_before_it_made_anything_is_no_obstacle(weights, tmp_path):
    lq, out = tmp_path / 'lq', tmp_path / 'out'
    make_lq_folder(lq, 1)
    assert make(lq, out, weights, '--min-area', '20%') == 0
    made_with = json.loads((out / 'manifest.json').read_text())['made_with']
    (out / 'manifest.json').unlink()
    (out / '.journal-1.jsonl').write_text(json.dumps(made_with) + '\n{"na')  # torn
    assert make(lq, out, weights) == 0
    assert records(out)['image0']['regions'] and not list(out.glob('.journal*'))
