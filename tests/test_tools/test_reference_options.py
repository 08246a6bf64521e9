"""The tools where there is no sibling: --reference self-ensemble."""
from __future__ import annotations

import json

import numpy as np
import pytest
from command_lines import call, run
from toy_training import DETECTOR, GT_PATCH_SIZE, model_config, training_config
from toys import (
    GAN_AMPLITUDE,
    MIN_AREA,
    ToyGenerator,
    make_lq_folder,
    write_checkpoints,
    write_generator_config,
)

from mmdesra.apis import DeSRAInferencer
from mmdesra.files import list_images, read_image, read_mask
from mmdesra.generators import SelfEnsemble, Upscaler

TOOLS = ('detect.py', 'make_pseudo_gt.py')
OWN = ('--reference', 'self-ensemble')
FOUR = (*OWN, '--reference-options', 'passes=4')
pytestmark = pytest.mark.usefixtures('own_scope')


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('references')
    make_lq_folder(folder / 'lq', 3)
    write_checkpoints(folder)
    write_generator_config(folder)
    return folder


def from_lq(root, out, *reference):
    return ['--lq', root / 'lq', '--gan-checkpoint', root / 'gan.pth', '--generator',
            root / 'toy_generator.py', '--min-area', MIN_AREA, '--out', out, *reference]


def described(passes):
    return SelfEnsemble(Upscaler(ToyGenerator(GAN_AMPLITUDE)), passes).describe()


def error_of(capsys, tool, *arguments):
    assert call(tool, *arguments) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith('error: ')
    return last


def test_detects_as_a_user_does(root, tmp_path):
    """In a process of its own; the report says what stands in place of the MSE-SR image."""
    out = tmp_path / 'out'
    done = run('detect.py', *from_lq(root, out, *OWN, '--save-sr'))
    assert done.returncode == 0, done.stderr
    assert '3 images: 2 with artifacts' in done.stdout
    ensemble = SelfEnsemble(Upscaler(ToyGenerator(GAN_AMPLITUDE)))
    for path in list_images(root / 'lq'):
        lq = read_image(path)
        np.testing.assert_array_equal(read_image(out / 'sr/mse' / path.name), ensemble(lq, lq))
    pairs = json.loads((out / 'detections.json').read_text())['pairs']
    assert {name: pairs[name] for name in described(8)} == described(8)
    assert 'type SelfEnsemble, passes 8' in (out / 'report.html').read_text()


def test_the_inferencer_finds_the_same(root, tmp_path):
    assert call('detect.py', *from_lq(root, tmp_path, *FOUR)) == 0
    one = DeSRAInferencer(gan_checkpoint=root / 'gan.pth', generator='ToyGenerator',
                          reference=dict(type='self-ensemble', passes=4),
                          detector=dict(type='DeSRA', min_area=MIN_AREA), device='cpu')
    found = one(root / 'lq', show_progress=False)['predictions']
    for path, prediction in zip(list_images(root / 'lq'), found):
        np.testing.assert_array_equal(read_mask(tmp_path / 'mask' / path.name),
                                      prediction['mask'])
    assert sum(prediction['regions'] for prediction in found) > 1


def test_pseudo_gts_are_the_references_inside_the_masks(root, tmp_path):
    assert call('make_pseudo_gt.py', *from_lq(root, tmp_path, *OWN)) == 0
    manifest = json.loads((tmp_path / 'manifest.json').read_text())
    made_with = manifest['made_with']
    assert {name: made_with[name] for name in described(8)} == described(8)
    gan = Upscaler(ToyGenerator(GAN_AMPLITUDE))
    for path in list_images(tmp_path / 'gt'):
        lq, gt = read_image(root / 'lq' / path.name), read_image(path)
        mask = read_mask(tmp_path / 'mask' / path.name)
        np.testing.assert_array_equal(gt[mask], SelfEnsemble(gan)(lq, lq)[mask])
        np.testing.assert_array_equal(gt[~mask], gan(lq)[~mask])


def test_a_folder_made_with_another_reference_is_not_reused(root, tmp_path, capsys):
    assert call('make_pseudo_gt.py', *from_lq(root, tmp_path, *OWN)) == 0
    for other in (['--mse-checkpoint', root / 'mse.pth'], FOUR):
        assert 'other weights or settings' in error_of(
            capsys, 'make_pseudo_gt.py', *from_lq(root, tmp_path, *other))


@pytest.mark.parametrize('tool', TOOLS)
@pytest.mark.parametrize('reference, message', [
    ([], '--reference self-ensemble'),
    ([*OWN, '--mse-checkpoint', 'mse.pth'], 'got both'),
    (['--reference', 'partner'], "got 'partner'"),
    (['--reference-options', 'passes=4', '--mse-checkpoint', 'mse.pth'], 'give --reference'),
    ([*OWN, '--reference-options', 'turns=4'], 'takes passes, got turns'),
    ([*OWN, '--reference-options', 'passes=16'], 'from 2 to 8 passes')])
def test_what_is_refused(tool, reference, message, root, tmp_path, capsys):
    assert message in error_of(capsys, tool, *from_lq(root, tmp_path / 'out', *reference))
    assert not (tmp_path / 'out').exists()


@pytest.fixture
def train(root, tmp_path):
    hook = dict(type='DeSRAFinetuneHook', detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE,
                mse_checkpoint='nowhere.pth')  # as the configs of configs/desra name one
    training_config(model_config(), iterations=2, hooks=[hook]).dump(tmp_path / 'srgan.py')
    return [tmp_path / 'srgan.py', '--lq-dir', root / 'lq', '--heldout-lq-dir', root / 'lq',
            '--gan-checkpoint', root / 'gan.pth', '--work-dir', tmp_path / 'run',
            '--cfg-options', f'experiment_name={tmp_path.name}']


def test_trains(train, tmp_path):
    assert call('train.py', *train, *OWN, '--reference-options', 'passes=2') == 0
    results = json.loads((tmp_path / 'run/heldout/results.json').read_text())
    assert results['reference'] == described(2)
    assert results['area_after'] < results['area_before']


def test_training_with_both(train, capsys):
    assert 'got both' in error_of(capsys, 'train.py', *train, *OWN, '--mse-checkpoint', 'm.pth')


def test_benchmark(root, capsys):
    done = call('benchmarks/benchmark_references.py', *from_lq(root, '')[:-2], '--mse-checkpoint',
                root / 'mse.pth', '--partner', root / 'mse.pth', '--passes', 2, 8,
                '--thresholds', .7)
    assert done == 0
    rows = {cells[0]: cells for cells in (
        [cell.strip() for cell in line.split('|')[1:-1]]
        for line in capsys.readouterr().out.splitlines() if line.startswith('|'))}
    assert {'bicubic', 'sharpened bicubic', 'mean of 2 passes', 'mean of 8 passes',
            'self-ensemble, 2 passes', 'self-ensemble, 8 passes', 'partner, 2 passes'} < set(rows)
    # The sibling itself as a partner.
    assert rows['partner, 1 pass'][2] == '1.000' and rows['partner, 1 pass'][-1] == 'inf'
    assert float(rows['self-ensemble, 8 passes'][2]) > .7  # IoU
    found, of, regions = rows['self-ensemble, 8 passes'][5].split()
    assert found == regions and of == 'of'


def test_benchmark_against_stored_images_of_the_sibling(root, tmp_path, capsys):
    pair = ['--mse-checkpoint', root / 'mse.pth']
    assert call('detect.py', *from_lq(root, tmp_path, *pair, '--save-sr')) == 0
    tables = []
    options = [*from_lq(root, '')[:-2], '--passes', 2]
    for sibling in (pair, ['--mse', tmp_path / 'sr/mse']):
        capsys.readouterr()
        assert call('benchmarks/benchmark_references.py', *options, *sibling) == 0
        tables.append(capsys.readouterr().out.partition('\n')[2])  # without the machine's load
    assert tables[0] == tables[1]
    assert 'give the sibling' in error_of(capsys, 'benchmarks/benchmark_references.py', *options)
    for passes in (1, 16):
        assert f'from 2 to 8 passes, the turns and mirror images that there are, got {passes}' in (
            error_of(capsys, 'benchmarks/benchmark_references.py', *options, *pair, '--passes',
                     passes))
